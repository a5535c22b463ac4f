"""The models that facepriv knows: whether each can be used here, under which licence, and how to get the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facepriv.classify.registry import classifiers
from facepriv.errors import ModelUnavailableError
from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.match.registry import matchers
from facepriv.registry import Registry
from facepriv.types import GENDER, ModelCard
from facepriv.weights.files import bytes_of, how_to_get, locate, require_all


@dataclass(frozen=True)
class ModelStatus:
    """A registered model and whether it can be used here."""

    card: ModelCard
    usable: bool
    reason: str
    """Why it cannot be used; empty if it can."""
    attribute: str = ""
    """What a classifier predicts, such as ``gender`` or ``age``; empty for other models."""

    @property
    def kind(self) -> str:
        """Return ``classifier``, ``matcher``, ``detector`` or ``landmarks``."""
        return self.card.kind

    @property
    def state(self) -> str:
        """Return ``usable``, ``not trusted`` or ``not here``."""
        if self.usable:
            return "usable"
        return "not trusted" if all(map(locate, self.card.weights)) else "not here"

    @property
    def bytes(self) -> int | None:
        """Return the size of its weights, measured or as published; None where it is not known."""
        return bytes_of(self.card)

    @property
    def how(self) -> str:
        """Return the command that installs its weights; empty if it can be used."""
        return "" if self.usable else how_to_get(self.card)


def status_of(card: ModelCard, attribute: str = "") -> ModelStatus:
    """Return whether all weight files of a model are here and unchanged."""
    return _status(card, lambda: require_all(card), attribute)


def _status(card: ModelCard, check: Callable[[], object], attribute: str = "") -> ModelStatus:
    try:
        check()
    except ModelUnavailableError as error:
        return ModelStatus(card, usable=False, reason=str(error), attribute=attribute)
    return ModelStatus(card, usable=True, reason="", attribute=attribute)


def list_models() -> list[ModelStatus]:
    """Return the status of the detector, all classifiers, all matchers and all landmarkers."""
    points = [_status(model.card, model.ready) for model in map(landmarkers.create, landmarkers.names())]
    return [status_of(DETECTOR), *_list_statuses(classifiers), *_list_statuses(matchers), *points]


def usable_classifiers() -> list[str]:
    """Return the names of the gender classifiers that can be used here."""
    return [status.card.name for status in _list_statuses(classifiers) if status.usable and status.attribute == GENDER]


def usable_matchers() -> list[str]:
    """Return the names of the matchers that can be used here."""
    return [status.card.name for status in _list_statuses(matchers) if status.usable]


def _list_statuses(registry: Registry[Any]) -> list[ModelStatus]:
    models = map(registry.create, registry.names())
    return [status_of(model.card, getattr(model, "attribute", "")) for model in models]
