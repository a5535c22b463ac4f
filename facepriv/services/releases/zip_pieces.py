"""A zip archive made piece by piece, as it is sent."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

_OWNERS = 0o600 << 16
"""Mode of an unpacked file, where a zip has it."""


def zipped(files: Iterable[tuple[str, bytes]], changed: int) -> Iterator[bytes]:
    """Yield a zip archive of files, one piece a file and a last one.

    Images are packed already, so they are stored as they are.

    Parameters
    ----------
    files
        Path and content of each.
    changed
        When all of them were last changed, in seconds since 1970.
    """
    pieces = _Pieces()
    year, month, day, hour, minute, second = time.gmtime(changed)[:6]
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files:
            entry = zipfile.ZipInfo(path, (year, month, day, hour, minute, second))
            entry.external_attr = _OWNERS
            archive.writestr(entry, data)
            yield pieces.take()
    yield pieces.take()


class _Pieces(io.RawIOBase):
    """A stream that can only be written to; what was written is taken out piece by piece."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        """Return True: a zip archive asks."""
        return True

    def write(self, data: Any) -> int:
        """Keep what is written until it is taken."""
        self._written += data
        return memoryview(data).nbytes

    def take(self) -> bytes:
        """Return what was written since."""
        piece = bytes(self._written)
        self._written.clear()
        return piece
