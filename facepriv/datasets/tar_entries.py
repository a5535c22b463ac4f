"""Entries of a tar archive, packed or not, read once from front to back; what its headers claim is not trusted."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from facepriv.datasets.archive_entries import Entry, encoding_problem, too_many_entries
from facepriv.datasets.archive_names import choose_encoding
from facepriv.datasets.encodings import unreadable
from facepriv.datasets.files import is_litter
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import HEAD, archive_kind, sniff
from facepriv.types import Problem

MOST_AT_ONCE = 1 << 20
"""Most bytes that are read at once: no header of an honest archive is longer."""
_BLOCK = 512
_OPENERS: dict[str, Callable[[Path], Any]] = {
    "tar": lambda path: path.open("rb"),
    "gzip": gzip.open,
    "bzip2": bz2.open,
    "xz": lzma.open,
    "Zstandard": lambda path: _open_zstandard(path),
}
_UNPACKERS = {"RAR": "unrar x {name}", "compress": "uncompress {name}", "lzip": "lzip -d {name}"}
"""What unpacks archives that 7-Zip may not."""
_FAULTS = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


def find_form(archive: Path, name: str) -> str:
    """Return which archive a file is: ``zip``, ``tar``, or a tar packed by ``gzip``, ``bzip2``, ``xz``, ``Zstandard``.

    What is nothing known counts as a zip, since a program may stand before it. Raises BadInputError with code
    ``unsupported-archive`` for 7-Zip, RAR and others, ``not-an-archive`` for an image or a single packed file, and
    ``unreadable``.
    """
    try:
        with archive.open("rb") as file:
            head = file.read(_BLOCK)
    except OSError as error:
        raise unreadable(name, error) from error
    kind = archive_kind(head[:HEAD])
    if _is_tar(head):
        return "tar"
    if kind in _OPENERS:
        try:
            with _OPENERS[kind](archive) as stream:
                inside = stream.read(_BLOCK)
        except _FAULTS as error:
            raise _damaged(name) from error
        if _is_tar(inside):
            return kind
        raise BadInputError(
            f"{name} is a single file packed by {kind}, not an archive of images; unpack it, put it into a folder and "
            "import that.",
            code="not-an-archive",
        )
    if kind not in (None, "zip"):
        command = _UNPACKERS.get(kind, "7z x {name}").replace("{name}", name)
        raise BadInputError(
            f"{name} is a {kind} archive, which is not read; unpack it, for example with {command}, and import "
            "the folder, or pack the images as .zip or .tar.gz.",
            code="unsupported-archive",
        )
    if kind is None and (image := sniff(head[:HEAD])) is not None:
        raise BadInputError(
            f"{name} is one {image} image, but a folder or an archive of images was expected; name the folder that it "
            "is in.",
            code="not-an-archive",
        )
    return "zip"


def _is_tar(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        return type(error).__name__ == "EOFHeaderError" and len(block) == _BLOCK  # nothing but the end
    return True


@contextmanager
def tar_entries(
    archive: Path, form: str, name: str, max_entries: int, max_bytes: int, max_ratio: int, encoding: str | None
) -> Iterator[tuple[Iterator[Entry], list[Problem]]]:
    """Open a tar and give its entries, each to be read before the next, and what is to be told of their names.

    Raises BadInputError, while entries are taken, with code ``not-an-archive``, ``too-many-entries``,
    ``archive-too-large`` or ``archive-bomb``.
    """
    limits = (max_bytes + MOST_AT_ONCE + 4 * _BLOCK * max_entries, max_ratio)
    notes: list[Problem] = []

    def entries(opened: tarfile.TarFile) -> Iterator[Entry]:
        chosen = encoding
        unsaid = 0
        for member in _members(opened, name, max_entries):
            called = member.name
            raw = called.encode("utf-8", "surrogateescape")
            if not called.isascii() and (encoding is not None or _is_escaped(called)):
                if chosen is None:
                    chosen = choose_encoding(_raw_names(archive, form, name, max_entries, limits))
                called = raw.decode(chosen, "replace")
                unsaid += 1
                notes[:] = [encoding_problem(name, chosen, unsaid, called)]
            objection = None if member.isreg() or member.isdir() else "not-a-file"
            yield Entry(
                called.rstrip("/") + "/" if member.isdir() else called,
                archive.stat().st_size,
                objection,
                partial(_Content, opened, member, name),  # type: ignore[arg-type]
            )

    with _opened(archive, form, name, limits) as opened:
        yield entries(opened), notes


def _is_escaped(text: str) -> bool:
    return any("\udc80" <= char <= "\udcff" for char in text)


def _raw_names(archive: Path, form: str, name: str, max_entries: int, limits: tuple[int, int]) -> list[bytes]:
    """Return the names that are not UTF-8, from a reading of their own."""
    with _opened(archive, form, name, limits) as opened:
        return [
            member.name.encode("utf-8", "surrogateescape")
            for member in _members(opened, name, max_entries)
            if _is_escaped(member.name) and not is_litter(PurePosixPath(member.name).parts)
        ] or [b"\xff"]


def _members(opened: tarfile.TarFile, name: str, max_entries: int) -> Iterator[tarfile.TarInfo]:
    number = 0
    while True:
        try:
            member = opened.next()
        except BadInputError:
            raise
        except _FAULTS as error:
            raise _damaged(name) from error
        if member is None:
            return
        number += 1
        if number > max_entries:
            raise too_many_entries(name, f"more than {max_entries:,} entries", max_entries)
        yield member


@contextmanager
def _opened(archive: Path, form: str, name: str, limits: tuple[int, int]) -> Iterator[tarfile.TarFile]:
    with _OPENERS[form](archive) as stream:
        forward = _Forward(stream, name, archive.stat().st_size, limits)
        try:
            opened = tarfile.TarFile(fileobj=cast("IO[bytes]", forward), errors="surrogateescape")
        except BadInputError:
            raise
        except _FAULTS as error:
            raise _damaged(name) from error
        with opened:
            yield opened


class _Forward:
    """A stream that is only read forward, in small pieces, and not without end."""

    def __init__(self, stream: IO[bytes], name: str, packed: int, limits: tuple[int, int]) -> None:
        self._stream, self._name, self._packed = stream, name, packed
        self._max_bytes, self._max_ratio = limits
        self._place = 0

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._place

    def seek(self, place: int) -> int:
        """Go forward; a place behind cannot be reached again."""
        if place < self._place:
            raise tarfile.ReadError("an archive is read from front to back")
        while self._place < place and self.read(min(place - self._place, MOST_AT_ONCE)):
            pass
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raises BadInputError if the archive asks for too many, in all or at once."""
        if not 0 <= size <= MOST_AT_ONCE:
            raise BadInputError(
                f"{self._name} has a header of {size:,} bytes, far more than any name needs; pack the images again.",
                code="archive-bomb",
            )
        try:
            data = self._stream.read(size)
        except _FAULTS as error:
            raise _damaged(self._name) from error
        self._place += len(data)
        if self._place > self._max_bytes:
            raise BadInputError(
                f"{self._name} unpacks to more bytes than are allowed; split it, or raise FACEPRIV_MAX_UPLOAD_BYTES.",
                code="archive-too-large",
            )
        if self._place - MOST_AT_ONCE > self._max_ratio * max(self._packed, 1):
            raise BadInputError(
                f"{self._name} looks like a bomb: it unpacks to more than {self._max_ratio} times its size; pack the "
                "images again.",
                code="archive-bomb",
            )
        return bytes(data)


class _Content:
    """The content of one entry, while it is the current one."""

    def __init__(self, opened: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        self._file = opened.extractfile(member)
        self._name = name

    def __enter__(self) -> _Content:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, size: int) -> bytes:
        """Return the next bytes; raises BadInputError with code ``not-an-archive`` if the archive ends before."""
        try:
            return b"" if self._file is None else self._file.read(size)
        except BadInputError:
            raise
        except _FAULTS as error:
            raise _damaged(self._name) from error


def _open_zstandard(path: Path) -> Any:
    import pyarrow

    return pyarrow.input_stream(str(path), compression="zstd")


def _damaged(name: str) -> BadInputError:
    return BadInputError(
        f"{name} is not a complete tar archive: it is cut off or damaged; pack or upload it again.",
        code="not-an-archive",
    )
