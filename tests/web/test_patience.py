"""Requests that stop half way end in time, and one that is broken off leaves no traceback."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import app as entry
from facepriv.config import Settings
from facepriv.web.login import login_routes
from facepriv.web.patience import Patience, PatientProtocol
from tests.waiting import wait_until
from tests.web.asgi import scope_of
from tests.web.test_login import FORM

HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n"


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


class Impatient(PatientProtocol):
    header_seconds = 0.3


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that waits a third of a second for the head of a request and for each part of its body."""
    site = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])], middleware=[Middleware(Patience, seconds=0.3)])
    server = uvicorn.Server(uvicorn.Config(site, port=0, http=Impatient, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: server.started, 10)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def said(port: int, *parts: bytes) -> tuple[bytes, float]:
    """Send parts, then wait until the server ends the connection; return what it said, and how long it waited."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.05)
        begun = time.monotonic()
        answer = b""
        while data := connection.recv(4096):
            answer += data
        return answer, time.monotonic() - begun


@pytest.mark.parametrize("part", [b"", b"GET / HT", HEAD[:-4]], ids=["nothing", "line", "head"])
def test_half_a_head_is_waited_for_no_longer_than_allowed(port: int, part: bytes):
    answer, waited = said(port, part) if part else said(port)
    assert answer == b""
    assert waited < 3


def test_half_a_body_is_answered_with_408(port: int):
    answer, waited = said(port, HEAD, b"half")
    assert answer.startswith(b"HTTP/1.1 408")
    assert waited < 3


def test_half_a_head_after_a_whole_request_is_not_waited_for(port: int):
    answer, waited = said(port, HEAD, b"0123456789", b"GET / HT")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"0123456789")
    assert waited < 3


def test_a_slow_but_steady_request_is_answered(port: int):
    head = HEAD.replace(b"Host", b"Connection: close\r\nHost")
    assert said(port, head, *(b"%d" % digit for digit in range(10)))[0].endswith(b"0123456789")


def test_a_login_that_is_broken_off_leaves_no_traceback(store, caplog: pytest.LogCaptureFixture):
    site = Starlette(routes=login_routes(lambda: store, Settings), middleware=[Middleware(Patience)])
    parts = iter([{"type": "http.request", "body": b"name=ada", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(parts)

    async def send(message):
        sent.append(message)

    with caplog.at_level(logging.WARNING):
        asyncio.run(site(scope_of("http", "/login", [FORM], "POST"), receive, send))
    assert sent == []
    assert caplog.records == []
    assert store.access.list(action="sign-in-refused") == ()


def test_the_server_is_patient_no_longer_than_that(tmp_path, monkeypatch: pytest.MonkeyPatch):
    protocols = dict(entry.HTTP_PROTOCOLS)
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    monkeypatch.setattr(entry, "HTTP_PROTOCOLS", protocols)
    monkeypatch.setattr(entry.app, "run", lambda **_: None)
    assert entry.main([]) == 0
    assert protocols["auto"] == "facepriv.web.patience:PatientProtocol"
    assert uvicorn.Config(entry.app, http=protocols["auto"]).http == protocols["auto"]
    assert Patience in [each.cls for each in entry.app._user_middleware]
