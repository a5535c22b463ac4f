"""The attacker who filters images before the classifier scores them."""

from __future__ import annotations

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import learn_boosting
from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.one_score import learn_curve
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.score_features import ranked_features, with_features
from facepriv.audit.attackers.sources import all_filtered_scores, filtered_scores
from facepriv.audit.evidence import Features
from facepriv.imaging.restoring import RESTORERS
from facepriv.types import Floats64

_ALL, _BOOSTING, _TOGETHER = "all front ends", "boosting", "all classifiers"
_MODELS: dict[str, Learner] = {_ALL: with_features(ranked_features, ridge(linear, kernel)), _BOOSTING: learn_boosting}


class Restoring(OneFit):
    """Learns from the scores of filtered images, and from their differences to the plain score."""

    name = "restoring"
    title = "Filters before the classifier"
    assumption = (
        "Has classifiers, filters the stored file before it is scored (greyscale, smoothing, JPEG and the like), and "
        "has learnt what the scores of one or of all mean from labelled images of other people released by the same "
        "policy."
    )

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a classifier and a filter, each classifier and all of them with all filters."""
        single = [f"{classifier}: {restorer}" for classifier in features.restored for restorer in (*RESTORERS, _ALL)]
        several = len(features.restored) > 1
        return single + [
            f"{_TOGETHER}: {model}" for model in _MODELS if features.restored and (several or model != _ALL)
        ]

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit the scores of filtered images."""
        learner = _MODELS.get(variant.rpartition(": ")[2], learn_curve)
        return knowledge.learn(learner, self.table(variant, knowledge.released), seed=seed)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return scores ``(n,)`` after one filter, or ``(n, k)`` of the plain image, after each filter, differences."""
        classifier, _, restorer = variant.rpartition(": ")
        if restorer in RESTORERS:
            return features.restored[classifier][:, list(RESTORERS).index(restorer)]
        return all_filtered_scores(features) if classifier == _TOGETHER else filtered_scores(features, classifier)
