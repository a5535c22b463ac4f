"""Files in the folder of a data set: candidates for images, tables, the rest."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.tables import FORMATS, is_table_name
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import (
    HEAD,
    archive_kind,
    camera_raw_sentence,
    find_camera_raw,
    foreign_image,
    inflate_start,
    is_readable_name,
    sniff,
    suffix_of,
    unpacked_name,
)
from facepriv.types import Problem

_TEXTS = frozenset([".txt", ".md", ".html", ".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".xml", ".py", ".r", ".tem"])
"""Endings of texts, which may begin like an image by chance."""
_LITTER = frozenset(["__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"])
_IDLE_PART = re.compile(r"(?:^|/)\.?(?:/|$)")
"""An empty or a single-dot part of a path."""
_WEAK = frozenset(["BMP", "PPM", "TGA", "PCX"])
"""Formats whose first bytes a text may have by chance."""


@dataclass(frozen=True)
class Files:
    """Names inside a folder, POSIX separators, sorted by code point."""

    images: tuple[str, ...]
    """Named or looking like images; only decoding decides."""
    tables: tuple[str, ...]
    """CSV and TSV files, those nearest the top first."""
    others: tuple[str, ...]
    """Neither; hidden files and leftovers of operating systems are left out everywhere, and told as problems."""
    problems: tuple[Problem, ...] = ()
    closed: bool = False
    """Whether nothing outside the folder may be read, not even the data set's own lists beside it."""
    left_out: tuple[str, ...] = ()
    """Names of the files that the problems are about, and of folders and links."""
    lists: set[str] = field(default_factory=set, compare=False)
    """Names of the lists of a data set that a reader has asked for and found."""

    @property
    def total(self) -> int:
        """Count all files, and folders and links that are left out."""
        return len(self.images) + len(self.tables) + len(self.others) + len(self.left_out)


def is_litter(parts: Sequence[str]) -> bool:
    """Return whether a path is hidden or a leftover of an operating system: ``__MACOSX``, ``._*``, ``Thumbs.db``."""
    return any((part.startswith(".") and part not in (".", "..")) or part.casefold() in _LITTER for part in parts)


def name_key(name: str) -> str:
    """Return a file name folded so that its spellings are equal: separators, case, composed letters, ``./``."""
    plain = name if name.isascii() or name.isprintable() else "".join(map(_printable, name))
    folded = unicodedata.normalize("NFC", plain.strip().replace("\\", "/")).casefold()
    # Few names hold an empty or a single-dot part, and a path object takes far longer to make than the rest.
    return folded if folded and _IDLE_PART.search(folded) is None else PurePosixPath(folded).as_posix()


def name_stem(name: str) -> str:
    """Return the last part of a name without its extension, as `pathlib` does, and without one of a compression."""
    last = unpacked_name(name[name.rfind("/") + 1 :])
    dot = last.rfind(".")
    return last[:dot] if 0 < dot < len(last) - 1 else last


def list_files(folder: Path, *, closed: bool = False) -> Files:
    """List a folder and all below it without following links to folders; problems report what cannot be read.

    ``closed`` is as in `Files`. Raises BadInputError with code ``not-a-folder``.
    """
    if not folder.is_dir():
        raise BadInputError(
            f"{folder.name} is not a folder; name a folder of images, or a zip of one.", code="not-a-folder"
        )
    images: list[str] = []
    tables: list[str] = []
    others: list[str] = []
    left_out: dict[tuple[str, str], list[str]] = {}
    for name, reason in _walk(folder):
        if reason or not is_harmless(name):
            left_out.setdefault((reason or "bad-name", ""), []).append(printable(name))
        elif is_table_name(name):
            tables.append(name)
        else:
            kind, which = _kind_of(folder / name, name)
            if kind == "image":
                images.append(name)
            elif kind == "other":
                others.append(name)
            else:
                left_out.setdefault((kind, which), []).append(name)
    problems = [
        problem
        for (code, which), names in sorted(left_out.items())
        for problem in _left_out_problems(code, which, sorted(names))
    ]
    # A table that is called like an image beside it is about that image alone: a sidecar, or its landmarks.
    shown = {each for name in images for each in (name, name.removesuffix(suffix_of(name)))}
    beside = {name for name in tables if suffix_of(name) in FORMATS and name.removesuffix(suffix_of(name)) in shown}
    others += beside
    tables = [name for name in tables if name not in beside]
    tables.sort(key=lambda n: (n.count("/"), n))
    return Files(
        tuple(sorted(images)),
        tuple(tables),
        tuple(sorted(others)),
        tuple(problems),
        closed=closed,
        left_out=tuple(name for names in left_out.values() for name in names),
    )


def _kind_of(path: Path, name: str) -> tuple[str, str]:
    """Return ``image``, ``other``, ``camera-raw`` or ``unsupported-format`` and, of the last two, which it is.

    What is called like a usual image counts as one unopened: decoding tells if it is none.
    """
    end = suffix_of(name)
    if end in _USUAL:
        return "image", ""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            raw = find_camera_raw(file, name)
            if raw is not None:
                return "camera-raw", raw
            kind = sniff(head, name) or _inside(head, file, name)
    except OSError:
        kind = None
        head = b""
    if kind is not None and not (end in _TEXTS and kind in _WEAK):
        return "image", ""
    foreign = foreign_image(head, name)
    if foreign is not None:
        return "unsupported-format", foreign
    return ("image" if is_readable_name(name) else "other"), ""


_USUAL = frozenset([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"])


def _inside(head: bytes, file: IO[bytes], name: str) -> str | None:
    """Name the format of an image that is compressed as a whole, as FERET's are."""
    if archive_kind(head) not in ("gzip", "bzip2", "xz"):
        return None
    file.seek(0)
    start = inflate_start(file)
    return sniff(start, unpacked_name(name))


_SENTENCES = {
    "linked-folder": (
        "{name} is a link to a folder and was not followed; put the folder itself in its place.",
        "{n} names ({first}) are links to folders and were not followed; put the folders themselves in their places.",
    ),
    "special-file": (
        "{name} is a pipe or a device, not a file, and was left out.",
        "{n} names ({first}) are pipes or devices, not files, and were left out.",
    ),
    "bad-name": (
        "The file {name} has a name with unprintable characters and was left out; rename it.",
        "{n} files ({first}) have names with unprintable characters and were left out; rename them.",
    ),
    "unreadable-folder": (
        "The folder {name} cannot be read, so all in it was left out; make it readable and import again.",
        "{n} folders ({first}) cannot be read, so all in them was left out; make them readable and import again.",
    ),
    "broken-link": (
        "{name} is a link to a file that is not there and was left out; put the file itself in its place.",
        "{n} names ({first}) are links to files that are not there and were left out; "
        "put the files themselves in their places.",
    ),
    "system-file": (
        "{name} is hidden or a leftover of an operating system and was left out.",
        "{n} files ({first}) are hidden or leftovers of an operating system and were left out.",
    ),
}


def _left_out_problems(code: str, which: str, names: Sequence[str]) -> list[Problem]:
    """Return what is told of files that are left out for one reason; ``which`` is the format of images."""
    if code not in ("camera-raw", "unsupported-format"):
        one, many = _SENTENCES[code]
        return summarise_problems(code, names, one=one, many=many)
    if code == "camera-raw":
        one = camera_raw_sentence("{name}", which)
        many = (
            f"{{n}} files ({{first}}) are camera raws ({which}), which are not read, and the small previews inside "
            "them are no photographs of use; develop them to JPEG or TIFF with the camera's own software or darktable."
        )
    else:
        end = names[0][-len(suffix_of(names[0])) :] if suffix_of(names[0]) else ""  # as it is written
        convert = f"magick mogrify -format png '*{end}'" if end else "magick mogrify -format png FILES"
        one = f"{{name}} is of the format {which}, which is not read; convert it, for example with: {convert}"
        many = (
            f"{{n}} files ({{first}}) are of the format {which}, which is not read; convert them, for example with: "
            f"{convert}"
        )
    return summarise_problems(code, names, one=one, many=many, few=1)


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the names of all files, links to files included, and why one is left out, if it is.

    Folders that cannot be read and links that are not followed are yielded, too.
    """
    folders = [""]
    while folders:
        above = folders.pop()
        try:
            with os.scandir(folder / above) as entries:
                listing = list(entries)
        except OSError:
            yield above.rstrip("/"), "unreadable-folder"
            continue
        for entry in listing:
            name = f"{above}{entry.name}"
            if _is(entry.is_file):
                yield name, "system-file" if is_litter(name.split("/")) else ""
            elif entry.is_symlink() and is_litter([entry.name]):
                yield name, "system-file"
            elif entry.is_symlink():
                yield name, "linked-folder" if Path(entry.path).exists() else "broken-link"
            elif _is(entry.is_dir):
                folders.append(f"{name}/")
            else:
                yield name, "special-file"


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:
        return False


def printable(name: str) -> str:
    """Return a name with a question mark for each character that cannot be printed."""
    return name if name.isprintable() else "".join(map(_printable, name))


def is_harmless(name: str) -> bool:
    """Return whether a name can be shown: other spaces and joiners do no harm, what turns the writing round does."""
    return (name.isprintable() or "?" not in "".join(map(_printable, name.replace("?", "")))) and "\ufffd" not in name


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    kind = unicodedata.category(char)
    if kind == "Zs":
        return " "
    return "" if kind == "Cf" and char not in _TURNING else "?"


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that make a name read otherwise than it is written."""
