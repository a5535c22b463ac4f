"""Safe unpacking of an uploaded zip or tar archive."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from facepriv.datasets.archive_entries import Entry, too_many_entries
from facepriv.datasets.archive_names import check_encoding
from facepriv.datasets.files import is_litter, printable
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.tar_entries import find_form, tar_entries
from facepriv.datasets.zip_entries import zip_entries
from facepriv.errors import BadInputError, StoreError
from facepriv.imaging.file_formats import is_image_name
from facepriv.trees import files_below, remove_tree
from facepriv.types import Problem

MAX_RATIO = 200
"""Most unpacked bytes for one packed byte: photos stay under 5 even as bitmaps, tables under 50, bombs near 1,000."""
MAX_PARTS = 30
"""Most parts of a path; data sets have under ten."""
RATIO_FROM = 1 << 20
"""Unpacked bytes of an entry from which its ratio is looked at: small files of text may pack very well."""
_CHUNK = 1 << 18
_ARCHIVE_NAMES = ".zip .tar .gz .tgz .bz2 .tbz .xz .txz .zst .7z .rar .jar"
_ARCHIVES = frozenset(_ARCHIVE_NAMES.split())

_SENTENCES: dict[str, tuple[str, str]] = {
    "unsafe-path": (
        "The archive's entry {name} points outside the archive and was not unpacked; pack a folder with plain names.",
        "{n} entries of the archive ({first}) point outside it and were not unpacked; pack a folder with plain names.",
    ),
    "too-deep": (
        f"The archive's entry {{name}} lies in more than {MAX_PARTS - 1} folders within each other and was not "
        "unpacked; pack the images in fewer folders.",
        f"{{n}} entries of the archive ({{first}}) lie in more than {MAX_PARTS - 1} folders within each other and were "
        "not unpacked; pack the images in fewer folders.",
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
    "system-file": (
        "The archive's entry {name} is hidden or a leftover of an operating system and was left out.",
        "{n} entries of the archive ({first}) are hidden or leftovers of an operating system and were left out.",
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
        remove_tree(work)


def unpack(
    archive: Path,
    target: Path,
    *,
    name: str,
    max_entries: int,
    max_bytes: int,
    max_ratio: int = MAX_RATIO,
    name_encoding: str | None = None,
) -> list[Problem]:
    """Unpack a zip or a tar archive, packed by gzip, bzip2, xz, Zstandard or not at all, into ``target``.

    The target must not exist or be empty. The bytes are counted while they are written, since an archive's own figures
    may lie; a tar is read from front to back.

    Parameters
    ----------
    name
        Name of the archive for errors.
    max_entries, max_bytes, max_ratio
        Most entries, folders that they lie in included; most bytes unpacked in all; most bytes unpacked for one packed
        byte of an entry.
    name_encoding
        Encoding of the names that do not say theirs; by default the likeliest one, which a problem tells.

    Returns
    -------
    list of Problem
        Entries that were not unpacked, and why, leftovers of operating systems among them (``__MACOSX``, ``._*``,
        hidden files, ``Thumbs.db``); and with code ``name-encoding`` how names were read.

    Raises
    ------
    BadInputError
        With code ``not-an-archive``, ``unsupported-archive`` (7-Zip, RAR and others), ``too-many-entries``,
        ``archive-bomb``, ``archive-too-large``, ``empty-archive`` (nothing usable inside), ``bad-name-encoding`` or
        ``target-not-empty``; nothing is left on disk then.
    StoreError
        If the disk is full or does not take files; nothing is left on it either.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInputError(f"{target.name} exists and is not empty; unpack elsewhere.", code="target-not-empty")
    encoding = None if name_encoding is None else check_encoding(name_encoding)
    form = find_form(archive, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(target, name) as work:
        unpacking = _Unpacking(work, archive.stat().st_size, name, max_entries, max_bytes, max_ratio)
        opened = (
            zip_entries(archive, name, max_entries, encoding)
            if form == "zip"
            else tar_entries(archive, form, name, max_entries, max_bytes, max_ratio, encoding)
        )
        with opened as (entries, notes):
            for entry in entries:
                unpacking.take(entry)
        problems = [*unpacking.problems(), *notes]
        if not any(files_below(work)):
            reasons = "; ".join(problem.sentence for problem in problems[:2]) or "It is empty."
            raise BadInputError(f"{name} holds no file that can be unpacked. {reasons}", code="empty-archive")
    return problems


class _Unpacking:
    """The unpacking of one archive into one folder."""

    def __init__(self, work: Path, packed: int, name: str, max_entries: int, max_bytes: int, max_ratio: int) -> None:
        self.packed, self.work, self.name = packed, work, name
        self.max_entries, self.max_bytes, self.max_ratio = max_entries, max_bytes, max_ratio
        self.written = 0
        self.refused: dict[str, list[str]] = {}
        self._taken: dict[str, str] = {}  # folded path -> "file" or "folder"

    def take(self, entry: Entry) -> None:
        """Unpack one entry, or collect why it was refused."""
        raw = entry.name.replace("\\", "/")
        if is_litter(PurePosixPath(raw).parts):
            reason = None if raw.endswith("/") else "system-file"
        else:
            reason = _objection(entry, raw)
            if reason is None and not raw.endswith("/"):
                # One spelling of accented letters, whichever system packed them, so that label files match.
                path = PurePosixPath(unicodedata.normalize("NFC", raw))
                reason = self._claim(path) or self._write(entry, path)
        if reason is not None:
            self.refused.setdefault(reason, []).append(_shown(entry.name))

    def _claim(self, path: PurePosixPath) -> str | None:
        key = path.as_posix().casefold()
        above = [parent.as_posix().casefold() for parent in path.parents if parent.name]
        if key in self._taken or any(self._taken.get(folder) == "file" for folder in above):
            return "duplicate-name"
        self._taken[key] = "file"
        self._taken.update(dict.fromkeys(above, "folder"))
        if len(self._taken) > self.max_entries:
            raise too_many_entries(self.name, f"more than {self.max_entries:,} files and folders", self.max_entries)
        return None

    def _write(self, entry: Entry, path: PurePosixPath) -> str | None:
        place = self.work.joinpath(*path.parts)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            target = place.open("xb")  # never follows or overwrites what is there
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and shutil.disk_usage(self.work).free < _CHUNK:
                raise
            return "bad-name"
        try:
            with target, entry.open() as source:
                self._copy(entry, source, target)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
            if isinstance(error, BadInputError):
                raise
            with contextlib.suppress(OSError):
                place.unlink()
            return "broken-entry"
        return None

    def _copy(self, entry: Entry, source: IO[bytes], target: IO[bytes]) -> None:
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
            packed = max(min(entry.packed, self.packed), 1)
            total_ratio_exceeded = self.written - RATIO_FROM > self.max_ratio * self.packed
            if max(size - RATIO_FROM, 0) > self.max_ratio * packed or total_ratio_exceeded:
                raise BadInputError(
                    f"{self.name} looks like a zip bomb: {_shown(entry.name)} unpacks to more than "
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


def _objection(entry: Entry, raw: str) -> str | None:
    parts = raw.split("/")
    if raw.startswith("/") or re.match(r"[A-Za-z]:", raw) or ".." in parts:
        return "unsafe-path"
    if any(ord(c) < 32 or c == "\x7f" for c in raw) or not raw.strip("/. "):
        return "bad-name"
    if entry.objection == "not-a-file" or raw.endswith("/"):
        return entry.objection if entry.objection == "not-a-file" else None
    if entry.objection == "encrypted":
        return "encrypted"
    if PurePosixPath(raw).suffix.casefold() in _ARCHIVES and not is_image_name(raw):
        return "nested-archive"
    return "too-deep" if len(PurePosixPath(raw).parts) > MAX_PARTS else entry.objection
