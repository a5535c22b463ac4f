"""Classifiers by networks of several classes: log-odds of some classes against the rest, from the networks' logits."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from facepriv.weights.carded_model import CardedModel


def log_odds(logits: NDArray[np.float64], positive: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the log-odds ``(n,)`` in nats of some classes against the rest; from logits, they cannot saturate.

    Parameters
    ----------
    logits
        ``(n, classes)``.
    positive
        Share of each class that is positive, 0..1; some of all above 0, and some below 1.
    """
    above, below = (_log_sum(logits, classes, shares) for classes, shares in _groups(positive))
    return above - below


@lru_cache(maxsize=64)  # asked for every step of a perturbation
def _groups(positive: tuple[float, ...]) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Return the classes and their shares, of the positive side and of the other."""
    shares = np.array(positive, dtype=np.float64)
    return [(np.flatnonzero(side), side[side > 0]) for side in (shares, 1 - shares)]


def _log_sum(
    logits: NDArray[np.float64], classes: NDArray[np.intp], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    if len(classes) == 1 and shares[0] == 1:
        return logits[:, classes[0]]
    return logsumexp(logits[:, classes], axis=1, b=shares)


class LogitsClassifier(CardedModel):
    """A network that gives a logit for each class, some of which are positive."""

    attribute: str
    positive: tuple[float, ...]
    """Share of each class that is positive, 0..1."""

    @abstractmethod
    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, height, width, 3)`` RGB 0..255, n > 0."""

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, height, width, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats of the positive classes.

        Raises ModelUnavailableError if the weights are not here or do not have the known hash.
        """
        return log_odds(self.logits(inputs), self.positive) if len(inputs) else np.empty(0)
