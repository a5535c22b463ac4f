"""What officers say about results that were shared with them: comments, and sign-offs that name what exactly."""

from __future__ import annotations

from facepriv.errors import BadInputError
from facepriv.services.sharing.report import result_sha256
from facepriv.services.sharing.shares import about, dataset_id_of, share_of_officer
from facepriv.store import RemarkRecord, Store
from facepriv.store.records import DECISIONS, Decision

DECISION_TITLES: dict[Decision, str] = {
    "accepted": "Accepted",
    "conditions": "Accepted with conditions",
    "rejected": "Rejected",
}
LONGEST = 5000
"""Characters of a remark."""


def remark(
    store: Store,
    share_id: int,
    text: str,
    *,
    decision: str | None = None,
    expected_sha256: str | None = None,
    officer: str,
) -> RemarkRecord:
    """Keep an officer's comment on what was shared with them or, with a decision, their sign-off.

    Parameters
    ----------
    text
        What they say; conditions and reasons must be given.
    decision
        ``accepted``, ``conditions`` or ``rejected``; None for a comment.
    expected_sha256
        Hash of the results as they were shown, to refuse signing what has changed since.
    officer
        Whose account it was shared with.

    Raises
    ------
    UnknownNameError, NotAllowedError
        If it was not shared with this officer, or is not any more.
    BadInputError
        If the text is missing (code ``no-text``) or too long (``long-text``), the decision is none (``bad-decision``),
        or the results are others than were shown (``changed``).
    """
    record = share_of_officer(store, share_id, officer)
    said = text.replace("\0", "").strip()  # PostgreSQL keeps all but this
    if decision is not None and decision not in DECISIONS:
        raise BadInputError(f"One of {', '.join(DECISIONS)} was expected, but {decision!r} came.", code="bad-decision")
    if not said and decision != "accepted":
        what = "The conditions" if decision == "conditions" else "The reason" if decision else "A comment"
        raise BadInputError(f"{what} must be written down; nothing was kept.", code="no-text")
    if len(said) > LONGEST:
        raise BadInputError(f"At most {LONGEST:,} characters are kept, but {len(said):,} came.", code="long-text")
    sha256 = None if decision is None else result_sha256(store, record.run_id, record.audit_id)
    if expected_sha256 is not None and sha256 is not None and sha256 != expected_sha256:
        raise BadInputError("These results are others than were shown; read them again first.", code="changed")
    kept = store.remarks.add(
        run_id=record.run_id,
        audit_id=record.audit_id,
        about=about(record),
        author=officer,
        text=said,
        decision=decision,
        sha256=sha256,
    )
    action, detail = ("commented", "") if decision is None else ("signed-off", f"{decision}, SHA-256 {sha256}")
    store.access.record(officer, action, f"share {share_id} of {about(record)}", detail)
    return kept


def is_about(store: Store, one: RemarkRecord) -> bool | None:
    """Return whether a sign-off is about the results as they are now; None for a comment, or where they are gone."""
    if one.sha256 is None or (one.run_id is None and one.audit_id is None):
        return None
    # Of two, the one that is gone is missing from the hash, too.
    return result_sha256(store, one.run_id, one.audit_id) == one.sha256


def datasheet_changed_since(store: Store, one: RemarkRecord) -> bool:
    """Return whether what is stated of the data set was edited after a remark; a report shows it, no hash does."""
    dataset_id = dataset_id_of(store, one)
    if dataset_id is None:
        return False
    newest = store.access.list(action="datasheet-edited", limit=1000)
    return any(line.subject == f"dataset {dataset_id}" and line.at > one.at for line in newest)
