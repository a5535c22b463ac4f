"""Data sheets: where a data set comes from and on what basis it may be used, as its owner states it.

Nothing is made up: what nobody stated is shown as not stated. The licence is the reader's unless another is stated, and
the last day of keeping is the data set's own (`facepriv.services.datasets.retention`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from facepriv.datasets.reading import NOT_STATED as NO_LICENCE
from facepriv.errors import BadInputError
from facepriv.services.datasets.retention import NO_DAY, read_day, retain, retention_day
from facepriv.store import DatasetRecord, Store
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
    """Change some parts of a data sheet; the access log keeps a line that names the parts.

    ``changes`` is text by part, empty to take it back; ``retention`` is a day like 2027-03-31, or none. Raises as
    `make_datasheet` and `read_day` do; nothing is changed then.
    """
    record = store.datasets.get(dataset_id)
    texts = {part: text for part, text in changes.items() if part != RETENTION}
    before = record.datasheet or {}
    sheet = make_datasheet({**before, **texts})
    if RETENTION in changes:
        until = read_day(changes[RETENTION] or NO_DAY)
        if until != record.retain_until:
            retain(store, dataset_id, until, actor=actor)
    changed = [part for part in FIELDS if before.get(part) != sheet.get(part)]
    if changed:
        store.datasets.save_datasheet(dataset_id, sheet)
        store.access.record(actor, "datasheet-edited", f"dataset {dataset_id}", ", ".join(changed))
    return store.datasets.get(dataset_id)


def shown_datasheet(record: DatasetRecord) -> dict[str, str]:
    """Return every part by its title, those that nobody stated as such."""
    sheet = record.datasheet or {}
    shown = {title: sheet.get(part, NOT_STATED) for part, title in FIELDS.items()}
    if "licence" not in sheet and record.licence and record.licence != NO_LICENCE:
        shown[FIELDS["licence"]] = record.licence
    shown["May be kept until"] = retention_day(record) or NOT_STATED
    if record.terms is not None:
        shown["Terms of use"] = record.terms.sentence
    return shown


def _bad(why: str) -> BadInputError:
    return BadInputError(
        f"A data sheet {why}; its parts are {listed(list(FIELDS))}, and {RETENTION} to change the last day.",
        code="bad-datasheet",
    )
