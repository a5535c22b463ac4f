"""Subjects of images from their paths, where no table names them.

The folder names the subject (``anna/1.jpg``); without subject folders the file name does, up to its last number
(``001_03.jpg`` and ``001_08.jpg`` are subject 001). Folders that only sort (``images``, ``train``, ``male``) and
prefixes that cameras write (``IMG_0001``) name nobody; where nothing else is there, each image stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facepriv.datasets.files import name_stem
from facepriv.datasets.folder_words import SPLITS, WRAPPERS, Sorting, sort_folders
from facepriv.datasets.gender_words import GENDER_FOLDERS
from facepriv.types import GENDER_NAMES, Identities
from facepriv.wording import listed

_CAMERA_WORDS = "img image photo picture pic face frame dsc dscn dscf dcim pxl mvimg scan screenshot"
_CAMERA = frozenset(_CAMERA_WORDS.split())
_NUMBERED = re.compile(r"(.+)[_-]\d+")
_COUNTER = re.compile(r"[\W_]*\d+(?:\s*\(\d+\))?[\W_]*")
"""A file name of numbers only, as ``0 (1)``."""
NOBODY = "nothing tells who is on an image, so each stands for itself"


@dataclass(frozen=True)
class Subjects:
    """The subject of every image, and where it comes from."""

    by_name: dict[str, str]
    """Subject by file name; never empty."""
    by_folder: bool
    rule: str
    """A clause: "each of 3 folders is a subject"."""
    source: str = "file name"
    """What tells the subject of one image, in a few words."""
    identities: Identities = "people"


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


def subjects_of_paths(names: Sequence[str], sorting: Sorting | None = None, *, people: bool = False) -> Subjects:
    """Return the subject of every file from its path.

    ``people`` says that somebody knows folders to be people, so that only those for wrappers and splits are not.
    """
    sorting = sort_folders(names) if sorting is None else sorting
    naming = {name: _all_folders(name) if people else sorting.naming[name] for name in names}
    distinct = set(naming.values())
    stems = {name: subject_of_stem(name) for name in names}
    if len(distinct) == 1:
        only = next(iter(distinct))
        # Folders below that sort, into both genders for instance, show that the one above is a wrapper.
        sorts = len(set(sorting.labels.values()) - {None}) > 1 or len({*map(str, sorting.attributes.values())}) > 1
        if not only or sorts or not _is_subject(names, stems):
            return _by_stem(stems, sorting)
        return Subjects(dict.fromkeys(names, only[-1]), True, "the one folder is the one subject", "folder")
    # Folders that all images share, such as the archive's own, tell nobody apart.
    shared = next(i for i in range(min(map(len, distinct)) + 1) if len({parts[: i + 1] for parts in distinct}) > 1)
    folders = {name: "/".join(parts[shared:]) for name, parts in naming.items()}
    inside = sum(map(bool, folders.values()))
    if inside < 0.8 * len(names):
        return _by_stem(stems, sorting)
    folders = _apart_by_gender(folders, sorting)
    by_name = {name: folders[name] or stems[name] for name in names}
    return Subjects(by_name, True, f"each of {len(set(folders.values()) - {''})} folders is a subject", "folder")


def _by_stem(stems: dict[str, str], sorting: Sorting) -> Subjects:
    counters = all(_COUNTER.fullmatch(name_stem(name)) or _is_camera(name_stem(name)) for name in stems)
    if (counters or sorting.by_prefix) and len(stems) > 1:
        what = "names" if sorting.by_prefix else "folders"
        by = f" ({what} sort by {listed(sorting.sorted_by)})" if sorting.sorted_by else ""
        by_name = stems if len(set(stems.values())) == len(stems) else {name: name for name in stems}
        return Subjects(by_name, False, f"{NOBODY}{by}", "none", "none")
    return Subjects(
        _apart_by_gender(stems, sorting), False, "the file name up to its last number is the subject", "file name"
    )


def _is_camera(stem: str) -> bool:
    match = _NUMBERED.fullmatch(stem)
    return match is not None and match[1].strip("_- ").casefold() in _CAMERA


def _all_folders(name: str) -> tuple[str, ...]:
    parts = name.split("/")[:-1]
    return tuple(part for part in parts if part.casefold() not in WRAPPERS | SPLITS)


def _is_subject(names: Sequence[str], stems: Mapping[str, str]) -> bool:
    """Return whether a lone folder is one person (its files are only numbered) or a wrapper around many."""
    if all(re.fullmatch(r"[\W_]*\d+[\W_]*", name_stem(name)) for name in names):
        return True
    camera = all(_is_camera(name_stem(name)) for name in names)
    return camera or (len(names) > 1 and len(set(stems.values())) == 1)


def _apart_by_gender(subjects: dict[str, str], sorting: Sorting) -> dict[str, str]:
    """Return subjects with the gender added where both genders have one of the same name: these are two people."""
    genders: dict[str, set[int]] = {}
    for name, subject in subjects.items():
        gender = sorting.labels.get(name)
        if gender is not None and subject:
            genders.setdefault(subject, set()).add(gender)
    both = {subject for subject, labels in genders.items() if len(labels) > 1}
    return {
        name: f"{GENDER_NAMES[gender]}/{subject}"
        if subject in both and (gender := sorting.labels.get(name))
        else subject
        for name, subject in subjects.items()
    }
