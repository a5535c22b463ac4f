"""The attacker who holds all classifiers' scores together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner, learn
from facepriv.audit.attackers.probes import forest, kernel, linear, ridge
from facepriv.audit.attackers.score_features import jointly, with_features
from facepriv.audit.evidence import Features

_MODELS: dict[str, Learner] = {
    "straight": with_features(jointly, ridge(linear)),
    "curved": with_features(jointly, ridge(kernel)),
    "forest": with_features(jointly, forest),
}


class Ensemble(Attacker):
    """Learns from scores, ranks and products of all classifiers; with one classifier he is no more than `Score`."""

    name = "ensemble"
    title = "All scores together"
    assumption = (
        "Has all the classifiers of this audit, sees their scores of the stored file together, and has learnt what "
        "they mean from labelled images of other people released by the same policy."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name the models of the posterior; none with fewer than two classifiers."""
        return list(_MODELS) if len(seen.scores) > 1 else []

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from all scores."""
        released = known.released
        learnt = learn(_MODELS[variant], all_scores(released), known.labels, released.subjects, seed=seed)
        return learnt.posterior(all_scores(seen))


def all_scores(seen: Features) -> NDArray[np.float64]:
    """Put the scores of all classifiers side by side, ``(n, classifiers)``."""
    return np.column_stack(list(seen.scores.values()))
