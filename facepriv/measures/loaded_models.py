"""Models made by name, their weights checked, and references to them for specs."""

from __future__ import annotations

from facepriv.classify.registry import classifiers
from facepriv.errors import FaceprivError
from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.match.registry import matchers
from facepriv.schemas.base import ModelRef
from facepriv.types import AttributeClassifier, FaceMatcher, Landmarker
from facepriv.weights.files import require_all


def get_classifier(name: str) -> AttributeClassifier:
    """Return the classifier called ``name``, after a check of its weights.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    """
    classifier = classifiers.create(name)
    require_all(classifier.card)
    return classifier


def get_matcher(name: str) -> FaceMatcher:
    """Return the matcher called ``name``, after a check of its weights.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    """
    matcher = matchers.create(name)
    require_all(matcher.card)
    return matcher


def get_landmarker(name: str) -> Landmarker:
    """Return the landmarker called ``name``, after a check that it can be used here.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    """
    landmarker = landmarkers.create(name)
    landmarker.ready()
    return landmarker


def make_reference(model: AttributeClassifier | FaceMatcher | Landmarker) -> ModelRef:
    """Return a model's name and version for a spec."""
    return ModelRef(name=model.name, version=model.version)


def make_detector_reference() -> ModelRef:
    """Return the detector's name and version for a spec."""
    return ModelRef(name=DETECTOR.name, version=DETECTOR.version)


def check_versions(expected: ModelRef, installed: ModelRef) -> None:
    """Raise an error unless the installed model has the weights that a run or audit was made with.

    Raises
    ------
    FaceprivError
        If name or version differ.
    """
    if expected != installed:
        raise FaceprivError(
            f"The run was made with {expected.name} of version {expected.version}, but {installed.version} is "
            "installed; install the requirements of the facepriv release that made the run, or start a new run. A "
            "model of your own must be the same on every machine: copy the folder models."
        )
