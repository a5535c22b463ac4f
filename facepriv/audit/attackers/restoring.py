"""The attacker who filters images before the classifier scores them."""

from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.one_score import learn_curve
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.score_features import difference_features, with_features
from facepriv.audit.evidence import Features
from facepriv.imaging.restoring import RESTORERS
from facepriv.types import Floats64

_ALL = "all front ends"


class Restoring(Attacker):
    """Learns from the scores of filtered images, and from their differences to the plain score."""

    name = "restoring"
    title = "Filters before the classifier"
    assumption = (
        "Has a classifier, filters the stored file before it is scored (greyscale, smoothing, JPEG and the like), and "
        "has learnt what the scores mean from labelled images of other people released by the same policy."
    )

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a classifier and a filter, and each classifier with all filters."""
        return [f"{classifier}: {restorer}" for classifier in features.restored for restorer in (*RESTORERS, _ALL)]

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from one classifier's scores of filtered images."""
        classifier, _, restorer = variant.rpartition(": ")
        learner = with_features(difference_features, ridge(linear, kernel)) if restorer == _ALL else learn_curve
        x, y = (_scores(images, classifier, restorer) for images in (knowledge.released, features))
        return knowledge.learn(learner, x, seed=seed).posterior(y)


def _scores(features: Features, classifier: str, restorer: str) -> Floats64:
    """Return scores ``(n,)`` after one filter, or ``(n, 1 + f)`` of the plain image and after each filter."""
    restored = features.restored[classifier]
    if restorer == _ALL:
        plain = features.scores[classifier][:, None]
        # Where a filter leaves no face to find, the plain score stands in.
        return np.column_stack([plain, np.where(np.isfinite(restored), restored, plain)])
    return np.asarray(restored[:, list(RESTORERS).index(restorer)])
