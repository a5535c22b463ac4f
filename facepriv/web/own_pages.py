"""Refusal of requests that do not come from a page of this server: other host names and other origins.

A web site that a user visits could reach the dashboard through their browser, by a request across origins or by a
name that resolves to this machine (DNS rebinding). Both show in the headers that browsers set and pages cannot. A
request that changes something must name its origin, so that no form elsewhere can be sent here (CSRF).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

REFUSED = 4403
"""Close code of a refused WebSocket."""
SENTENCE = (
    "This dashboard only answers its own pages, at a loopback address such as http://127.0.0.1 or at the address in "
    "FACEPRIV_PUBLIC_URL."
)
_SAFE = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Return whether a host name or address without port means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_own(headers: Headers, public_url: str = "", *, must_name: bool = False) -> bool:
    """Return whether a request names this server as its host and, if it names an origin, the same one.

    Parameters
    ----------
    public_url
        Address under which others reach the dashboard; empty if nobody else does.
    must_name
        Whether it has to name an origin.
    """
    host = headers.get("host", "")
    if "@" in host:
        return False  # what comes before it is no part of a name
    try:
        named = urlsplit(f"//{host}")
        is_public = bool(public_url) and _normalised(f"https://{host}") == _normalised(public_url)
        if not is_loopback(named.hostname or "") and not is_public:
            return False
        origin = headers.get("origin")
        if origin is None:
            return not must_name
        return _normalised(origin) == _normalised(public_url) if is_public else urlsplit(origin).netloc == host
    except ValueError:
        return False


def _normalised(url: str) -> tuple[str, str | None, int | None]:
    """Return an address in one spelling: host in lower case, default port filled in."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


class OwnPagesOnly:
    """Pure ASGI middleware: 403, or a closed WebSocket, for what is not `is_own`."""

    def __init__(self, app: ASGIApp, public_url: str = "") -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests of this server's own pages; refuse others."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        must_name = kind == "websocket" or scope["method"] not in _SAFE
        if is_own(Headers(scope=scope), self._public_url, must_name=must_name):
            await self._app(scope, receive, send)
        elif kind == "http":
            await PlainTextResponse(SENTENCE, status_code=403)(scope, receive, send)
        else:
            await WebSocketClose(REFUSED, SENTENCE[:120])(scope, receive, send)
