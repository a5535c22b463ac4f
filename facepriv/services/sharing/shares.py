"""Results shared with a privacy officer: by a link that expires and can be revoked, or with an officer's account.

A share shows the report of a run or an audit, which names nobody and shows no face unless faces were asked for. It is
made at a view, or within a minute before it, and leaves out what was purged or forbidden since.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

from facepriv.errors import BadInputError, DeletedError, NotAllowedError, UnknownNameError
from facepriv.report.html import Page, to_page
from facepriv.services.accounts.passwords import check_password, hash_password, is_password, limit_guessing
from facepriv.services.sharing.report import MOST_FACES, NO_AUDIT, check_reportable, report_for
from facepriv.store import DatasetRecord, RemarkRecord, ShareRecord, Store
from facepriv.types import Actor
from facepriv.wording import about_results, count

DEFAULT_DAYS, MOST_DAYS = 30, 366
TRIES, TRIES_OF_ONE_PLACE = 10, 30
"""Wrong passphrases allowed in a while on a link, and from an address."""
NO_LINK = "This link is not valid. Ask the person who sent it for a new one."
OVER = "This link has expired or was revoked. Ask the person who sent it for a new one."
KEPT_SECONDS, MOST_KEPT = 60.0, 8
"""How long, and how many, pages of shares are kept in memory."""
_pages: WeakKeyDictionary[Store, dict[str, tuple[float, Page]]] = WeakKeyDictionary()
LINK = Actor("link", "dashboard")
"""Somebody who opens a shared link."""


@dataclass(frozen=True)
class Shared:
    """A share, and the token of its link, which is stored nowhere and can be shown only now."""

    share: ShareRecord
    token: str | None

    @property
    def path(self) -> str | None:
        """The link's path on this server; None if the share is for an officer's account only."""
        return None if self.token is None else f"/share/{self.token}"


def share(
    store: Store,
    *,
    run_id: int | None = None,
    audit_id: int | None = None,
    days: int = DEFAULT_DAYS,
    link: bool = True,
    passphrase: str = "",
    officer: str | None = None,
    faces: int = 0,
    actor: Actor,
) -> Shared:
    """Share the results of a run or an audit as they are now.

    Parameters
    ----------
    run_id, audit_id
        A complete run, shared with its newest complete audit unless another is named; or a complete audit of a data
        set as it is.
    days
        Days until it expires, 1 to `MOST_DAYS`.
    link
        Whether to make a link that opens them without an account.
    passphrase
        What the link asks for; empty for nothing.
    officer
        Name of an officer who finds them when signed in.
    faces
        Pairs of faces to show, at most `MOST_FACES`.

    Raises
    ------
    UnknownNameError
        If run, audit or officer does not exist.
    BadInputError
        If there is nothing complete to share, or a parameter cannot be used, or the data set's terms forbid showing
        faces (code ``terms-of-use``).
    """
    if not 1 <= days <= MOST_DAYS:
        raise BadInputError(f"A share stays open for 1 to {MOST_DAYS} days, not {days}.", code="bad-days")
    if not link and officer is None:
        raise BadInputError("Choose a link, an officer, or both.", code="nobody")
    if passphrase:
        check_password(passphrase)
    officer_id = None if officer is None else _officer(store, officer)
    if audit_id is not None and run_id is None:
        run_id = store.audits.get(audit_id).run_id
    if run_id is not None and audit_id is None:
        newest = store.audits.list(states=("complete",), run_id=run_id, limit=1)
        audit_id = newest[0].id if newest else None
    if faces:
        _check_faces(store, run_id, faces)
    check_reportable(store, run_id, audit_id)
    record, token = store.shares.add(
        run_id=run_id,
        audit_id=audit_id,
        expires_at=datetime.now(UTC) + timedelta(days=days),
        shared_by=actor.name,
        link=link,
        passphrase_hash=hash_password(passphrase) if passphrase and link else None,
        officer_id=officer_id,
        faces=faces,
    )
    details = [
        "by link" if link else "",
        f"with user {officer_id}" if officer_id is not None else "",
        f"for {count(days, 'day')}",
        f"with {count(faces, 'pair')} of faces" if faces else "",
    ]
    store.access.record(actor, "shared", f"share {record.id} of {about(record)}", ", ".join(filter(None, details)))
    return Shared(record, token)


def about(share: ShareRecord) -> str:
    """Return what is shared, such as ``run 3, audit 2``."""
    return about_results(share.run_id, share.audit_id)


def revoke(store: Store, share_id: int, *, actor: Actor) -> ShareRecord:
    """End a share at once."""
    record = store.shares.get(share_id)
    store.shares.revoke(share_id)
    store.access.record(actor, "share-revoked", f"share {share_id} of {about(record)}")
    return store.shares.get(share_id)


def find_link(store: Store, token: str) -> ShareRecord:
    """Return the share of a link; raises UnknownNameError if there is none, NotAllowedError if it is over."""
    record = store.shares.find(token)
    if record is None:
        store.access.record_seldom(LINK, "share-refused", "", "unknown link")
        raise UnknownNameError(NO_LINK)
    if not record.is_open(datetime.now(UTC)):
        store.access.record_seldom(LINK, "share-refused", f"share {record.id}", "over")
        raise NotAllowedError(OVER)
    return record


def check_passphrase(store: Store, record: ShareRecord, passphrase: str, *, address: str) -> None:
    """Check what was entered for a link that asks for a passphrase.

    Raises NotAllowedError if it is wrong or, with ``retry_after``, there were too many failed attempts.
    """
    if record.passphrase_hash is None:
        return
    on_link, of_place = f"share {record.id}", f"shares from {address}"
    limits = {on_link: TRIES, of_place: TRIES_OF_ONE_PLACE}
    try:
        limit_guessing(store, limits)
    except NotAllowedError:
        store.access.record_seldom(LINK, "share-refused", f"share {record.id}", "too many tries")
        raise
    if not is_password(record.passphrase_hash, passphrase):
        store.access.record_seldom(LINK, "share-refused", f"share {record.id}", "wrong passphrase")
        raise NotAllowedError("Wrong passphrase.")
    store.attempts.forget(on_link)
    # Failures on other links from there stay counted.
    store.attempts.take_back(of_place)


def view_as_officer(store: Store, share_id: int, officer: str) -> Page:
    """Return what was shared with an officer, and record the view.

    Raises UnknownNameError if nothing of this number was shared with them, NotAllowedError if that is over.
    """
    return view_share(store, share_of_officer(store, share_id, officer), Actor(officer, "dashboard"))


def share_of_officer(store: Store, share_id: int, officer: str) -> ShareRecord:
    """Return a share that is open for an officer; errors as for `view_as_officer`."""
    who, about_share = Actor(officer, "dashboard"), f"share {share_id}"
    record = next((each for each in shared_with(store, officer) if each.id == share_id), None)
    if record is None:
        store.access.record_seldom(who, "share-refused", about_share, "not shared with them")
        raise UnknownNameError(f"Share {share_id} is not one of yours.")
    if not record.is_open(datetime.now(UTC)):
        store.access.record_seldom(who, "share-refused", about_share, "over")
        raise NotAllowedError("This share has expired or was revoked. Ask the person who shared it.")
    return record


def shared_with(store: Store, officer: str) -> tuple[ShareRecord, ...]:
    """Return all that was ever shared with an officer and still exists, newest first."""
    return store.shares.list(officer_id=store.users.get(officer).id)


def dataset_of(store: Store, record: ShareRecord) -> DatasetRecord:
    """Return the data set that a share is about."""
    dataset_id = dataset_id_of(store, record)
    assert dataset_id is not None
    return store.datasets.get(dataset_id)


def dataset_id_of(store: Store, record: ShareRecord | RemarkRecord) -> int | None:
    """Return the number of the data set that a share or a remark is about; None if its results are deleted."""
    try:
        # From the summaries: specs and results may be long.
        if record.run_id is not None:
            return store.runs.summary(record.run_id).dataset_id
        return None if record.audit_id is None else store.audits.summary(record.audit_id).dataset_id
    except DeletedError:
        return None


def view_share(store: Store, record: ShareRecord, viewer: Actor) -> Page:
    """Return what a share shows, and record the view; access was checked before.

    The page is kept for `KEPT_SECONDS`, so that who opens a link again and again costs little; equal views within a
    minute are summed up in the access log and counted in the share.
    """
    faces = f"with {count(record.faces, 'pair')} of faces" if record.faces else ""
    store.access.record_seldom(viewer, "share-viewed", f"share {record.id} of {about(record)}", faces)
    store.shares.viewed(record.id)
    kept = _pages.setdefault(store, {})
    # All that changes what is shown: the data set's terms and its data sheet too.
    key = repr((replace(record, views=0, viewed_at=None), dataset_of(store, record)))
    now = time.monotonic()
    for old in [old for old, (made_at, _) in list(kept.items()) if now - made_at > KEPT_SECONDS]:
        kept.pop(old, None)
    if key not in kept:
        page = _make_page(store, record)
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[key] = (now, page)
        return page
    return kept[key][1]


def _make_page(store: Store, record: ShareRecord) -> Page:
    notice = (
        f"Shared by {record.shared_by} on {record.created_at:%Y-%m-%d}, open until {record.expires_at:%Y-%m-%d}. "
        "Read-only; every view is recorded."
    )
    report = report_for(store, record.run_id, record.audit_id or NO_AUDIT, faces=record.faces)
    return to_page(report, notice=notice)


def _officer(store: Store, name: str) -> int:
    user = store.users.get(name)
    if user.role != "officer" or user.disabled_at is not None:
        what = "is disabled" if user.disabled_at is not None else f"is an {user.role}"
        raise BadInputError(f"{user.name} {what}. Name an active privacy officer.", code="bad-role")
    return user.id


def _check_faces(store: Store, run_id: int | None, faces: int) -> None:
    if run_id is None:
        raise BadInputError(
            "An audit of a data set as it is has no faces before and after. Leave them out.", code="no-faces"
        )
    if not 0 <= faces <= MOST_FACES:
        raise BadInputError(f"A share shows at most {MOST_FACES} pairs of faces, not {faces}.", code="too-many-faces")
    terms = store.datasets.get(store.runs.summary(run_id).dataset_id).terms
    if terms is not None and not terms.showable:
        raise BadInputError(f"The data set's terms forbid showing faces: {terms.sentence}", code="terms-of-use")
