"""What every attacker has in common: an assumption, variants, and training data that it may learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.evidence import Features


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What an attacker knows: people of his own, whom the release to be attacked does not show.

    He has processed their images with the very policy, so he knows which of them were perturbed.
    """

    released: Features
    """His images as the policy would release them."""
    untouched: Features
    """The same images before."""
    labels: NDArray[np.int64]
    """``(n,)`` +1 male, -1 female."""
    perturbed: NDArray[np.bool_]
    """``(n,)`` which of his images the policy perturbed."""
    p: float
    """The policy's proportion."""
    processed: Features | None = None
    """The same images, every one perturbed, as far as they could be; None where there is no perturbation."""

    def rows(self, index: NDArray[np.int64]) -> Knowledge:
        """Return some of the images."""
        return Knowledge(
            released=self.released.rows(index),
            untouched=self.untouched.rows(index),
            labels=self.labels[index],
            perturbed=self.perturbed[index],
            p=self.p,
            processed=None if self.processed is None else self.processed.rows(index),
        )


class Attacker(ABC):
    """An attacker learns from `Knowledge` people and guesses the label of images of others.

    Attackers keep nothing between calls: each call learns anew from what it is given, and the same call gives the same
    numbers.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """A few words for tables."""
    assumption: ClassVar[str]
    """What he has and knows, in one sentence."""

    @abstractmethod
    def variants(self, seen: Features) -> list[str]:
        """Name the means he can choose among, given what can be seen; none where he has nothing to go on."""

    @abstractmethod
    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels.

        Parameters
        ----------
        variant
            One of `variants`.
        known
            What he learns from; its subjects are others than those of ``seen``.
        seen
            The released images to attack.

        Returns
        -------
        ndarray
            ``(n,)`` posterior log-odds at equal priors, nats, male positive; NaN where he has nothing to go on.
        """
