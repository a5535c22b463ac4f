"""The attacker who holds all classifiers' scores together."""

from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import (
    learn_boosting,
    learn_neighbours,
    learn_network,
    learn_support_vectors,
)
from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.probes import kernel, learn_forest, linear, ridge
from facepriv.audit.attackers.score_features import joint_features, with_features
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "straight": with_features(joint_features, ridge(linear)),
    "curved": with_features(joint_features, ridge(kernel)),
    "forest": with_features(joint_features, learn_forest),
    "boosting": with_features(joint_features, learn_boosting),
    "support vectors": with_features(joint_features, learn_support_vectors),
    "nearest": with_features(joint_features, learn_neighbours),
    "network": with_features(joint_features, learn_network),
}


class Ensemble(OneFit):
    """Learns from scores, ranks and products of all classifiers."""

    name = "ensemble"
    title = "All scores together"
    assumption = (
        "Has all the classifiers of this audit, sees their scores of the stored file together, and has learnt what "
        "they mean from labelled images of other people released by the same policy."
    )

    def variants(self, features: Features) -> list[str]:
        """Return the models of the posterior; none with fewer than two classifiers, where `Score` does the same."""
        return list(_MODELS) if len(features.scores) > 1 else []

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit a model to all scores."""
        return knowledge.learn(_MODELS[variant], self.table(variant, knowledge.released), seed=seed)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return all scores."""
        return all_scores(features)


def all_scores(features: Features) -> Floats64:
    """Return the scores of all classifiers side by side, ``(n, classifiers)``."""
    return np.column_stack(list(features.scores.values()))
