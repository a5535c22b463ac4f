"""Pages under a login: who is nobody sees nothing, officers see what was shared, and everybody their account."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from facepriv.services.accounts import passwords
from facepriv.services.accounts.users import add_user, begin_session
from facepriv.services.sharing.shares import share
from facepriv.store import open_store
from facepriv.store.sessions import token_of
from facepriv.web.blobs import BLOBS
from tests.actors import ADA, TEST
from tests.pages.conftest import ROUTER, audit_result, gallery_of, store_audit, texts, verdicts_of

PASSWORD = "a password for tests"


@pytest.fixture(autouse=True)
def login(monkeypatch) -> None:
    from argon2 import PasswordHasher

    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    monkeypatch.setenv("FACEPRIV_LOGIN", "true")


@pytest.fixture
def store(filled):
    with open_store(filled) as opened:
        for name, role in (("ada", "auditor"), ("otto", "officer")):
            add_user(opened, name, role, password=PASSWORD, actor=TEST)
        store_audit(opened, audit_result("of-run"), run_id=1)
        yield opened


@pytest.fixture
def visit_as(store):
    """Open a page as the middleware lets somebody in."""

    def go(name: str, page: str = "", **query: str) -> AppTest:
        token = token_of(begin_session(store, store.users.get(name)))
        app = AppTest.from_file(ROUTER, default_timeout=60)
        app.user = {"name": name, "session": str(store.sessions.holder(token).id)}
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        if page:
            app.switch_page(f"{page}.py").run()
        assert not app.exception, app.exception
        return app

    return go


@pytest.mark.parametrize(
    "user", [{}, {"name": "ada"}, {"name": "ada", "session": "77"}, {"name": "ada", "session": "x"}, {"session": ""}]
)
def test_nobody_sees_nothing(store, user):
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.user = user
    app.run()
    assert [error.value for error in app.error] == ["Your session has ended. Reload this page to sign in."]
    assert not app.title
    assert not app.sidebar.caption


def test_an_auditor_sees_runs_under_their_name(visit_as, store):
    app = visit_as("ada", "runs", run="1")
    assert "Run 1" in texts(app)
    assert any("Signed in as ada, auditor" in caption.value for caption in app.sidebar.caption)


def test_a_page_stops_once_the_session_is_over_or_the_role_another(visit_as, store):
    app = visit_as("ada", "runs", run="1")
    store.users.set_role(store.users.get("ada").id, "officer")
    app.run()
    assert "Run 1" not in texts(app)
    store.sessions.revoke_all(store.users.get("ada").id)
    app.run()
    assert "Your session has ended" in texts(app)


def test_an_officers_home_and_sign_off(visit_as, store):
    app = visit_as("otto")
    assert "Nothing is shared with you" in texts(app)
    made = share(store, run_id=1, officer="otto", link=False, actor=ADA)
    app = visit_as("otto")
    (shown,) = verdicts_of(app)
    assert "<strong>Not protected:</strong>" in shown, "before the report is opened"
    assert "run 1" in shown
    assert "not signed by you" in texts(app)
    app.radio[0].set_value("conditions")
    app.text_area[0].set_value("Until May, *not* longer.")
    app.button[0].click().run()
    assert store.remarks.list() == (), "a sign-off is shown once more"
    assert "You are about to sign: accepted with conditions" in texts(app)
    app.button(f"back-{made.share.id}").click().run()
    assert "You are about to sign" not in texts(app)
    app.button[0].click().run()
    app.button(f"sign-{made.share.id}").click().run()
    assert app.text_area[0].value == "", "the form is empty, so that nothing is sent twice"
    assert "You are about to sign" not in texts(app)
    (kept,) = store.remarks.list()
    assert kept.author == "otto"
    assert kept.decision == "conditions"
    assert kept.text == "Until May, *not* longer."
    assert "Accepted with conditions" in texts(app)
    assert "&#42;not&#42;" in texts(app), "what somebody wrote is shown as they wrote it"
    run = visit_as("ada", "runs", run="1")
    assert "Signed for exactly these results" in texts(run)
    store.shares.revoke(made.share.id)
    assert "Nothing is shared with you" in texts(visit_as("otto"))


def test_the_share_that_is_shown_is_the_one_that_is_signed(visit_as, store):
    """Two shares of the same results, and one of the run without its audit, which has no remarks of its own."""
    first, second = (share(store, run_id=1, officer="otto", link=False, actor=ADA) for _ in range(2))
    audit = first.share.audit_id
    store.remarks.add(run_id=1, audit_id=None, about="run 1", author="olga", text="Of the run alone.")
    app = visit_as("otto")
    assert "Of the run alone" not in texts(app)
    for made in (second, first):
        chosen = app.selectbox[0].set_value(made.share.id).run()
        assert chosen.selectbox[0].value == made.share.id
        app.radio[0].set_value("accepted")
        app.text_area[0].set_value(f"Share {made.share.id}")
        app.button[0].click().run()
        app.button(f"sign-{made.share.id}").click().run()
        assert app.selectbox[0].value == made.share.id
        kept = store.remarks.list()[-1]
        assert kept.text == f"Share {made.share.id}"
        assert kept.audit_id == audit
        assert kept.decision == "accepted"


def test_results_that_changed_since_they_were_shown_are_not_signed(visit_as, store):
    made = share(store, run_id=1, officer="otto", link=False, actor=ADA)
    app = visit_as("otto")
    app.session_state[f"_shown-{made.share.id}"] = "0" * 64
    app.radio[0].set_value("accepted")
    app.button[0].click().run()
    assert "have changed since" in texts(app)
    assert store.remarks.list() == ()


def test_sharing_from_a_run_and_revoking_it(visit_as, store):
    app = visit_as("ada", "runs", run="1")
    app.segmented_control("run_part").set_value("Spec and files").run()
    (form,) = [one for one in app.button if one.label == "Share"]
    form.click().run()
    (made,) = store.shares.list()
    assert made.run_id == 1
    assert made.audit_id == 1
    assert made.faces == 0
    assert made.shared_by == "ada"
    assert made.passphrase_hash is not None
    link, passphrase = [code.value for code in app.code][:2]
    assert store.shares.find(link.rsplit("/", 1)[1]).id == made.id
    assert passwords.is_password(made.passphrase_hash, passphrase)
    app.run()
    assert link in texts(app), "a page that runs again keeps it until it was copied"
    (copied,) = [one for one in app.button if one.label == "I have copied it"]
    copied.click().run()
    assert link not in texts(app), "it is shown once"
    sharing = visit_as("ada", "sharing")
    assert "run 1, audit 1" in texts(sharing)
    sharing.button(f"revoke-{made.id}").click().run()
    assert store.shares.get(made.id).revoked_at is not None


def test_changing_the_password_ends_other_sessions(visit_as, store):
    other = token_of(begin_session(store, store.users.get("ada")))
    app = visit_as("ada", "account")
    fields = {field.label: field for field in app.text_input}
    old, new, again = fields.values()
    old.set_value("wrong"), new.set_value("another long password"), again.set_value("another long password")
    (change,) = [one for one in app.button if one.label == "Change password"]
    change.click().run()
    assert "The current password is wrong" in texts(app)
    old.set_value(PASSWORD), new.set_value("another long password"), again.set_value("another long password")
    change.click().run()
    assert "Password changed" in texts(app)
    assert store.sessions.holder(other) is None
    assert passwords.is_password(store.users.get("ada").password_hash, "another long password")


def test_sharing_without_a_share_says_what_to_do(visit_as):
    assert "Nothing is shared yet" in texts(visit_as("ada", "sharing"))


def test_the_access_log_is_filtered_and_checked(visit_as, store):
    app = visit_as("ada", "access")
    assert "signed-in" in texts(app)
    app.selectbox[1].set_value("user-added").run()
    (table,) = app.table
    assert set(table.value["Did"]) == {"user-added"}
    (check,) = [one for one in app.button if one.label.startswith("Check")]
    check.click().run()
    assert "none changed" in texts(app)


def test_faces_are_put_on_the_shelf_for_the_session_that_looks(visit_as):
    first, second = ({image["src"] for image in gallery_of(visit_as("ada", "datasets")).images} for _ in range(2))
    assert len(first) == len(second) == 8
    assert not first & second, "another session of hers has addresses of its own"
    for path in first:
        _, kind, token = path.split("/")
        assert BLOBS.get(kind, token, "session 1") is not None
        assert BLOBS.get(kind, token, "session 2") is BLOBS.get(kind, token, "local") is None


def test_an_officer_asks_and_an_auditor_answers(visit_as, store):
    share(store, run_id=1, officer="otto", link=False, actor=ADA)
    app = visit_as("otto")
    app.radio[0].set_value("request")
    app.text_area[0].set_value("Which attackers were *left* out?")
    app.button[0].click().run()
    assert store.remarks.list() == (), "it is no comment and no sign-off"
    assert app.text_area[0].value == "", "the form is empty"
    assert "**Request** by otto" in texts(app)
    run = visit_as("ada", "runs", run="1")
    (marked,) = [each.label for each in run.sidebar.expander]
    assert marked == "1 request not read"
    assert "&#42;left&#42;" in texts(run)
    (field,) = [each for each in run.text_area if each.label == "Answer"]
    field.set_value("Human viewers.")
    next(button for button in run.button if button.label == "Send the answer").click().run()
    assert not list(run.run().sidebar.expander), "it was read"
    app = visit_as("otto")
    assert "1 answer not read" in "".join(each.value for each in app.sidebar.markdown)
    assert "The auditor answered about run 1" in texts(app)
    assert "Human viewers." in texts(app)
    assert "not read" not in "".join(each.value for each in app.run().sidebar.markdown)
