"""Complete trials of protections as documents."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.errors import BadInputError
from facepriv.schemas.base import document_fields
from facepriv.schemas.protections import MatcherProtection, ProtectionDocument, ProtectReport
from facepriv.store import Store


def protection_document(store: Store, number: int) -> ProtectionDocument:
    """Return a complete trial with its spec.

    Raises BadInputError, code ``protection-not-complete``, for any other.
    """
    record = store.protections.get(number)
    if record.result is None:
        reason = f": {record.error}" if record.error else ""
        raise BadInputError(
            f"A complete trial was expected, but protection {number} is {record.state}{reason}; wait for it, or choose "
            "one that `facepriv protections` lists as complete.",
            code="protection-not-complete",
        )
    return ProtectionDocument(**document_fields(record), protection_id=record.id)


def protect_report(documents: Sequence[ProtectionDocument]) -> ProtectReport:
    """Return in short what trials came to, of every matcher, with their documents."""
    by_set = {document.untouched.matcher or document.spec.templates.name: document for document in documents}
    matcher, weakest = max(by_set.items(), key=lambda item: item[1].chosen.worst.reversed_accuracy.value or 0.0)
    worst = weakest.chosen.worst
    return ProtectReport(
        worst_attacker={
            "accuracy": worst.reversed_accuracy.value,
            "accuracy_high": worst.reversed_accuracy.high,
            "attacker": worst.attacker,
            "knowledge": worst.knowledge,
            "matcher": matcher,
        },
        fnmr_loss={name: document.chosen.fnmr_loss for name, document in by_set.items()},
        matchers={
            name: MatcherProtection(
                protection_id=document.protection_id,
                templates=document.spec.templates.name,
                protection=document.spec.method,
                worst_attacker=document.chosen.worst,
                untouched_attacker=document.untouched.worst,
                holds=document.holds,
            )
            for name, document in by_set.items()
        },
        protections=list(documents),
    )
