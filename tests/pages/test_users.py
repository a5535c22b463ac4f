"""The page Users: an admin manages who may sign in; nobody else gets at it, by page or by action."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from facepriv.services.accounts.users import add_user, sign_in
from facepriv.store.sessions import token_of
from tests.actors import TEST
from tests.pages.conftest import ROUTER, texts
from tests.pages.test_roles import PASSWORD, login, store, visit_as

__all__ = ["login", "store", "visit_as"]
NEW = "a password of my own"


@pytest.fixture
def root(store):
    """An admin."""
    return add_user(store, "root", "admin", password=PASSWORD, actor=TEST).user


def actions(store) -> list[tuple[str, str, str]]:
    return [(line.actor, line.action, line.subject) for line in store.access.list(limit=40)]


def test_an_admin_adds_a_user_who_chooses_a_password(visit_as, store, root):
    app = visit_as("root", "users")
    app.text_input("user_name").set_value("erika")
    app.selectbox("user_role").set_value("officer")
    app.button[0].click().run()
    assert "erika can sign in as privacy officer." in texts(app)
    (password,) = [code.value for code in app.code]
    assert password not in texts(app.run()), "it is shown once"
    erika = store.users.get("erika")
    assert (erika.role, erika.must_change) == ("officer", True)
    assert ("root", "user-added", f"user {erika.id}") in actions(store)
    session = store.sessions.holder(token_of(sign_in(store, "erika", password, address="192.0.2.1")))
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.user = {"name": "erika", "session": str(session.id)}
    app.run()
    assert [title.value for title in app.title] == ["Account"], "nothing else is seen before"
    for field, value in zip(app.text_input, (password, NEW, NEW), strict=True):
        field.set_value(value)
    app.button[0].click().run()
    assert "Password changed" in texts(app)
    assert [title.value for title in visit_as("erika").title] == ["Shared with you"]


def test_an_admin_changes_locks_and_removes_users(visit_as, store, root):
    ada = store.users.get("ada")

    def press(name: str) -> AppTest:
        app = visit_as("root", "users")
        app.selectbox("user_chosen").set_value("ada").run()
        if name == "remove":
            assert app.button(f"user-remove-{ada.id}").disabled, "only once somebody is sure"
            app.checkbox(f"user-sure-{ada.id}").set_value(True).run()
        app.button(f"user-{name}-{ada.id}").click().run()
        assert not app.exception
        return app

    press("role-officer")
    assert store.users.get("ada").role == "officer"
    press("role-admin")
    assert store.users.get("ada").role == "admin"
    press("lock")
    assert store.users.get("ada").disabled_at is not None
    press("unlock")
    assert store.users.get("ada").disabled_at is None
    app = press("password")
    assert len(app.code) == 1
    assert store.users.get("ada").must_change
    visit_as("ada", "account")
    press("sign-out")
    assert store.sessions.of_user("ada") == ()
    press("remove")
    assert "ada" not in [user.name for user in store.users.list()]
    done = {action for actor, action, subject in actions(store) if (actor, subject) == ("root", f"user {ada.id}")}
    assert {"user-removed", "sessions-revoked", "password-changed", "user-enabled", "user-disabled"} <= done


def test_the_last_admin_is_told_why_they_stay(visit_as, store, root):
    app = visit_as("root", "users")
    app.selectbox("user_chosen").set_value("root").run()
    app.button(f"user-role-auditor-{root.id}").click().run()
    assert "root is the only admin who can sign in" in texts(app)
    assert store.users.get("root").role == "admin"


@pytest.mark.parametrize("name", ["ada", "otto"])
def test_nobody_else_gets_the_page(visit_as, store, root, name):
    app = visit_as(name)
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        app.switch_page("users.py")
    alone = page_alone({"name": name, "session": app.user["session"]})
    assert "This page is for admins" in alone.error[0].value
    assert not alone.text_input
    assert actions(store)[0] == (name, "access-refused", "page")


def page_alone(user: dict[str, str]) -> AppTest:
    """Run the page without the router, which does not even name it to others."""
    app = AppTest.from_file(ROUTER.parent / "users.py", default_timeout=60)
    app.user = user
    return app.run()


def test_an_action_of_somebody_who_is_no_admin_any_more_is_refused(visit_as, store, root):
    """The page is open, and the role was taken away meanwhile: the button does nothing."""
    add_user(store, "other", "admin", password=PASSWORD, actor=TEST)
    otto = store.users.get("otto")
    app = visit_as("root", "users")
    app.selectbox("user_chosen").set_value("otto").run()
    store.users.set_role(root.id, "auditor")
    app.button(f"user-role-admin-{otto.id}").click().run()
    assert store.users.get("otto").role == "officer"
    assert "Users" not in [title.value for title in app.title]
    assert ("root", "access-refused", "page") in actions(store)


def test_without_a_login_there_are_no_users_to_manage(filled, monkeypatch):
    monkeypatch.setenv("FACEPRIV_LOGIN", "false")
    app = AppTest.from_file(ROUTER, default_timeout=60).run()
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        app.switch_page("users.py")
    alone = page_alone({})
    assert "This page is for admins; local is signed in as auditor." in alone.error[0].value
    assert not alone.text_input
