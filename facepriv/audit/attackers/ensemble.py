"""The attacker who holds all classifiers' scores together."""

from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.probes import kernel, learn_forest, linear, ridge
from facepriv.audit.attackers.score_features import joint_features, with_features
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "straight": with_features(joint_features, ridge(linear)),
    "curved": with_features(joint_features, ridge(kernel)),
    "forest": with_features(joint_features, learn_forest),
}


class Ensemble(Attacker):
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

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from all scores."""
        fit = knowledge.learn(_MODELS[variant], all_scores(knowledge.released), seed=seed)
        return fit.posterior(all_scores(features))


def all_scores(features: Features) -> Floats64:
    """Return the scores of all classifiers side by side, ``(n, classifiers)``."""
    return np.column_stack(list(features.scores.values()))
