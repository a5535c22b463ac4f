"""Safe unpacking of an uploaded zip."""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from facepriv.datasets.files import is_litter, printable
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.zip_directory import measure_directory
from facepriv.errors import BadInputError, StoreError
from facepriv.types import Problem

MAX_RATIO = 200
"""Most unpacked bytes for one packed byte: photos stay under 5 even as bitmaps, tables under 50, bombs near 1,000."""
RATIO_FROM = 1 << 20
"""Unpacked bytes of an entry from which its ratio is looked at: small files of text may pack very well."""
DIRECTORY_BYTES = 1024
"""Most bytes of an archive's directory for one entry, on average: a long name and some extra fields."""
SPARE_ENTRIES = 100
"""Entries that are added to an archive's own in that average, so that small archives may hold a long comment."""
_CHUNK = 1 << 18
_ARCHIVE_NAMES = ".zip .tar .gz .tgz .bz2 .tbz .xz .txz .zst .7z .rar .jar"
_ARCHIVES = frozenset(_ARCHIVE_NAMES.split())
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_SENTENCES: dict[str, tuple[str, str]] = {
    "unsafe-path": (
        "The archive's entry {name} points outside the archive and was not unpacked; pack a folder with plain names.",
        "{n} entries of the archive ({first}) point outside it and were not unpacked; pack a folder with plain names.",
    ),
    "bad-name": (
        "The archive's entry {name} has a name that no file can have here and was not unpacked; rename it.",
        "{n} entries of the archive ({first}) have names that no file can have here and were not unpacked; "
        "rename them.",
    ),
    "not-a-file": (
        "The archive's entry {name} is a link or a device, not a file, and was not unpacked; pack the file itself.",
        "{n} entries of the archive ({first}) are links or devices, not files, and were not unpacked; "
        "pack the files themselves.",
    ),
    "encrypted": (
        "The archive's entry {name} is encrypted and was not unpacked; pack it again without a password.",
        "{n} entries of the archive ({first}) are encrypted and were not unpacked; pack them without a password.",
    ),
    "nested-archive": (
        "The archive's entry {name} is an archive itself and was not unpacked; unpack it first and pack its files.",
        "{n} entries of the archive ({first}) are archives themselves and were not unpacked; "
        "unpack them first and pack their files.",
    ),
    "duplicate-name": (
        "The archive holds {name} more than once, upper and lower case taken as equal; only the first was unpacked.",
        "{n} entries of the archive ({first}) have the name of an earlier one, upper and lower case taken as equal, "
        "and were not unpacked; rename them.",
    ),
    "unsupported-compression": (
        "The archive's entry {name} is packed by a method that is not read; pack it again as an ordinary zip.",
        "{n} entries of the archive ({first}) are packed by a method that is not read; pack them as an ordinary zip.",
    ),
    "broken-entry": (
        "The archive's entry {name} is damaged and was not unpacked; pack or upload it again.",
        "{n} entries of the archive ({first}) are damaged and were not unpacked; pack or upload them again.",
    ),
}


@contextmanager
def whole_folder(target: Path, name: str) -> Iterator[Path]:
    """Give a folder to unpack an archive into; at the end of the block it becomes ``target``, or nothing is left.

    Raises StoreError if the disk is full or does not take files.
    """
    work = Path(tempfile.mkdtemp(prefix=".unpack-", dir=target.parent))
    try:
        yield work
        if target.exists():
            target.rmdir()
        work.replace(target)
    except OSError as error:
        raise StoreError(
            f"{name} could not be unpacked ({error.strerror or error}); make room and check the data folder."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def unpack(
    archive: Path, target: Path, *, name: str, max_entries: int, max_bytes: int, max_ratio: int = MAX_RATIO
) -> list[Problem]:
    """Unpack a zip into ``target``, which must not exist or be empty.

    The bytes are counted while they are written, since an archive's own figures may lie.

    Parameters
    ----------
    name
        Name of the archive for errors.
    max_entries, max_bytes, max_ratio
        Most entries, most bytes unpacked in all, most bytes unpacked for one packed byte of an entry.

    Returns
    -------
    list of Problem
        Entries that were not unpacked, and why; leftovers of operating systems (``__MACOSX``, ``._*``, hidden files,
        ``Thumbs.db``) are passed over in silence.

    Raises
    ------
    BadInputError
        With code ``not-an-archive``, ``too-many-entries``, ``archive-bomb``, ``archive-too-large``,
        ``empty-archive`` (nothing usable inside) or ``target-not-empty``; nothing is left on disk then.
    StoreError
        If the disk is full or does not take files; nothing is left on it either.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInputError(f"{target.name} exists and is not empty; unpack elsewhere.", code="target-not-empty")
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(target, name) as work:
        _check_directory(archive, name, max_entries)
        with _opened(archive, name) as opened:
            entries = opened.infolist()
            if len(entries) > max_entries:
                raise _too_many(name, f"{len(entries):,} entries", max_entries)
            unpacking = _Unpacking(opened, archive.stat().st_size, work, name, max_bytes, max_ratio)
            for entry in entries:
                unpacking.take(entry)
        problems = unpacking.problems()
        if not any(path.is_file() for path in work.rglob("*")):
            reasons = "; ".join(problem.sentence for problem in problems[:2]) or "It is empty."
            raise BadInputError(f"{name} holds no file that can be unpacked. {reasons}", code="empty-archive")
    return problems


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
        raise _too_many(name, f"at least {directory.entries:,} entries", max_entries)
    if directory.bytes > DIRECTORY_BYTES * (directory.entries + SPARE_ENTRIES):
        raise BadInputError(
            f"{name} has a directory of {directory.bytes:,} bytes for {directory.entries:,} entries, far more than "
            "their names need; pack the images again without comments.",
            code="archive-bomb",
        )


def _too_many(name: str, came: str, most: int) -> BadInputError:
    return BadInputError(
        f"{name} has {came}, more than the {most:,} allowed; split it, or raise FACEPRIV_MAX_ARCHIVE_ENTRIES.",
        code="too-many-entries",
    )


def _opened(archive: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise BadInputError(
            f"{name} is not a complete zip archive; a .zip of images was expected, so pack or upload it again.",
            code="not-an-archive",
        ) from error


class _Unpacking:
    """The unpacking of one archive into one folder."""

    def __init__(
        self, archive: zipfile.ZipFile, packed: int, work: Path, name: str, max_bytes: int, max_ratio: int
    ) -> None:
        self.archive, self.packed, self.work, self.name = archive, packed, work, name
        self.max_bytes, self.max_ratio = max_bytes, max_ratio
        self.written = 0
        self.refused: dict[str, list[str]] = {}
        self._taken: dict[str, str] = {}  # folded path -> "file" or "folder"

    def take(self, entry: zipfile.ZipInfo) -> None:
        """Unpack one entry, or collect why it was refused."""
        shown = _shown(entry.orig_filename)
        raw = entry.orig_filename.replace("\\", "/")
        if is_litter(PurePosixPath(raw).parts):
            return
        reason = _objection(entry, raw)
        if reason is None and not raw.endswith("/"):
            # One spelling of accented letters, whichever system packed them, so that label files match.
            path = PurePosixPath(unicodedata.normalize("NFC", raw))
            reason = self._claim(path) or self._write(entry, path)
        if reason is not None:
            self.refused.setdefault(reason, []).append(shown)

    def _claim(self, path: PurePosixPath) -> str | None:
        key = path.as_posix().casefold()
        above = [parent.as_posix().casefold() for parent in path.parents if parent.name]
        if key in self._taken or any(self._taken.get(folder) == "file" for folder in above):
            return "duplicate-name"
        self._taken[key] = "file"
        self._taken.update(dict.fromkeys(above, "folder"))
        return None

    def _write(self, entry: zipfile.ZipInfo, path: PurePosixPath) -> str | None:
        place = self.work.joinpath(*path.parts)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            target = place.open("xb")  # never follows or overwrites what is there
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and shutil.disk_usage(self.work).free < _CHUNK:
                raise
            return "bad-name"
        try:
            with target, self.archive.open(entry) as source:
                self._copy(entry, source, target)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
            if isinstance(error, BadInputError):
                raise
            with contextlib.suppress(OSError):
                place.unlink()
            return "broken-entry"
        return None

    def _copy(self, entry: zipfile.ZipInfo, source: IO[bytes], target: IO[bytes]) -> None:
        size = 0
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            self.written += len(chunk)
            if self.written > self.max_bytes:
                raise BadInputError(
                    f"{self.name} unpacks to more than the {self.max_bytes:,} bytes allowed; split it, "
                    "or raise FACEPRIV_MAX_UPLOAD_BYTES.",
                    code="archive-too-large",
                )
            # A packed size larger than the archive is a lie; entries that share bytes show in the total.
            packed = max(min(entry.compress_size, self.packed), 1)
            total_ratio_exceeded = self.written - RATIO_FROM > self.max_ratio * self.packed
            if max(size - RATIO_FROM, 0) > self.max_ratio * packed or total_ratio_exceeded:
                raise BadInputError(
                    f"{self.name} looks like a zip bomb: {_shown(entry.orig_filename)} unpacks to more than "
                    f"{self.max_ratio} times its packed size; pack the images without it.",
                    code="archive-bomb",
                )
            target.write(chunk)

    def problems(self) -> list[Problem]:
        """Return what was refused."""
        problems: list[Problem] = []
        for code, (one, many) in _SENTENCES.items():
            problems += summarise_problems(code, self.refused.get(code, []), one=one, many=many)
        return problems


def _shown(name: str) -> str:
    """Return an entry's name fit for a sentence: printable and short."""
    plain = printable(name)
    return plain if len(plain) <= 80 else f"{plain[:77]}..."


def _objection(entry: zipfile.ZipInfo, raw: str) -> str | None:
    parts = raw.split("/")
    if raw.startswith("/") or re.match(r"[A-Za-z]:", raw) or ".." in parts:
        return "unsafe-path"
    if any(ord(c) < 32 or c == "\x7f" for c in raw) or not raw.strip("/. "):
        return "bad-name"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "not-a-file"
    if raw.endswith("/"):
        return None
    if entry.flag_bits & 0x2041:  # bits 0, 6 and 13: encryption, strong encryption, masked headers (APPNOTE 4.4.4)
        return "encrypted"
    if PurePosixPath(raw).suffix.casefold() in _ARCHIVES:
        return "nested-archive"
    if entry.compress_type not in _METHODS:
        return "unsupported-compression"
    return None
