"""Studies as tables: the frontier, all candidates, those that were given up and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from facepriv.presentation.study_verdict import strongest_in_words
from facepriv.schemas.figures import Interval
from facepriv.schemas.studies import CandidateState, StudyCandidate, StudyFigures, StudyOutcome, StudyResult
from facepriv.store import StudySummary
from facepriv.wording import duration, percent

Rows = list[dict[str, str]]
STATES: dict[CandidateState, str] = {
    "compared": "compared",
    "dropped": "given up",
    "not-tried": "not tried to the end",
    "failed": "not usable",
}


def frontier_rows(result: StudyResult) -> Rows:
    """Return the candidates that no other beats in both numbers, least loss first, and what is untouched."""
    rows = [_row(f"{released}, untouched", figures) for released, figures in result.untouched.items()]
    best = by_loss([each for each in result.outcomes if each.on_frontier and each.figures is not None])
    recommended = set(result.recommended.values())
    for each in best:
        assert each.figures is not None
        mark = "* " if each.candidate.name in recommended else ""
        rows.append(_row(mark + each.candidate.name, each.figures))
    return rows


def by_loss(outcomes: Sequence[StudyOutcome]) -> list[StudyOutcome]:
    """Return candidates with the least loss first, those of images before those of templates."""
    return sorted(outcomes, key=lambda each: (each.setting.released, _lost(each), _accuracy(each), each.candidate.name))


def title_of_share(candidate: StudyCandidate) -> str:
    """Return what a candidate changes, such as ``50 % of images`` or ``75 % of people``."""
    of = "" if candidate.p == 1.0 else " of images" if candidate.select_by == "image" else " of people"
    return f"{percent(candidate.p, 0)}{of}"


def candidate_rows(result: StudyResult) -> Rows:
    """Return all candidates: those compared on most people first, with the figures of their largest sample."""
    order = list(STATES)
    ranked = sorted(
        result.outcomes, key=lambda each: (order.index(each.state), -(each.rung or 0), _lost(each), _accuracy(each))
    )
    rows = []
    for each in ranked:
        row = {"Candidate": each.candidate.name, "Outcome": STATES[each.state]}
        figures = each.figures
        row |= {
            "People": "–" if figures is None else f"{figures.people:,}",
            "Strongest attacker": "–" if figures is None else _range(figures.accuracy, figures.upper),
            "Matches lost": "–" if figures is None else lost_range(figures.lost),
            "Why": each.reason,
            "Run": "–" if each.run_id is None else str(each.run_id),
        }
        rows.append(row)
    return rows


def confirmation_rows(result: StudyResult) -> Rows:
    """Return what was confirmed on people who had no part in the search."""
    return [
        _row(each.candidate, each.figures) | {"Goal": "reached" if each.holds else "not reached"}
        for each in result.confirmations
        if each.figures is not None
    ]


def study_rows(studies: Sequence[StudySummary]) -> Rows:
    """Return studies as a list shows them."""
    return [
        {
            "Study": str(study.id),
            "Data set": study.dataset_name,
            "State": study.state,
            "Steps": f"{study.done} of {study.total}",
            "Time": duration(study.spent),
            "Started": "" if study.started_at is None else f"{study.started_at:%Y-%m-%d %H:%M} UTC",
            "Why": study.error or "",
        }
        for study in studies
    ]


def time_left(study: StudySummary, seconds: float) -> str:
    """Say how much longer a study that is under way will take: by its pace, and by the time allowed; else nothing.

    ``seconds`` is what it was allowed.
    """
    if study.state != "running":
        return ""
    pace = study.pace(datetime.now(UTC))
    most = max(0.0, seconds - study.spent)
    if pace is None or pace[1] >= most:
        return f"At most {duration(most)} left, and the step under way."
    return f"About {duration(pace[1])} left, at most {duration(most)}."


def lost_range(lost: Interval) -> str:
    """Write matches lost with their interval; a dash where they could not be measured."""
    if lost.value is None:
        return "–"
    if lost.low is None or lost.high is None or lost.low == lost.high:
        return percent(lost.value)
    return f"{percent(lost.value)} ({100 * lost.low:.1f} to {100 * lost.high:.1f})"


def _row(name: str, figures: StudyFigures) -> dict[str, str]:
    return {
        "Candidate": name,
        "Strongest attacker": _range(figures.accuracy, figures.upper),
        "who": strongest_in_words(figures),
        "Matches lost": lost_range(figures.lost),
    }


def _range(accuracy: Interval, upper: float) -> str:
    return f"{percent(accuracy.value)} (up to {100 * upper:.1f})"


def _lost(outcome: StudyOutcome) -> float:
    return 1.0 if outcome.figures is None or outcome.figures.lost.value is None else outcome.figures.lost.value


def _accuracy(outcome: StudyOutcome) -> float:
    return 1.0 if outcome.figures is None or outcome.figures.accuracy.value is None else outcome.figures.accuracy.value
