"""Access control: one middleware before everything that the server answers over HTTP and the WebSocket.

The cookie alone opens what holds nothing, such as the page that Streamlit's scripts run in. `facepriv.web.page_key`
says what must come from a page of this origin; pictures, files and reports have addresses that only such pages get.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.services.accounts.users import NOBODY
from facepriv.store import Role, Store
from facepriv.store.records import AUDITING
from facepriv.types import Actor
from facepriv.web.identity import KEY, LOCAL, Identity
from facepriv.web.own_pages import is_loopback
from facepriv.web.page_key import is_key_of, needs_key, take_key
from facepriv.web.pages import message

COOKIE, SECURE_COOKIE = "facepriv_session", "__Host-facepriv_session"
"""Name of the cookie with a session's token; browsers take the second over TLS only, and from no other host."""
USER_HEADER, SESSION_HEADER = "X-Facepriv-User", "X-Facepriv-Session"
"""Headers that tell Streamlit the user (``server.trustedUserHeaders``); a client's own are dropped."""
OPEN = re.compile(
    r"/login(/.*)?|/logout|/session|/share/.*|/assets/.*|/static/.*|/favicon\.(ico|png)|/_stcore/(health|host-config)"
)
"""Paths that are answered without a session; `/share/` asks for a token of its own."""
OFFICERS = re.compile(
    # The pages of `pages/router.py` for officers, the resources of these pages, and what was shared with them.
    # Its browser side looks for the server below the page's address first.
    r"/|/(shared|help|account)(/_stcore/(health|host-config))?|/shared/\d+|/_stcore/stream|/_stcore/bidi-components/.*"
)
ADMINS = re.compile(r"/users(/.*)?")
"""The page for admins."""
NAMES = frozenset(
    (
        *("overview", "data-set", "datasets", "audit", "protect", "templates", "perturb", "policy", "runs", "sharing"),
        *("models", "access", "users", "shared", "help", "account", "login", "logout", "session", "share", "pictures"),
        *("releases", "assets"),
        *("component", "static", "media", "_stcore"),
    )
)
"""What paths that the server has begin with: its pages', and other addresses'."""
SESSION = "/session"
"""Path at which a page asks whether its session is still valid."""
REVOKED = 4401
"""Close code of a WebSocket without a valid session."""
_LOG = logging.getLogger(__name__)
_PREFIX = b"x-facepriv-"


class Access:
    """Pure ASGI middleware that admits signed-in users only, and officers to the paths of officers only.

    A WebSocket is checked again with every message from its browser, so that ending a session also ends its open pages.
    Messages that no page sends are dropped and counted.

    Parameters
    ----------
    store
        Returns the open stores; called at the first request.
    settings
        Without ``login`` everybody on this machine is `LOCAL`, and nobody else gets anything.
    of_pages
        Returns whether a WebSocket's message is one that pages send.
    """

    def __init__(
        self, app: ASGIApp, store: Callable[[], Store], settings: Settings, *, of_pages: Callable[[bytes], bool]
    ) -> None:
        self._app = app
        self._store = store
        self._of_pages = of_pages
        self._login = settings.login
        self._cookie = SECURE_COOKIE if is_secure(settings) else COOKIE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on allowed requests with the name of the user; refuse and record the rest."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = dict(scope)
        key = take_key(scope)
        scope = {**scope, "headers": [pair for pair in scope["headers"] if not pair[0].lower().startswith(_PREFIX)]}
        if not self._login:
            client = scope.get("client")
            if client is not None and not is_loopback(client[0]):
                await _refuse(scope, receive, send, PlainTextResponse("Only this machine is answered.", 403))
            else:
                await self._serve(scope, receive, send, LOCAL)
            return
        token = HTTPConnection(scope).cookies.get(self._cookie)
        try:
            # Every open page asks whether its session is valid: that does not count as use of it, as no request of
            # another server does.
            is_proven = token is not None and is_key_of(key, token)
            note = is_proven and scope["path"] != SESSION
            identity = await asyncio.to_thread(self._identify, token, note=note)
        except StoreError as error:
            # Its words may name the database, which is for whoever runs the server.
            _LOG.warning("nobody can be let in: %s", error)
            await _refuse(scope, receive, send, PlainTextResponse("The database cannot be used at the moment.", 503))
            return
        path = scope["path"]
        if identity is not None and not is_proven and needs_key(scope):
            if not OPEN.fullmatch(path):
                await asyncio.to_thread(self._record_refusal, identity.actor, path, "without the page's key")
                await _refuse(scope, receive, send, PlainTextResponse("Sign in again, at /login.", status_code=401))
                return
            identity, token = None, None
        if identity is None and (scope["type"] == "websocket" or not OPEN.fullmatch(path)):
            await self._refuse_unknown(scope, receive, send)
        elif identity is not None and not may_have(identity.role, path):
            await asyncio.to_thread(self._record_refusal, identity.actor, path)
            sentence = (
                "This page is for admins, who manage users. You are signed in as auditor."
                if identity.role == "auditor"
                else "This page is for auditors. You are signed in as privacy officer, who sees shared results."
            )
            await _refuse(scope, receive, send, message("No access", sentence, status=403, home=True))
        else:
            await self._serve(scope, receive, send, identity, token)

    def _identify(self, token: str | None, *, note: bool = True) -> Identity | None:
        session = self._store().sessions.holder(token, note=note) if token else None
        return None if session is None else Identity(session.user, session.role, session.id, session.must_change)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, identity: Identity | None, token: str | None = None
    ) -> None:
        if identity is not None:
            scope[KEY] = identity
            MutableHeaders(scope=scope).update(
                {USER_HEADER: quote(identity.user), SESSION_HEADER: str(identity.session or "")}
            )
            if scope["type"] == "websocket":
                receive, send = self._while_signed_in(scope, receive, send, identity, token)
        await self._app(scope, receive, send)

    def _while_signed_in(
        self, scope: Scope, receive: Receive, send: Send, identity: Identity, token: str | None
    ) -> tuple[Receive, Send]:
        """Return the ends of a WebSocket that closes with its session and drops messages that no page sends."""
        ended = False

        async def receive_while_signed_in() -> Message:
            nonlocal ended
            while (received := await receive())["type"] == "websocket.receive":
                if self._login and await asyncio.to_thread(self._identify, token) != identity:
                    ended = True
                    await send({"type": "websocket.close", "code": REVOKED, "reason": "Sign in again."})
                    return {"type": "websocket.disconnect", "code": REVOKED}
                if self._of_pages(received.get("bytes") or b""):
                    break
                await asyncio.to_thread(self._record_refusal, identity.actor, scope["path"])
            return received

        async def send_while_signed_in(sent: Message) -> None:
            if not ended:
                await send(sent)

        return receive_while_signed_in, send_while_signed_in

    async def _refuse_unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(self._record_refusal, NOBODY, "")
        accepted = HTTPConnection(scope).headers.get("accept", "")
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in accepted:
            query = scope.get("query_string", b"").decode("latin-1")
            target = quote(scope["path"] + (f"?{query}" if query else ""), safe="/")
            answer: Response = RedirectResponse(f"/login?next={target}", status_code=303)
        else:
            answer = PlainTextResponse("Sign in first, at /login.", status_code=401)
        await _refuse(scope, receive, send, answer)

    def _record_refusal(self, actor: Actor, path: str, detail: str = "") -> None:
        """Record a refusal, and sum up frequent ones; a failure to record does not lift the refusal."""
        # Only a name that the server has: the rest may hold a token, and others whatever somebody wants in the log.
        name = path.strip("/").split("/")[0]
        asked = f"/{name}" if name in NAMES else "another path" if name else ""
        try:
            self._store().access.record_seldom(actor, "access-refused", asked, detail)
        except StoreError as error:
            _LOG.warning("a refusal could not be recorded: %s", error)


def may_have(role: Role, path: str) -> bool:
    """Return whether a user in this role may open a path."""
    if ADMINS.fullmatch(path):
        return role == "admin"
    return role in AUDITING or bool(OPEN.fullmatch(path) or OFFICERS.fullmatch(path))


def is_secure(settings: Settings) -> bool:
    """Return whether browsers reach the server over TLS: then the session's cookie goes over nothing else."""
    return settings.public_url.startswith("https://")


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    refusal = answer if scope["type"] == "http" else WebSocketClose(REVOKED, "Sign in again.")
    await refusal(scope, receive, send)
