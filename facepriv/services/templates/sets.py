"""Template sets as others use them: listed, read, saved, exported, kept until a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path

from facepriv.datasets.templates.writing import check_format, write_templates
from facepriv.schemas.protections import TemplateSetRef
from facepriv.services.datasets.datasheets import SHEET_EDITED, change_sheet
from facepriv.store import Store, TemplateSetRecord
from facepriv.store.records import NewTemplateSet
from facepriv.store.template_sets import TemplateRows
from facepriv.types import Actor, Templates


def list_template_sets(store: Store) -> tuple[TemplateSetRecord, ...]:
    """Return all template sets by name, without their templates."""
    return store.template_sets.list()


def get_template_set(store: Store, name: str | int) -> TemplateSetRecord:
    """Return a template set without its templates; raises UnknownNameError, which lists those there are."""
    return store.template_sets.get(name)


def find_set(store: Store, name: str) -> TemplateSetRecord | None:
    """Return the template set of a name; None where there is none, as of a name that is a data set's."""
    return next((record for record in store.template_sets.list() if record.name == name), None)


def get_templates(store: Store, name: str | int) -> Templates:
    """Return the templates of a set; the numbers are mapped into memory, read-only.

    Raises UnknownNameError if there is no such set, StoreError if a file is missing or damaged.
    """
    return store.template_sets.read(name)


def save_template_set(
    store: Store, new: NewTemplateSet, templates: Templates, *, actor: Actor, action: str = "templates-saved"
) -> TemplateSetRecord:
    """Keep templates that are in memory as a set, with a line in the access log; raises as `TemplateSetStore.save`."""
    record = store.template_sets.save(new, as_rows(templates))
    store.access.record(actor, action, subject_of(record))
    return record


def export_template_set(store: Store, name: str | int, file: Path, *, actor: Actor) -> TemplateSetRecord:
    """Write a set as .npz, .csv or .parquet, by what the file's name ends in, with a line in the access log.

    The line is written before the file: what leaves is logged even if writing breaks off. Raises BadInputError with
    code ``unknown-format`` or ``cannot-write``, UnknownNameError and StoreError as `get_templates`.
    """
    suffix = check_format(file)
    record = store.template_sets.get(name)
    templates = store.template_sets.read(record.id)
    store.access.record(actor, "templates-exported", subject_of(record), suffix)
    write_templates(templates, file)
    return record


def retain_template_set(store: Store, set_id: int, until: date | None, *, actor: Actor) -> TemplateSetRecord:
    """Set the last day on which a set may be kept, None for no such day; the access log keeps a line of it."""
    store.template_sets.save_retention(set_id, until)
    record = store.template_sets.get(set_id)
    store.access.record(actor, "templates-retained", subject_of(record), f"until {until or 'no day'}")
    return record


def edit_template_datasheet(
    store: Store, set_id: int, changes: Mapping[str, str], *, actor: Actor
) -> TemplateSetRecord:
    """Change some parts of a set's data sheet; raises and logs as `edit_datasheet` does for data sets."""
    record = store.template_sets.get(set_id)
    save = partial(store.template_sets.save_datasheet, set_id)
    keep = partial(retain_template_set, store, set_id, actor=actor)
    changed = change_sheet(record, changes, save=save, keep_until=keep)
    if changed:
        store.access.record(actor, SHEET_EDITED, subject_of(record), ", ".join(changed))
    return store.template_sets.get(set_id)


def expired_template_sets(store: Store) -> tuple[TemplateSetRecord, ...]:
    """Return the sets whose last day of keeping is past, by name."""
    today = date.today()
    return tuple(each for each in store.template_sets.list() if each.retain_until and each.retain_until < today)


def subject_of(record: TemplateSetRecord) -> str:
    """Return what the access log calls a set: never by a name."""
    return f"template set {record.id}"


def as_rows(templates: Templates) -> TemplateRows:
    """Return templates in memory as what the store keeps."""
    return TemplateRows(
        rows=templates.rows,
        records=templates.records.tolist(),
        subjects=templates.subjects.tolist(),
        labels=templates.labels,
        metric=templates.metric,
        matcher=templates.matcher,
        version=templates.version,
    )


def reference(record: TemplateSetRecord) -> TemplateSetRef:
    """Return a template set by its content."""
    return TemplateSetRef(
        id=record.id, name=record.name, rows_sha256=record.rows_sha256, records_sha256=record.records_sha256
    )
