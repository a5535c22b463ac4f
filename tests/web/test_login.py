"""Signing in and out over HTTP."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

import app as entry
from facepriv.config import Settings
from facepriv.services.accounts.users import FROM_ONE_PLACE, OF_ONE_PLACE, sign_in
from facepriv.store import open_store
from facepriv.store.sessions import token_of
from facepriv.web.login import login_routes, own_path
from facepriv.web.own_pages import OwnPagesOnly
from facepriv.web.page_key import is_key_of
from facepriv.web.pages import FORM_BYTES
from facepriv.web.share import share_routes
from tests.web.asgi import HOST, ask
from tests.web.conftest import PASSWORD
from tests.web.signing_in import read_signed_in

FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.fixture
def site(store):
    return Starlette(routes=login_routes(lambda: store, Settings))


def post(site, **fields: str):
    return ask(site, "/login", FORM, method="POST", body=urlencode(fields).encode())


def led_to(answer) -> tuple[str, str]:
    """Return where the page after signing in leads, and the page key that it puts into the browser's storage."""
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    return read_signed_in(answer.body.decode())


def test_signing_in_sets_a_cookie_that_scripts_cannot_read(site, store):
    answer = post(site, name="Ada", password=PASSWORD, next="/runs?run=3")
    to, key = led_to(answer)
    assert to == "/runs?run=3"
    cookie, *rest = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(rest)
    token = cookie.removeprefix("facepriv_session=")
    assert store.sessions.holder(token).user == "ada"
    assert is_key_of(key, token)
    assert key not in str(answer.headers), "a cookie goes to every port"


def test_behind_tls_the_cookie_goes_over_nothing_else(store):
    site = Starlette(routes=login_routes(lambda: store, lambda: Settings(public_url="https://faces.example.org")))
    cookie = post(site, name="ada", password=PASSWORD).headers["set-cookie"]
    assert cookie.startswith("__Host-facepriv_session=")
    assert "; Secure" in cookie


def test_an_officer_is_led_to_what_officers_have(site):
    assert led_to(post(site, name="otto", password=PASSWORD, next="/runs"))[0] == "/"
    assert led_to(post(site, name="otto", password=PASSWORD, next="/account"))[0] == "/account"


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody-here", PASSWORD), ("", ""), ("ada", "")])
def test_what_does_not_belong_together_is_refused_in_one_way(site, name, password):
    answer = post(site, name=name, password=password)
    assert answer.status == 401
    assert b"Wrong name or password." in answer.body
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_guessing_is_slowed_down(site):
    for _ in range(FROM_ONE_PLACE):
        assert post(site, name="ada", password="wrong").status == 401
    answer = post(site, name="ada", password=PASSWORD)
    assert answer.status == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert post(site, name="otto", password=PASSWORD).status == 200


def test_what_was_typed_is_shown_as_text(site):
    answer = post(site, name='"><script>alert(1)</script>', password="x", next='/"><b>')
    assert b"<script>alert" not in answer.body
    assert b"<b>" not in answer.body


@pytest.mark.parametrize(
    "headers", [(("content-type", "application/json"),), (), (("content-type", "multipart/form-data; boundary=x"),)]
)
def test_other_forms_are_not_read(site, headers):
    body = urlencode({"name": "ada", "password": PASSWORD}).encode()
    assert ask(site, "/login", *headers, method="POST", body=body).status == 401


def test_a_huge_form_is_not_read(site):
    assert post(site, name="ada", password=PASSWORD, padding="x" * FORM_BYTES).status == 401
    many = {f"field{number}": "x" for number in range(20)}
    assert post(site, name="ada", password=PASSWORD, **many).status == 401


def test_no_name_reads_like_another_key(site):
    for _ in range(FROM_ONE_PLACE):
        post(site, name="ada from 127.0.0.1", password="wrong")
    assert post(site, name="ada", password=PASSWORD).status == 200


def test_an_account_is_no_way_past_the_limit_of_a_place(site):
    for number in range(OF_ONE_PLACE):
        if number % 10 == 9:
            assert post(site, name="otto", password=PASSWORD).status == 200
        assert post(site, name=f"guess-{number}", password="wrong").status == 401
    assert post(site, name="one-more", password="wrong").status == 429


def test_signing_out_ends_the_session(site, store):
    key = sign_in(store, "ada", PASSWORD, address="")
    token = token_of(key)
    cookie = ("cookie", f"facepriv_session={token}")
    assert ask(site, "/logout", cookie).status == 200
    assert store.sessions.holder(token) is not None, "a link must not sign anybody out"
    for body in (b"", urlencode({"key": token}).encode(), urlencode({"key": "x"}).encode()):
        answer = ask(site, "/logout", cookie, FORM, method="POST", body=body)
        assert answer.status == 303
        assert store.sessions.holder(token) is not None, "nor a server that received the cookie"
    answer = ask(site, "/logout", cookie, FORM, method="POST", body=urlencode({"key": key}).encode())
    assert answer.status == 303
    assert answer.headers["location"] == "/login"
    assert store.sessions.holder(token) is None


@pytest.mark.parametrize("wanted", ["/", "/runs?run=3", "/shared"])
def test_own_paths(wanted):
    assert own_path(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    ["", "runs", "//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "/login", "/logout", "\t//x"],
)
def test_other_paths_lead_home(wanted):
    assert own_path(wanted) == "/"


def test_an_empty_installation_says_how_to_make_a_user(tmp_path):
    with open_store(Settings(home=tmp_path / "empty")) as store:
        answer = ask(Starlette(routes=login_routes(lambda: store, Settings)), "/login")
    assert b"facepriv user add NAME --role auditor" in answer.body


def test_head_acts_like_get_and_never_like_post(site, store, sign_in):
    cookie = sign_in("ada")
    token = cookie[1].partition("=")[2]
    for path in ("/logout", "/login"):
        answer = ask(site, path, cookie, FORM, method="HEAD", body=urlencode({"name": "ada", "password": "x"}).encode())
        assert answer.status == 200, path
        assert "set-cookie" not in answer.headers
    assert store.sessions.holder(token) is not None
    assert store.access.list(action="sign-in-refused") == ()
    assert store.access.list(action="signed-out") == ()


def test_every_form_checks_origin_and_method(store):
    """Whatever route takes more than GET: a new one is tried as soon as it is there."""
    app_routes = [route for route in entry.app._user_routes if isinstance(route, Route)]
    forms = [route.path for route in app_routes if route.methods - {"GET", "HEAD"}]
    assert {"/login", "/logout", "/share/{token}"} <= set(forms)
    guarded = OwnPagesOnly(Starlette(routes=[*login_routes(lambda: store, Settings), *share_routes(lambda: store)]))
    for form in forms:
        path = form.replace("{token}", "x")
        for origin in ((), (("origin", "https://evil.example"),), (("origin", "null"),)):
            assert ask(guarded, path, FORM, *origin, method="POST").status == 403, path
        assert ask(guarded, path, FORM, ("origin", f"http://{HOST}"), method="POST").status != 403
        for method in ("PUT", "DELETE", "PATCH"):
            assert ask(guarded, path, FORM, ("origin", f"http://{HOST}"), method=method).status == 405, path
