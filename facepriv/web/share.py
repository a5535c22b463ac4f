"""Routes of shared results: by a link that opens without an account, and for an officer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from facepriv.errors import FaceprivError, NotAllowedError, UnknownNameError
from facepriv.report.html import Page
from facepriv.services.sharing.shares import LINK, check_passphrase, find_link, view_as_officer, view_share
from facepriv.store import Store
from facepriv.web.identity import Identity, get_identity
from facepriv.web.page_key import is_ticket, ticket_for
from facepriv.web.pages import NO_STORE, form_page, message, read_form

AT_ONCE = 2
"""Reports made at the same time; each takes a second of a core."""
LONGEST_TOKEN = 100
TICKET = "ticket"


def share_routes(store: Callable[[], Store]) -> list[Route]:
    """Return the routes ``/share/TOKEN`` for anyone with the link, and ``/shared/NUMBER`` for officers."""
    places = asyncio.Semaphore(AT_ONCE)

    async def link(request: Request) -> Response:
        token = request.path_params["token"][:LONGEST_TOKEN]
        form = await read_form(request) if request.method == "POST" else None
        address = request.client.host if request.client else ""

        def answer() -> Response:
            record = find_link(store(), token)
            if record.passphrase_hash is not None:
                if form is None:
                    return form_page("passphrase.html.j2")
                try:
                    check_passphrase(store(), record, form.get("passphrase", ""), address=address)
                except NotAllowedError as error:
                    return form_page("passphrase.html.j2", problem=str(error), wait=error.retry_after)
            return report_answer(view_share(store(), record, LINK), framed=False)

        return await _answer(places, answer)

    async def shared(request: Request) -> Response:
        identity = get_identity(request.scope)
        if identity is None or identity.session is None:
            return message("No access", "Only the officer with whom this is shared can open it.", status=403)
        number = request.path_params["number"]
        if not is_ticket(request.query_params.get(TICKET, ""), identity, f"/shared/{number}"):
            return message("No access", "Open the report on the page Shared with you.", status=403, home=True)
        return await _answer(
            places, lambda: report_answer(view_as_officer(store(), number, identity.user), framed=True)
        )

    return [
        Route("/share/{token}", link, methods=["GET", "POST"]),
        Route("/shared/{number:int}", shared, methods=["GET"]),
    ]


def shared_address(number: int, identity: Identity) -> str:
    """Return the address at which an officer reads a share; nobody else can, and nobody can guess it."""
    path = f"/shared/{number}"
    return f"{path}?{TICKET}={ticket_for(identity, path)}"


def report_answer(report: Page, *, framed: bool) -> Response:
    """Return a report as an answer in which only its own scripts run; ``framed`` if a page of this server embeds it."""
    scripts = " ".join(f"'sha256-{digest}'" for digest in report.scripts) or "'none'"
    frames = "'self'" if framed else "'none'"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {frames}",
        )
    )
    return HTMLResponse(report.html, headers={**NO_STORE, "Content-Security-Policy": policy})


async def _answer(places: asyncio.Semaphore, make: Callable[[], Response]) -> Response:
    try:
        async with places:
            return await asyncio.to_thread(make)
    except UnknownNameError as error:
        return message("Not found", str(error), status=404)
    except NotAllowedError as error:
        return message("No longer available", str(error), status=410)
    except FaceprivError as error:
        return message("Not available", str(error), status=503)
