"""The attacker of the paper's section 3.2: he sees on which side of zero a classifier puts an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learnt, learn
from facepriv.audit.evidence import Features
from facepriv.types import FEMALE, MALE


class Sign(Attacker):
    """Counts errors on his own people, and answers by Bayes' rule; where errors prevail, that inverts the classifier.

    At equal priors his accuracy is ``1/2 + |1 - a - b| / 2`` with men's and women's error of the mix
    (`facepriv.metrics.leak.sign_accuracy`).
    """

    name = "sign"
    title = "Sign of the score"
    assumption = (
        "Sees only whether a classifier says male or female, knows the proportion and both genders' error on images of "
        "other people released by the same policy, and inverts the answer where that serves him."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name the classifiers."""
        return list(seen.scores)

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from one classifier's sign."""
        learnt = learn(_counted, known.released.scores[variant], known.labels, known.released.subjects, seed=seed)
        return learnt.posterior(seen.scores[variant])


def _counted(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
) -> Learnt:
    """Count how often scores ``(n, 1)`` are positive, per label; one doubtful person is added to either side.

    Two rates are learnt from everybody, so the held-out values are taken to be the same.
    """
    positive = x[:, 0] > 0
    share = {}
    for label in (MALE, FEMALE):
        mine = labels == label
        people = len(np.unique(subjects[mine]))
        share[label] = (positive[mine].mean() * people + 1) / (people + 2)
    if_male = np.log(share[MALE] / share[FEMALE])
    if_female = np.log((1 - share[MALE]) / (1 - share[FEMALE]))

    def posterior(theirs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.where(theirs[:, 0] > 0, if_male, if_female))

    return Learnt(posterior(x), posterior)
