"""What lies in a data set's folder: candidates for images, tables, the rest."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facepriv.datasets.problems import tell
from facepriv.errors import BadInputError
from facepriv.imaging.decode import sniff
from facepriv.types import Problem

_READABLE = ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm"
# Meant as images though not readable: decoding tells their owner so instead of passing over them in silence.
_FOREIGN = ".gif .heic .heif .avif .jp2 .jxl .psd .svg .raw .dng .cr2 .nef .arw"
_IMAGES = frozenset([*_READABLE.split(), *_FOREIGN.split()])
_TABLES = frozenset([".csv", ".tsv"])
_NOT_IMAGES = ".txt .md .rst .html .htm .json .yaml .yml .xml .pdf .doc .docx .xls .xlsx .py .r .tem"
_TEXTS = frozenset(_NOT_IMAGES.split())
_LITTER = frozenset(["__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"])


@dataclass(frozen=True)
class Files:
    """Names inside a folder, POSIX separators, sorted by code point."""

    images: tuple[str, ...]
    """Named or looking like images; only decoding decides."""
    tables: tuple[str, ...]
    """CSV and TSV files, those nearest the top first."""
    others: tuple[str, ...]
    skipped: int
    """Hidden files and leftovers of operating systems."""
    problems: tuple[Problem, ...] = ()


def is_litter(parts: Sequence[str]) -> bool:
    """Say whether a path is hidden or a leftover of an operating system: ``__MACOSX``, ``._*``, ``Thumbs.db``."""
    return any((part.startswith(".") and part not in (".", "..")) or part.casefold() in _LITTER for part in parts)


def is_image_name(name: str) -> bool:
    """Say whether a file name ends like that of an image."""
    return PurePosixPath(name).suffix.casefold() in _IMAGES


def key(name: str) -> str:
    """Fold a file name so that spellings of one name are equal: separators, case, composed letters, ``./``."""
    folded = unicodedata.normalize("NFC", name.strip().replace("\\", "/")).casefold()
    return PurePosixPath(folded).as_posix()


def list_files(folder: Path) -> Files:
    """List a folder and all below it, links to folders not followed.

    Raises
    ------
    BadInputError
        With code ``not-a-folder``.
    """
    if not folder.is_dir():
        raise BadInputError(
            f"{folder.name} is not a folder; name a folder of images, or a zip of one.", code="not-a-folder"
        )
    images: list[str] = []
    tables: list[str] = []
    others: list[str] = []
    unnameable: list[str] = []
    skipped = 0
    for name in _walk(folder):
        if is_litter(PurePosixPath(name).parts):
            skipped += 1
        elif not name.isprintable() or "\ufffd" in name:
            unnameable.append("".join(c if c.isprintable() else "?" for c in name))
        else:
            suffix = PurePosixPath(name).suffix.casefold()
            if suffix in _TABLES:
                tables.append(name)
            elif suffix in _IMAGES or (suffix not in _TEXTS and _looks_like_image(folder / name)):
                images.append(name)
            else:
                others.append(name)
    problems = tell(
        "bad-name",
        unnameable,
        one="The file {name} has a name with unprintable characters and was left out; rename it.",
        many="{n} files ({first}) have names with unprintable characters and were left out; rename them.",
    )
    tables.sort(key=lambda n: (n.count("/"), n))
    return Files(tuple(sorted(images)), tuple(tables), tuple(sorted(others)), skipped, tuple(problems))


def _walk(folder: Path) -> Iterable[str]:
    for here, folders, names in os.walk(folder):
        folders.sort()
        base = Path(here).relative_to(folder)
        for name in names:
            if Path(here, name).is_file():
                yield (base / name).as_posix()


def _looks_like_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff(file.read(16)) is not None
    except OSError:
        return False


class Finder:
    """Finds the files that a label table means, whichever way it writes their names.

    Tried in this order: the path from the table's folder; the path from the data set's folder; a path that ends in
    the other; the bare file name; the name without extension. Only a single hit counts.
    """

    def __init__(self, files: Sequence[str], base: str = "") -> None:
        self.base = base
        self._paths: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        for file in files:
            path = key(file)
            self._paths.setdefault(path, []).append(file)
            self._names.setdefault(path.rpartition("/")[2], []).append(file)
            self._stems.setdefault(PurePosixPath(path).stem, []).append(file)

    def find(self, name: str) -> list[str]:
        """Give the files that ``name`` may mean: one if found, none, or several if that cannot be told."""
        path = key(name)
        for whole in ((f"{key(self.base)}/{path}" if self.base else path), path):
            if whole in self._paths:
                exact = [file for file in self._paths[whole] if file == name]
                return exact or self._paths[whole]
        last = path.rpartition("/")[2]
        same = self._names.get(last) or self._stems.get(last, [])
        ends = [f for f in same if _ends_in(key(f), path) or _ends_in(path, key(f))]
        return ends if len(ends) == 1 else same


def _ends_in(path: str, end: str) -> bool:
    return path == end or path.endswith(f"/{end}")
