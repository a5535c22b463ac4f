"""The attacker who reads the size of a classifier's score, not only its sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner, learn
from facepriv.audit.attackers.one_score import curve, line
from facepriv.audit.evidence import Features

_MODELS: dict[str, Learner] = {"curve": curve, "line": line}


class Score(Attacker):
    """Learns what each score means in a release of this policy, a narrow cluster just past zero included."""

    name = "score"
    title = "Size of the score"
    assumption = (
        "Has a classifier, sees its continuous score of the stored file, and has learnt what scores mean from labelled "
        "images of other people released by the same policy."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name a classifier and a model of the posterior."""
        return [f"{classifier}: {model}" for classifier in seen.scores for model in _MODELS]

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from one classifier's score."""
        classifier, _, model = variant.rpartition(": ")
        scores, subjects = known.released.scores[classifier], known.released.subjects
        return learn(_MODELS[model], scores, known.labels, subjects, seed=seed).posterior(seen.scores[classifier])
