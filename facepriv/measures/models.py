"""Which models can be used here, under which licence, and how to get the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facepriv.classify.registry import classifiers
from facepriv.errors import FaceprivError, ModelUnavailableError
from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.match.registry import matchers
from facepriv.registry import Registry
from facepriv.schemas.runs import ModelRef
from facepriv.types import GENDER, AttributeClassifier, FaceMatcher, Landmarker, ModelCard
from facepriv.weights.files import bytes_of, how_to_get, locate, require_all


@dataclass(frozen=True)
class ModelStatus:
    """A registered model and whether it can be used here."""

    card: ModelCard
    usable: bool
    reason: str
    """Why it cannot be used; empty if it can."""
    attribute: str = ""
    """What a classifier tells, such as ``gender`` or ``age``; empty for other models."""

    @property
    def kind(self) -> str:
        """Classifier, matcher, detector or landmarks."""
        return self.card.kind

    @property
    def state(self) -> str:
        """Whether its weights are here, in a word or three."""
        if self.usable:
            return "usable"
        return "not trusted" if all(map(locate, self.card.weights)) else "not here"

    @property
    def bytes(self) -> int | None:
        """Size of its weights, measured where they are here; None where it is not known."""
        return bytes_of(self.card)

    @property
    def how(self) -> str:
        """The command that brings its weights; empty if it can be used."""
        return "" if self.usable else how_to_get(self.card)


def status_of(card: ModelCard, attribute: str = "") -> ModelStatus:
    """Check that all weight files of a model are here and unchanged."""
    try:
        require_all(card)
    except ModelUnavailableError as error:
        return ModelStatus(card, usable=False, reason=str(error), attribute=attribute)
    return ModelStatus(card, usable=True, reason="", attribute=attribute)


def _statuses(registry: Registry[Any]) -> list[ModelStatus]:
    made = [registry.create(name) for name in registry.names()]
    return [status_of(model.card, getattr(model, "attribute", "")) for model in made]


def list_models() -> list[ModelStatus]:
    """List the detector, all classifiers, all matchers and all landmarkers."""
    judged = [status_of(DETECTOR), *_statuses(classifiers), *_statuses(matchers)]
    return [*judged, *(_landmarker_status(name) for name in landmarkers.names())]


def _landmarker_status(name: str) -> ModelStatus:
    made = landmarkers.create(name)
    try:
        made.ready()
    except ModelUnavailableError as error:
        return ModelStatus(made.card, usable=False, reason=str(error))
    return ModelStatus(made.card, usable=True, reason="")


def usable_classifiers() -> list[str]:
    """Name the gender classifiers whose weights are here."""
    return [one.card.name for one in _statuses(classifiers) if one.usable and one.attribute == GENDER]


def usable_matchers() -> list[str]:
    """Name the matchers whose weights are here."""
    return [one.card.name for one in _statuses(matchers) if one.usable]


def classifier(name: str) -> AttributeClassifier:
    """Make a classifier whose weights were checked.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    """
    made = classifiers.create(name)
    require_all(made.card)
    return made


def matcher(name: str) -> FaceMatcher:
    """Make a matcher whose weights were checked.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    """
    made = matchers.create(name)
    require_all(made.card)
    return made


def landmarker(name: str) -> Landmarker:
    """Make a landmarker that can be used here.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    """
    made = landmarkers.create(name)
    made.ready()
    return made


def reference(model: AttributeClassifier | FaceMatcher | Landmarker) -> ModelRef:
    """Name a model and its weights for a spec."""
    return ModelRef(name=model.name, version=model.version)


def detector_reference() -> ModelRef:
    """Name the detector and its weights for a spec."""
    return ModelRef(name=DETECTOR.name, version=DETECTOR.version)


def check_versions(wanted: ModelRef, found: ModelRef) -> None:
    """Make sure that a run is repeated with the very weights it was made with.

    Raises
    ------
    FaceprivError
        If the hashes differ.
    """
    if wanted != found:
        raise FaceprivError(
            f"The run was made with {wanted.name} of version {wanted.version}, but {found.version} is installed; "
            "install the requirements of the facepriv release that made the run, or start a new run. A model of your "
            "own must be the same on every machine: copy the folder models."
        )
