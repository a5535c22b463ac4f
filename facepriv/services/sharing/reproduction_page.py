"""The comparison with the paper as a report."""

from __future__ import annotations

from facepriv.charts.reproduction import gender_scores, match_scores, rocs
from facepriv.presentation.reproduction_tables import headline, sentences, tables
from facepriv.report.document import Block, Bullets, Figure, Report, Section, Table, Text
from facepriv.schemas.reproductions import Reproduction


def reproduction_report(reproduction: Reproduction) -> Report:
    """Return the report: tables with remarks, and Figures 5 to 7."""
    sections = [
        Section(title, (Table(f"table-{n}", "", rows),)) for n, (title, rows) in enumerate(tables(reproduction), 1)
    ]
    sections.append(Section("Where ours differ and why they may", (Bullets(sentences(reproduction)),)))
    drawn = ((5, gender_scores(reproduction)), (6, match_scores(reproduction)), (7, rocs(reproduction)))
    for number, figure in drawn:
        if figure is not None:
            said = f"In the paper: {reproduction.figures[number]}"
            blocks: tuple[Block, ...] = (Figure(f"figure-{number}", "", said, figure), Text(said, "note"))
            sections.append(Section(f"Figure {number}", blocks))
    return Report(
        title=f"The paper's experiments on {reproduction.dataset.name}",
        subtitle="Mirjalili and Ross, Soft Biometric Privacy: Retaining Biometric Utility of Face Images while "
        "Perturbing Gender (IJCB 2017).",
        verdict=headline(reproduction),
        sections=sections,
    )
