"""The attacker of the paper's section 3.2, who sees only the sign of a classifier's score."""

from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import FittedPosterior
from facepriv.audit.evidence import Features
from facepriv.types import FEMALE, MALE, Floats64, Integers


class Sign(Attacker):
    """Counts errors on the training people, and guesses by Bayes' rule, which inverts a mostly wrong classifier.

    At equal priors the accuracy is ``1/2 + |1 - a - b| / 2`` with men's and women's error of the mix
    (`facepriv.metrics.leak.sign_accuracy`).
    """

    name = "sign"
    title = "Sign of the score"
    assumption = (
        "Sees only whether a classifier says male or female, knows the proportion and both genders' error on images of "
        "other people released by the same policy, and inverts the answer where that serves him."
    )

    def variants(self, features: Features) -> list[str]:
        """Return the classifiers."""
        return list(features.scores)

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from one classifier's sign."""
        fit = knowledge.learn(_learn_rates, knowledge.released.scores[variant], seed=seed)
        return fit.posterior(features.scores[variant])


def _learn_rates(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    """Fit log-odds to how often scores ``(n, 1)`` of each label are at least 0, with one person added to either answer.

    Two rates are learnt from everybody, so the held-out values are taken to be the same.
    """
    positive = x[:, 0] >= 0
    rate = {}
    for label in (MALE, FEMALE):
        members = labels == label
        people = len(np.unique(subjects[members]))
        rate[label] = (positive[members].mean() * people + 1) / (people + 2)
    if_male = np.log(rate[MALE] / rate[FEMALE])
    if_female = np.log((1 - rate[MALE]) / (1 - rate[FEMALE]))

    def posterior(theirs: Floats64) -> Floats64:
        return np.asarray(np.where(theirs[:, 0] >= 0, if_male, if_female))

    return FittedPosterior(posterior(x), posterior)
