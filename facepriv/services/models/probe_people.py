"""Whom probes were trained on: where one would judge its own people, and which go with a data set."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facepriv.classify.probe import IMAGES, SUBJECTS, arrays_of
from facepriv.config import Settings
from facepriv.own_models.stored import FOLDER, PROBE, list_probes
from facepriv.store.records import ImageRecord
from facepriv.wording import count, listed


@dataclass(frozen=True)
class Overlap:
    """What a probe's training set shares with some images."""

    probe: str
    images: int
    subjects: int

    @property
    def sentence(self) -> str:
        """What that means for a run or an audit."""
        shared = [count(self.images, "image")] if self.images else []
        shared += [f"the names of {count(self.subjects, 'subject')}"] if self.subjects else []
        return (
            f"The probe {self.probe} was trained on {listed(shared)} of these: its errors on them are lower than on "
            "people it has not seen."
        )


def subject_sha256(subject: str) -> str:
    """Return what a probe keeps of a subject's name."""
    return hashlib.sha256(f"facepriv subject\0{subject}".encode()).hexdigest()


def find_overlaps(names: Iterable[str], images: Sequence[ImageRecord]) -> list[Overlap]:
    """Say which of some classifiers are probes that were trained on any of these images or their people."""
    wanted = set(names)
    found = []
    for own in [own for own, _ in list_probes() if own.name in wanted]:
        arrays = arrays_of(own)
        shared_images = len({image.source_sha256 for image in images} & set(arrays[IMAGES].tolist()))
        shared_people = len({subject_sha256(image.subject) for image in images} & set(arrays[SUBJECTS].tolist()))
        if shared_images or shared_people:
            found.append(Overlap(own.name, shared_images, shared_people))
    return found


def independent_classifiers(names: Sequence[str], images: Sequence[ImageRecord]) -> list[str]:
    """Leave probes out that were trained on any of these images or their people."""
    unfair = {one.probe for one in find_overlaps(names, images)}
    return [name for name in names if name not in unfair]


def trained_on(settings: Settings, dataset_id: int, name: str) -> tuple[str, ...]:
    """Name the probes that were trained on a data set."""
    return tuple(
        own.name
        for own, probe in list_probes(settings.home / FOLDER)
        if (probe.trained_on.dataset_id, probe.trained_on.dataset) == (dataset_id, name)
    )


def unreadable_probes(settings: Settings) -> list[Path]:
    """Return what is left of probes that cannot be read, or that were never finished: the files with their numbers.

    Only the description tells on which data set a probe was trained.
    """
    folder = settings.home / FOLDER
    known = {own.folder for own, _ in list_probes(folder)}
    return [file for file in sorted(folder.glob(f"*/{PROBE}")) if file.parent not in known]


def remove_probes(settings: Settings, names: Iterable[str]) -> None:
    """Remove probes with all their files; `files_left` tells whether that worked."""
    for name in names:
        shutil.rmtree(settings.home / FOLDER / name, ignore_errors=True)


def files_left(settings: Settings, names: Iterable[str]) -> list[Path]:
    """Return the files of probes that are still there."""
    return [file for name in names for file in sorted((settings.home / FOLDER / name).rglob("*")) if file.is_file()]
