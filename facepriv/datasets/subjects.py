"""Subjects of images from their paths, where no table names them.

The folder names the subject (``anna/1.jpg``); without subject folders the file name does, up to its last number
(``001_03.jpg`` and ``001_08.jpg`` are subject 001). Folders that only sort (``images``, ``train``, ``male``) and
prefixes that cameras write (``IMG_0001``) name nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.datasets.files import name_stem
from facepriv.datasets.gender_words import GENDER_FOLDERS
from facepriv.types import GENDER_NAMES

_SORTING_WORDS = (
    "images image imgs img photos photo pictures pics faces face data dataset datasets original originals raw jpg "
    "jpeg png aligned cropped train training test testing val valid validation dev neutral smile smiling happy front "
    "frontal left right"
)
_SORTING = frozenset(_SORTING_WORDS.split())
_CAMERA_WORDS = "img image photo picture pic face frame dsc dscn dscf dcim pxl mvimg scan screenshot"
_CAMERA = frozenset(_CAMERA_WORDS.split())
_NUMBERED = re.compile(r"(.+)[_-]\d+")


@dataclass(frozen=True)
class Subjects:
    """The subject of every image, and where it comes from."""

    by_name: dict[str, str]
    """Subject by file name; never empty."""
    by_folder: bool
    rule: str
    """A clause: "each of 3 folders is a subject"."""


def gender_of_path(name: str) -> int | None:
    """Return the label from folders called ``male``, ``women`` or similar; None if none or both occur."""
    labels = {GENDER_FOLDERS[part] for part in name.casefold().split("/")[:-1] if part in GENDER_FOLDERS}
    return labels.pop() if len(labels) == 1 else None


def subject_of_stem(name: str) -> str:
    """Return the file's name without extension and without a last number after ``_`` or ``-``."""
    whole = name_stem(name).strip()
    numbered = _NUMBERED.fullmatch(whole)
    if numbered and numbered[1].strip("_- ").casefold() not in _CAMERA | {""}:
        return numbered[1].strip("_- ")
    return whole or name[name.rfind("/") + 1 :]


def subjects_of_paths(names: Sequence[str]) -> Subjects:
    """Return the subject of every file from its path."""
    naming = {name: _naming_folders(name) for name in names}
    distinct = set(naming.values())
    stems = {name: subject_of_stem(name) for name in names}
    if len(distinct) == 1:
        only = next(iter(distinct))
        if not only or not _is_subject(names, stems):
            return Subjects(stems, False, "the file name up to its last number is the subject")
        return Subjects(dict.fromkeys(names, only[-1]), True, "the one folder is the one subject")
    # Folders that all images share, such as the archive's own, tell nobody apart.
    shared = next(i for i in range(min(map(len, distinct)) + 1) if len({parts[: i + 1] for parts in distinct}) > 1)
    folders = {name: "/".join(parts[shared:]) for name, parts in naming.items()}
    inside = sum(map(bool, folders.values()))
    if inside < 0.8 * len(names):
        return Subjects(stems, False, "the file name up to its last number is the subject")
    folders = _apart_by_gender(folders)
    by_name = {name: folders[name] or stems[name] for name in names}
    return Subjects(by_name, True, f"each of {len(set(folders.values()) - {''})} folders is a subject")


def _naming_folders(name: str) -> tuple[str, ...]:
    return tuple(
        part
        for part in name.split("/")[:-1]
        if part.casefold() not in _SORTING and part.casefold() not in GENDER_FOLDERS
    )


def _is_subject(names: Sequence[str], stems: dict[str, str]) -> bool:
    """Return whether a lone folder is one person (its files are only numbered) or a wrapper around many."""
    if all(re.fullmatch(r"[\W_]*\d+[\W_]*", name_stem(name)) for name in names):
        return True
    camera = all(
        (m := _NUMBERED.fullmatch(name_stem(name))) is not None and m[1].strip("_- ").casefold() in _CAMERA
        for name in names
    )
    return camera or (len(names) > 1 and len(set(stems.values())) == 1)


def _apart_by_gender(folders: dict[str, str]) -> dict[str, str]:
    """Return folders with the gender added where both genders have one of the same name: these are two people."""
    genders: dict[str, set[int]] = {}
    for name, subject in folders.items():
        gender = gender_of_path(name)
        if gender is not None and subject:
            genders.setdefault(subject, set()).add(gender)
    both = {subject for subject, labels in genders.items() if len(labels) > 1}
    return {
        name: f"{GENDER_NAMES[gender]}/{subject}" if subject in both and (gender := gender_of_path(name)) else subject
        for name, subject in folders.items()
    }
