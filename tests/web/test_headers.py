"""The security headers, through a real Starlette application spoken to in ASGI."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from facepriv.web.headers import CONTENT_SECURITY_POLICY, SecurityHeaders


async def plain(request):
    return PlainTextResponse("hello", headers={"Cache-Control": "public, max-age=31536000"})


async def stream(request):
    return StreamingResponse(iter([b"a", b"b"]))


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


APP = Starlette(
    routes=[
        Route("/page", plain),
        Route("/stream", stream),
        Route("/media/{name}", plain),
        WebSocketRoute("/socket", echo),
    ],
    middleware=[Middleware(SecurityHeaders)],
)


def speak(kind, path, incoming):
    """Give what the application sends for one connection."""
    sent = []
    waiting = list(incoming)

    async def receive():
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)
        raise AssertionError("the application waited for more than it was sent")

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "server": ("localhost", 80),
        "client": ("localhost", 1),
        "subprotocols": [],
    }
    asyncio.run(APP(scope, receive, send))
    return sent


def get(path):
    start, *rest = speak("http", path, [{"type": "http.request", "body": b"", "more_body": False}])
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return headers, b"".join(part.get("body", b"") for part in rest)


@pytest.mark.parametrize("path", ["/page", "/stream", "/media/face.png", "/nothing-here"])
def test_every_answer_has_the_headers(path):
    headers, _ = get(path)
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_only_media_lose_their_cache():
    assert get("/media/face.png")[0]["cache-control"] == "no-store"
    assert get("/page")[0]["cache-control"] == "public, max-age=31536000"


def test_streams_and_websockets_still_work():
    assert get("/stream")[1] == b"ab"
    sent = speak(
        "websocket", "/socket", [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]
    )
    assert sent[1] == {"type": "websocket.send", "text": "hello"}


def test_policy_allows_no_foreign_source():
    for directive in CONTENT_SECURITY_POLICY.split("; "):
        _, *sources = directive.split()
        assert set(sources) <= {"'self'", "'none'", "'unsafe-inline'", "data:", "blob:"}
        if directive.startswith(("default-src", "script-src")):
            assert sources == ["'self'"]
