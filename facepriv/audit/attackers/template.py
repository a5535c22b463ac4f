"""The attacker who has stolen templates and learnt from untouched ones."""

from __future__ import annotations

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.similarity import learn_mean_similarity, learn_nearest
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "straight": ridge(linear),
    "curved": ridge(kernel),
    "nearest": learn_nearest(3),
    "mean similarity": learn_mean_similarity,
}


class Template(Attacker):
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

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from one matcher's templates."""
        matcher, _, model = variant.rpartition(": ")
        fit = knowledge.learn(_MODELS[model], knowledge.untouched.templates[matcher], seed=seed)
        return fit.posterior(features.templates[matcher])
