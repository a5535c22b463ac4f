"""Signing in through an identity provider: Streamlit speaks OpenID Connect with it, and the session is our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from facepriv.config import Provider
from facepriv.errors import NotAllowedError
from facepriv.services.accounts.users import sign_in_through_provider
from facepriv.store import Store
from facepriv.web.login import own_path, session_response
from facepriv.web.pages import message, page

BEGIN, DONE = "/login/provider", "/login/provider/done"
"""Where a sign-in begins, and where the provider sends people back to: its redirect URI."""
LONGEST_PATH = 1000
"""Characters of what was asked for before; it waits in a cookie, of which browsers keep 4096 bytes."""
_NEXT = "facepriv_next"


def provider_routes(
    store: Callable[[], Store],
    *,
    provider: Callable[[], Provider | None],
    origin: Callable[[], str],
    secure: Callable[[], bool],
    send_there: Callable[[Request], Awaitable[Response]],
    claims_brought: Callable[[Request], Awaitable[Mapping[str, Any] | None]],
) -> list[Route]:
    """Make the routes ``/login/provider`` and ``/login/provider/done``.

    Parameters
    ----------
    store
        Gives the open stores.
    provider
        Gives the identity provider; None if there is none, and then there is nothing at the routes.
    origin
        Gives the one address, without a path, at which the provider sends people back.
    secure
        As for `facepriv.web.login.login_routes`.
    send_there
        Sends a browser to the provider, and remembers in its cookie what the answer must fit.
    claims_brought
        Checks what a browser brought back and gives the claims of the identity token; None if it proves nothing.
    """

    async def begin(request: Request) -> Response:
        known = provider()
        if known is None:
            return _nothing_here()
        wanted = request.query_params.get("next", "")
        to = own_path(wanted if len(wanted) <= LONGEST_PATH else "")
        if request.headers.get("host", "").lower() != urlsplit(origin()).netloc.lower():
            # The cookie must be of the name that the provider sends people back to.
            return RedirectResponse(f"{origin()}{BEGIN}?{urlencode({'next': to})}", status_code=303)
        _forget_begun(request)
        request.session[_NEXT] = to
        answer = await send_there(request)
        if answer.status_code < 400:
            return answer
        sentence = f"{known.name} cannot be reached, or does not answer as it should. Whoever runs this server finds "
        return page("provider.html.j2", status=502, problem=sentence + "the reason in its log.")

    async def done(request: Request) -> Response:
        known = provider()
        if known is None:
            return _nothing_here()
        claims = await claims_brought(request)
        to = own_path(str(request.session.pop(_NEXT, "")))
        _forget_begun(request)
        # A token for somebody else's program is no proof here (OpenID Connect Core 1.0, section 3.1.3.7).
        if claims is None or known.client_id not in _audience(claims):
            told = ("nobody", "sign-in-refused", "", "through the provider, without proof")
            await asyncio.to_thread(store().access.record_seldom, *told)
            sentence = f"{known.name} did not say who you are, or too late, or to somebody else. Nobody was signed in."
            return page("provider.html.j2", status=401, problem=sentence)
        try:
            token = await asyncio.to_thread(sign_in_through_provider, store(), claims)
        except NotAllowedError as error:
            return page("provider.html.j2", status=403, problem=str(error))
        return await asyncio.to_thread(session_response, store(), token, to, secure=secure())

    return [Route(BEGIN, begin, methods=["GET"]), Route(DONE, done, methods=["GET"])]


def _forget_begun(request: Request) -> None:
    """Drop what earlier sign-ins left that were begun and not ended: a few fill the cookie, and the last one counts."""
    for name in [name for name in request.session if name.startswith("_state_")]:
        del request.session[name]


def _audience(claims: Mapping[str, Any]) -> list[Any]:
    found = claims.get("aud")
    return found if isinstance(found, list) else [found]


def _nothing_here() -> Response:
    return message("Nothing here", "Nobody signs in to this dashboard through an identity provider.", status=404)
