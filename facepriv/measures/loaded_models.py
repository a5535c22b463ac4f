"""Models made by name, their weights checked, and references to them for specs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from facepriv.classify.registry import classifiers
from facepriv.errors import FaceprivError
from facepriv.imaging.acquire import CARD
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.match.registry import matchers
from facepriv.schemas.base import ModelRef
from facepriv.types import AttributeClassifier, FaceMatcher, Landmarker
from facepriv.weights.files import require_all

DETECTOR = ModelRef(name=CARD.name, version=CARD.version)
Model = AttributeClassifier | FaceMatcher | Landmarker
_M = TypeVar("_M", bound=Model)


def get_classifier(name: str) -> AttributeClassifier:
    """Return a classifier, its weights checked; raises UnknownNameError or ModelUnavailableError."""
    classifier = classifiers.create(name)
    require_all(classifier.card)
    return classifier


def get_matcher(name: str) -> FaceMatcher:
    """Return a matcher, its weights checked; raises UnknownNameError or ModelUnavailableError."""
    matcher = matchers.create(name)
    require_all(matcher.card)
    return matcher


def get_landmarker(name: str) -> Landmarker:
    """Return a landmarker that can be used here; raises UnknownNameError or ModelUnavailableError."""
    landmarker = landmarkers.create(name)
    landmarker.ready()
    return landmarker


def load_models(get: Callable[[str], _M], refs: Iterable[ModelRef]) -> dict[str, _M]:
    """Return the models of a spec by name.

    Raises FaceprivError if one cannot be used here, or is of another version.
    """
    models = {}
    for ref in dict.fromkeys(refs):
        models[ref.name] = get(ref.name)
        check_versions(ref, models[ref.name])
    return models


def make_reference(model: Model) -> ModelRef:
    """Return a model's name and version for a spec."""
    return ModelRef(name=model.name, version=model.version)


def check_versions(expected: ModelRef, installed: Model | ModelRef) -> None:
    """Raise FaceprivError unless the installed model has the weights that a run or audit was made with."""
    if (expected.name, expected.version) != (installed.name, installed.version):
        raise FaceprivError(
            f"The run was made with {expected.name} of version {expected.version}, but {installed.version} is "
            "installed; install the requirements of the facepriv release that made the run, or start a new run. A "
            "model of your own must be the same on every machine: copy the folder models."
        )
