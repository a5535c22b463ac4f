"""Entries of a zip archive, its directory measured before it is read."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from zlib import crc32

from facepriv.datasets.archive_entries import Entry, encoding_problem, too_many_entries
from facepriv.datasets.archive_names import choose_encoding
from facepriv.datasets.files import is_litter
from facepriv.datasets.zip_directory import measure_directory
from facepriv.errors import BadInputError
from facepriv.types import Problem

DIRECTORY_BYTES = 1024
"""Most bytes of an archive's directory for one entry, on average: a long name and some extra fields."""
SPARE_ENTRIES = 100
"""Entries that are added to an archive's own in that average, so that small archives may hold a long comment."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF8, _UNICODE_PATH = 0x800, 0x7075
"""Flag of names in UTF-8, and the extra field that holds one (APPNOTE.TXT of PKWARE, 4.4.4 and 4.6.9)."""
_TABLES = frozenset([".csv", ".tsv", ".txt"])
_MOST_TABLES, _MOST_OF_TABLE = 20, 1 << 20


@contextmanager
def zip_entries(
    archive: Path, name: str, max_entries: int, encoding: str | None
) -> Iterator[tuple[Iterator[Entry], list[Problem]]]:
    """Open a zip and give its entries, and what is to be told of their names.

    Raises BadInputError with code ``not-an-archive``, ``too-many-entries`` or ``archive-bomb``.
    """
    _check_directory(archive, name, max_entries)
    with _opened(archive, name) as opened:
        infos = opened.infolist()
        if len(infos) > max_entries:
            raise too_many_entries(name, f"{len(infos):,} entries", max_entries)
        names, notes = _names(opened, infos, name, encoding)
        yield (
            (
                Entry(called, info.compress_size, _objection(info), partial(opened.open, info))
                for called, info in zip(names, infos, strict=True)
            ),
            notes,
        )


def _check_directory(archive: Path, name: str, max_entries: int) -> None:
    """Raise BadInputError for a directory too large to be read as a whole; what is no zip is left to `_opened`."""
    try:
        with archive.open("rb") as file:
            directory = measure_directory(file, max_entries)
    except (OSError, ValueError, struct.error):
        return
    if directory is None:
        return
    if directory.entries > max_entries:
        raise too_many_entries(name, f"at least {directory.entries:,} entries", max_entries)
    if directory.bytes > DIRECTORY_BYTES * (directory.entries + SPARE_ENTRIES):
        raise BadInputError(
            f"{name} has a directory of {directory.bytes:,} bytes for {directory.entries:,} entries, far more than "
            "their names need; pack the images again without comments.",
            code="archive-bomb",
        )


def _opened(archive: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise BadInputError(
            f"{name} is not a complete zip archive; a zip or tar archive of images was expected, so pack or upload it "
            "again.",
            code="not-an-archive",
        ) from error


def _names(
    opened: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo], name: str, encoding: str | None
) -> tuple[list[str], list[Problem]]:
    """Return the names of all entries, and how those were read that do not say their encoding."""
    names = [_unicode_path(info) or info.orig_filename for info in infos]
    # `zipfile` reads bytes as code page 437 where nothing says what they are.
    unsaid = {
        place: raw
        for place, info in enumerate(infos)
        if not info.flag_bits & _UTF8
        and _unicode_path(info) is None
        and not (raw := info.orig_filename.encode("cp437", "replace")).isascii()
        and not is_litter(PurePosixPath(info.orig_filename).parts)
    }
    if not unsaid:
        return names, []
    chosen = encoding or choose_encoding(list(unsaid.values()), _texts(opened, infos))
    for place, raw in unsaid.items():
        names[place] = raw.decode(chosen, "replace")
    example = PurePosixPath(names[next(iter(unsaid))]).as_posix()
    return names, [encoding_problem(name, chosen, len(unsaid), example)]


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """Return the name in UTF-8 that an extra field holds, if it is of this name."""
    extra, place = info.extra, 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        field = extra[place + 4 : place + 4 + size]
        place += 4 + size
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            raw = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "replace")
            if struct.unpack_from("<L", field, 1)[0] == crc32(raw):
                try:
                    return field[5:].decode("utf-8")
                except UnicodeDecodeError:
                    return None
    return None


def _texts(opened: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo]) -> list[bytes]:
    """Return the beginnings of tables in the archive, which may write the entries' names."""
    texts = []
    tables = [info for info in infos if PurePosixPath(info.orig_filename).suffix.casefold() in _TABLES]
    for info in tables[:_MOST_TABLES]:
        try:
            with opened.open(info) as stream:
                texts.append(stream.read(_MOST_OF_TABLE))
        except Exception:  # noqa: S112 - unpacking tells what is damaged
            continue
    return texts


def _objection(info: zipfile.ZipInfo) -> str | None:
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "not-a-file"
    if info.flag_bits & 0x2041:  # bits 0, 6 and 13: encryption, strong encryption, masked headers (APPNOTE 4.4.4)
        return "encrypted"
    return None if info.compress_type in _METHODS else "unsupported-compression"
