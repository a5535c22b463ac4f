"""Stored audits as rows of a list."""

from __future__ import annotations

from facepriv.presentation.attackers import attacker_in_words
from facepriv.presentation.run_list import Cell, in_minutes, rate_cells, seconds_of, state_of
from facepriv.presentation.run_numbers import Numbers
from facepriv.presentation.run_tables import Row
from facepriv.presentation.verdict import SYMBOLS, WORDS, Level, audit_verdict, released
from facepriv.schemas.audits import ConditionName
from facepriv.store import AuditRecord, AuditSummary, JobNotes
from facepriv.wording import percent

Cells = dict[str, Cell]


def audit_row(audit: AuditRecord) -> Row:
    """Return a stored audit as a row of a list."""
    strongest = {} if audit.result is None else {line.condition: line for line in audit.result.headlines}

    def right(name: ConditionName) -> str:
        return "–" if name not in strongest else f"{percent(strongest[name].at_most)} ({strongest[name].attacker})"

    verdict = None if audit.result is None else audit_verdict(audit.result, most_loss=audit.spec.most_fnmr_loss)
    return {
        "Audit": str(audit.id),
        "Verdict": audit.state if verdict is None else verdict.short,
        "Data set": audit.dataset_name,
        "Run": "–" if audit.run_id is None else str(audit.run_id),
        "Images": f"{audit.images:,}",
        "State": audit.state if audit.error is None else f"{audit.state}: {audit.error}",
        "Right at most": "–" if audit.result is None else right(released(audit.result)),
        "Right at most, untouched": right("untouched"),
        "Right at most, mixed release": right("mix"),
    }


def audit_cells(audit: AuditSummary, notes: JobNotes, level: Level | None, attacker: str, numbers: Numbers) -> Cells:
    """Return an audit for a table that can be sorted: numbers are numbers, rates in percent.

    Parameters
    ----------
    level : of its verdict; None while it is not complete.
    attacker : name of the strongest attacker; empty where nobody attacked.
    numbers : as `numbers_of_audit`.
    """
    return {
        "Audit": audit.id,
        "Name": notes.name,
        "Verdict": "–" if level is None else f"{SYMBOLS[level]} {WORDS[level]}",
        "Strongest attacker": attacker_in_words(attacker) if attacker else "",
        **rate_cells(numbers),
        "Data set": audit.dataset_name,
        "Version audited": "original" if audit.run_id is None else f"after run {audit.run_id}",
        "State": state_of(audit),
        "Duration": in_minutes(seconds_of(audit)),
        "Images": audit.images,
        "Started": audit.started_at,
        "Tags": ", ".join(notes.tags),
    }
