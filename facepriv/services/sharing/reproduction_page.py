"""Write the comparison with the paper as one HTML file that needs no network."""

from __future__ import annotations

from pathlib import Path

from facepriv.charts.reproduction import gender_scores, match_scores, rocs
from facepriv.presentation.reproduction_tables import headline, sentences, tables
from facepriv.report.document import Block, Bullets, Figure, Report, Section, Table, Text
from facepriv.report.files import write_page as write
from facepriv.report.html import to_html
from facepriv.schemas.reproductions import Reproduction


def page(found: Reproduction) -> str:
    """Return the page: tables with remarks, and Figures 5 to 7 drawn by an inlined plotly."""
    return to_html(_report(found))


def _report(found: Reproduction) -> Report:
    sections = [Section(title, (Table(f"table-{n}", "", rows),)) for n, (title, rows) in enumerate(tables(found), 1)]
    sections.append(Section("Where ours differ and why they may", (Bullets(sentences(found)),)))
    drawn = ((5, gender_scores(found)), (6, match_scores(found)), (7, rocs(found)))
    for number, figure in drawn:
        if figure is not None:
            said = f"In the paper: {found.figures[number]}"
            blocks: tuple[Block, ...] = (Figure(f"figure-{number}", "", said, figure), Text(said, "note"))
            sections.append(Section(f"Figure {number}", blocks))
    return Report(
        title=f"The paper's experiments on {found.dataset.name}",
        subtitle="Mirjalili and Ross, Soft Biometric Privacy: Retaining Biometric Utility of Face Images while "
        "Perturbing Gender (IJCB 2017).",
        verdict=headline(found),
        sections=sections,
    )


def write_page(found: Reproduction, file: Path) -> None:
    """Write the page to a file.

    Raises
    ------
    BadInputError
        With code ``cannot-write`` if the file cannot be written.
    """
    write(_report(found), file)
