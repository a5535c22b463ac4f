"""Contents of a report: sections of sentences, tables and figures, before they are drawn or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

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
    """Name of its file, such as ``leak-untouched``."""
    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure with a description for readers who cannot see it."""

    name: str
    """Name of its file, such as ``det-sface``."""
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
    """A report, in reading order."""

    title: str
    subtitle: str
    verdict: str
    """The outcome in a sentence or two; empty if the sections say it all."""
    level: str = ""
    """Which verdict it is: sets its colour."""
    symbol: str = ""
    """Sign before the verdict."""
    limits: str = ""
    """Sentence on what was not tried."""
    recommendation: str = ""
    """What to do."""
    signed_for: str = ""
    """What a signature on the first page is for; empty for no place to sign."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """A few figures to read first, by title."""
    sections: Sequence[Section] = ()
    footer: str = ""

    def all_tables(self) -> list[Table]:
        """Return the tables that have rows, in order."""
        return [
            block for section in self.sections for block in section.blocks if isinstance(block, Table) and block.rows
        ]

    def all_figures(self) -> list[Figure]:
        """Return the figures, in order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]


def to_json(report: Report) -> dict[str, Any]:
    """Return a report's texts, tables and captions of figures as plain values of schema ``facepriv.report/1``."""
    return {
        "schema": "facepriv.report/1",
        "title": report.title,
        "subtitle": report.subtitle,
        "verdict": report.verdict,
        **({"recommendation": report.recommendation} if report.recommendation else {}),
        "figures": dict(report.figures),
        "sections": [
            {"title": section.title, "blocks": [value for block in section.blocks if (value := _plain(block))]}
            for section in report.sections
        ],
        "footer": report.footer,
    }


def _plain(block: Block) -> dict[str, Any] | None:
    if isinstance(block, Text):
        return {"text": block.text}
    if isinstance(block, Bullets):
        return {"list": list(block.items)}
    if isinstance(block, Table) and block.rows:
        return {"table": block.name, "title": block.title, "rows": [dict(row) for row in block.rows]}
    if isinstance(block, Figure):
        return {"figure": block.name, "title": block.title, "alt": block.alt}
    return None
