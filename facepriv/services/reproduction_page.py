"""Write the comparison with the paper as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from facepriv.audit.reproduction import Reproduction
from facepriv.charts.reproduction import gender_scores, match_scores, rocs
from facepriv.errors import BadInputError
from facepriv.services.reproduction_tables import headline, sentences, tables
from facepriv.services.tables import Row

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1400px; margin: 2rem auto; padding: 0 1rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; margin: 0.5rem 0 1.5rem; }
th, td { border-bottom: 1px solid #8884; padding: 0.3rem 0.7rem; text-align: left; vertical-align: top; }
th { border-bottom-width: 2px; }
th, td:not(:last-child) { white-space: nowrap; }
td:last-child { min-width: 14rem; }
figure { margin: 0 0 2rem; background: #fff; color: #222; padding: 0.5rem; border-radius: 6px; }
figcaption { font-size: 14px; }
"""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What a browser may load for the page: nothing that is not in it."""


def page(found: Reproduction) -> str:
    """Give the page: tables with remarks, and Figures 5 to 7 drawn by an inlined plotly."""
    from plotly.offline import get_plotlyjs

    drawn = [
        (number, figure)
        for number, figure in ((5, gender_scores(found)), (6, match_scores(found)), (7, rocs(found)))
        if figure is not None
    ]
    figures = "".join(
        f"<h2>Figure {number}</h2><figure>"
        f"{figure.to_html(full_html=False, include_plotlyjs=False, config={'displaylogo': False}, div_id=f'f{number}')}"
        f"<figcaption>In the paper: {escape(found.figures[number])}</figcaption></figure>"
        for number, figure in drawn
    )
    body = "".join(f"<h2>{escape(title)}</h2>{_table(rows)}" for title, rows in tables(found))
    points = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(found))
    title = f"The paper's experiments on {escape(found.dataset.name)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f"<script>{get_plotlyjs()}</script></head><body><h1>{title}</h1>"
        "<p>Mirjalili and Ross, Soft Biometric Privacy: Retaining Biometric Utility of Face Images while Perturbing "
        f"Gender (IJCB 2017). {escape(headline(found))}</p>{body}"
        f"<h2>Where ours differ and why they may</h2><ul>{points}</ul>{figures}</body></html>\n"
    )


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row.values()) + "</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def write_page(found: Reproduction, file: Path) -> None:
    """Write the page to a file.

    Raises
    ------
    BadInputError
        With code ``cannot-write`` if the file cannot be written.
    """
    try:
        file.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"A file that can be written to was expected at {file}, but it cannot ({error.strerror}); name another.",
            code="cannot-write",
        ) from error
