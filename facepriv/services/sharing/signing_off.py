"""Officers' comments and sign-offs on results shared with them; a sign-off names the exact results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.config import Settings
from facepriv.errors import BadInputError, DeletedError
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import about, dataset_id_of, share_of_officer
from facepriv.store import RemarkRecord, ShareRecord, Store
from facepriv.store.records import DECISIONS, Decision
from facepriv.types import Actor

LONGEST = 5000
"""Characters of a remark."""


@dataclass(frozen=True)
class CheckedRemark:
    """A remark that may be saved."""

    share: ShareRecord
    text: str
    decision: Decision | None
    sha256: str | None
    """Of the results; None for a comment."""


def check_remark(
    store: Store,
    share_id: int,
    text: str,
    *,
    decision: str | None = None,
    expected_sha256: str | None = None,
    officer: str,
) -> CheckedRemark:
    """Return an officer's comment or sign-off as it would be saved, without saving it; arguments as for `remark`.

    Raises
    ------
    UnknownNameError, NotAllowedError
        If it is not shared with this officer, or no longer.
    BadInputError
        If the text is missing (code ``no-text``) or too long (``long-text``), the decision is unknown
        (``bad-decision``), the results have changed (``changed``), or the officer said exactly this last (``said``).
    """
    record = share_of_officer(store, share_id, officer)
    comment = text.replace("\0", "").strip()  # PostgreSQL keeps all but this
    if decision is not None and decision not in DECISIONS:
        raise BadInputError(f"The decision must be one of {', '.join(DECISIONS)}.", code="bad-decision")
    if not comment and decision != "accepted":
        what = "the conditions" if decision == "conditions" else "the reason" if decision else "a comment"
        raise BadInputError(f"Enter {what}. Nothing was saved.", code="no-text")
    if len(comment) > LONGEST:
        raise BadInputError(f"A comment has at most {LONGEST:,} characters, not {len(comment):,}.", code="long-text")
    sha256 = None if decision is None else result_sha256(store, record.run_id, record.audit_id)
    if expected_sha256 is not None and sha256 is not None and sha256 != expected_sha256:
        raise BadInputError("These results have changed since. Read them again before you sign.", code="changed")
    of_results = store.remarks.list(run_id=record.run_id, audit_id=record.audit_id)
    mine = [
        remark
        for remark in of_results
        if remark.author == officer and (remark.run_id, remark.audit_id) == (record.run_id, record.audit_id)
    ]
    if mine and (mine[-1].text, mine[-1].decision, mine[-1].sha256) == (comment, decision, sha256):
        raise BadInputError("You have already sent exactly this. It was not saved again.", code="said")
    return CheckedRemark(record, comment, decision, sha256)


def remark(
    store: Store,
    share_id: int,
    text: str,
    *,
    decision: str | None = None,
    expected_sha256: str | None = None,
    officer: str,
) -> RemarkRecord:
    """Save an officer's comment on a share or, with a decision, their sign-off.

    Parameters
    ----------
    text
        The comment; conditions and reasons are mandatory.
    decision
        ``accepted``, ``conditions`` or ``rejected``; None for a comment.
    expected_sha256
        Hash of the results as shown, so that results changed since are not signed.
    officer
        Name of the officer.

    Raises as `check_remark`.
    """
    checked = check_remark(store, share_id, text, decision=decision, expected_sha256=expected_sha256, officer=officer)
    return save_remark(store, checked, officer=officer)


def save_remark(store: Store, checked: CheckedRemark, *, officer: str) -> RemarkRecord:
    """Save a comment or sign-off that `check_remark` has just passed."""
    record, decision, sha256 = checked.share, checked.decision, checked.sha256
    saved = store.remarks.add(
        run_id=record.run_id,
        audit_id=record.audit_id,
        about=about(record),
        author=officer,
        text=checked.text,
        decision=decision,
        sha256=sha256,
    )
    action, detail = ("commented", "") if decision is None else ("signed-off", f"{decision}, SHA-256 {sha256}")
    store.access.record(Actor(officer, "dashboard"), action, f"share {record.id} of {about(record)}", detail)
    return saved


def is_about(store: Store, sign_off: RemarkRecord) -> bool | None:
    """Return whether a sign-off is about the current results; None for a comment, or if they are deleted."""
    if sign_off.sha256 is None or (sign_off.run_id is None and sign_off.audit_id is None):
        return None
    try:
        # If one of two results is deleted, the hash lacks it.
        return result_sha256(store, sign_off.run_id, sign_off.audit_id) == sign_off.sha256
    except DeletedError:  # for now: it may be restored
        return None


def require_sign_off(store: Store, settings: Settings, run_ids: Sequence[int], audit_id: int | None = None) -> None:
    """Raise BadInputError with code ``not-signed`` if a sign-off is demanded before a release and one is missing.

    The newest decision on the results of a run, or of its audit, as they are now must accept them, with or without
    conditions; a decision on results that have changed since counts for nothing.
    """
    if not settings.release_needs_sign_off:
        return
    of_audit = [] if audit_id is None else list(store.remarks.list(audit_id=audit_id))
    for run_id in run_ids:
        said = {remark.id: remark for remark in (*store.remarks.list(run_id=run_id), *of_audit)}
        decisions = [remark for _, remark in sorted(said.items()) if is_about(store, remark)]
        if not decisions or decisions[-1].decision == "rejected":
            raise BadInputError(
                "This installation releases images only once a privacy officer has accepted the results, but "
                + (
                    f"{decisions[-1].author} has rejected those of run {run_id}."
                    if decisions
                    else f"nobody has accepted those of run {run_id} as they are now; share them with an officer."
                ),
                code="not-signed",
            )


def refuse_unsigned_templates(settings: Settings) -> None:
    """Raise BadInputError with code ``not-signed`` if a sign-off is demanded before a release.

    Officers sign results of runs and audits; a protection cannot be shared with them, so nobody can have accepted it.
    """
    if settings.release_needs_sign_off:
        raise BadInputError(
            "This installation releases only what a privacy officer has accepted, and protected templates cannot be "
            "signed for in facepriv; send the officer the report, and release them where "
            "FACEPRIV_RELEASE_NEEDS_SIGN_OFF is not set.",
            code="not-signed",
        )


def datasheet_changed_since(store: Store, saved: RemarkRecord) -> bool:
    """Return whether the data sheet was edited after a remark; reports show it, but no hash covers it."""
    dataset_id = dataset_id_of(store, saved)
    if dataset_id is None:
        return False
    newest = store.access.list(action="datasheet-edited", limit=1000)
    return any(line.subject == f"dataset {dataset_id}" and line.at > saved.at for line in newest)
