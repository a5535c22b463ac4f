"""The attacker who reads the size of a classifier's score, not only its sign."""

from __future__ import annotations

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import learn_boosting, learn_neighbours, learn_tree
from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.one_score import learn_curve, learn_line
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "curve": learn_curve,
    "line": learn_line,
    "tree": learn_tree,
    "nearest": learn_neighbours,
    "boosting": learn_boosting,
}


class Score(OneFit):
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

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit a model to one classifier's score."""
        return knowledge.learn(_MODELS[variant.rpartition(": ")[2]], self.table(variant, knowledge.released), seed=seed)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return one classifier's score."""
        return features.scores[variant.rpartition(": ")[0]]
