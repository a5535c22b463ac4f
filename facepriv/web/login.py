"""Routes for signing in and out, to a session whose random token is in a cookie.

People sign in with a password, or through an identity provider by Streamlit's OpenID Connect. The page that follows
puts the session's second secret, its page key, into the browser's storage for this origin (`facepriv.web.page_key`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from facepriv.config import Provider, Settings
from facepriv.errors import NotAllowedError, StoreError
from facepriv.services.accounts.users import NOBODY, sign_in, sign_in_through_provider, sign_out
from facepriv.store import Store
from facepriv.store.sessions import LIFETIME, token_of
from facepriv.web.access import COOKIE, SECURE_COOKIE, SESSION, is_secure, may_have
from facepriv.web.identity import get_identity
from facepriv.web.page_key import FIELD, is_key_of
from facepriv.web.pages import NO_STORE, form_page, message, page, read_form

AT_ONCE = 2
"""Passwords that are checked at the same time: each takes 64 MiB and a core."""
NO_USERS = "There is no user yet. The operator of this server adds one with: facepriv user add NAME --role auditor"
BEGIN, DONE = "/login/provider", "/login/provider/done"
"""Where a sign-in begins, and where the provider sends people back to: its redirect URI."""
LONGEST_PATH = 1000
"""Most characters of the path to go to after signing in; it is kept in a cookie, which may have 4096 bytes."""
_NEXT = "facepriv_next"


def login_routes(store: Callable[[], Store], settings: Callable[[], Settings]) -> list[Route]:
    """Make the routes ``/login``, ``/logout`` and ``/session``, which tells a page whether its session is valid."""
    places = asyncio.Semaphore(AT_ONCE)

    def login_page(to: str, *, name: str = "", problem: str = "", wait: int | None = None) -> Response:
        provider = get_provider(settings())
        return form_page(
            "login.html.j2",
            problem=problem,
            wait=wait,
            to=to,
            name=name,
            nobody="" if store().users.list() else NO_USERS,
            provider="" if provider is None else provider.name,
            passwords=settings().passwords,
        )

    async def login(request: Request) -> Response:
        if request.method != "POST":
            return await asyncio.to_thread(login_page, own_path(request.query_params.get("next", "")))
        form = await read_form(request)
        to, name = own_path(form.get("next", "")), form.get("name", "").strip()
        if not settings().passwords:
            return await asyncio.to_thread(login_page, to, problem="This server does not accept passwords.")
        address = request.client.host if request.client else ""
        try:
            async with places:
                key = await asyncio.to_thread(sign_in, store(), name, form.get("password", ""), address=address)
        except NotAllowedError as error:
            return await asyncio.to_thread(login_page, to, name=name, problem=str(error), wait=error.retry_after)
        except StoreError:
            return message("Not available", "The database is not available at the moment. Try again.", status=503)
        return await asyncio.to_thread(session_response, store(), key, to, settings())

    async def logout(request: Request) -> Response:
        if request.method != "POST":
            return page("logout.html.j2")
        token = request.cookies.get(SECURE_COOKIE if is_secure(settings()) else COOKIE)
        # Without the page's key it may come from another server that received the cookie: only the cookie goes.
        key = (await read_form(request)).get(FIELD)
        if token is not None and is_key_of(key, token):
            await asyncio.to_thread(sign_out, store(), token)
        answer = RedirectResponse("/login", status_code=303)
        for name in (COOKIE, SECURE_COOKIE):
            answer.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
        # The browser drops all that it keeps of this server.
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    async def session(request: Request) -> Response:
        return Response(status_code=401 if get_identity(request.scope) is None else 204, headers=NO_STORE)

    return [
        Route(SESSION, session, methods=["GET"]),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logout, methods=["GET", "POST"]),
    ]


def provider_routes(
    store: Callable[[], Store],
    settings: Callable[[], Settings],
    *,
    origin: Callable[[], str],
    send_to_provider: Callable[[Request], Awaitable[Response]],
    get_claims: Callable[[Request], Awaitable[Mapping[str, Any] | None]],
) -> list[Route]:
    """Make the routes ``/login/provider`` and ``/login/provider/done``, which answer 404 if there is no provider.

    Parameters
    ----------
    origin
        Returns the address, without a path, to which the provider sends people back.
    send_to_provider
        Redirects a browser to the provider, and stores in its cookie what the answer must match.
    get_claims
        Checks the answer that a browser brings back; returns the claims of the identity token, None if it is invalid.
    """

    async def begin(request: Request) -> Response:
        provider = get_provider(settings())
        if provider is None:
            return _no_provider()
        target = request.query_params.get("next", "")
        to = own_path(target if len(target) <= LONGEST_PATH else "")
        if request.headers.get("host", "").lower() != urlsplit(origin()).netloc.lower():
            # The cookie must be of the name that the provider sends people back to.
            return RedirectResponse(f"{origin()}{BEGIN}?{urlencode({'next': to})}", status_code=303)
        _drop_unfinished(request)
        request.session[_NEXT] = to
        answer = await send_to_provider(request)
        if answer.status_code < 400:
            return answer
        problem = (
            f"{provider.name} cannot be reached, or does not answer as it should. Whoever runs this server finds the "
            "reason in its log."
        )
        return page("provider.html.j2", status=502, problem=problem)

    async def done(request: Request) -> Response:
        provider = get_provider(settings())
        if provider is None:
            return _no_provider()
        claims = await get_claims(request)
        to = own_path(str(request.session.pop(_NEXT, "")))
        _drop_unfinished(request)
        # A token for somebody else's program is no proof here (OpenID Connect Core 1.0, section 3.1.3.7).
        if claims is None or provider.client_id not in _audience(claims):
            refusal = (NOBODY, "sign-in-refused", "", "through the provider, without proof")
            await asyncio.to_thread(store().access.record_seldom, *refusal)
            problem = (
                f"{provider.name} did not say who you are, or too late, or to somebody else. Nobody was signed in."
            )
            return page("provider.html.j2", status=401, problem=problem)
        try:
            key = await asyncio.to_thread(sign_in_through_provider, store(), claims)
        except NotAllowedError as error:
            return page("provider.html.j2", status=403, problem=str(error))
        return await asyncio.to_thread(session_response, store(), key, to, settings())

    return [Route(BEGIN, begin, methods=["GET"]), Route(DONE, done, methods=["GET"])]


def get_provider(settings: Settings) -> Provider | None:
    """Return the identity provider that people sign in through, where they sign in at all."""
    return settings.identity_provider() if settings.login else None


def session_response(store: Store, key: str, to: str, settings: Settings) -> Response:
    """Return the page after signing in, with the session's cookie and page key, which leads to a path of the role."""
    token = token_of(key)
    session = store.sessions.holder(token)
    allowed = session is not None and may_have(session.role, urlsplit(to).path)
    answer = page("signed_in.html.j2", key=key, to=to if allowed else "/")
    answer.set_cookie(
        SECURE_COOKIE if is_secure(settings) else COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        # Not strict, so that a link in a mail opens signed in.
        samesite="lax",
    )
    return answer


def own_path(target: str) -> str:
    """Return the path to go to after signing in: the target if it is a path of this server, else the start page."""
    plain = target.startswith("/") and not target.startswith("//") and target.isprintable() and "\\" not in target
    return target if plain and not target.startswith(("/login", "/logout")) else "/"


def _drop_unfinished(request: Request) -> None:
    """Drop the state of unfinished sign-ins from the cookie: a few fill it, and only the last one counts."""
    for name in [name for name in request.session if name.startswith("_state_")]:
        del request.session[name]


def _audience(claims: Mapping[str, Any]) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _no_provider() -> Response:
    return message("Nothing here", "Nobody signs in to this dashboard through an identity provider.", status=404)
