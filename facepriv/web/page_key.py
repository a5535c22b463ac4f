"""The page key: a session's second secret, which only pages of this origin can read.

Cookies belong to a host name and not to a port, so the server of another user at another port of this machine receives
the session's cookie from any browser that opens it. The key is in the browser's storage for this origin, port included.
Pages send it when they open their WebSocket, ask for anything but a page, or submit a form.
"""

from __future__ import annotations

import hmac
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepriv.store.sessions import token_of
from facepriv.web.identity import Identity

HEADER, FIELD = "x-facepriv-key", "key"
"""Header of a request and field of a form with the key."""
PROTOCOL = "facepriv."
"""What the key follows in the WebSocket's list of protocols, the only header of it that a page can set."""
SCRIPT = b'<script src="/assets/page-key.js"></script><script src="/assets/theme.js" data-switch></script>'
"""Runs before Streamlit's own scripts, since they open the WebSocket and choose the theme."""
_ROOT = b'<div id="root">'
"""What only Streamlit's page has, and none of the server's own."""
_TICKETS = secrets.token_bytes()


def is_key_of(key: str | None, token: str) -> bool:
    """Return whether a session's token follows from the key."""
    return key is not None and hmac.compare_digest(token_of(key).encode(), token.encode("utf-8", "surrogatepass"))


def take_key(scope: Scope) -> str | None:
    """Return the key of a request or WebSocket, None if it has none; Streamlit gets to see none."""
    headers = MutableHeaders(scope=scope)
    if scope["type"] == "http":
        return headers.get(HEADER)
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    keys = [name.removeprefix(PROTOCOL) for name in offered if name.startswith(PROTOCOL)]
    if keys:
        scope["subprotocols"] = [name for name in offered if not name.startswith(PROTOCOL)]
        headers["sec-websocket-protocol"] = ", ".join(scope["subprotocols"])
    return keys[0] if keys else None


def needs_key(scope: Scope) -> bool:
    """Return whether a request must come from a page of this origin; pages themselves hold nothing."""
    is_reading = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
    return not is_reading or scope["path"].startswith(("/session", "/_stcore/metrics", "/_stcore/upload_file"))


def ticket_for(identity: Identity, path: str) -> str:
    """Return what opens a path for a user's session: pages get it over their WebSocket, which needed the key."""
    return hmac.new(_TICKETS, f"{identity.holder} {path}".encode(), "sha256").hexdigest()


def is_ticket(ticket: str, identity: Identity, path: str) -> bool:
    """Return whether this is what `ticket_for` gave, since this server's start."""
    return hmac.compare_digest(ticket.encode("utf-8", "surrogatepass"), ticket_for(identity, path).encode())


class PageKeyScript:
    """Pure ASGI middleware that puts `SCRIPT` into the page that Streamlit serves at every address of a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the wrapped application."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        unwanted = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() not in unwanted]}
        start: Message = {}
        parts: list[bytes] = []

        async def send_with_script(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
            elif message["type"] == "http.response.body" and start:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    body = b"".join(parts)
                    if _ROOT in body:
                        body = body.replace(b"<head>", b"<head>" + SCRIPT, 1)
                        MutableHeaders(scope=start)["content-length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})
            else:
                await send(message)

        await self._app(scope, receive, send_with_script)


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
