"""Cache in the server's memory of images and files that a page shows to one person for a while."""

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
"""Most bytes of a cache; the least recently used blobs go first."""
SECONDS = 3600.0
"""How long a blob is kept after it was last saved."""
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
class _Entry:
    blob: Blob
    holder: str
    key: bytes
    until: float


class BlobCache:
    """Blobs for one holder each, under addresses that nobody can guess; safe to use from any thread.

    A blob is kept for ``seconds`` after it was last saved, or until others need its room. Nothing is written to disk.

    Parameters
    ----------
    most_bytes
        Most bytes of all blobs together.
    seconds
        Age at which a blob is dropped.
    clock
        Returns the time in seconds; never goes back.
    """

    def __init__(
        self, *, most_bytes: int = MOST_BYTES, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes, self._seconds, self._clock = most_bytes, seconds, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # by token, the longest unused first
        self._tokens: dict[bytes, str] = {}
        self._bytes = 0
        self._timer: threading.Timer | None = None

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        with self._lock:
            return self._bytes

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
        key = _key(blob, holder)
        with self._lock:
            self._drop_old()
            token = self._tokens.get(key)
            if token is None:
                token = secrets.token_urlsafe(TOKEN_BYTES)
                self._entries[token] = _Entry(blob, holder, key, 0.0)
                self._tokens[key] = token
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
        del self._tokens[entry.key]
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


def _key(blob: Blob, holder: str) -> bytes:
    digest = hashlib.sha256()
    for part in (holder.encode(), blob.kind.encode(), blob.file_name.encode(), blob.content):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


BLOBS = BlobCache()
"""The cache of the dashboard, whose pages and routes are in one process."""
