"""Base class of attackers, and the training data that an attacker may learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import FittedPosterior, Learner, learn
from facepriv.audit.attackers.memory import Content, Memory
from facepriv.audit.evidence import Features
from facepriv.types import Flags, Floats64, Integers

_RECENT: Memory[FittedPosterior] = Memory(20_000_000)
_LASTING: Memory[FittedPosterior] = Memory(40_000_000)
"""Fits to one release, which are asked for twice at most, and fits that serve at every proportion."""


def learn_lasting(
    learner: Learner, x: Floats64, labels: Integers, subjects: NDArray[np.str_], *, seed: int
) -> FittedPosterior:
    """Fit as `facepriv.audit.attackers.learning.learn` does, and keep what may serve at other proportions."""
    return _learn(_LASTING, learner, x, labels, subjects, seed)


def _learn(
    memory: Memory[FittedPosterior],
    learner: Learner,
    x: Floats64,
    labels: Integers,
    subjects: NDArray[np.str_],
    seed: int,
) -> FittedPosterior:
    return memory.find(
        (learner, seed), Content(x, labels, subjects), lambda: learn(learner, x, labels, subjects, seed=seed)
    )


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
    fits: dict[tuple[str, str, int], FittedPosterior] = field(default_factory=dict, init=False, repr=False)
    """Fits of `OneFit` attackers to these images, by attacker, variant and seed: each is asked for several times."""

    def learn(self, learner: Learner, x: Floats64, *, seed: int, lasting: bool = False) -> FittedPosterior:
        """Fit a learner to features ``(n, d)`` of the images, as `facepriv.audit.attackers.learning.learn` does.

        Parameters
        ----------
        lasting : whether the features are the same whichever images are perturbed, so that the fit is worth keeping.
        """
        memory = _LASTING if lasting else _RECENT
        return _learn(memory, learner, x, self.labels, self.untouched.subjects, seed)

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

    Attackers keep no state: each call learns from its arguments, and the same call gives the same numbers. A fit that
    was made already may be taken from memory.
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

    def held_out(self, variant: str, knowledge: Knowledge, *, seed: int) -> Floats64 | None:
        """Return guesses of the training images, each held out with its subject, by which a variant is chosen.

        None, as here, where the attacker has none at hand; then he is cross-fitted within his training people.
        """
        return None


class OneFit(Attacker):
    """An attacker whose every variant is one fit, so that variants are chosen by what the fits say of people held out.

    Cross-fitting the variants once more within the training people would cost four times as much.
    """

    @abstractmethod
    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit a variant to the training images."""

    @abstractmethod
    def table(self, variant: str, features: Features) -> Floats64:
        """Return what a variant's fit reads of the images, ``(n, d)`` or ``(n,)``."""

    def fit_once(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit a variant to the training images, or return the fit that was made of them already."""
        key = self.name, variant, seed
        if key not in knowledge.fits:
            knowledge.fits[key] = self.fit(variant, knowledge, seed=seed)
        return knowledge.fits[key]

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from what the variant reads."""
        return self.fit_once(variant, knowledge, seed=seed).posterior(self.table(variant, features))

    def held_out(self, variant: str, knowledge: Knowledge, *, seed: int) -> Floats64 | None:
        """Return guesses of the training images from fits without their subject."""
        return self.fit_once(variant, knowledge, seed=seed).held_out
