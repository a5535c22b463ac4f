"""What officers ask for before they sign, and what auditors answer: tied to results, kept, logged, marked unread."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.services.accounts.users import add_user
from facepriv.services.sharing.requests import answer, ask, unread_of_auditor, unread_of_officer
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import about, share
from facepriv.store import ShareRecord, Store
from facepriv.types import Actor
from tests.actors import ADA, TEST
from tests.finished_run import Finished

pytestmark = pytest.mark.xdist_group("finished-run")
PASSWORD = "a password for tests"


@pytest.fixture
def shared(finished: Finished, cheap_passwords: list[str], request: pytest.FixtureRequest) -> tuple[Store, ShareRecord]:
    """Results that are shared with an officer of this test's own."""
    name = f"officer-{abs(hash(request.node.name)) % 10**8}"
    add_user(finished.store, name, "officer", password=PASSWORD, actor=TEST)
    done = share(finished.store, run_id=finished.run.id, officer=name, link=False, actor=ADA)
    return finished.store, done.share


def send(store: Store, share: ShareRecord, text: str, **fields: object):
    given = {"kind": "request", "expected_sha256": result_sha256(store, share.run_id, share.audit_id)} | fields
    return ask(store, share.id, text, officer=str(share.officer), **given)  # type: ignore[arg-type]


def test_a_request_and_its_answer_are_kept_logged_and_read(shared: tuple[Store, ShareRecord]):
    store, share = shared
    officer, thread = str(share.officer), about(share)
    asked = send(store, share, "Which attackers were left out?")
    assert asked.sha256 == result_sha256(store, share.run_id, share.audit_id)
    line = store.access.list(limit=1)[0]
    assert (line.actor, line.action, line.subject) == (officer, "requested", thread)
    assert asked.sha256 in line.detail
    assert asked in unread_of_auditor(store, "ada")
    assert asked not in unread_of_officer(store, officer), "they know what they wrote"
    assert thread in store.requests.of_results(run_id=share.run_id)
    store.requests.read("ada", thread)
    assert unread_of_auditor(store, "ada") == ()
    assert asked in unread_of_auditor(store, "bob"), "each reads for themselves"
    said = answer(store, thread, "Human viewers.", actor=Actor("ada", "dashboard"))
    assert store.access.list(limit=1)[0].action == "answered"
    assert said in unread_of_officer(store, officer)
    store.requests.read(officer, thread)
    assert unread_of_officer(store, officer) == ()
    assert store.requests.thread(thread)[-2:] == (asked, said)
    refused = send(store, share, "Not before March.", kind="refusal")
    assert store.access.list(limit=1)[0].action == "refused-to-sign"
    assert unread_of_auditor(store, "ada") == (refused,)


def test_what_cannot_be_sent_is_said_in_one_sentence(shared: tuple[Store, ShareRecord]):
    store, share = shared
    before = len(store.requests.thread(about(share)))
    send(store, share, "Once.")
    for text, fields, code in (
        ("  ", {}, "no-text"),
        ("x" * 5001, {}, "long-text"),
        ("Once.", {}, "said"),
        ("Twice.", {"kind": "answer"}, "bad-kind"),
        ("Twice.", {"expected_sha256": "0" * 64}, "changed"),
    ):
        with pytest.raises(BadInputError) as caught:
            send(store, share, text, **fields)
        assert caught.value.code == code
    assert len(store.requests.thread(about(share))) == before + 1
    add_user(store, "stranger", "officer", password=PASSWORD, actor=TEST)
    with pytest.raises(UnknownNameError, match="is not one of yours"):
        ask(store, share.id, "Hm?", kind="request", expected_sha256="", officer="stranger")
    with pytest.raises(UnknownNameError, match="Nobody asked for anything about run 77"):
        answer(store, "run 77", "Well.", actor=ADA)


def test_only_what_is_shared_with_them_counts_for_an_officer(shared: tuple[Store, ShareRecord]):
    store, share = shared
    send(store, share, "A question?")
    said = answer(store, about(share), "An answer.", actor=ADA)
    assert said in unread_of_officer(store, str(share.officer))
    add_user(store, "outsider", "officer", password=PASSWORD, actor=TEST)
    assert unread_of_officer(store, "outsider") == ()
