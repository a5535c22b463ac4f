"""What an officer asks for before they sign, or why they do not sign, and what auditors answer."""

from __future__ import annotations

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import about, share_of_officer, shared_with
from facepriv.services.sharing.signing_off import LONGEST
from facepriv.store import RequestRecord, Store
from facepriv.store.records import RequestKind
from facepriv.types import Actor

ASKED: tuple[RequestKind, ...] = ("request", "refusal")
"""What officers say; auditors answer."""
ACTIONS: dict[RequestKind, str] = {"request": "requested", "refusal": "refused-to-sign", "answer": "answered"}
"""What the access log calls each."""


def ask(
    store: Store, share_id: int, text: str, *, kind: RequestKind, expected_sha256: str, officer: str
) -> RequestRecord:
    """Save what an officer asks for, or why they do not sign, about exactly these results.

    Raises
    ------
    UnknownNameError, NotAllowedError
        If the results are not shared with this officer, or no longer.
    BadInputError
        If the text is missing (code ``no-text``) or too long (``long-text``), the officer may not say this
        (``bad-kind``), they said exactly this last (``said``), or the results have changed (``changed``).
    """
    share = share_of_officer(store, share_id, officer)
    if kind not in ASKED:
        raise BadInputError(f"An officer sends one of {', '.join(ASKED)}, not {kind}.", code="bad-kind")
    sha256 = result_sha256(store, share.run_id, share.audit_id)
    if sha256 != expected_sha256:
        raise BadInputError("These results have changed since. Read them again before you write.", code="changed")
    return _add(store, share.run_id, share.audit_id, about(share), text, kind, sha256, Actor(officer, "dashboard"))


def answer(store: Store, thread: str, text: str, *, actor: Actor) -> RequestRecord:
    """Save an auditor's answer in a thread; raises as `ask`, UnknownNameError if there is no such thread."""
    lines = store.requests.thread(thread)
    if not lines:
        raise UnknownNameError(f"Nobody asked for anything about {thread}.")
    first = lines[0]
    sha256 = result_sha256(store, first.run_id, first.audit_id) if first.run_id or first.audit_id else first.sha256
    return _add(store, first.run_id, first.audit_id, thread, text, "answer", sha256, actor)


def unread_of_auditor(store: Store, name: str) -> tuple[RequestRecord, ...]:
    """Return what officers said that an auditor has not read, newest first, of results that are still there."""
    lines = store.requests.unread(name, ASKED)
    return tuple(line for line in lines if line.run_id is not None or line.audit_id is not None)


def unread_of_officer(store: Store, name: str) -> tuple[RequestRecord, ...]:
    """Return the answers about what is shared with an officer that they have not read, newest first."""
    answers: tuple[RequestKind, ...] = ("answer",)
    return store.requests.unread(name, answers, {about(share) for share in shared_with(store, name)})


def _add(
    store: Store,
    run_id: int | None,
    audit_id: int | None,
    thread: str,
    text: str,
    kind: RequestKind,
    sha256: str,
    actor: Actor,
) -> RequestRecord:
    said = text.replace("\0", "").strip()  # PostgreSQL keeps all but this
    if not said:
        raise BadInputError("Enter what you want to say. Nothing was sent.", code="no-text")
    if len(said) > LONGEST:
        raise BadInputError(f"At most {LONGEST:,} characters can be sent, not {len(said):,}.", code="long-text")
    mine = [line for line in store.requests.thread(thread) if line.author == actor.name]
    if mine and (mine[-1].text, mine[-1].kind, mine[-1].sha256) == (said, kind, sha256):
        raise BadInputError("You have already sent exactly this. It was not saved again.", code="said")
    saved = store.requests.add(
        run_id=run_id, audit_id=audit_id, about=thread, author=actor.name, kind=kind, text=said, sha256=sha256
    )
    store.access.record(actor, ACTIONS[kind], thread, f"SHA-256 {sha256}")
    return saved
