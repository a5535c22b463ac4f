"""Names, notes and tags that people give to runs and audits, so that they find them again."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from facepriv.errors import BadInputError
from facepriv.services.jobs.deletion import table_of
from facepriv.store import JobNotes, Store
from facepriv.types import Actor

LONGEST_NAME, LONGEST_NOTES, LONGEST_TAG, MOST_TAGS = 100, 5000, 40, 20


def get_notes(store: Store, noun: str, number: int) -> JobNotes:
    """Return what was written about a run or an audit; raises UnknownNameError if there is none of that number."""
    return store.notes.get(table_of(store, noun).job_id(number))


def save_notes(store: Store, noun: str, number: int, notes: JobNotes, *, actor: Actor) -> JobNotes:
    """Write name, notes and tags of a run or an audit in place of those of before; return them as they are kept.

    The access log keeps who did, and none of the words, which may name a person.

    Raises
    ------
    UnknownNameError
        If there is none of that number.
    BadInputError
        If the name (code ``bad-name``), the notes (``long-text``) or a tag (``bad-tag``) cannot be used.
    """
    job_id = table_of(store, noun).job_id(number)
    kept = JobNotes(name=check_name(notes.name), notes=check_notes(notes.notes), tags=check_tags(notes.tags))
    if kept != store.notes.get(job_id):
        store.notes.save(job_id, kept)
        store.access.record(actor, f"{noun}-annotated", f"{noun} {number}")
    return kept


def check_name(name: str) -> str:
    """Return a name as it is kept, without spaces at its ends; raises BadInputError with code ``bad-name``."""
    text = _normal(name).strip()
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise BadInputError(
            f"A name has at most {LONGEST_NAME} printable characters on one line, but {name[:LONGEST_NAME]!r} was "
            "given; shorten it.",
            code="bad-name",
        )
    return text


def check_notes(notes: str) -> str:
    """Return notes as they are kept, without control characters; raises BadInputError with code ``long-text``."""
    lines = _normal(notes).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = "\n".join("".join(c if c.isprintable() else " " for c in line).rstrip() for line in lines).strip()
    if len(text) > LONGEST_NOTES:
        raise BadInputError(
            f"Notes have at most {LONGEST_NOTES:,} characters, but {len(text):,} were given; shorten them.",
            code="long-text",
        )
    return text


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as they are kept, each once; raises BadInputError with code ``bad-tag``."""
    given = dict.fromkeys(_normal(tag).strip().removeprefix("#") for tag in tags)
    for tag in given:
        if not 0 < len(tag) <= LONGEST_TAG or not tag.isprintable() or "," in tag:
            raise BadInputError(
                f"A tag has 1 to {LONGEST_TAG} printable characters and no comma, but {tag[:LONGEST_TAG]!r} was given; "
                "choose another.",
                code="bad-tag",
            )
    if len(given) > MOST_TAGS:
        raise BadInputError(
            f"A run or an audit has at most {MOST_TAGS} tags, but {len(given)} were given; leave some out.",
            code="bad-tag",
        )
    return tuple(given)


def _normal(text: str) -> str:
    # So that a search finds what looks alike, however it was typed.
    return unicodedata.normalize("NFC", text)
