"""What pages hand to one person's browser for a while, in the server's memory: faces, and what shows them."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from facepriv.errors import BadInputError

Kind = Literal["pictures", "viewers", "downloads"]
MOST_BYTES = 256 << 20
"""Of everything on a shelf; what was not used for longest goes first."""
SECONDS = 3600.0
"""How long a thing lies after it was last put there."""
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Blob:
    """Bytes for a browser."""

    content: bytes
    kind: Kind = "pictures"
    """A PNG, an HTML page to be framed, or an HTML file to be saved; also the first part of its path."""
    file_name: str = ""
    """Of a download."""


@dataclass
class _Place:
    thing: Blob
    holder: str
    key: bytes
    until: float


class BlobCache:
    """Things for one holder each, under addresses that nobody can guess; safe to use from any thread.

    A thing stays for ``seconds`` after it was last put, or until others need its room. Nothing is written to disk.

    Parameters
    ----------
    most_bytes
        Of all contents together.
    seconds
        Age at which a thing goes.
    clock
        Gives the time in seconds; never goes back.
    """

    def __init__(
        self, *, most_bytes: int = MOST_BYTES, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes, self._seconds, self._clock = most_bytes, seconds, clock
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()  # by token, the longest unused first
        self._tokens: dict[bytes, str] = {}
        self._bytes = 0
        self._timer: threading.Timer | None = None

    @property
    def size(self) -> int:
        """Bytes of all that lies here."""
        with self._lock:
            return self._bytes

    def put(self, thing: Blob, holder: str) -> str:
        """Keep a thing for a holder; return its path, the same one for the same bytes as long as they lie here.

        Raises
        ------
        BadInputError
            With code ``picture-too-large`` if it has no room even alone.
        """
        if len(thing.content) > self._most_bytes:
            raise BadInputError(
                f"At most {self._most_bytes >> 20:,} MB can be shown at once, but this picture takes "
                f"{len(thing.content) >> 20:,} MB; export it and open it in an image viewer.",
                code="picture-too-large",
            )
        key = _key(thing, holder)
        with self._lock:
            self._drop_old()
            token = self._tokens.get(key)
            if token is None:
                token = secrets.token_urlsafe(TOKEN_BYTES)
                self._places[token] = _Place(thing, holder, key, 0.0)
                self._tokens[key] = token
                self._bytes += len(thing.content)
            self._places[token].until = self._clock() + self._seconds
            self._places.move_to_end(token)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._places)))
            self._watch()
        return f"/{thing.kind}/{token}"

    def get(self, kind: str, token: str, holder: str) -> Blob | None:
        """Return a thing to its holder; None to anybody else, and for what is not here."""
        with self._lock:
            self._drop_old()
            place = self._places.get(token)
            if place is None or place.holder != holder or place.thing.kind != kind:
                return None
            self._places.move_to_end(token)
            return place.thing

    def forget(self) -> None:
        """Drop everything, as after a deletion."""
        with self._lock:
            for token in list(self._places):
                self._drop(token)

    def _drop(self, token: str) -> None:
        place = self._places.pop(token)
        del self._tokens[place.key]
        self._bytes -= len(place.thing.content)

    def _drop_old(self) -> None:
        now = self._clock()
        for token in [token for token, place in self._places.items() if place.until <= now]:
            self._drop(token)

    def _watch(self) -> None:
        """See to it that what is old goes even if nobody comes again."""
        if self._timer is None and self._places:
            wait = min(place.until for place in self._places.values()) - self._clock()
            self._timer = threading.Timer(max(0.0, wait), self._tidy)
            self._timer.daemon = True
            self._timer.start()

    def _tidy(self) -> None:
        with self._lock:
            self._timer = None
            self._drop_old()
            self._watch()


def _key(thing: Blob, holder: str) -> bytes:
    digest = hashlib.sha256()
    for part in (holder.encode(), thing.kind.encode(), thing.file_name.encode(), thing.content):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


BLOBS = BlobCache()
"""The dashboard's: pages and routes are of one process."""
