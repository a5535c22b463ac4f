"""Stored audits as rows of a list."""

from __future__ import annotations

from facepriv.presentation.run_tables import Row
from facepriv.presentation.verdict import audit_verdict, released
from facepriv.schemas.audits import ConditionName
from facepriv.store import AuditRecord
from facepriv.wording import percent


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
