"""Template sets by name; those of a data set of images are made where there are none yet."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.errors import UnknownNameError
from facepriv.measures.loaded_models import get_matcher, make_reference
from facepriv.services.runs.judges import choose_matchers
from facepriv.services.templates.making import make_templates
from facepriv.services.templates.sets import subject_of
from facepriv.store import DatasetRecord, Store, TemplateSetRecord
from facepriv.types import Actor


def find_template_sets(
    store: Store, name: str, matchers: Sequence[str] | None, actor: Actor
) -> list[TemplateSetRecord]:
    """Return the template set of this name, or those of the data set of this name, one a matcher.

    Parameters
    ----------
    matchers
        For a data set of images; by default all that can be used.
    actor
        For whom sets are made that do not exist yet, for the access log.

    Raises
    ------
    UnknownNameError
        If there is neither a template set nor a data set of this name, or no such matcher.
    """
    sets = {record.name: record for record in store.template_sets.list()}
    if name in sets:
        return [sets[name]]
    datasets = {record.name: record for record in store.datasets.list()}
    if name not in datasets:
        raise UnknownNameError(
            f"There is no template set and no data set {name!r}; `facepriv templates` and `facepriv datasets` list "
            "those there are."
        )
    record = datasets[name]
    return [_of_matcher(store, record, matcher, actor) for matcher in choose_matchers(record, matchers)]


def _of_matcher(store: Store, record: DatasetRecord, matcher: str, actor: Actor) -> TemplateSetRecord:
    """Return the newest set that this version of a matcher made of a data set, or make one."""
    ref = make_reference(get_matcher(matcher))
    made = [
        each
        for each in store.template_sets.list(dataset_id=record.id)
        if (each.matcher, each.version) == (ref.name, ref.version)
    ]
    if made:
        return max(made, key=lambda each: each.id)
    names = {each.name for each in store.template_sets.list()} | {each.name for each in store.datasets.list()}
    name = f"{record.name}-{ref.name}"
    while name in names:
        name += "-new"
    done = make_templates(store, record.id, matcher, name)
    store.access.record(actor, "templates-made", subject_of(done))
    return done
