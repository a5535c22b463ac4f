"""Write a report as one self-contained HTML file: style, figures and the code that draws them are inside."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from facepriv.report.document import Figure, Report

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""Content policy: a browser loads nothing that is not in the file."""
INK, LINES = "#1d1d1b", "#e0e0dc"
WIDTH = 1000
"""Width of figures written as files, pixels."""
SHORT = 28
"""Characters from which a cell may be broken into lines."""
WHOLE = 12
"""Rows up to which a table stands on one page of paper."""
_SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)
_HERE = Path(__file__).parent


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@dataclass(frozen=True)
class Page:
    """A report as one HTML file, and the hashes of its scripts."""

    html: str
    scripts: tuple[str, ...]
    """SHA-256 of each of its scripts, as base64; given these, a browser runs no other."""


def to_html(report: Report) -> str:
    """Return the whole page; equal reports give equal pages."""
    return to_page(report).html


def to_page(report: Report, *, notice: str = "") -> Page:
    """Return the whole page with the hashes of its scripts; ``notice`` above it says, e.g., until when it is shared."""
    from plotly.offline import get_plotlyjs

    numbers = {id(figure): number for number, figure in enumerate(report.all_figures(), start=1)}
    library = get_plotlyjs() if numbers else ""
    manner = (_HERE / "report.js").read_text(encoding="utf-8")
    scripts = [library, manner] if library else [manner]

    def draw(figure: Figure) -> Markup:
        drawn = for_page(figure).to_html(
            full_html=False,
            include_plotlyjs=False,
            config={"displaylogo": False, "responsive": True},
            div_id=f"figure-{numbers[id(figure)]}",
        )
        scripts.extend(_SCRIPT.findall(drawn))
        return Markup(drawn)  # noqa: S704 (plotly's own markup, whose texts are JSON inside a script)

    page: str = (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            notice=notice,
            policy=Markup(POLICY),  # noqa: S704 (our own words)
            style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),  # noqa: S704 (our own file)
            script=Markup(library),  # noqa: S704 (plotly's own file)
            manner=Markup(manner),  # noqa: S704 (our own file)
            SHORT=SHORT,
            WHOLE=WHOLE,
            kind_of=lambda block: type(block).__name__,
            draw=draw,
            base64=_base64,
        )
    )
    return Page(page, tuple(_base64(hashlib.sha256(script.encode("utf-8")).digest()) for script in scripts))


def for_page(figure: Figure) -> Any:
    """Return a copy of a figure without a ground of its own, for a page whose style sets the colour of its text."""
    import plotly.graph_objects as go

    return go.Figure(figure.figure).update_layout(font={"color": INK, "size": 13})


def for_paper(figure: Figure) -> Any:
    """Return a copy of a figure for a white page."""
    return for_page(figure).update_layout(paper_bgcolor="#fff", plot_bgcolor="#fff")


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
