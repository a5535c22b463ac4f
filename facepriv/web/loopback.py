"""Refuse what does not come from a page of this very server: foreign host names and foreign origins.

While there is no login, whoever reaches the port may do everything. A web site that the auditor visits could reach it
through their browser, by a request across origins or by a name that resolves to this machine (DNS rebinding). Both
show in the headers that browsers set and pages cannot.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from facepriv.web.identity import LOCAL, prove

REFUSED = 4403
"""Close code of a refused WebSocket."""
SENTENCE = "This dashboard answers only to its own pages at a loopback address such as http://127.0.0.1."


def is_loopback(host: str) -> bool:
    """Say whether a host name or address without port means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_own(headers: Headers) -> bool:
    """Say whether a request names this machine as its host and, if it names an origin, the same one."""
    host = headers.get("host", "")
    try:
        if not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False


class LoopbackOnly:
    """Pure ASGI middleware: 403, or a closed WebSocket, for what is not `is_own`.

    Parameters
    ----------
    app
        The application to wrap.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what comes from this server's own pages."""
        if scope["type"] not in ("http", "websocket") or is_own(Headers(scope=scope)):
            prove(scope, LOCAL)
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(SENTENCE, status_code=403)(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": REFUSED, "reason": SENTENCE})
