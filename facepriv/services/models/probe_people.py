"""The people that probes were trained on: overlaps with images to judge, and probes to remove with a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facepriv.classify.probe import IMAGES, SUBJECTS, arrays_of
from facepriv.config import Settings
from facepriv.own_models.stored import FOLDER, PROBE, list_probes
from facepriv.store.records import ImageRecord
from facepriv.trees import files_below, remove_tree
from facepriv.wording import count, listed


@dataclass(frozen=True)
class Overlap:
    """Images and subjects that a probe's training set shares with some images."""

    probe: str
    images: int
    subjects: int

    @property
    def sentence(self) -> str:
        """Return the meaning for a run or an audit, in a sentence."""
        shared = [count(self.images, "image")] if self.images else []
        shared += [f"the names of {count(self.subjects, 'subject')}"] if self.subjects else []
        return (
            f"The probe {self.probe} was trained on {listed(shared)} of these: its errors on them are lower than on "
            "people it has not seen."
        )


def subject_sha256(subject: str) -> str:
    """Return the hash that a probe stores in place of a subject's name."""
    return hashlib.sha256(f"facepriv subject\0{subject}".encode()).hexdigest()


def find_overlaps(names: Iterable[str], images: Sequence[ImageRecord]) -> list[Overlap]:
    """Return the overlaps of the probes among some classifiers that were trained on these images or their people."""
    wanted = set(names)
    overlaps = []
    for own in [own for own, _ in list_probes() if own.name in wanted]:
        arrays = arrays_of(own)
        shared_images = len({image.source_sha256 for image in images} & set(arrays[IMAGES].tolist()))
        shared_people = len({subject_sha256(image.subject) for image in images} & set(arrays[SUBJECTS].tolist()))
        if shared_images or shared_people:
            overlaps.append(Overlap(own.name, shared_images, shared_people))
    return overlaps


def independent_classifiers(names: Sequence[str], images: Sequence[ImageRecord]) -> list[str]:
    """Return the classifiers without the probes that were trained on any of these images or their people."""
    overlapping = {overlap.probe for overlap in find_overlaps(names, images)}
    return [name for name in names if name not in overlapping]


def trained_on(settings: Settings, dataset_id: int, name: str) -> tuple[str, ...]:
    """Return the names of the probes that were trained on a data set."""
    return tuple(
        own.name
        for own, probe in list_probes(settings.home / FOLDER)
        if (probe.trained_on.dataset_id, probe.trained_on.dataset) == (dataset_id, name)
    )


def unreadable_probes(settings: Settings) -> list[Path]:
    """Return the arrays of probes that cannot be read or were never finished.

    Without a readable description, the data set of such a probe is not known.
    """
    folder = settings.home / FOLDER
    known = {own.folder for own, _ in list_probes(folder)}
    return [file for file in sorted(folder.glob(f"*/{PROBE}")) if file.parent not in known]


def remove_probes(settings: Settings, names: Iterable[str]) -> None:
    """Remove probes with all their files; see `files_left` for those that could not be removed."""
    for name in names:
        remove_tree(settings.home / FOLDER / name)


def files_left(settings: Settings, names: Iterable[str]) -> list[Path]:
    """Return the files of probes that still exist."""
    return [file for name in names for file in sorted(files_below(settings.home / FOLDER / name))]
