"""Base class of attackers on templates alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.similarity import Compare


class TemplateAttacker(ABC):
    """Learns from labelled templates and guesses the labels of templates of other people.

    Whatever there is to choose, an attacker chooses on people held out of his own. He keeps no state.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """A few words for tables."""
    source: ClassVar[str]
    """Where the attack is described."""

    @abstractmethod
    def learner(self, compare: Compare) -> Learner:
        """Return the learner of templates ``(n, d)``.

        Parameters
        ----------
        compare : how the attacked system compares templates, as far as the attacker knows: the matcher's comparison, or
            that of the protection.
        """
