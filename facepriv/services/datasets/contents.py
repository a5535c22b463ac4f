"""Every image of a data set with what is said of it and where that comes from, and corrections made by hand."""

from __future__ import annotations

from typing import Any, Literal

from facepriv.errors import BadInputError
from facepriv.store import DatasetRecord, ImageRecord, Store
from facepriv.store.records import Correction, ImageOrigin
from facepriv.types import GENDER_NAMES, GENDERS, Actor, Problem

SCHEMA = "facepriv.dataset/1"
UNLABELLED = "unlabelled"
NOT_NOTED = "not noted"
"""Origin of what an earlier version imported."""
LABELS: tuple[str, ...] = (*GENDERS, UNLABELLED)


def images_json(store: Store, record: DatasetRecord) -> list[dict[str, Any]]:
    """List every image with file, subject and label, and where each comes from; this is personal data."""
    origins = store.datasets.origins(record.id)
    corrected = _corrections_by_image(store, record.id)
    return [
        {
            "file": image.name,
            "subject": image.subject,
            "subject_from": _origin(image, "subject", origins, corrected),
            "label": label_word(image, none=None),
            "label_from": None if image.label is None else _origin(image, "label", origins, corrected),
            "attributes": dict(image.attributes),
            "no_usable_face": image.failure,
            "corrections": [
                {"field": each.field, "was": each.was, "became": each.became, "by": each.by, "at": each.at.isoformat()}
                for each in corrected.get(image.id, ())
            ],
        }
        for image in store.datasets.images(record.id)
    ]


def left_out_json(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    """List every file that was left out, with the reason."""
    return [{"file": each.name, "code": each.code, "sentence": each.sentence} for each in problems]


def dataset_document(store: Store, record: DatasetRecord) -> dict[str, Any]:
    """Put a data set's images and the files that were left out together, as ``--json`` writes them."""
    return {
        "schema": SCHEMA,
        "dataset": record.name,
        "reader": record.reader,
        "reader_reason": record.reader_reason,
        "identities": record.identities,
        "content_sha256": record.content_sha256,
        "images": images_json(store, record),
        "left_out": left_out_json(store.datasets.left_out(record.id)),
    }


def content_rows(store: Store, record: DatasetRecord, wanted: str = "") -> list[dict[str, str]]:
    """Return the images as rows of a table: those whose name, subject, label or origin contains a text."""
    origins = store.datasets.origins(record.id)
    corrected = _corrections_by_image(store, record.id)
    rows = []
    for image in store.datasets.images(record.id):
        row = {
            "File": image.name,
            "Subject": image.subject,
            "Label": label_word(image) or UNLABELLED,
            "Subject from": _origin(image, "subject", origins, corrected),
            "Label from": "" if image.label is None else _origin(image, "label", origins, corrected),
            "Id": str(image.id),
        }
        if wanted.casefold() in "\n".join([*row.values()][:-1]).casefold():
            rows.append(row)
    return rows


def correct_image(store: Store, dataset_id: int, image_id: int, *, subject: str, label: str, actor: Actor) -> int:
    """Correct subject and label of an image by hand, and log that somebody did; return how many of the two changed.

    Raises BadInputError with code ``bad-subject`` or ``bad-label`` for an empty subject or an unknown label, and as
    `DatasetStore.correct` does.
    """
    named = " ".join(subject.split())
    if not named or not named.isprintable():
        raise BadInputError(
            f"A subject has a printable name, but {subject!r} was given; write one.", code="bad-subject"
        )
    if label not in LABELS:
        raise BadInputError(f"A label is {', '.join(LABELS)}, but {label!r} was given; choose one.", code="bad-label")
    sign = None if label == UNLABELLED else GENDERS["male" if label == "male" else "female"]
    changed = store.datasets.correct(dataset_id, image_id, subject=named, label=sign, by=actor.name)
    if changed:
        store.access.record(actor, "image-corrected", f"dataset {dataset_id}", f"image {image_id}")
    return changed


def label_word(image: ImageRecord, none: str | None = UNLABELLED) -> str | None:
    """Return an image's label as its word."""
    return none if image.label is None else GENDER_NAMES[image.label]


def _corrections_by_image(store: Store, dataset_id: int) -> dict[int, list[Correction]]:
    by_image: dict[int, list[Correction]] = {}
    for each in store.datasets.corrections(dataset_id):
        by_image.setdefault(each.image_id, []).append(each)
    return by_image


def _origin(
    image: ImageRecord,
    field: Literal["subject", "label"],
    origins: dict[int, ImageOrigin],
    corrected: dict[int, list[Correction]],
) -> str:
    by_hand = [each for each in corrected.get(image.id, ()) if each.field == field]
    if by_hand:
        return f"corrected by {by_hand[-1].by or 'somebody'} on {by_hand[-1].at:%Y-%m-%d}"
    noted = origins.get(image.id)
    return (getattr(noted, field) if noted is not None else None) or NOT_NOTED
