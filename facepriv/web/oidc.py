"""Routes for signing in through an identity provider, by Streamlit's OpenID Connect and a session of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from facepriv.config import Settings
from facepriv.errors import NotAllowedError
from facepriv.services.accounts.users import NOBODY, sign_in_through_provider
from facepriv.store import Store
from facepriv.web.login import get_provider, own_path, session_response
from facepriv.web.pages import message, page

BEGIN, DONE = "/login/provider", "/login/provider/done"
"""Where a sign-in begins, and where the provider sends people back to: its redirect URI."""
LONGEST_PATH = 1000
"""Most characters of the path to go to after signing in; it is kept in a cookie, which may have 4096 bytes."""
_NEXT = "facepriv_next"


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
            token = await asyncio.to_thread(sign_in_through_provider, store(), claims)
        except NotAllowedError as error:
            return page("provider.html.j2", status=403, problem=str(error))
        return await asyncio.to_thread(session_response, store(), token, to, settings())

    return [Route(BEGIN, begin, methods=["GET"]), Route(DONE, done, methods=["GET"])]


def _drop_unfinished(request: Request) -> None:
    """Drop the state of unfinished sign-ins from the cookie: a few fill it, and only the last one counts."""
    for name in [name for name in request.session if name.startswith("_state_")]:
        del request.session[name]


def _audience(claims: Mapping[str, Any]) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _no_provider() -> Response:
    return message("Nothing here", "Nobody signs in to this dashboard through an identity provider.", status=404)
