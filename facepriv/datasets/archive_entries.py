"""What an entry of any archive is to whoever unpacks it, and what is told of names that do not say their encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from facepriv.datasets.archive_names import describe_encoding
from facepriv.errors import BadInputError
from facepriv.types import Problem
from facepriv.wording import count


@dataclass(frozen=True)
class Entry:
    """One entry of an archive, of whichever kind; the name of a folder ends in a slash."""

    name: str
    packed: int
    """Bytes that it takes in the archive, as far as is known."""
    objection: str | None
    """Code of why its content cannot be taken, whatever its name."""
    open: Callable[[], IO[bytes]]


def too_many_entries(name: str, came: str, most: int) -> BadInputError:
    """Return that an archive has more entries than may be as an error."""
    return BadInputError(
        f"{name} has {came}, more than the {most:,} allowed; split it, or raise FACEPRIV_MAX_ARCHIVE_ENTRIES.",
        code="too-many-entries",
    )


def encoding_problem(name: str, encoding: str, entries: int, example: str) -> Problem:
    """Return how the names of entries were read that do not say their encoding, and how to change it."""
    other = "cp1252" if encoding != "cp1252" else "cp850"
    sentence = (
        f"The names of {count(entries, 'entry').replace('entrys', 'entries')} of {name} do not say their encoding and "
        f"were read as {describe_encoding(encoding)}, such as {example}; if they look wrong, import again with another "
        f"one, for example --name-encoding {other}."
    )
    return Problem(name, "name-encoding", sentence)
