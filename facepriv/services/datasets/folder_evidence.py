"""Whether folders that tell images apart hold one person each: a matcher looks at some of their images.

Only doubtful folders are looked at: few with many images, or such as are called by short codes. Of a folder of one
person nearly all pairs of images are accepted by a matcher, of a folder of several nearly none; what lies between, and
folders of which too few faces can be compared, stay what they seem. Whoever imports has the last word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from facepriv.datasets.label_tables import Question
from facepriv.datasets.reading import ReadResult, find_limits
from facepriv.errors import FaceprivError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decoder import decode_apart
from facepriv.measures.loaded_models import get_matcher
from facepriv.services.models.catalogue import usable_matchers
from facepriv.types import Face, LabelledImage, Problem
from facepriv.wording import count, listed

MATCHER = "sface"
Item = TypeVar("Item")
SAME = 0.363
"""Similarity from which two images count as of one person here, as OpenCV publishes it for `sface`: of 30 people of the
London set all pairs of one person reach it and 0.3 % of others, of 30 demo people all and 4.7 %."""
FOLDERS, IMAGES = 8, 4
"""Most folders that are looked at, and images of each."""
MANY = 3
"""Images of a folder, on average, from which few folders are looked at."""
MANY_FOLDERS = 10
"""Folders of one image each from which it is asked what they are."""
LEAST_PAIRS = 3
SHORT = 3
"""Longest name that is a code."""
SEVERAL_PEOPLE = 0.34
"""Proportion of accepted pairs below which a folder holds several people."""


@dataclass(frozen=True)
class FolderEvidence:
    """What a matcher says of pairs of images of the same folder."""

    folders: int
    """Folders of which images were compared."""
    of_several: int
    """Those of them whose pairs mostly do not look like one person."""
    pairs: int
    accepted: int

    @property
    def groups(self) -> bool:
        """Return whether folders are groups of people rather than people."""
        return self.pairs >= LEAST_PAIRS and 2 * self.of_several > self.folders


def judge_folders(read: ReadResult, *, max_pixels: int, kept: Path | None = None) -> ReadResult:
    """Return what was read, with doubtful folders taken for groups where a matcher finds several people in most.

    ``kept`` is a file in which the evidence is kept, so that a preview and the import after it look once.
    """
    if not read.by_folder or read.identities != "people":
        return read
    if len(read.images) == len({image.subject for image in read.images}) >= MANY_FOLDERS:
        return _asking(read, "each holds one image, so that no two images of a folder can be compared")
    if not _doubtful(read.images):
        return read
    evidence = _kept(kept, read)
    if evidence is None:
        evidence = _look(read.images, max_pixels)
        if kept is not None:
            kept.write_text(json.dumps({"images": len(read.images), **asdict(evidence)}))
    if not evidence.groups:
        return (
            _asking(read, "too few faces in them could be compared")
            if evidence.pairs < LEAST_PAIRS and _are_codes(read.images)
            else read
        )
    sentence = (
        f"The folders seem to be groups of people: of {count(evidence.pairs, 'pair')} of images from the same folder, "
        f"{evidence.accepted:,} look like one person, so folders only keep images together and nothing is matched. If "
        "each folder is one person, say so with --subjects people; if they mean nothing, with --subjects none."
    )
    limits = find_limits(read.images, "people")
    problems = [problem for problem in read.problems if problem not in limits]
    return replace(
        read,
        identities="groups",
        problems=[*problems, Problem("folders", "folders-of-groups", sentence), *find_limits(read.images, "groups")],
        questions=(*read.questions, Question("folders-of-groups", sentence)),
    )


def _asking(read: ReadResult, why: str) -> ReadResult:
    """Return what was read with the question what folders are."""
    names = sorted({image.subject for image in read.images})
    sentence = (
        f"The {count(len(names), 'folder')}, such as {listed(names[:2])}, may be people, groups or nothing: "
        f"{why}. They count as people; say otherwise with --subjects groups or "
        "--subjects none."
    )
    if len(names) <= MANY:
        sentence += f" If they are genders, say which: --mapping {names[0]}=male,{names[1]}=female."
    return replace(
        read,
        problems=[*read.problems, Problem("folders", "folders-in-doubt", sentence)],
        questions=(*read.questions, Question("folders-in-doubt", sentence)),
    )


def _by_subject(images: Sequence[LabelledImage]) -> dict[str, list[LabelledImage]]:
    folders: dict[str, list[LabelledImage]] = {}
    for image in images:
        folders.setdefault(image.subject, []).append(image)
    return {subject: inside for subject, inside in folders.items() if len(inside) > 1}


def _doubtful(images: Sequence[LabelledImage]) -> bool:
    subjects = {image.subject for image in images}
    return len(subjects) > 1 and (_are_codes(images) or len(images) >= MANY * len(subjects))


def _are_codes(images: Sequence[LabelledImage]) -> bool:
    return all(len(name := image.subject.rpartition("/")[2]) <= SHORT and not name.isalpha() for image in images)


def _look(images: Sequence[LabelledImage], max_pixels: int) -> FolderEvidence:
    folders = sorted(_by_subject(images).items())
    if MATCHER not in usable_matchers() or not folders:
        return FolderEvidence(0, 0, 0, 0)
    looked = of_several = pairs = accepted = 0
    for _, inside in _spread(folders, FOLDERS):
        scores = _scores([face for image in _spread(inside, IMAGES) if (face := _face(image, max_pixels)) is not None])
        if not scores:
            continue
        same = sum(score >= SAME for score in scores)
        looked, pairs, accepted = looked + 1, pairs + len(scores), accepted + same
        of_several += same < SEVERAL_PEOPLE * len(scores)
    return FolderEvidence(looked, of_several, pairs, accepted)


def _face(image: LabelledImage, max_pixels: int) -> Face | None:
    try:
        return acquire(decode_apart(image.path, name=image.name, max_pixels=max_pixels).pixels, several="largest")
    except (FaceprivError, OSError):
        return None


def _scores(faces: Sequence[Face]) -> list[float]:
    """Compare faces with each other; a failure to acquire a template counts for nothing."""
    if len(faces) < 2:
        return []
    matcher = get_matcher(MATCHER)
    table = matcher.compare(templates := matcher.embed(faces), templates)
    return [float(table[a, b]) for a, b in combinations(range(len(faces)), 2) if table[a, b] == table[a, b]]


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return items at even distances."""
    if len(items) <= most:
        return list(items)
    return [items[place * (len(items) - 1) // (most - 1)] for place in range(most)]


def _kept(path: Path | None, read: ReadResult) -> FolderEvidence | None:
    if path is None or not path.is_file():
        return None
    stored: Mapping[str, int] = json.loads(path.read_text())
    if stored.get("images") != len(read.images):
        return None
    return FolderEvidence(stored["folders"], stored["of_several"], stored["pairs"], stored["accepted"])
