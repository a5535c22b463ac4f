"""Who takes part in a study: people to search with, in growing samples, and others to confirm on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facepriv.audit.evidence import require_subjects
from facepriv.errors import BadInputError
from facepriv.policy.matches_lost import has_enough_pairs
from facepriv.services.audits.preparing import why_no_audit
from facepriv.store import ImageRecord, Store
from facepriv.types import FEMALE, MALE

CONFIRMING = 1 / 3
"""Share of the people of either gender who have no part in the search."""
MOST_SEARCHED, MOST_CONFIRMING = 160, 80
"""People of either kind at most: more would cost time that is better spent on more candidates."""
MOST_IMAGES = 4
"""Images of one person at most."""
LEAST_ON_RUNG = 16
"""People on the first rung, at least: attackers learn from some and guess the others."""
MOST_RUNGS = 3
SURELY_ENOUGH = 200
"""People from which on their parting is not tried before somebody asks for a study; it may still be refused then."""


@dataclass(frozen=True)
class StudyPeople:
    """The people of a study, with their images."""

    searched: tuple[tuple[ImageRecord, ...], ...]
    """The images of each person, in an order of which every beginning has both genders in proportion."""
    confirming: tuple[tuple[ImageRecord, ...], ...]
    rungs: tuple[int, ...]
    """People on each rung, the last one all who are searched with."""


def part_people(images: Iterable[ImageRecord], seed: int) -> StudyPeople:
    """Part the labelled people with a usable face, by the seed and their names alone.

    Raises BadInputError with code ``too-few-subjects`` where either part has too few people to attack, or too few with
    two images to tell what matching loses.
    """
    by_subject: dict[str, list[ImageRecord]] = {}
    for image in images:
        if image.failure is None and image.label is not None:
            by_subject.setdefault(image.subject, []).append(image)
    searched: list[str] = []
    confirming: list[str] = []
    for label in (FEMALE, MALE):
        group = [subject for subject, its in by_subject.items() if its[0].label == label]
        group.sort(key=lambda subject: _draw(seed, subject))
        parted = round(CONFIRMING * len(group))
        confirming += group[:parted]
        searched += group[parted:]
    parts = [
        tuple(_chosen(by_subject[subject], seed) for subject in _in_proportion(subjects, by_subject)[:most])
        for subjects, most in ((searched, MOST_SEARCHED), (confirming, MOST_CONFIRMING))
    ]
    for what, part in zip(("to search with", "to confirm on"), parts, strict=True):
        _require(what, part)
    sizes = [len(parts[0])]
    while len(sizes) < MOST_RUNGS and sizes[0] // 2 >= LEAST_ON_RUNG:
        sizes.insert(0, sizes[0] // 2)
    return StudyPeople(parts[0], parts[1], tuple(sizes))


def why_no_study(store: Store, dataset_id: int) -> str:
    """Return why a data set has too few people for a study; an empty text if it has enough.

    Raises UnknownNameError if there is no such data set.
    """
    too_few = why_no_audit(store, dataset_id)
    if too_few or store.datasets.labelled_people(dataset_id)[0] > SURELY_ENOUGH:
        return too_few
    try:
        part_people(store.datasets.images(dataset_id, failed=False), 0)
    except BadInputError as error:
        return str(error)
    return ""


def _require(what: str, people: Sequence[tuple[ImageRecord, ...]]) -> None:
    images = [image for person in people for image in person]
    subjects, labels = [image.subject for image in images], [image.label or 0 for image in images]
    try:
        require_subjects(subjects, labels)
    except BadInputError as error:
        raise BadInputError(
            f"A study parts the people into those it searches with and those it confirms on, and needs enough of "
            f"either. Of those {what}: {error}",
            code="too-few-subjects",
        ) from error
    if not has_enough_pairs(subjects, labels):
        raise BadInputError(
            f"A study counts genuine matches, but of the people {what}, fewer than two men or two women have two "
            "usable images; add images of the same people.",
            code="too-few-subjects",
        )


def _draw(seed: int, name: object) -> bytes:
    return hashlib.sha256(f"{seed}\0study\0{name}".encode()).digest()


def _chosen(images: Sequence[ImageRecord], seed: int) -> tuple[ImageRecord, ...]:
    drawn = sorted(images, key=lambda image: _draw(seed, image.source_sha256))[:MOST_IMAGES]
    return tuple(sorted(drawn, key=lambda image: image.id))


def _in_proportion(subjects: Sequence[str], by_subject: dict[str, list[ImageRecord]]) -> list[str]:
    """Return subjects so that every beginning has both genders as all of them have."""
    placed = []
    for label in (FEMALE, MALE):
        group = [subject for subject in subjects if by_subject[subject][0].label == label]
        placed += [((place + 0.5) / len(group), label, subject) for place, subject in enumerate(group)]
    return [subject for *_, subject in sorted(placed)]
