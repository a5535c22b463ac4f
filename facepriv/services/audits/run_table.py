"""The lines of the table of runs, for a list of many: a few queries whatever their number."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from facepriv.presentation.run_list import RunLine
from facepriv.presentation.run_numbers import LOST
from facepriv.services.runs.list_figures import read_audits, read_runs
from facepriv.store import RemarkRecord, Store
from facepriv.store.records import Decision
from facepriv.wording import about_results

MOST = 10_000
"""Newest runs that the table has."""


@dataclass(frozen=True)
class RunTable:
    """The table of runs."""

    lines: tuple[RunLine, ...]
    """Newest first."""
    unread: int
    """Results that no line has the figures of yet; the next call goes on reading them."""


def run_table(
    store: Store, *, study_id: int | None = None, numbers: Sequence[int] | None = None, seconds: float = inf
) -> RunTable:
    """Return the lines of all runs that belong to no study, of those of a study, or of the runs of these numbers.

    Their figures are kept once they were read. Those of results that nobody has read, such as of an earlier version,
    are read for so many ``seconds``.
    """
    until = time.monotonic() + seconds
    if numbers is None:
        runs = store.runs.list(study_id=study_id, limit=MOST)
    else:
        runs = tuple(map(store.runs.summary, numbers))
    audits = store.audits.newest_of_runs()
    wanted = [audits[run.id] for run in runs if run.id in audits]
    notes = store.notes.list()
    of_runs = read_runs(store, runs, seconds=until - time.monotonic())
    of_audits = read_audits(store, wanted, seconds=until - time.monotonic())
    signed = newest_decisions(store)
    lines = []
    for run in runs:
        audit = audits.get(run.id)
        figures = of_runs.get(run.id)
        attacked = None if audit is None else of_audits.get(audit.id)
        decision, about = signed.get(run.id, (None, ""))
        found = {} if figures is None else dict(figures.numbers)
        if attacked is not None:
            found.pop(LOST, None)  # what the release loses counts
            found |= attacked.numbers
        known = run.state == "complete" and (audit is None or attacked is not None)
        lines.append(
            RunLine(
                run,
                **({"notes": notes[run.job_id]} if run.job_id in notes else {}),
                settings="" if figures is None else figures.settings,
                audit=None if audit is None else audit.id,
                level=None if not known else "unknown" if attacked is None else attacked.level,
                attacker="" if attacked is None else attacked.attacker,
                numbers=found,
                decision=decision,
                current=about == about_results(run.id, None if audit is None else audit.id),
            )
        )
    complete = sum(run.state == "complete" for run in runs)
    read = sum(run.state == "complete" and run.id in of_runs and of_runs[run.id].complete for run in runs)
    return RunTable(tuple(lines), complete - read + len(wanted) - len(of_audits))


def newest_decisions(store: Store) -> dict[int, tuple[Decision, str]]:
    """Return the newest sign-off of every run that has one, and what it is about, by the number of the run."""
    signed: dict[int, RemarkRecord] = {
        remark.run_id: remark
        for remark in store.remarks.list()
        if remark.run_id is not None and remark.decision is not None
    }
    return {run: (remark.decision, remark.about) for run, remark in signed.items() if remark.decision is not None}
