"""What officers say: kept as it was said, about exactly what they saw, and recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, NotAllowedError, UnknownNameError
from facepriv.schemas.audits import AuditDocument
from facepriv.schemas.runs import RunDocument
from facepriv.services.audits.preparing import audit_document
from facepriv.services.releases.export import run_document
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import revoke
from facepriv.services.sharing.signing_off import LONGEST, is_about, remark
from facepriv.store import RemarkRecord, Store, migrate, open_store
from facepriv.store.rows import RunRow
from tests.actors import EVE
from tests.finished_run import Finished
from tests.pages.conftest import store_audit
from tests.services.sharing.test_shares import OF_DATASET, OF_RUN, log, put
from tests.store.old_databases import write_stored_database
from tests.store.tampering import read_columns, set_columns

pytestmark = [pytest.mark.xdist_group("finished-run"), pytest.mark.usefixtures("cheap_passwords")]


@pytest.fixture
def say(shop: Store, run_id: int) -> Callable[..., RemarkRecord]:
    """Say something as Ada, about the run unless another share is named."""
    shared = put(shop, run_id=run_id, officer="ada").share

    def make(text: str, decision: str | None = None, *, share_id: int = shared.id, **changes: Any) -> RemarkRecord:
        return remark(shop, share_id, text, decision=decision, **{"officer": "Ada", **changes})

    return make


def test_exactly_the_same_is_not_said_twice_in_a_row(shop: Store, say: Callable[..., RemarkRecord]) -> None:
    say("Fine.", "accepted")
    with pytest.raises(BadInputError) as caught:
        say(" Fine. ", "accepted")
    assert caught.value.code == "said"
    say("Fine.")
    say("Fine.", "accepted")
    assert [said.decision for said in shop.remarks.list()] == ["accepted", None, "accepted"]


def test_a_comment_is_kept_as_it_was_said(shop: Store, run_id: int, say: Callable[..., RemarkRecord]) -> None:
    said = say("  Why half of them?\n\nPlease explain.\x00 ")
    assert said.text == "Why half of them?\n\nPlease explain."
    assert said.author == "Ada"
    assert said.about == f"run {run_id}"
    assert said.run_id == run_id
    assert said.audit_id is None
    assert said.decision is None
    assert said.sha256 is None
    assert shop.remarks.list() == (said,)
    assert is_about(shop, said) is None
    (share,) = shop.shares.list()
    assert log(shop, share.id)[-1] == ("Ada", "commented", ""), "what was said does not stand in the log"


def test_a_sign_off_names_what_exactly_was_signed(shop: Store, run_id: int, say: Callable[..., RemarkRecord]) -> None:
    of_run = store_audit(shop, OF_RUN, run_id=run_id)
    as_it_is = store_audit(shop, OF_DATASET)
    both = put(shop, run_id=run_id, officer="ada").share.id
    audit = put(shop, audit_id=as_it_is, officer="ada").share.id
    signed = [
        say("", "accepted"),
        say("Only inside the house.", "conditions", share_id=both),
        say("It leaks.", "rejected", share_id=audit),
    ]
    assert [one.decision for one in signed] == ["accepted", "conditions", "rejected"]
    hashes = [
        result_sha256(shop, run_id, None),
        result_sha256(shop, run_id, of_run),
        result_sha256(shop, None, as_it_is),
    ]
    assert [one.sha256 for one in signed] == hashes
    assert len({*hashes}) == 3
    assert [one.about for one in signed] == [f"run {run_id}", f"run {run_id}, audit {of_run}", f"audit {as_it_is}"]
    assert [is_about(shop, one) for one in signed] == [True] * 3
    assert log(shop, both)[-1] == ("Ada", "signed-off", f"conditions, SHA-256 {hashes[1]}")


@pytest.mark.parametrize(
    ("text", "decision", "code", "what"),
    [
        ("", None, "no-text", "Enter a comment"),
        (" \n\t\x00", None, "no-text", "Enter a comment"),
        ("", "conditions", "no-text", "Enter the conditions"),
        (" ", "rejected", "no-text", "Enter the reason"),
        ("x" * (LONGEST + 1), "accepted", "long-text", "5,000 characters, not 5,001"),
        ("Well.", "maybe", "bad-decision", "one of accepted, conditions, rejected"),
        ("Well.", "", "bad-decision", "one of accepted, conditions, rejected"),
    ],
)
def test_what_cannot_be_kept(
    shop: Store, say: Callable[..., RemarkRecord], text: str, decision: str | None, code: str, what: str
) -> None:
    before = shop.access.count()
    with pytest.raises(BadInputError, match=what) as caught:
        say(text, decision)
    assert caught.value.code == code
    assert shop.remarks.list() == ()
    assert shop.access.count() == before


def test_only_whom_it_was_shared_with_and_while_it_is(shop: Store, say: Callable[..., RemarkRecord]) -> None:
    say("x" * LONGEST, "accepted")
    for officer in ("bob", "eve"):
        with pytest.raises(UnknownNameError, match="is not one of yours"):
            say("Fine.", "accepted", officer=officer)
    with pytest.raises(UnknownNameError, match="Share 9999 is not one of yours"):
        say("Fine.", share_id=9999)
    (share,) = shop.shares.list()
    revoke(shop, share.id, actor=EVE)
    for decision in (None, "accepted"):
        with pytest.raises(NotAllowedError, match="expired or was revoked"):
            say("Fine.", decision)
    assert len(shop.remarks.list()) == 1


def test_what_has_changed_since_it_was_shown_is_not_signed(
    shop: Store, run_id: int, say: Callable[..., RemarkRecord]
) -> None:
    shown = result_sha256(shop, run_id, None)
    assert say("", "accepted", expected_sha256=shown).sha256 == shown
    with pytest.raises(BadInputError, match="have changed since") as caught:
        say("", "accepted", expected_sha256="0" * 64)
    assert caught.value.code == "changed"
    assert say("A comment signs nothing.", expected_sha256="0" * 64).sha256 is None
    assert [one.decision for one in shop.remarks.list()] == ["accepted", None]


@contextmanager
def changed_run(finished: Finished) -> Iterator[None]:
    """Let the run's result be another for a while, as if somebody had written to the database."""
    before, this = finished.run.result, RunRow.id == finished.run.id
    assert before is not None
    set_columns(finished.settings, RunRow, this, result=before.model_copy(update={"images": 7}))
    yield
    set_columns(finished.settings, RunRow, this, result=before)


def test_a_sign_off_is_not_about_what_came_after(
    finished: Finished, shop: Store, run_id: int, say: Callable[..., RemarkRecord]
) -> None:
    of_run = store_audit(shop, OF_RUN, run_id=run_id)
    run_alone = say("", "accepted")
    both = say("", "accepted", share_id=put(shop, run_id=run_id, officer="ada").share.id)
    store_audit(shop, OF_RUN.model_copy(update={"verdict": "Another."}), run_id=run_id)
    assert is_about(shop, both) is True, "another audit changes nothing about this one"
    with changed_run(finished):
        assert [is_about(shop, one) for one in (run_alone, both)] == [False, False]
    assert [is_about(shop, one) for one in (run_alone, both)] == [True, True]
    shop.audits.delete(of_run)
    left = {one.id: one for one in shop.remarks.list()}
    assert is_about(shop, left[run_alone.id]) is True
    assert is_about(shop, left[both.id]) is False, "one of two is gone"
    assert left[both.id].sha256 == both.sha256


def test_of_what_is_gone_nobody_can_say(shop: Store, say: Callable[..., RemarkRecord]) -> None:
    number = store_audit(shop, OF_DATASET)
    signed = say("It leaks.", "rejected", share_id=put(shop, audit_id=number, officer="ada").share.id)
    shop.audits.delete(number)
    (left,) = shop.remarks.list()
    assert left.audit_id is None
    assert left.about == f"audit {number}"
    assert left.sha256 == signed.sha256
    assert is_about(shop, left) is None


def test_what_was_signed_stays_so_whatever_later_versions_add(tmp_path: Path) -> None:
    """The hash is that of the stored JSON, also where results and specs have gained fields since."""
    write_stored_database(tmp_path / "facepriv.sqlite")
    settings = Settings(home=tmp_path)
    runs, audits = (
        [row for row in read_columns(settings, name, "id", "spec", "result") if row[2]] for name in ("runs", "audits")
    )
    assert runs
    assert audits
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        for number, spec, result in runs:
            plain = {"run_id": number, **_times(run_document(store, number)), "spec": json.loads(spec)}
            assert result_sha256(store, number, None) == _canonical_sha256(plain | json.loads(result))
        for number, spec, result in audits:
            plain = {"audit_id": number, **_times(audit_document(store, number)), "spec": json.loads(spec)}
            assert result_sha256(store, None, number) == _canonical_sha256(plain | json.loads(result))


def _times(document: RunDocument | AuditDocument) -> dict[str, str | None]:
    return {"created_at": document.created_at, "finished_at": document.finished_at}


def _canonical_sha256(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
