"""What a report holds: sections of sentences, tables and figures, before anybody draws or writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

Row = Mapping[str, str]
"""A table's row: text by column, columns in order."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Literal["plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows that all have the same columns; a table without rows is not shown."""

    name: str
    """Of its file, as in ``leak-untouched``."""
    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure with what it shows in words, for those who do not see it."""

    name: str
    """Of its file, as in ``det-sface``."""
    title: str
    alt: str
    figure: go.Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A PNG with its caption."""

    png: bytes
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side."""

    pictures: Sequence[Picture]


Block = Text | Bullets | Table | Figure | Gallery


@dataclass(frozen=True)
class Section:
    """A part of a report with a heading; one without blocks is not shown."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A report, in the order it is read."""

    title: str
    subtitle: str
    verdict: str
    """What it comes to, in one paragraph; empty where the sections say it all."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """A few figures to be read first: what they are, and their values."""
    sections: Sequence[Section] = ()
    footer: str = ""

    def all_tables(self) -> list[Table]:
        """Return the tables that have rows, in order."""
        return [one for section in self.sections for one in section.blocks if isinstance(one, Table) and one.rows]

    def all_figures(self) -> list[Figure]:
        """Return the figures, in order."""
        return [one for section in self.sections for one in section.blocks if isinstance(one, Figure)]
