"""Attributes other than gender: their two classes, and the labels that a data set gives for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from facepriv.errors import BadInputError
from facepriv.schemas.runs import AttributeClasses
from facepriv.store.records import ImageRecord
from facepriv.types import GENDER, AttributeClassifier
from facepriv.wording import listed

AGE = "age"
POSITIVE, NEGATIVE = 1, -1
UNLABELLED_NOTE = (
    "The data set has no label of this attribute for the image, so the guide's own verdict on the untouched image "
    "stood in for one."
)


def classes_of(model: AttributeClassifier) -> AttributeClasses:
    """Name the attribute that a classifier tells, and its two classes."""
    if model.attribute == GENDER:
        return AttributeClasses(attribute=GENDER, positive="male", negative="female")
    value = _positive(model)
    if model.attribute == AGE:
        return AttributeClasses(attribute=AGE, positive=f"{value} and over", negative=f"under {value}")
    return AttributeClasses(attribute=model.attribute, positive=f"{value}", negative=f"not {value}")


def _positive(model: AttributeClassifier) -> object:
    """Return the boundary in years, or the class that stands against all others."""
    option = getattr(model, "option", None)
    return "positive" if option is None else getattr(model, option)


def label_by(model: AttributeClassifier, image: ImageRecord) -> int | None:
    """Return an image's label for what a classifier tells: +1 for its positive class, -1, or None without one.

    Gender is the data set's label. Age is that in years, at least the classifier's boundary or below it; any other
    attribute is the data set's own word, the classifier's class or another one. A classifier with ``class_of`` says
    itself which of its classes a word means; one that means none of them is no label.
    """
    if model.attribute == GENDER:
        return image.label
    said, positive = image.attributes.get(model.attribute), _positive(model)
    if said is None or said == "":
        return None
    if model.attribute == AGE:
        years = _number(said)
        return None if years is None else (POSITIVE if years >= float(str(positive)) else NEGATIVE)
    class_of = getattr(model, "class_of", None)
    word = str(said).strip().casefold() if class_of is None else class_of(str(said))
    if word is None:
        return None
    return POSITIVE if word == str(positive).strip().casefold() else NEGATIVE


def _number(said: str | float) -> float | None:
    try:
        years = float(said)
    except ValueError:
        return None
    return years if math.isfinite(years) else None


def labelled_by(model: AttributeClassifier, images: Iterable[ImageRecord]) -> tuple[ImageRecord, ...]:
    """Return images with the labels of what a classifier tells in place of their gender labels."""
    return tuple(replace(image, label=label_by(model, image)) for image in images)


def check_guides(guides: Sequence[AttributeClassifier]) -> AttributeClasses:
    """Return what all guides tell.

    Raises BadInputError with code ``guides-differ`` if they tell different attributes, or part one at different places.
    """
    classes = {guide.name: classes_of(guide) for guide in guides}
    if len(set(classes.values())) > 1:
        each = [f"{name} tells {c.attribute} ({c.positive} or {c.negative})" for name, c in classes.items()]
        raise BadInputError(
            f"Guides that all tell the same were expected, but {listed(each)}; choose guides of one attribute and, for "
            "age, of one boundary.",
            code="guides-differ",
        )
    return next(iter(classes.values()))


def side_labels(models: Mapping[str, AttributeClassifier], image: ImageRecord) -> dict[str, int]:
    """Return an image's labels by classifier, of those that do not tell gender; without those that have none."""
    labels = {name: label_by(model, image) for name, model in models.items() if model.attribute != GENDER}
    return {name: label for name, label in labels.items() if label is not None}
