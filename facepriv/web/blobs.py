"""Images and files that a page shows to one person for a while: a cache in memory, and routes to fetch them by."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from facepriv.errors import BadInputError
from facepriv.store.records import AUDITING
from facepriv.web.headers import FRAMED_POLICY
from facepriv.web.identity import get_identity

Kind = Literal["pictures", "viewers", "downloads"]
MOST_BYTES = 256 << 20
"""Most bytes of a cache; the least recently used blobs go first."""
SECONDS = 3600.0
"""How long a blob is kept after it was last saved."""
TOKEN_BYTES = 32
MEDIA_TYPES: dict[Kind, str] = {"pictures": "image/png", "viewers": "text/html", "downloads": "text/html"}
PRIVATE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer, refusals too: no cache keeps a face, no other site embeds one."""


@dataclass(frozen=True)
class Blob:
    """Bytes for a browser."""

    content: bytes
    kind: Kind = "pictures"
    """A PNG, an HTML page to be framed, or an HTML file to be saved; also the first part of its path."""
    file_name: str = ""
    """Of a download."""


@dataclass
class _Entry:
    blob: Blob
    holder: str
    until: float = 0.0


class BlobCache:
    """Blobs for one holder each, under addresses that nobody can guess; safe to use from any thread.

    A blob is kept for ``seconds`` after it was last saved, or until others need its room: all have at most
    ``most_bytes`` together. Nothing is written to disk.
    """

    def __init__(
        self, *, most_bytes: int = MOST_BYTES, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes, self._seconds, self._clock = most_bytes, seconds, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # by token, the longest unused first
        self._tokens: dict[tuple[str, Blob], str] = {}
        self._bytes = 0
        self._timer: threading.Timer | None = None

    def save(self, blob: Blob, holder: str) -> str:
        """Save a blob for a holder; return its path, the same one for the same bytes while they are kept.

        Raises
        ------
        BadInputError
            With code ``picture-too-large`` if it has no room even alone.
        """
        if len(blob.content) > self._most_bytes:
            raise BadInputError(
                f"At most {self._most_bytes >> 20:,} MB can be shown at once, but this picture takes "
                f"{len(blob.content) >> 20:,} MB; export it and open it in an image viewer.",
                code="picture-too-large",
            )
        with self._lock:
            self._drop_old()
            token = self._tokens.get((holder, blob))
            if token is None:
                token = self._tokens[holder, blob] = secrets.token_urlsafe(TOKEN_BYTES)
                self._entries[token] = _Entry(blob, holder)
                self._bytes += len(blob.content)
            self._entries[token].until = self._clock() + self._seconds
            self._entries.move_to_end(token)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._entries)))
            self._start_timer()
        return f"/{blob.kind}/{token}"

    def get(self, kind: str, token: str, holder: str) -> Blob | None:
        """Return a blob to its holder; None to anybody else, and for an unknown token."""
        with self._lock:
            self._drop_old()
            entry = self._entries.get(token)
            if entry is None or entry.holder != holder or entry.blob.kind != kind:
                return None
            self._entries.move_to_end(token)
            return entry.blob

    def clear(self) -> None:
        """Drop all blobs, as after a deletion."""
        with self._lock:
            for token in list(self._entries):
                self._drop(token)

    def _drop(self, token: str) -> None:
        entry = self._entries.pop(token)
        del self._tokens[entry.holder, entry.blob]
        self._bytes -= len(entry.blob.content)

    def _drop_old(self) -> None:
        now = self._clock()
        for token in [token for token, entry in self._entries.items() if entry.until <= now]:
            self._drop(token)

    def _start_timer(self) -> None:
        """Start a timer that drops old blobs even without another request."""
        if self._timer is None and self._entries:
            wait = min(entry.until for entry in self._entries.values()) - self._clock()
            self._timer = threading.Timer(max(0.0, wait), self._tidy)
            self._timer.daemon = True
            self._timer.start()

    def _tidy(self) -> None:
        with self._lock:
            self._timer = None
            self._drop_old()
            self._start_timer()


BLOBS = BlobCache()
"""The cache of the dashboard, whose pages and routes are in one process."""


def blob_routes(blob_cache: BlobCache = BLOBS) -> list[Route]:
    """Return the routes ``/pictures/…``, ``/viewers/…`` and ``/downloads/…``.

    They answer an auditor with the blobs saved for them. For everything else, unknown, old or another user's, the
    answer is the same 404.
    """

    def endpoint(kind: Kind) -> Route:
        async def answer(request: Request) -> Response:
            identity = get_identity(request.scope)
            blob = None
            if identity is not None and identity.role in AUDITING:
                blob = blob_cache.get(kind, request.path_params["token"], identity.holder)
            if blob is None:
                return PlainTextResponse("There is nothing here.", status_code=404, headers=PRIVATE)
            headers = dict(PRIVATE)
            if blob.kind == "downloads":
                headers["Content-Disposition"] = f'attachment; filename="{blob.file_name}"'
            if blob.kind == "viewers":
                headers["Content-Security-Policy"] = FRAMED_POLICY
            return Response(blob.content, media_type=MEDIA_TYPES[blob.kind], headers=headers)

        return Route(f"/{kind}/{{token}}", answer)

    return [endpoint(kind) for kind in MEDIA_TYPES]
