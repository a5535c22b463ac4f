"""Data sheets: where a data set comes from and on what basis it may be used, as its owner states it.

Nothing is made up: what nobody stated is shown as not stated. The licence is the reader's unless another is stated, and
the last day of keeping is the data set's own (`facepriv.services.datasets.retention`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

from facepriv.datasets.reading import NOT_STATED as NO_LICENCE
from facepriv.errors import BadInputError
from facepriv.services.datasets.retention import NO_DAY, read_day, retain, retention_day
from facepriv.store import DatasetRecord, Store, TemplateSetRecord
from facepriv.types import Actor
from facepriv.wording import listed

FIELDS: dict[str, str] = {
    "source": "Source",
    "licence": "Licence",
    "consent": "Consent basis",
    "purpose": "Purpose",
    "contact": "Contact",
}
"""What a data sheet states, with its title to a person."""
RETENTION = "retention"
"""The further part of a data sheet that is a day."""
NOT_STATED = "not stated"
SHEET_EDITED = "datasheet-edited"
"""What the access log calls a change."""
LONGEST = 2000
"""Characters of one part."""


def make_datasheet(stated: Mapping[str, str | None]) -> dict[str, str]:
    """Check the parts of a data sheet, and leave out those that are empty.

    Raises BadInputError with code ``bad-datasheet`` if there is no such part, or it is too long or no text.
    """
    sheet = {}
    for part, text in stated.items():
        if part not in FIELDS:
            raise _bad(f"has no part {part!r}")
        if text is not None and not isinstance(text, str):
            raise _bad(f"states {part} as text")
        text = " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
        if len(text) > LONGEST:
            raise _bad(f"states {part} in at most {LONGEST:,} characters, and {len(text):,} were given")
        if text:
            sheet[part] = text
    return sheet


def read_datasheet(file: Path) -> dict[str, str]:
    """Read a data sheet from a JSON or TOML file with one text a part; raise as `make_datasheet` does."""
    try:
        text = file.read_text(encoding="utf-8")
        parts = tomllib.loads(text) if file.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInputError(
            f"A data sheet as JSON or TOML was expected at {file}, but it cannot be read as one; correct it, or state "
            f"its parts one by one ({', '.join(FIELDS)}).",
            code="bad-datasheet",
        ) from error
    if not isinstance(parts, dict):
        raise _bad("is one object with a text for each part")
    return make_datasheet(parts)


def parse_parts(settings: Iterable[str]) -> dict[str, str]:
    """Read parts written as ``consent=signed forms``; an empty text takes a part back; raise as `make_datasheet`."""
    parts = {}
    for setting in settings:
        part, equals, text = setting.partition("=")
        if not equals or part.strip() not in (*FIELDS, RETENTION):
            raise _bad(f"is changed by part=text, and {setting!r} was given")
        parts[part.strip()] = text.strip()
    return parts


def edit_datasheet(store: Store, dataset_id: int, changes: Mapping[str, str], *, actor: Actor) -> DatasetRecord:
    """Change some parts of a data set's data sheet; the access log keeps a line that names the parts.

    ``changes`` is text by part, empty to take it back; ``retention`` is a day like 2027-03-31, or none. Raises as
    `make_datasheet` and `read_day` do; nothing is changed then.
    """
    save = partial(store.datasets.save_datasheet, dataset_id)
    keep = partial(retain, store, dataset_id, actor=actor)
    changed = change_sheet(store.datasets.get(dataset_id), changes, save=save, keep_until=keep)
    if changed:
        store.access.record(actor, SHEET_EDITED, f"dataset {dataset_id}", ", ".join(changed))
    return store.datasets.get(dataset_id)


def change_sheet(
    record: DatasetRecord | TemplateSetRecord,
    changes: Mapping[str, str],
    *,
    save: Callable[[dict[str, str]], object],
    keep_until: Callable[[date | None], object],
) -> list[str]:
    """Change the data sheet of a record, as `edit_datasheet` does, and return the parts that are another.

    ``save`` and ``keep_until`` are called with the new sheet and the new last day, where these are other ones.
    """
    before = record.datasheet or {}
    sheet = make_datasheet({**before, **{part: text for part, text in changes.items() if part != RETENTION}})
    if RETENTION in changes:
        until = read_day(changes[RETENTION] or NO_DAY)
        if until != record.retain_until:
            keep_until(until)
    changed = [part for part in FIELDS if before.get(part) != sheet.get(part)]
    if changed:
        save(sheet)
    return changed


def shown_datasheet(record: DatasetRecord | TemplateSetRecord) -> dict[str, str]:
    """Return every part by its title, those that nobody stated as such."""
    sheet = record.datasheet or {}
    shown = {title: sheet.get(part, NOT_STATED) for part, title in FIELDS.items()}
    of_reader = record.licence if isinstance(record, DatasetRecord) else ""
    if "licence" not in sheet and of_reader and of_reader != NO_LICENCE:
        shown[FIELDS["licence"]] = of_reader
    shown["May be kept until"] = retention_day(record) or NOT_STATED
    if record.terms is not None:
        shown["Terms of use"] = record.terms.sentence
    return shown


def _bad(why: str) -> BadInputError:
    return BadInputError(
        f"A data sheet {why}; its parts are {listed(list(FIELDS))}, and {RETENTION} to change the last day.",
        code="bad-datasheet",
    )
