"""From whom a method learns before it perturbs, the learning itself, and the file of what it learnt.

Nobody's image is perturbed with anything learnt from that very person: either the data set's people are parted into two
halves, and each half is perturbed with what was learnt from the other, or other people are learnt from.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from facepriv.datasets.demo import demo_folder, read_demo
from facepriv.errors import BadInputError, FaceprivError, StoreError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.measures.faults import log_fault, unexpected
from facepriv.perturb.base import TOGETHER, Learned
from facepriv.perturb.gallery import Gallery
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.runs import LearnFrom
from facepriv.services.jobs.pool_process import Job, process_settings, report_steps
from facepriv.services.jobs.speeds import LEARN
from facepriv.services.runs.process import RunInProcess, get_run
from facepriv.stopwatch import piece, timed
from facepriv.store import DatasetRecord, ImageRecord, Learning, Store
from facepriv.store.artifacts import LEARNED
from facepriv.types import FEMALE, MALE
from facepriv.wording import count

FOLDS: Final = "folds"
DEMO: Final = "demo"
DEMO_FACES = "demo-faces"
"""What the stopwatch calls finding the faces of the demo set, to learn from."""
ENOUGH = 10
"""Subjects of either gender in each half from which on learning from halves is the default."""
PLENTY = 100
"""Subjects of either gender in each half from which on an average of them needs no people from elsewhere."""
LEAST = 3
"""Subjects of either gender without whom nothing can be learnt of a gender at all."""
DEMO_IMAGES_PER_SUBJECT = 2
DEMO_IMAGES = 120
"""Images of the demo set that are learnt from."""
_ARRAY, _META = "array:", "meta"
_log = logging.getLogger(__name__)


def halves(images: Iterable[ImageRecord], seed: int) -> dict[str, int]:
    """Part subjects into two halves, 0 and 1, with as many of each label in either.

    Depends on the subjects, their labels and the seed only, not on the images' order.
    """
    labels: dict[str, set[int | None]] = {}
    for image in images:
        labels.setdefault(image.subject, set()).add(image.label)
    half: dict[str, int] = {}
    for label in (FEMALE, MALE, None):
        group = [subject for subject in labels if label in labels[subject] and subject not in half]
        group.sort(key=lambda subject: hashlib.sha256(f"{seed}\0{subject}".encode()).digest())
        # Odd groups take turns in who gets the one more.
        half.update({subject: (len(half) + place) % 2 for place, subject in enumerate(group)})
    return half


def choose_source(
    store: Store, dataset: DatasetRecord, wanted: str | None, *, seed: int, method: str, averages: bool = False
) -> LearnFrom:
    """Check whom to learn from, or choose: the data set's own halves if they are large enough, else the demo set.

    What is wanted is ``folds``, ``demo``, the name of another data set, or None. A method that learns ``averages`` is
    given the people of the demo set beside a half with fewer than `PLENTY` subjects of a gender.

    Raises UnknownNameError if there is no such data set, or BadInputError (``too-few-to-learn``, ``learns-from-same``).
    """
    images = [image for image in store.datasets.images(dataset.id) if image.failure is None]
    least = _least_of_halves(images, seed)
    if wanted is None:
        wanted = FOLDS if least >= ENOUGH or holds_demo_images(images) else DEMO
    if wanted == FOLDS and least < LEAST:
        women, men = _count_subjects(images)
        demo = "" if holds_demo_images(images) else "demo or from "
        raise BadInputError(
            f"The method {method} learns from one half of the people for the other, so {2 * LEAST} labelled women and "
            f"{2 * LEAST} labelled men are needed, but {dataset.name} has {women} and {men} with a usable face; learn "
            f"from {demo}another data set.",
            code="too-few-to-learn",
        )
    if wanted == DEMO and holds_demo_images(images):
        folds = "folds or from " if least >= LEAST else ""
        raise BadInputError(
            f"The method {method} must learn from other people, but {dataset.name} holds images of the demo set; "
            f"learn from {folds}another data set.",
            code="learns-from-same",
        )
    if wanted == FOLDS:
        return LearnFrom(source=FOLDS, demo=averages and least < PLENTY and not holds_demo_images(images))
    if wanted == DEMO:
        return LearnFrom(source=DEMO)
    teacher = store.datasets.get(wanted)
    _check_teacher(teacher, store.datasets.images(teacher.id), dataset, images, method)
    return LearnFrom(source="dataset", dataset=teacher.ref)


def _count_subjects(images: Sequence[ImageRecord]) -> tuple[int, int]:
    """Count women and men with a usable face."""
    usable = {(image.label, image.subject) for image in images if image.failure is None}
    return sum(label == FEMALE for label, _ in usable), sum(label == MALE for label, _ in usable)


def _least_of_halves(images: Sequence[ImageRecord], seed: int) -> int:
    half = halves(images, seed)
    return min(
        subjects for mine in (0, 1) for subjects in _count_subjects([i for i in images if half[i.subject] == mine])
    )


def _check_teacher(
    teacher: DatasetRecord,
    theirs: Sequence[ImageRecord],
    dataset: DatasetRecord,
    ours: Sequence[ImageRecord],
    method: str,
) -> None:
    shared = len({image.source_sha256 for image in theirs} & {image.source_sha256 for image in ours})
    people = len({image.subject for image in theirs} & {image.subject for image in ours})
    if shared or people:
        what = count(shared, "image") if shared else f"the names of {count(people, 'subject')}"
        raise BadInputError(
            f"The method {method} must learn from other people, but {teacher.name} and {dataset.name} share {what}; "
            "learn from folds, from demo, or from a data set of others.",
            code="learns-from-same",
        )
    women, men = _count_subjects(theirs)
    if min(women, men) < LEAST:
        raise BadInputError(
            f"{LEAST} labelled women and {LEAST} labelled men with a usable face are needed to learn from, but "
            f"{teacher.name} has {women} and {men}; learn from demo or from another data set.",
            code="too-few-to-learn",
        )


def holds_demo_images(images: Iterable[ImageRecord]) -> bool:
    """Return whether any image is a file of the demo set that the package carries."""
    ours = {image.source_sha256 for image in images}
    files = (demo_folder() / "images").rglob("*.jpg")
    return any(hashlib.sha256(file.read_bytes()).hexdigest() in ours for file in files)


@dataclass(frozen=True)
class Lesson:
    """One thing to learn: its number, and the images to learn from; None means the demo set's."""

    part: int
    images: tuple[ImageRecord, ...] | None


def lessons(
    source: LearnFrom,
    asked: Iterable[ImageRecord],
    gallery: Sequence[ImageRecord],
    teachers: Sequence[ImageRecord],
    seed: int,
) -> list[Lesson]:
    """Return what must be learnt before the images ``asked`` for can be perturbed.

    The gallery holds all images of their data set with a usable face, ``teachers`` those of the other data set, if any.
    """
    if source.source == DEMO:
        return [Lesson(0, None)]
    if source.source != FOLDS:
        return [Lesson(0, _labelled(teachers))]
    half = halves(gallery, seed)
    needed = sorted({1 - half[image.subject] for image in asked if image.failure is None})
    return [Lesson(part, _labelled(i for i in gallery if half[i.subject] == part)) for part in needed]


def lesson_of(source: LearnFrom, gallery: Iterable[ImageRecord], seed: int) -> dict[str, int]:
    """Say, for every subject, the number of the lesson that their images are perturbed with."""
    half = halves(gallery, seed)
    return {subject: 1 - mine if source.source == FOLDS else 0 for subject, mine in half.items()}


def _labelled(images: Iterable[ImageRecord]) -> tuple[ImageRecord, ...]:
    return tuple(image for image in images if image.failure is None and image.label is not None)


def other_people(source: str, subject: str) -> str:
    """Name a subject of elsewhere so that nobody of the data set has the same name by chance."""
    return f"\0{source}\0{subject}"


def learn(
    run: RunInProcess, lesson: Lesson, on_progress: Callable[[int, int], None] = lambda done, steps: None
) -> Learning:
    """Let the method of a run learn, and write what it learnt as an artifact. Raises FaceprivError if it cannot."""
    source = run.spec.learn_from
    assert source is not None
    if lesson.images is None:
        gallery = demo_gallery(process_settings().max_pixels)
    elif source.dataset is None:
        gallery = run.make_gallery(lesson.images)
        if source.demo:
            gallery = gallery.joined(demo_gallery(process_settings().max_pixels))
    else:
        elsewhere = f"dataset {source.dataset.id}"
        gallery = run.make_gallery([replace(i, subject=other_people(elsewhere, i.subject)) for i in lesson.images])
    seeds = np.random.SeedSequence(run.spec.seed, spawn_key=(lesson.part,))
    names = [[each.name for each in group] for group in (run.guides, run.guards)]
    with timed(learning_work(run.method.name, *names), len(gallery.image_ids)):
        learned = run.method.learn(
            gallery, run.guides, guards=run.guards, rng=np.random.default_rng(seeds), on_progress=on_progress
        )
    return Learning(
        part=lesson.part,
        source=source.source,
        artifact_sha256=run.artifacts.put(pack(learned), LEARNED),
        subjects=len(learned.subjects),
        images=learned.images,
        evaluations=learned.evaluations,
    )


def get_learned(run: RunInProcess, sha256: str) -> Learned:
    """Return what was learnt, read once in a process."""
    if sha256 not in run.learned:
        run.learned[sha256] = unpack(run.artifacts.get(sha256, LEARNED))
    return run.learned[sha256]


def demo_gallery(max_pixels: int) -> Gallery:
    """Find the faces of the demo set that the package carries, to learn from."""
    faces = []
    with timed(DEMO_FACES):
        for item in read_demo(images_per_subject=DEMO_IMAGES_PER_SUBJECT).images:
            pixels = decode(item.path, name=item.name, max_pixels=max_pixels).pixels
            subject = other_people(DEMO, item.subject)
            faces.append(acquire(pixels, image_id=item.name, subject=subject, label=item.label, several="largest"))
    return Gallery.of(faces)


def learning_work(method: str, guides: Sequence[str], guards: Sequence[str]) -> str:
    """Return what the stopwatch calls learning in one go, by the names of all who are asked."""
    return piece(LEARN, method, *(TOGETHER.join(sorted(set(group))) for group in (guides, guards)))


def learn_in_process(job: Job, lessons: Sequence[Lesson]) -> list[Learning | str]:
    """Learn in a worker's process; where that fails, return the reason as a sentence."""
    return [_learn_or_say_why(job, lesson) for lesson in lessons]


def _learn_or_say_why(job: Job, lesson: Lesson) -> Learning | str:
    try:
        return learn(get_run(job), lesson, lambda done, total: report_steps(lesson.part, done, total))
    except FaceprivError as error:
        return str(error)
    except Exception as error:
        log_fault(_log, "Learning stopped", error)
        return unexpected("The method stopped learning", error)


def pack(learned: Learned) -> bytes:
    """Write what was learnt as the bytes of an ``.npz`` file: the same bytes for the same content.

    Raises BadInputError with code ``learnt-objects`` if an array holds anything but numbers, truth values or text.
    """
    arrays: dict[str, Any] = {}
    for name in sorted(learned.arrays):
        array = np.asarray(learned.arrays[name])
        if array.dtype.hasobject:
            raise BadInputError(
                f"What a method learns must be arrays of numbers, but {name!r} holds objects; this is a fault of the "
                "method.",
                code="learnt-objects",
            )
        arrays[_ARRAY + name] = np.asarray(array, order="C")
    meta = {"evaluations": learned.evaluations, "images": learned.images, "subjects": sorted(learned.subjects)}
    arrays[_META] = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    # numpy dates every member 1980, so no clock is in the bytes.
    np.savez(stream, **arrays)
    return stream.getvalue()


def unpack(data: bytes) -> Learned:
    """Read what `pack` wrote. Raises StoreError if it is something else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            meta: Mapping[str, Any] = json.loads(stored[_META].tobytes())
            arrays = {name[len(_ARRAY) :]: stored[name] for name in stored.files if name.startswith(_ARRAY)}
        return Learned(
            arrays=arrays,
            evaluations=int(meta["evaluations"]),
            images=int(meta["images"]),
            subjects=frozenset(meta["subjects"]),
        )
    except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise StoreError(
            "A file of what a method has learnt cannot be read; delete the run and start it again."
        ) from error


def teacher_name(source: LearnFrom, dataset: DatasetRef) -> str:
    """Name the data set that was learnt from."""
    if source.dataset is not None:
        return source.dataset.name
    names = ([dataset.name] if source.source == FOLDS else []) + (["demo set of facepriv"] if is_demo(source) else [])
    return " and ".join(names)


def is_demo(source: LearnFrom) -> bool:
    """Return whether the demo set's people are learnt from, alone or beside others."""
    return source.demo or source.source == DEMO
