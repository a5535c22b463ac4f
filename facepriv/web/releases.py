"""Releases that somebody may fetch: planned on a page, made while they are sent."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from facepriv.services.releases.release import PlannedRelease, stream_release
from facepriv.store import Store
from facepriv.store.records import AUDITING
from facepriv.types import Actor
from facepriv.web.blobs import PRIVATE, SECONDS, TOKEN_BYTES
from facepriv.web.identity import get_identity

MOST_OFFERS = 100
"""Releases on offer at once; the oldest go first."""


@dataclass(frozen=True, eq=False)
class Offer:
    """A planned release, for whom it is, and what was said of its protection."""

    planned: PlannedRelease
    verdict: str
    actor: Actor
    holder: str
    file_name: str
    until: float


class Offers:
    """Releases on offer under addresses that nobody can guess, for one holder each; safe to use from any thread.

    Each is kept for ``seconds``, in memory only: its key is in it.
    """

    def __init__(self, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._offers: dict[str, Offer] = {}

    def add(self, planned: PlannedRelease, *, verdict: str, actor: Actor, holder: str, file_name: str) -> str:
        """Offer a release; return its path."""
        offer = Offer(planned, verdict, actor, holder, file_name, self._clock() + self._seconds)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._drop_old()
            self._offers[token] = offer
        return f"/releases/{token}"

    def get(self, token: str, holder: str) -> Offer | None:
        """Return an offer to its holder; None to anybody else, and for an unknown or old token."""
        with self._lock:
            self._drop_old()
            offer = self._offers.get(token)
        return offer if offer is not None and offer.holder == holder else None

    def clear(self) -> None:
        """Take all offers back, as after a deletion."""
        with self._lock:
            self._offers.clear()

    def _drop_old(self) -> None:
        now = self._clock()
        kept = [(token, offer) for token, offer in self._offers.items() if offer.until > now]
        self._offers = dict(kept[-MOST_OFFERS:])


OFFERS = Offers()
"""The offers of the dashboard, whose pages and routes are in one process."""


def release_routes(store: Callable[[], Store], offers: Offers = OFFERS) -> list[Route]:
    """Return the route ``/releases/…``, which sends an auditor the releases offered to them.

    For everything else, unknown, old or another user's, the answer is the same 404.
    """

    async def answer(request: Request) -> Response:
        identity = get_identity(request.scope)
        offer = None
        if identity is not None and identity.role in AUDITING:
            offer = offers.get(request.path_params["token"], identity.holder)
        if offer is None:
            return PlainTextResponse("There is nothing here.", status_code=404, headers=PRIVATE)
        headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{offer.file_name}"'}
        if request.method == "HEAD":
            return Response(media_type="application/zip", headers=headers)
        pieces = stream_release(store(), offer.planned, verdict=offer.verdict, actor=offer.actor)
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)

    return [Route("/releases/{token}", answer, methods=["GET", "HEAD"])]
