"""The attacker who reads the size of a classifier's score, not only its sign."""

from __future__ import annotations

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.one_score import learn_curve, learn_line
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {"curve": learn_curve, "line": learn_line}


class Score(Attacker):
    """Learns the posterior of each score in a release of this policy, narrow clusters just past zero included."""

    name = "score"
    title = "Size of the score"
    assumption = (
        "Has a classifier, sees its continuous score of the stored file, and has learnt what scores mean from labelled "
        "images of other people released by the same policy."
    )

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a classifier and a model of the posterior."""
        return [f"{classifier}: {model}" for classifier in features.scores for model in _MODELS]

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from one classifier's score."""
        classifier, _, model = variant.rpartition(": ")
        fit = knowledge.learn(_MODELS[model], knowledge.released.scores[classifier], seed=seed)
        return fit.posterior(features.scores[classifier])
