"""A session's cookie alone, as a server at another port receives it, opens nothing and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

import app as entry
from facepriv.config import Settings
from facepriv.store import Store
from facepriv.store.sessions import make_page_key, token_of
from facepriv.web.access import Access
from facepriv.web.identity import Identity
from facepriv.web.page_key import PROTOCOL, SCRIPT, PageKeyScript, is_key_of
from facepriv.web.share import share_routes, shared_address
from tests.web.asgi import ask, converse

HTML = ("accept", "text/html,*/*")


class Behind:
    """What the middleware guards: it notes what it gets to see, and answers everything."""

    def __init__(self) -> None:
        self.came: list[tuple[str, Headers, list[str]]] = []

    async def __call__(self, scope, receive, send):
        self.came.append((scope["path"], Headers(scope=scope), scope["subprotocols"]))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await receive()
            await send({"type": "websocket.accept"})


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def guarded(behind, store: Store) -> Access:
    return Access(behind, lambda: store, Settings(), of_pages=bool)


def test_a_token_follows_from_its_key_and_tells_nothing_of_it():
    key, other = make_page_key(), make_page_key()
    assert is_key_of(key, token_of(key))
    assert not is_key_of(other, token_of(key))
    for wrong in (None, "", token_of(key), token_of(token_of(key)), "\udcff"):
        assert not is_key_of(wrong, token_of(key))
    assert not is_key_of(key, "\udcff")


CHANGES = [
    *[("PUT", "/_stcore/upload_file/1/2"), ("DELETE", "/_stcore/upload_file/1/2"), ("POST", "/runs")],
    *[("GET", "/_stcore/metrics"), ("GET", "/_stcore/upload_file/1/2")],
]


@pytest.mark.parametrize("name", ["ada", "otto"])
def test_the_cookie_alone_opens_no_socket_and_changes_nothing(guarded, behind, page_of, store, name):
    cookie, key, _ = page_of(name)
    wrong = [(), (("x-facepriv-key", ""),), (("x-facepriv-key", make_page_key()),), (("x-facepriv-key", cookie[1]),)]
    for given in wrong:
        protocols = [("sec-websocket-protocol", f"streamlit, xsrf, {PROTOCOL}{value}") for _, value in given]
        (closed,) = converse(guarded, "/_stcore/stream", cookie, *given, *protocols, steps=["hello"])
        assert closed["type"] == "websocket.close"
        for method, path in CHANGES:
            assert ask(guarded, path, cookie, *given, method=method).status == 401, path
    assert behind.came == []
    lines = store.access.list(action="access-refused")
    assert {(line.actor, line.detail) for line in lines} == {(name, "without the page's key")}
    assert ask(guarded, "/session", cookie).status == 200
    assert ask(guarded, "/session", cookie, key).status == 200


def test_whether_a_session_lives_is_told_to_its_pages_only(store, page_of):
    site = Access(
        Starlette(routes=entry.login_routes(lambda: store, Settings)), lambda: store, Settings(), of_pages=bool
    )
    cookie, key, _ = page_of("ada")
    assert ask(site, "/session", cookie, key).status == 204
    assert ask(site, "/session", cookie).status == 401


def test_streamlit_gets_to_see_no_key(guarded, behind, page_of):
    cookie, key, protocols = page_of("ada")
    assert converse(guarded, "/_stcore/stream", cookie, protocols)[0]["type"] == "websocket.accept"
    assert ask(guarded, "/_stcore/upload_file/1/2", cookie, key, method="PUT").status == 200
    (_, of_socket, subprotocols), (_, of_request, _) = behind.came
    assert of_socket["sec-websocket-protocol"] == "streamlit, xsrf"
    assert subprotocols == ["streamlit", "xsrf"]
    assert "x-facepriv-key" not in of_request
    assert key[1] not in str((of_socket, of_request))


def test_without_login_there_is_no_key(behind, store):
    guarded = Access(behind, lambda: store, Settings(login=False), of_pages=bool)
    protocols = ("sec-websocket-protocol", f"streamlit, xsrf, {PROTOCOL}")
    assert converse(guarded, "/_stcore/stream", protocols)[0]["type"] == "websocket.accept"
    assert behind.came[0][1]["sec-websocket-protocol"] == "streamlit, xsrf"


def test_a_report_needs_what_only_the_officers_page_gets(store, page_of, monkeypatch):
    opened = []
    monkeypatch.setattr("facepriv.web.share.view_as_officer", lambda *given: opened.append(given))
    monkeypatch.setattr("facepriv.web.share.report_answer", lambda *_, **__: HTMLResponse("the report"))
    site = Access(Starlette(routes=share_routes(lambda: store)), lambda: store, Settings(), of_pages=bool)
    (cookie, *_), (other, *_) = page_of("otto"), page_of("otto")
    session = store.sessions.of_user("otto")[-1]
    path, _, query = shared_address(7, Identity(session.user, session.role, session.id)).partition("?")
    for given, who in (("", cookie), ("ticket=", cookie), ("ticket=%ff", cookie), (query[:-1], cookie), (query, other)):
        assert ask(site, path, who, query=given).status == 403
    assert ask(site, "/shared/8", cookie, query=query).status == 403
    assert opened == []
    assert ask(site, path, cookie, query=query).body == b"the report"


def test_streamlits_page_runs_the_script_before_its_own(monkeypatch):
    """Also where its browser has the page of an earlier version: it is asked for nothing but the whole."""
    came: list[Headers] = []
    page = (Path(entry.st.__file__).parent / "static" / "index.html").read_bytes()

    async def streamlit(scope, receive, send):
        came.append(Headers(scope=scope))
        is_page = scope["path"] != "/report"
        answer = HTMLResponse(page if is_page else b"<html><head></head></html>")
        await answer(scope, receive, send)

    site = PageKeyScript(streamlit)
    answer = ask(site, "/runs", HTML, ("if-none-match", "x"), ("accept-encoding", "gzip"))
    assert answer.body.count(SCRIPT) == 1
    assert answer.body.index(SCRIPT) < answer.body.index(b"<script", answer.body.index(SCRIPT) + 1)
    assert answer.body.index(SCRIPT) == answer.body.index(b"<script")
    assert answer.body.replace(SCRIPT, b"") == page
    assert answer.headers["content-length"] == str(len(answer.body))
    assert came[0].keys() == ["host", "accept"]
    assert SCRIPT not in ask(site, "/report", HTML).body
    assert ask(site, "/runs").body == page

    assert entry.app._user_middleware[-1].cls is PageKeyScript
