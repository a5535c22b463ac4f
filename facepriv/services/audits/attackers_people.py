"""From whom the attackers of an audit learn, and what these people have to do with those that a method learned from.

People are parted three ways: a method may have been fitted on some, attackers learn from others, and figures are
measured on those audited. No subject that attackers learn from is audited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facepriv.audit.attackers.registry import attackers
from facepriv.errors import BadInputError
from facepriv.schemas.audits import LEAST_OF_GENDER, LEAST_SUBJECTS, AttackersPeople, AuditSpec
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.runs import RunSpec
from facepriv.services.models.probe_people import find_overlaps
from facepriv.services.runs.learning import FOLDS, holds_demo_images
from facepriv.store import DatasetRecord, ImageRecord, RunRecord, Store
from facepriv.types import FEMALE, MALE
from facepriv.wording import count, listed

LOOK_BACK = 200
"""Complete runs on the attackers' data set that are looked at for one of the same method and settings."""
_SAME = ("method", "parameters", "guide", "more_guides", "attribute", "keep", "keep_weight", "guards", "landmarker")
"""Fields of a spec in which two runs are alike that process images in the same way."""


@dataclass(frozen=True)
class Parting:
    """The images of people that attackers may learn from, and how many people are not among them."""

    images: tuple[ImageRecord, ...]
    left_out: int
    """Subjects who are in the audited data set, too."""


def choose_people(store: Store, name: str | int, audited: DatasetRecord, run: RunRecord | None) -> AttackersPeople:
    """Return the people of a data set from whom the attackers of an audit learn.

    Left out are all subjects of whom the audited data set has one of the same name, the same file or the same pixels,
    whether the audit takes that image or not.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    BadInputError
        With code ``learns-from-same`` if it is the audited one, ``too-few-to-learn`` if too few people are left.
    """
    teachers = store.datasets.get(name)
    if teachers.id == audited.id:
        raise BadInputError(
            f"Attackers were to learn from other people, but {audited.name} is what is audited; name another data set, "
            "or none, and they learn from some of its people and are judged on the others.",
            code="learns-from-same",
        )
    parting = part(store.datasets.images(teachers.id), store.datasets.images(audited.id))
    _require_people(parting, teachers, audited)
    same = None if run is None else find_run_alike(store, teachers, run)
    images = parting.images
    if same is not None:
        processed = set(same.spec.image_ids)
        images = tuple(image for image in images if image.id in processed)
        if not _enough(images):
            same, images = None, parting.images
    return AttackersPeople(
        dataset=teachers.ref,
        image_ids=tuple(image.id for image in images),
        run_id=None if same is None else same.id,
        left_out=parting.left_out,
    )


def part(theirs: Iterable[ImageRecord], audited: Iterable[ImageRecord]) -> Parting:
    """Part the usable images of a data set from the people of another."""
    names, files = set[str](), set[str]()
    for image in audited:
        names.add(image.subject)
        files |= _hashes(image)
    theirs = tuple(theirs)
    shared = {image.subject for image in theirs if image.subject in names or _hashes(image) & files}
    usable = [image for image in theirs if image.failure is None and image.label is not None]
    return Parting(tuple(image for image in usable if image.subject not in shared), len(shared))


def _hashes(image: ImageRecord) -> set[str]:
    return {sha256 for sha256 in (image.source_sha256, image.artifact_sha256) if sha256 is not None}


def _count_people(images: Sequence[ImageRecord]) -> tuple[int, int, int]:
    """Count people, women and men."""
    women, men = (len({i.subject for i in images if i.label == label}) for label in (FEMALE, MALE))
    return len({image.subject for image in images}), women, men


def _enough(images: Sequence[ImageRecord]) -> bool:
    people, women, men = _count_people(images)
    return people >= LEAST_SUBJECTS and min(women, men) >= LEAST_OF_GENDER


def _require_people(parting: Parting, teachers: DatasetRecord, audited: DatasetRecord) -> None:
    if _enough(parting.images):
        return
    people, women, men = _count_people(parting.images)
    both = (
        ""
        if not parting.left_out
        else f" once {count(parting.left_out, 'subject')} with the name or a file of a subject of {audited.name} "
        f"{'is' if parting.left_out == 1 else 'are'} left out (if they are different people, import one of the data "
        "sets with other subject names)"
    )
    raise BadInputError(
        f"Attackers need at least {LEAST_SUBJECTS} labelled people with a usable face to learn from, "
        f"{LEAST_OF_GENDER} of either label, but {teachers.name} has {people} ({men} male, {women} female){both}; name "
        "a larger data set.",
        code="too-few-to-learn",
    )


def find_run_alike(store: Store, teachers: DatasetRecord, run: RunRecord) -> RunRecord | None:
    """Find the newest complete run on a data set that processed its images as ``run`` did its own; None without one.

    One whose method learned from the people of ``run`` does not count: these are audited.
    """
    for summary in store.runs.list(dataset_id=teachers.id, states=("complete",), method=run.method, limit=LOOK_BACK):
        other = store.runs.get(summary.id)
        source = other.spec.learn_from
        from_audited = source is not None and source.dataset is not None and source.dataset.id == run.dataset_id
        if _alike(other.spec, run.spec) and not from_audited:
            return other
    return None


def _alike(one: RunSpec, other: RunSpec) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SAME)


def learns_from_others(spec: AuditSpec, attacker: str) -> bool:
    """Return whether an attacker of an audit learns from the people of another data set.

    An attacker who does not know the policy has images and templates as they were imported. One who knows it processes
    images with it before learning; where no run has done that, there is nothing for him to learn from elsewhere.
    """
    people = spec.learn_from
    if people is None:
        return False
    knows: bool = attackers.load(attacker).knows_policy  # type: ignore[attr-defined]
    return spec.run_id is None or people.run_id is not None or not knows


def parting_sentences(store: Store, spec: AuditSpec) -> list[str]:
    """Return from whom the attackers of an audit learn, and what these people have to do with the method's own."""
    run = None if spec.run_id is None else store.runs.get(spec.run_id)
    people = spec.learn_from
    sentences = [] if people is None else _people_sentences(store, spec, people)
    warning = None if run is None else _same_people(store, spec, run)
    return [*sentences, *([] if warning is None else [warning])]


def _people_sentences(store: Store, spec: AuditSpec, people: AttackersPeople) -> list[str]:
    theirs = store.datasets.images(people.dataset.id, ids=people.image_ids)
    subjects = {image.subject for image in theirs}
    elsewhere = [name for name in spec.attackers if learns_from_others(spec, name)]
    here = [name for name in spec.attackers if name not in elsewhere]
    sentences = []
    if elsewhere:
        who = "The attackers" if not here else _attackers(elsewhere)
        learned = (
            f"{count(len(people.image_ids), 'image')} of {count(len(subjects), 'subject')} of {people.dataset.name}"
        )
        processed = f", processed with the same method and settings (run {people.run_id})" if people.run_id else ""
        sentences.append(f"{who} learned from {learned}{processed}, none of whom is audited.")
    if here:
        sentences.append(
            f"{_attackers(here)} would process images of {people.dataset.name} with the policy before learning from "
            f"them, but there is no complete run on {people.dataset.name} with the method and settings of run "
            f"{spec.run_id}; so they learned from some of the audited people and were judged on the others."
        )
    if people.left_out:
        sentences.append(
            f"{count(people.left_out, 'subject')} of {people.dataset.name} {'was' if people.left_out == 1 else 'were'} "
            f"not learned from, because {spec.dataset.name} has a subject of that name or the same file."
        )
    sentences += [
        f"The classifier {overlap.probe} was trained on people of {people.dataset.name}, from whom attackers learned "
        "what its scores mean. Of people it has not seen its scores are less sure, so attackers who learn from others "
        "may do better."
        for overlap in find_overlaps([ref.name for ref in spec.classifiers], theirs)
    ]
    return sentences


def _attackers(names: Sequence[str]) -> str:
    return f"The attacker {names[0]}" if len(names) == 1 else f"The attackers {listed(names)}"


def _same_people(store: Store, spec: AuditSpec, run: RunRecord) -> str | None:
    """Return a sentence if attackers learn from the people from whom the run's method learned; None if none does."""
    source = run.spec.learn_from
    if source is None:
        return None
    elsewhere = [name for name in spec.attackers if learns_from_others(spec, name)]
    here = [name for name in spec.attackers if name not in elsewhere]
    people = spec.learn_from
    same: list[str] = []
    if source.source == FOLDS:
        same, where = here, spec.dataset.name
    elif people is not None and _are_same(store, source.dataset, people):
        same, where = elsewhere, people.dataset.name
    if not same:
        return None
    return (
        f"The method of run {run.id} and {_attackers(same)[0].lower()}{_attackers(same)[1:]} learned from the same "
        f"people, those of {where}, so their figures may differ from those of attackers with other people; to part "
        "them, let attackers learn from another data set."
    )


def _are_same(store: Store, learned_from: DatasetRef | None, people: AttackersPeople) -> bool:
    """Return whether attackers' people are in the data set that a method learned from; None is the demo set."""
    theirs = store.datasets.images(people.dataset.id, ids=people.image_ids)
    if learned_from is None:
        return holds_demo_images(theirs)
    if learned_from.id == people.dataset.id:
        return True
    return bool(part(store.datasets.images(learned_from.id), theirs).left_out)
