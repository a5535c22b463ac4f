"""Shared results: who sees them, for how long, what they see, and what is recorded of it."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from markupsafe import escape

from facepriv.errors import BadInputError, NotAllowedError, UnknownNameError
from facepriv.presentation.report_sections import WITHHELD
from facepriv.presentation.verdict import audit_verdict
from facepriv.report.html import Page
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.requests import RunRequest
from facepriv.services.accounts.passwords import WINDOW
from facepriv.services.accounts.users import set_disabled, set_role
from facepriv.services.jobs.deletion import discard, restore
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.sharing import shares
from facepriv.services.sharing.report import report_for
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import (
    LINK,
    MOST_DAYS,
    NO_LINK,
    OVER,
    TRIES,
    TRIES_OF_ONE_PLACE,
    Shared,
    about,
    check_passphrase,
    dataset_of,
    find_link,
    revoke,
    share,
    share_of_officer,
    shared_with,
    view_as_officer,
    view_share,
)
from facepriv.services.sharing.signing_off import datasheet_changed_since, is_about, remark
from facepriv.store import ShareRecord, Store
from facepriv.store.rows import ShareRow
from facepriv.wording import percent
from tests.actors import CLI, EVE
from tests.finished_run import Clock, Finished
from tests.pages.conftest import AUDITS, store_audit
from tests.store.tampering import set_columns

OF_RUN, OF_DATASET = (
    AuditResult.model_validate_json((AUDITS / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("of-run", "as-it-is")
)
PHRASE = "seven green bottles"
HERE, THERE = "192.0.2.1", "192.0.2.2"

pytestmark = [pytest.mark.xdist_group("finished-run"), pytest.mark.usefixtures("cheap_passwords")]


def put(store: Store, **given: Any) -> Shared:
    return share(store, **{"actor": EVE, **given})


def log(store: Store, share_id: int) -> list[tuple[str, str, str]]:
    """What the access log says of a share, oldest first: who, what, details."""
    said = re.compile(rf"share {share_id}\b")
    lines = [line for line in store.access.list(limit=1000) if said.match(line.subject)]
    return [(line.actor, line.action, line.detail) for line in reversed(lines)]


def expire(finished: Finished, share_id: int) -> None:
    set_columns(finished.settings, ShareRow, ShareRow.id == share_id, expires_at=datetime(2020, 1, 1, tzinfo=UTC))


def page_of(store: Store, shared: Shared) -> Page:
    assert shared.token is not None
    return view_share(store, find_link(store, shared.token), LINK)


# Links


def test_a_link_finds_what_was_shared(shop: Store, run_id: int) -> None:
    shared = put(shop, run_id=run_id, days=7)
    assert shared.path == f"/share/{shared.token}"
    assert find_link(shop, shared.token or "") == shared.share
    record = shared.share
    assert record.run_id == run_id
    assert record.audit_id is None
    assert record.shared_by == "eve"
    assert record.officer is None
    assert abs(record.expires_at - record.created_at - timedelta(days=7)) < timedelta(minutes=1)
    assert about(record) == f"run {run_id}"
    assert dataset_of(shop, record).name == "six"
    page = page_of(shop, shared).html
    assert "Gender privacy of six" in page
    until = f"Shared by eve on {record.created_at:%Y-%m-%d}, open until {record.expires_at:%Y-%m-%d}."
    assert until in page
    assert "<img" not in page
    for image in shop.datasets.images(shop.runs.get(run_id).dataset_id):
        assert image.name not in page
        assert image.source_sha256 not in page
    assert shared.token not in page


def test_a_deleted_run_is_shown_to_nobody_until_it_is_restored(shop: Store, run_id: int) -> None:
    ada = shop.users.get("ada")
    shared = put(shop, run_id=run_id, officer="ada")
    page = page_of(shop, shared).html
    decision = remark(shop, shared.share.id, "", decision="accepted", officer="ada")
    discard(shop, "run", run_id, EVE)
    with pytest.raises(NotAllowedError, match=re.escape(OVER)):
        page_of(shop, shared)
    with pytest.raises(UnknownNameError):
        view_as_officer(shop, shared.share.id, "ada")
    assert shared_with(shop, "ada") == shop.shares.list(officer_id=ada.id) == ()
    assert is_about(shop, decision) is None, "as of results that are deleted"
    assert not datasheet_changed_since(shop, decision)
    restore(shop, "run", run_id, EVE)
    assert page_of(shop, shared).html == page
    assert is_about(shop, decision) is True
    assert [one.id for one in shared_with(shop, "ada")] == [shared.share.id]


def test_repeated_views_are_summed_up_and_cost_one_page(
    shop: Store, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = put(shop, run_id=run_id)
    made = []

    def make(*given, **more):
        made.append(given)
        return report_for(*given, **more)

    monkeypatch.setattr(shares, "report_for", make)
    pages = {page_of(shop, shared) for _ in range(5)}
    assert len(pages) == len(made) == 1
    assert shop.shares.get(shared.share.id).views == 5
    assert [line[1] for line in log(shop, shared.share.id)] == ["shared", "share-viewed"]
    other = put(shop, run_id=run_id)
    assert page_of(shop, other)
    assert len(made) == 2, "each share has a page of its own"
    monkeypatch.setattr(shares, "KEPT_SECONDS", -1.0)
    page_of(shop, shared)
    assert len(made) == 3
    revoke(shop, shared.share.id, actor=EVE)
    with pytest.raises(NotAllowedError):
        page_of(shop, shared)


def test_every_view_is_counted_and_recorded(shop: Store, run_id: int) -> None:
    shared = put(shop, run_id=run_id, officer="ada", faces=1)
    page_of(shop, shared)
    view_as_officer(shop, shared.share.id, "Ada")
    seen = shop.shares.get(shared.share.id)
    assert seen.views == 2
    assert seen.viewed_at is not None
    ada = shop.users.get("ada").id
    assert log(shop, seen.id) == [
        ("eve", "shared", f"by link, with user {ada}, for 30 days, with 1 pair of faces"),
        ("link", "share-viewed", "with 1 pair of faces"),
        ("Ada", "share-viewed", "with 1 pair of faces"),
    ]
    assert {line.subject for line in shop.access.list(action="share-viewed", limit=2)} == {
        f"share {seen.id} of run {run_id}"
    }


def test_another_token_finds_nothing(shop: Store, run_id: int) -> None:
    token = put(shop, run_id=run_id).token
    assert token is not None
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "\x00", "../" + token):
        with pytest.raises(UnknownNameError) as caught:
            find_link(shop, wrong)
        assert str(caught.value) == NO_LINK


def test_what_is_over_shows_nothing(finished: Finished, shop: Store, run_id: int) -> None:
    revoked, expired = (put(shop, run_id=run_id, officer="ada") for _ in range(2))
    ended = revoke(shop, revoked.share.id, actor=EVE)
    assert ended.revoked_at is not None
    assert revoke(shop, revoked.share.id, actor=EVE).revoked_at == ended.revoked_at
    expire(finished, expired.share.id)
    for one in (revoked, expired):
        with pytest.raises(NotAllowedError) as caught:
            find_link(shop, one.token or "")
        assert str(caught.value) == OVER
        with pytest.raises(NotAllowedError, match="expired or was revoked"):
            view_as_officer(shop, one.share.id, "ada")
        assert shop.shares.get(one.share.id).views == 0
        assert log(shop, one.share.id)[-2:] == [("link", "share-refused", "over"), ("ada", "share-refused", "over")]
    assert [line[1] for line in log(shop, revoked.share.id)].count("share-revoked") == 2
    with pytest.raises(UnknownNameError, match="no share 9999"):
        revoke(shop, 9999, actor=EVE)


# Passphrases


def try_phrase(store: Store, record: ShareRecord, phrase: str = "wrong", *, address: str = HERE) -> None:
    check_passphrase(store, record, phrase, address=address)


def fail(store: Store, record: ShareRecord, times: int, *, address: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(NotAllowedError, match="Wrong passphrase") as caught:
            try_phrase(store, record, address=address)
        assert caught.value.retry_after is None


def test_a_passphrase_is_asked_for(finished: Finished, shop: Store, run_id: int) -> None:
    shared = put(shop, run_id=run_id, passphrase=PHRASE)
    record = find_link(shop, shared.token or "")
    assert record.passphrase_hash is not None
    fail(shop, record, 2)
    try_phrase(shop, record, PHRASE)
    fail(shop, record, TRIES - 1)
    try_phrase(shop, record, PHRASE)
    wrong = ("link", "share-refused", "wrong passphrase")
    assert log(shop, record.id)[1:] == [wrong], "equal ones are summed up; a right one is told by the view that follows"
    # In a process of its own: closing any handle of the file here would let go of the locks of this one's connections.
    files = sorted(map(str, finished.settings.home.glob("facepriv.sqlite*")))
    content = subprocess.run(["cat", *files], capture_output=True, check=True).stdout
    assert PHRASE.encode() not in content
    assert (shared.token or "").encode() not in content
    with pytest.raises(BadInputError, match="12 to 512"):
        put(shop, run_id=run_id, passphrase="short")
    open_to_all = put(shop, run_id=run_id).share
    try_phrase(shop, open_to_all, "anything")


def test_a_passphrase_is_guessed_at_only_so_often(shop: Store, run_id: int, clock: Clock) -> None:
    first, second = (put(shop, run_id=run_id, passphrase=PHRASE).share for _ in range(2))
    fail(shop, first, TRIES)
    for address in (HERE, THERE):
        with pytest.raises(NotAllowedError, match="Too many failed attempts") as caught:
            try_phrase(shop, first, PHRASE, address=address)
        assert caught.value.retry_after is not None
    assert log(shop, first.id)[-1] == ("link", "share-refused", "too many tries")
    try_phrase(shop, second, PHRASE)
    clock.ahead = WINDOW + timedelta(seconds=1)
    try_phrase(shop, first, PHRASE)


def test_one_place_guesses_at_only_so_many_links(shop: Store, run_id: int) -> None:
    shares = [put(shop, run_id=run_id, passphrase=PHRASE).share for _ in range(4)]
    for one in shares[:3]:
        fail(shop, one, TRIES_OF_ONE_PLACE // 3)
    with pytest.raises(NotAllowedError, match="Too many"):
        try_phrase(shop, shares[3], PHRASE)
    try_phrase(shop, shares[3], PHRASE, address=THERE)


# What is shown


def test_the_newest_audit_is_pinned(shop: Store, run_id: int) -> None:
    before = put(shop, run_id=run_id)
    first = store_audit(shop, OF_RUN, run_id=run_id, seed=987654321)
    shared = put(shop, run_id=run_id)
    headlines = [line.model_copy(update={"accuracy": 0.83}) for line in OF_RUN.headlines]
    later = OF_RUN.model_copy(update={"headlines": headlines})
    second = store_audit(shop, later, run_id=run_id)
    assert before.share.audit_id is None
    assert shared.share.audit_id == first
    assert about(shared.share) == f"run {run_id}, audit {first}"
    page = page_of(shop, shared).html
    assert escape(audit_verdict(OF_RUN).finding) in page
    assert escape(audit_verdict(later).finding) not in page
    assert result_sha256(shop, run_id, first) in page, "what a sign-off of it names"
    _check_seeds_are_withheld(page)
    assert "Not attacked yet:" in page_of(shop, before).html, "as when it was shared"
    for newer in (put(shop, run_id=run_id), put(shop, audit_id=second), put(shop, run_id=run_id, audit_id=second)):
        assert newer.share.run_id == run_id
        assert newer.share.audit_id == second
    assert put(shop, run_id=run_id, audit_id=first).share.audit_id == first
    shop.audits.delete(first)
    with pytest.raises(UnknownNameError):
        find_link(shop, shared.token or "")


def _check_seeds_are_withheld(page: str) -> None:
    """With them one could tell which images the policy perturbed."""
    assert OF_RUN.policy is not None
    assert 0 < OF_RUN.policy.p < 1
    assert re.findall(r"Seed of the (\w+)</th><td>([^<]*)</td>", page) == [("run", WITHHELD), ("audit", WITHHELD)]
    assert "987654321" not in page


def test_an_audit_of_a_data_set_as_it_is(shop: Store) -> None:
    audit_id = store_audit(shop, OF_DATASET)
    shared = put(shop, audit_id=audit_id)
    assert shared.share.run_id is None
    assert shared.share.audit_id == audit_id
    assert about(shared.share) == f"audit {audit_id}"
    assert dataset_of(shop, shared.share).name == "six"
    page = page_of(shop, shared).html
    assert escape(audit_verdict(OF_DATASET).finding) in page
    assert "Audit" in page
    for one in OF_DATASET.headlines:
        assert percent(one.upper) in page
    assert result_sha256(shop, None, audit_id) in page
    assert "<img" not in page
    with pytest.raises(BadInputError, match="no faces before and after") as caught:
        put(shop, audit_id=audit_id, faces=1)
    assert caught.value.code == "no-faces"


def test_faces_are_shown_only_where_ticked_and_allowed(shop: Store, run_id: int, with_terms) -> None:
    shared = put(shop, run_id=run_id, faces=2)
    assert page_of(shop, shared).html.count("<img") == 4
    with_terms(frozenset())
    with pytest.raises(BadInputError, match="forbid showing faces: Only some people may be shown") as caught:
        put(shop, run_id=run_id, faces=1)
    assert caught.value.code == "terms-of-use"
    assert "<img" not in page_of(shop, shared).html, "what was forbidden since is not shown any more"
    assert put(shop, run_id=run_id).share.faces == 0
    for faces in (25, -1):
        with pytest.raises(BadInputError, match=f"24 pairs of faces, not {faces}"):
            put(shop, run_id=run_id, faces=faces)


def test_what_cannot_be_shared(finished: Finished, shop: Store, run_id: int) -> None:
    waiting = shop.runs.create(prepare_run(shop, RunRequest(dataset="six", aim="guide")))
    unfinished = shop.audits.create(shop.audits.get(store_audit(shop, OF_RUN, run_id=run_id)).spec)
    before = shop.access.count()
    try:
        for given, error, what in (
            ({"run_id": waiting}, BadInputError, f"run {waiting} is waiting"),
            ({"run_id": run_id, "audit_id": unfinished}, BadInputError, f"Audit {unfinished} is waiting"),
            ({"run_id": 77}, UnknownNameError, "no run 77"),
            ({"audit_id": 77}, UnknownNameError, "no audit 77"),
            ({"run_id": run_id, "days": 0}, BadInputError, f"1 to {MOST_DAYS} days, not 0"),
            ({"run_id": run_id, "days": MOST_DAYS + 1}, BadInputError, f"not {MOST_DAYS + 1}"),
            ({"run_id": run_id, "link": False}, BadInputError, "Choose a link"),
            ({"run_id": run_id, "officer": "nobody-known"}, UnknownNameError, "no user nobody-known"),
        ):
            with pytest.raises(error, match=what):
                put(shop, **given)
    finally:
        shop.runs.delete(waiting)
    assert shop.shares.list() == ()
    assert shop.access.count() == before


# Officers


def test_an_officer_finds_what_was_shared_with_them(shop: Store, run_id: int) -> None:
    shared = put(shop, run_id=run_id, link=False, officer="ADA", passphrase=PHRASE)
    record = shared.share
    assert shared.token is None
    assert shared.path is None
    assert not record.has_link
    assert record.officer == "Ada"
    assert record.passphrase_hash is None, "there is nothing that would ask for it"
    put(shop, run_id=run_id, officer="bob")
    put(shop, run_id=run_id)
    assert shared_with(shop, "ada") == (record,)
    assert share_of_officer(shop, record.id, "ada") == record
    for officer in ("bob", "eve"):
        with pytest.raises(UnknownNameError, match=f"Share {record.id} is not one of yours"):
            view_as_officer(shop, record.id, officer)
    with pytest.raises(UnknownNameError):
        view_as_officer(shop, 9999, "ada")
    assert shop.shares.get(record.id).views == 0


def test_only_officers_who_are_let_in(shop: Store, run_id: int) -> None:
    with pytest.raises(BadInputError, match="eve is an auditor") as caught:
        put(shop, run_id=run_id, officer="eve")
    assert caught.value.code == "bad-role"
    set_disabled(shop, "bob", True, actor=CLI)
    try:
        with pytest.raises(BadInputError, match="bob is disabled"):
            put(shop, run_id=run_id, officer="bob")
    finally:
        set_disabled(shop, "bob", False, actor=CLI)
    set_role(shop, "eve", "officer", actor=CLI)
    try:
        assert put(shop, run_id=run_id, officer="eve").share.officer == "eve"
    finally:
        set_role(shop, "eve", "auditor", actor=CLI)
    assert datetime.now(UTC) < put(shop, run_id=run_id, officer="bob").share.expires_at
