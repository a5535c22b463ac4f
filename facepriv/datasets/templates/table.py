"""A table of templates while it is read: what each column holds, and the rows in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.wording import some

TemplateRole = Literal["template", "record", "subject", "gender"]
ID_ROLES: tuple[TemplateRole, ...] = ("record", "subject", "gender")
Rows = NDArray[np.float32]
FormatMark = "facepriv.templates/1"
"""Names the format in files that facepriv itself wrote: their labels are +1 male, -1 female, 0 unlabelled."""

LEAST_WIDTH = 4
"""Fewest numbers of a template: what has fewer is coordinates, sizes or ages."""
MOST_WIDTH = 16_384
LONGEST_ID = 200
"""Characters of a record's or a subject's name."""
CHUNK_BYTES = 16 << 20
"""Bytes of templates, as they are stored, that are read at a time."""


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read."""

    name: str
    """What to call the file to a person."""
    columns: Mapping[TemplateRole, str] = field(default_factory=dict)
    """Names of columns or arrays by role, where they are not recognised."""
    max_bytes: int = 8_000_000_000
    """Most bytes that the templates may take, four for each number."""


@dataclass(frozen=True)
class Stated:
    """What a file says of its templates itself; empty where it says nothing."""

    metric: str = ""
    matcher: str = ""
    version: str = ""
    marked: bool = False
    """Whether facepriv wrote it, so that labels are numbers with a known meaning."""


@dataclass(frozen=True, eq=False)
class RawChunk:
    """Some rows of a table, in its order, before anything was checked."""

    rows: Rows
    """``(k, d)``, NaN where a row has a fault."""
    cells: Mapping[TemplateRole, Sequence[str]]
    """``k`` texts of each column that was found, besides the templates."""
    faults: Mapping[int, str] = field(default_factory=dict)
    """Code by position: ``ragged-row`` for a row of another length, ``not-numbers``, ``no-template``."""
    skipped: Sequence[str] = ()
    """Rows, by what to call them, that the table's own format could not hold: too many or too few cells."""


@dataclass(frozen=True, eq=False)
class TemplateTable:
    """An open table."""

    columns: Mapping[TemplateRole, str]
    """What was found for each role, in words for ``template``."""
    chunks: Iterator[RawChunk]
    total: int | None = None
    """Rows in all, where the file says so."""
    stated: Stated = Stated()


def chunk_rows(row_bytes: int) -> int:
    """Return how many rows of so many bytes are read at a time."""
    return max(1, min(CHUNK_BYTES // max(row_bytes, 1), 65_536))


def usual_width(lengths: NDArray[np.integer]) -> int:
    """Return the length that most rows have; of equally frequent ones the greatest."""
    counts = np.bincount(np.asarray(lengths, dtype=np.int64))
    return int(len(counts) - 1 - counts[::-1].argmax()) if len(counts) else 0


def check_width(width: int, options: TableOptions) -> None:
    """Raise BadInputError with code ``not-templates`` unless a template may have so many numbers."""
    if not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise not_templates(
            options, f"holds rows of {width:,} numbers, and a template has {LEAST_WIDTH} to {MOST_WIDTH:,}"
        )


def check_size(rows: int, width: int, options: TableOptions) -> None:
    """Raise BadInputError with code ``too-large`` if so many templates take more bytes than allowed."""
    if rows * width * 4 > options.max_bytes:
        raise BadInputError(
            f"{options.name} holds more than the {options.max_bytes:,} bytes of templates allowed; split it, or raise "
            "FACEPRIV_MAX_TEMPLATE_BYTES.",
            code="too-large",
        )


def not_templates(options: TableOptions, why: str) -> BadInputError:
    """Return that a file is no table of templates, as an error of one sentence with code ``not-templates``."""
    return BadInputError(
        f"{options.name} is not a table of templates: it {why}; one row of numbers for each record was expected.",
        code="not-templates",
    )


def unreadable(options: TableOptions, expected: str, why: object) -> BadInputError:
    """Return that a file cannot be read as what its name says, as an error with code ``broken-table``."""
    reason = " ".join(str(why).split())[:200].rstrip(".")
    return BadInputError(
        f"{options.name} cannot be read as {expected} ({reason}); write or copy it again.", code="broken-table"
    )


def no_column(options: TableOptions, role: TemplateRole, present: Sequence[str]) -> BadInputError:
    """Return that a named column is not there, as an error with code ``missing-columns``."""
    return BadInputError(
        f"{options.name} has no column {options.columns[role]!r} for the {role}, only {some(shown(present), 12)}; "
        f"correct --{role}-column.",
        code="missing-columns",
    )


def shown(names: Sequence[str]) -> list[str]:
    """Return names of columns fit for a sentence."""
    return [repr(name[:40]) for name in names] or ["none at all"]
