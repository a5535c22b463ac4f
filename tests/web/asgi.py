"""Speak ASGI to an application without a server: small enough to say exactly what a client sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1:8501"
CLIENT = ("127.0.0.1", 50000)
Header = tuple[str, str]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def scope_of(kind: str, path: str, headers: Sequence[Header], method: str = "GET", query: str = "") -> dict[str, Any]:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (("host", HOST), *headers)]
    return {
        "type": kind,
        # As a server that lets an application send without waiting for the client to leave.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": raw,
        "client": CLIENT,
        "server": ("127.0.0.1", 8501),
        "scheme": "http" if kind == "http" else "ws",
        "http_version": "1.1",
        "subprotocols": [],
    }


def ask(app: Any, path: str, *headers: Header, method: str = "GET", query: str = "", body: bytes = b"") -> Answer:
    """Make one HTTP request."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope_of("http", path, headers, method, query), receive, send))
    start = next(one for one in sent if one["type"] == "http.response.start")
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], told, b"".join(one.get("body", b"") for one in sent))


def converse(app: Any, path: str, *headers: Header, steps: Sequence[Callable[[], None] | str] = ()) -> list[Any]:
    """Open a WebSocket and send messages, doing what is to happen between them; gives what came back."""
    sent: list[dict[str, Any]] = []
    waiting = list(steps)
    opened = False

    async def receive() -> dict[str, Any]:
        nonlocal opened
        if not opened:
            opened = True
            return {"type": "websocket.connect"}
        while waiting:
            step = waiting.pop(0)
            if isinstance(step, str):
                return {"type": "websocket.receive", "bytes": step.encode()}
            await asyncio.to_thread(step)
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope_of("websocket", path, headers), receive, send))
    return sent
