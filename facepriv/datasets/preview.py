"""Preview of a data set, before any of its images is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from facepriv.datasets.embedded import INSIDE
from facepriv.datasets.problems import problem_count
from facepriv.datasets.reading import ReadResult
from facepriv.schemas.audits import too_few_people
from facepriv.types import FEMALE, GENDER_NAMES, MALE, LabelledImage, Problem

SCHEMA = "facepriv.preview/1"
ROWS = 10
"""Images shown as examples."""
LISTED_FILES = 2000
"""Files that a preview lists with what is said of them and where that comes from; an import lists them all."""
COMMONEST = 12
"""Words of an attribute that are counted one by one."""


def preview_document(read: ReadResult, earlier: Sequence[Problem] = (), rows: int = ROWS) -> dict[str, Any]:
    """Return the counts and some images of a data set as JSON of schema ``facepriv.preview/1``.

    ``earlier`` is what was left out before the files were read. At most ``rows`` images are shown, spread evenly over
    the sorted names.
    """
    labels = Counter(image.label for image in read.images)
    return {
        "schema": SCHEMA,
        "reader": read.reader,
        "reader_reason": read.why,
        "licence": read.licence,
        "terms": None if read.terms is None else read.terms.sentence,
        "table": read.table,
        "columns": dict(read.columns),
        "fields": list(read.fields),
        "by_folder": read.by_folder,
        "meanings": [
            {"value": value, "rows": read.counts.get(value, 0), "meaning": meaning}
            for value, meaning in read.meanings.items()
        ],
        "questions": [
            {"code": each.code, "sentence": each.sentence, "values": list(each.values), "required": each.required}
            for each in read.questions
        ],
        "identities": read.identities,
        "images": len(read.images),
        "subjects": len({image.subject for image in read.images}),
        "labels": {"female": labels[-1], "male": labels[1], "unlabelled": labels[None]},
        "no_audit": too_few_people(*_labelled_people(read.images)),
        "attributes": _attributes(read.images),
        "protocol": _protocol(read),
        "files": _files(read, earlier),
        "rows": [
            {
                "name": image.name,
                "subject": image.subject,
                "label": None if image.label is None else GENDER_NAMES[image.label],
                "attributes": dict(image.attributes),
            }
            for image in _spread(read.images, rows)
        ],
        "image_files": [
            {
                "file": image.name,
                "subject": image.subject,
                "subject_from": _from(read, image, "subject"),
                "label": None if image.label is None else GENDER_NAMES[image.label],
                "label_from": None if image.label is None else _from(read, image, "label"),
            }
            for image in read.images[:LISTED_FILES]
        ],
        "files_left_out": [
            {"file": each.name, "code": each.code, "sentence": each.sentence} for each in read.left_out[:LISTED_FILES]
        ],
        "problems": [
            {"name": problem.name, "code": problem.code, "count": problem_count(problem), "sentence": problem.sentence}
            for problem in (*earlier, *read.problems)
        ],
    }


def _from(read: ReadResult, image: LabelledImage, field: str) -> str | None:
    return image.origin.get(field) or read.origin.get(field)


def _spread(images: list[LabelledImage], most: int) -> list[LabelledImage]:
    """Return images at even distances, the first and the last among them."""
    if len(images) <= most or most < 2:
        return images[:most]
    return [images[i * (len(images) - 1) // (most - 1)] for i in range(most)]


def _labelled_people(images: Sequence[LabelledImage]) -> tuple[int, int, int]:
    """Count subjects with a label, those labelled male, and those female; whether a face is usable is not known yet."""
    labelled = {(image.subject, image.label) for image in images if image.label is not None}
    men, women = (sum(label == gender for _, label in labelled) for gender in (MALE, FEMALE))
    return len({subject for subject, _ in labelled}), men, women


def _attributes(images: list[LabelledImage]) -> list[dict[str, Any]]:
    """Describe the attributes by name: how many images have one, the range of its numbers, and its commonest words."""
    values_of: dict[str, Counter[str | float]] = {}
    for image in images:
        for name, value in image.attributes.items():
            values_of.setdefault(name, Counter())[value] += 1
    described = []
    for name, values in sorted(values_of.items()):
        numbers = [value for value in values if not isinstance(value, str)]
        words = [(value, n) for value, n in values.most_common() if isinstance(value, str)]
        described.append(
            {
                "name": name,
                "images": values.total(),
                "lowest": min(numbers, default=None),
                "highest": max(numbers, default=None),
                "words": dict(words[:COMMONEST]),
            }
        )
    return described


def _files(read: ReadResult, earlier: Sequence[Problem]) -> dict[str, int] | None:
    """Return how many files were found, and what becomes of them; those left out before count among them."""
    if read.files is None:
        return None
    before = sum(problem_count(problem) for problem in earlier if problem.code not in (INSIDE, "name-encoding"))
    return {
        "found": read.files.found + before,
        "images": read.files.images,
        "lists": read.files.lists,
        "left_out": read.files.left_out + before,
    }


def _protocol(read: ReadResult) -> dict[str, int] | None:
    if not read.protocol:
        return None
    mated = sum(pair.mated for pair in read.protocol)
    folds = {pair.fold for pair in read.protocol}
    return {"folds": len(folds), "mated": mated, "non_mated": len(read.protocol) - mated}
