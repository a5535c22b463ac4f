"""Finds the files that the names in a label table refer to, and never one in a folder that the name contradicts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from facepriv.datasets.files import name_key, name_stem
from facepriv.datasets.folder_words import SPLITS, WRAPPERS
from facepriv.datasets.gender_words import GENDER_FOLDERS

How = Literal["path", "end", "name", "moved"]
"""The whole path; the end of a path; the bare name; the bare name although the folders differ."""
RANK: dict[How, int] = {"path": 0, "end": 1, "name": 2, "moved": 3}
_URL = re.compile(r"https?:/")
_ROOT = re.compile(r"/|[a-z]+:|~")
_SPLITTING = SPLITS | GENDER_FOLDERS.keys()


@dataclass(frozen=True)
class Found:
    """What a name may refer to."""

    files: tuple[str, ...] = ()
    """None, one, or several where it is ambiguous."""
    how: How = "name"
    by_number: bool = False
    """Whether numbers are equal that are written with different zeros."""


class FileFinder:
    """Finds files by the names that a table gives them.

    Tried in this order: the path from the table's folder; the path from the data set's folder; a path that ends in
    the other; the bare file name, or the name without extension, of a name that gives no folder. A name in another
    folder is taken only where both folders merely hold images (``photos/a.jpg``, ``C:/faces/a.jpg``) and no other file
    is called so.
    """

    def __init__(self, files: Sequence[str], base: str = "") -> None:
        self.base = name_key(base) if base else ""
        self._paths: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        self._numbers: dict[str, list[str]] = {}
        self._keys: dict[str, str] = {}
        for file in files:
            path = self._keys[file] = name_key(file)
            self._paths.setdefault(path, []).append(file)
            self._names.setdefault(path.rpartition("/")[2], []).append(file)
            self._stems.setdefault(name_stem(path), []).append(file)
            if (number := _number(name_stem(path))) is not None:
                self._numbers.setdefault(number, []).append(file)
        first = [key.split("/")[:-1] for key in self._keys.values()]
        self._shared: frozenset[str] = frozenset(first[0]).intersection(*first[1:]) if first else frozenset()

    def knows(self, name: str) -> bool:
        """Return whether a file of this bare name, with or without its extension, is here; made for millions."""
        if name.isascii() and "\\" not in name:
            last = name[name.rfind("/") + 1 :].lower()
        else:
            last = name_key(name).rpartition("/")[2]
        if last in self._names or last in self._stems:
            return True
        if "?" in last:
            return self.knows(name.partition("?")[0])
        return bool(self._numbers) and _number(name_stem(last)) in self._numbers

    def find(self, name: str) -> Found:
        """Find what a name refers to."""
        path = name_key(name)
        if _URL.match(path):
            path = path.partition("?")[0].partition("#")[0]
        for whole in ((f"{self.base}/{path}" if self.base else path), path):
            if whole in self._paths:
                exact = [file for file in self._paths[whole] if file == name]
                return Found(tuple(exact or self._paths[whole]), "path")
        folders, _, last = path.rpartition("/")
        same = self._names.get(last) or self._stems.get(last, [])
        zeros = False
        if not same and (number := _number(name_stem(last))) is not None:
            same, zeros = self._numbers.get(number, []), True
        if not folders:
            return Found(tuple(same), "name", zeros)
        written = [part for part in folders.split("/") if part not in ("..", "")]
        rooted = _ROOT.match(path) is not None
        by_how: dict[How, list[str]] = {}
        for file in same:
            how = self._agreement(written, self._keys[file].split("/")[:-1], rooted)
            if how is not None:
                by_how.setdefault(how, []).append(file)
        if by_how.get("end"):
            return Found(tuple(by_how["end"]), "name" if zeros else "end", zeros)
        if by_how.get("name"):
            return Found(tuple(by_how["name"]), "name", zeros)
        return Found(tuple(by_how.get("moved", ())) if len(same) == 1 else (), "moved")

    def _agreement(self, written: Sequence[str], there: Sequence[str], rooted: bool) -> How | None:
        """Compare two folders from the last part on; None where one contradicts the other."""
        if not there or not written:
            return "name"  # a file at the top: whatever folder it was in has been left out
        equal = 0
        for ours, theirs in zip(reversed(written), reversed(there), strict=False):
            if ours == theirs:
                equal += 1
                continue
            if ours in _SPLITTING and theirs in _SPLITTING:
                return None
            ours_says_little = rooted or ours in WRAPPERS
            theirs_says_little = theirs in WRAPPERS or (ours in WRAPPERS and theirs in self._shared)
            if equal:
                return "end" if ours_says_little or theirs_says_little else None
            return "moved" if ours_says_little and theirs_says_little else None
        return "end"


def _number(stem: str) -> str | None:
    """Return a name that is a number without its leading zeros."""
    return (stem.lstrip("0") or "0") if stem.isdecimal() else None
