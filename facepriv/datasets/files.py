"""Files in the folder of a data set: candidates for images, tables, the rest."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facepriv.datasets.problems import summarise_problems
from facepriv.errors import BadInputError
from facepriv.imaging.decode import sniff
from facepriv.types import Problem

_READABLE = ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm"
# Images that are not readable: decoding reports them, so that none is passed over in silence.
_FOREIGN = ".gif .heic .heif .avif .jp2 .jxl .psd .svg .raw .dng .cr2 .nef .arw"
_IMAGES = frozenset([*_READABLE.split(), *_FOREIGN.split()])
_TABLES = frozenset([".csv", ".tsv"])
_NOT_IMAGES = ".txt .md .rst .html .htm .json .yaml .yml .xml .pdf .doc .docx .xls .xlsx .py .r .tem"
_TEXTS = frozenset(_NOT_IMAGES.split())
_IDLE_PART = re.compile(r"(?:^|/)\.?(?:/|$)")
"""An empty or a single-dot part of a path."""
_LITTER = frozenset(["__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"])


@dataclass(frozen=True)
class Files:
    """Names inside a folder, POSIX separators, sorted by code point."""

    images: tuple[str, ...]
    """Named or looking like images; only decoding decides."""
    tables: tuple[str, ...]
    """CSV and TSV files, those nearest the top first."""
    others: tuple[str, ...]
    """Neither; hidden files and leftovers of operating systems are left out everywhere."""
    problems: tuple[Problem, ...] = ()
    closed: bool = False
    """Whether nothing outside the folder may be read, not even the data set's own lists beside it."""


def is_litter(parts: Sequence[str]) -> bool:
    """Return whether a path is hidden or a leftover of an operating system: ``__MACOSX``, ``._*``, ``Thumbs.db``."""
    return any((part.startswith(".") and part not in (".", "..")) or part.casefold() in _LITTER for part in parts)


def is_image_name(name: str) -> bool:
    """Return whether a file name ends like that of an image."""
    return _suffix(name) in _IMAGES


def name_key(name: str) -> str:
    """Return a file name folded so that its spellings are equal: separators, case, composed letters, ``./``."""
    folded = unicodedata.normalize("NFC", name.strip().replace("\\", "/")).casefold()
    # Few names hold an empty or a single-dot part, and a path object takes far longer to make than the rest.
    return folded if folded and _IDLE_PART.search(folded) is None else PurePosixPath(folded).as_posix()


def name_stem(name: str) -> str:
    """Return the last part of a name without its extension, as `pathlib` does."""
    last = name[name.rfind("/") + 1 :]
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
    unnameable: list[str] = []
    walk = _Walk(folder)
    for name in walk.files():
        if not name.isprintable() or "\ufffd" in name:
            unnameable.append(printable(name))
        else:
            suffix = _suffix(name)
            if suffix in _TABLES:
                tables.append(name)
            elif suffix in _IMAGES or (suffix not in _TEXTS and _looks_like_image(folder / name)):
                images.append(name)
            else:
                others.append(name)
    problems = summarise_problems(
        "bad-name",
        unnameable,
        one="The file {name} has a name with unprintable characters and was left out; rename it.",
        many="{n} files ({first}) have names with unprintable characters and were left out; rename them.",
    )
    problems += summarise_problems(
        "unreadable-folder",
        sorted(walk.unreadable),
        one="The folder {name} cannot be read, so all in it was left out; make it readable and import again.",
        many="{n} folders ({first}) cannot be read, so all in them was left out; make them readable and import again.",
    )
    problems += summarise_problems(
        "broken-link",
        sorted(walk.broken),
        one="{name} is a link to a file that is not there and was left out; put the file itself in its place.",
        many="{n} names ({first}) are links to files that are not there and were left out; "
        "put the files themselves in their places.",
    )
    tables.sort(key=lambda n: (n.count("/"), n))
    return Files(tuple(sorted(images)), tuple(tables), tuple(sorted(others)), tuple(problems), closed)


class _Walk:
    """One walk through a folder, which collects what it could not read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unreadable: list[str] = []
        self.broken: list[str] = []

    def files(self) -> Iterator[str]:
        """Yield the names of all files, links to files included, without pipes, devices and leftovers."""
        folders = [""]
        while folders:
            above = folders.pop()
            try:
                with os.scandir(self._folder / above) as entries:
                    listing = list(entries)
            except OSError:
                self.unreadable.append(printable(above.rstrip("/")))
                continue
            for entry in listing:
                if is_litter([entry.name]):
                    continue
                name = f"{above}{entry.name}"
                if _is(entry.is_file):
                    yield name
                elif entry.is_symlink():
                    if not Path(entry.path).exists():
                        self.broken.append(printable(name))
                elif _is(entry.is_dir):
                    folders.append(f"{name}/")


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:
        return False


def printable(name: str) -> str:
    """Return a name with a question mark for each character that cannot be printed."""
    return "".join(c if c.isprintable() else "?" for c in name)


def _suffix(name: str) -> str:
    """Return the extension of a file name in lower case with its dot; empty if it has none."""
    last = name[name.rfind("/") + 1 :]
    dot = last.rfind(".")
    return last[dot:].casefold() if 0 < dot < len(last) - 1 else ""


def _looks_like_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff(file.read(16)) is not None
    except OSError:
        return False


class FileFinder:
    """Finds the files that the names in a label table refer to.

    Tried in this order: the path from the table's folder; the path from the data set's folder; a path that ends in
    the other; the bare file name; the name without extension. Only a single match counts.
    """

    def __init__(self, files: Sequence[str], base: str = "") -> None:
        self.base = base
        self._paths: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        for file in files:
            path = name_key(file)
            self._paths.setdefault(path, []).append(file)
            self._names.setdefault(path.rpartition("/")[2], []).append(file)
            self._stems.setdefault(name_stem(path), []).append(file)

    def find(self, name: str) -> list[str]:
        """Return the files that ``name`` may refer to: none, one, or several if it is ambiguous."""
        path = name_key(name)
        for whole in ((f"{name_key(self.base)}/{path}" if self.base else path), path):
            if whole in self._paths:
                exact = [file for file in self._paths[whole] if file == name]
                return exact or self._paths[whole]
        last = path.rpartition("/")[2]
        same = self._names.get(last) or self._stems.get(last, [])
        ends = [f for f in same if _ends_in(name_key(f), path) or _ends_in(path, name_key(f))]
        return ends if len(ends) == 1 else same


def _ends_in(path: str, end: str) -> bool:
    return path == end or path.endswith(f"/{end}")
