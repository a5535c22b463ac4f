"""The attacker who holds all classifiers' scores together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Known
from facepriv.audit.attackers.learning import Learner, learn
from facepriv.audit.attackers.probes import curved, forest, ridge, straight
from facepriv.audit.attackers.score_features import jointly, on
from facepriv.audit.leak.evidence import Seen

_MODELS: dict[str, Learner] = {
    "straight": on(jointly, ridge(straight)),
    "curved": on(jointly, ridge(curved)),
    "forest": on(jointly, forest),
}


class Ensemble(Attacker):
    """Learns from scores, ranks and products of all classifiers; with one classifier he is no more than `Score`."""

    name = "ensemble"
    title = "All scores together"
    assumption = (
        "Has all the classifiers of this audit, sees their scores of the stored file together, and has learnt what "
        "they mean from labelled images of other people released by the same policy."
    )

    def variants(self, seen: Seen) -> list[str]:
        """Name the models of the posterior; none with fewer than two classifiers."""
        return list(_MODELS) if len(seen.scores) > 1 else []

    def log_odds(self, variant: str, known: Known, seen: Seen, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from all scores."""
        released = known.released
        learnt = learn(_MODELS[variant], all_scores(released), known.labels, released.subjects, seed=seed)
        return learnt.posterior(all_scores(seen))


def all_scores(seen: Seen) -> NDArray[np.float64]:
    """Put the scores of all classifiers side by side, ``(n, classifiers)``."""
    return np.column_stack(list(seen.scores.values()))
