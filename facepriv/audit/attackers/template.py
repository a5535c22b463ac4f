"""The attacker who has stolen templates and learnt from untouched ones."""

from __future__ import annotations

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import learn_boosting, learn_network, learn_support_vectors
from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.similarity import learn_mean_similarity, learn_nearest
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "straight": ridge(linear),
    "curved": ridge(kernel),
    "nearest": learn_nearest(3),
    "mean similarity": learn_mean_similarity,
    "support vectors": learn_support_vectors,
    "boosting": learn_boosting,
    "network": learn_network,
}


class Template(OneFit):
    """Applies probes fitted to templates of untouched images."""

    name = "template"
    title = "Stored templates"
    assumption = (
        "Has the stored templates of a matcher and labelled templates of untouched images of other people, but does "
        "not know that anything was perturbed."
    )
    knows_policy = False

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a matcher and a model."""
        return [f"{matcher}: {model}" for matcher in features.templates for model in _MODELS]

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit a model to one matcher's templates of untouched images."""
        model = _MODELS[variant.rpartition(": ")[2]]
        return knowledge.learn(model, self.table(variant, knowledge.untouched), seed=seed, lasting=True)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return one matcher's templates."""
        return features.templates[variant.rpartition(": ")[0]]
