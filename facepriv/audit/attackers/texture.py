"""The attacker who learns gender from where released images have fine texture."""

from __future__ import annotations

from functools import partial

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import learn_support_vectors
from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.probes import MapMaker, kernel, linear, ridge
from facepriv.audit.attackers.states import learn_states
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "straight": ridge(linear),
    "curved": ridge(kernel),
    "support vectors": learn_support_vectors,
}
_BY_STATE: dict[str, tuple[MapMaker, ...]] = {
    "straight, by state": (linear,),
    "curved, by state": (kernel, partial(kernel, narrower=4.0)),
}


class Texture(OneFit):
    """Learns gender from maps of texture of released images, at once or by state: perturbed or not."""

    name = "texture"
    title = "Fine texture of the face"
    assumption = (
        "Has labelled images of other people both untouched and processed with the same method, and has trained "
        "gender classifiers of his own on how much fine texture, such as stubble, brows or edges that perturbing left, "
        "each part of the face shows."
    )

    def variants(self, features: Features) -> list[str]:
        """Return the models; none where texture was not measured."""
        return [*_MODELS, *_BY_STATE] if features.texture.shape[1] else []

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Train a classifier on the texture of released images, or on that of both versions of all images."""
        if variant in _BY_STATE:
            return learn_states(partial(self.table, variant), _BY_STATE[variant], (), knowledge, seed=seed)
        return knowledge.learn(_MODELS[variant], self.table(variant, knowledge.released), seed=seed)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return the maps of texture."""
        return features.texture
