"""Base class of attackers, and the training data that an attacker may learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from facepriv.audit.attackers.learning import FittedPosterior, Learner, learn
from facepriv.audit.evidence import Features
from facepriv.types import Flags, Floats64, Integers


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Training data of an attacker: images of people whom the attacked release does not show.

    The attacker has processed these images with the same policy, and so knows which of them were perturbed.
    """

    released: Features
    """The images as the policy would release them."""
    untouched: Features
    """The same images before."""
    labels: Integers
    """``(n,)`` +1 male, -1 female."""
    perturbed: Flags
    """``(n,)`` which of the images the policy perturbed."""
    p: float
    """The policy's proportion."""
    processed: Features | None = None
    """The same images, each perturbed if it could be; None where there is no perturbation."""

    def learn(self, learner: Learner, x: Floats64, *, seed: int) -> FittedPosterior:
        """Fit a learner to features ``(n, d)`` of the images, as `facepriv.audit.attackers.learning.learn` does."""
        return learn(learner, x, self.labels, self.untouched.subjects, seed=seed)

    def rows(self, index: Integers) -> Knowledge:
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
    """Learns from `Knowledge` and guesses the labels of images of other people.

    Attackers keep no state: each call learns from its arguments, and the same call gives the same numbers.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """A few words for tables."""
    assumption: ClassVar[str]
    """What the attacker has and knows, in one sentence."""
    knows_policy: ClassVar[bool] = True
    """Whether the attacker learns from images processed by the policy, and not from untouched ones only."""

    @abstractmethod
    def variants(self, features: Features) -> list[str]:
        """Return the names of the models to choose from, given these features; empty if there is nothing to go on."""

    @abstractmethod
    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses of the labels.

        Parameters
        ----------
        variant : one of `variants`.
        knowledge : training data; its subjects are others than those of ``features``.
        features : the released images to attack.

        Returns
        -------
        ``(n,)`` posterior log-odds at equal priors, nats, male positive; NaN where there is nothing to go on.
        """
