"""The attacker who undoes the perturbation as far as simple filters do, and then asks the classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import learn
from facepriv.audit.attackers.one_score import curve
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.score_features import against_first, with_features
from facepriv.audit.evidence import Features
from facepriv.imaging.restoring import RESTORERS

_ALL = "all front ends"


class Restoring(Attacker):
    """Reads scores behind each front end, and how far they differ from the plain score."""

    name = "restoring"
    title = "Filters before the classifier"
    assumption = (
        "Has a classifier, filters the stored file before it is scored (greyscale, smoothing, JPEG and the like), and "
        "has learnt what the scores mean from labelled images of other people released by the same policy."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name a classifier and a front end."""
        return [f"{classifier}: {what}" for classifier in seen.restored for what in (*RESTORERS, _ALL)]

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from one classifier's scores of filtered images."""
        classifier, _, what = variant.rpartition(": ")
        learner = with_features(against_first, ridge(linear, kernel)) if what == _ALL else curve
        x, y = (_scores(images, classifier, what) for images in (known.released, seen))
        return learn(learner, x, known.labels, known.released.subjects, seed=seed).posterior(y)


def _scores(seen: Features, classifier: str, what: str) -> NDArray[np.float64]:
    """Return scores ``(n,)`` behind one front end, or ``(n, 1 + f)`` behind none and each."""
    restored = seen.restored[classifier]
    if what == _ALL:
        plain = seen.scores[classifier][:, None]
        # Where no face is found behind a front end, that one has changed nothing for him.
        return np.column_stack([plain, np.where(np.isfinite(restored), restored, plain)])
    return np.asarray(restored[:, list(RESTORERS).index(what)])
