"""The attacker who compares templates with labelled ones: mean of the k most similar men, less that of women."""

from __future__ import annotations

from facepriv.audit.attackers.estimators import best_of
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.similarity import Compare, learn_nearest
from facepriv.audit.templates.base import TemplateAttacker

_MOST_SIMILAR = (1, 3, 5, 10, None)
"""Numbers of templates tried; None is all."""


class TopK(TemplateAttacker):
    """Mean of the top-k similarities to men, less the same of women; k is chosen, up to all."""

    name = "top-k"
    title = "Mean of the top-k similarities"
    source = "Osorio-Roig et al. 2022, IEEE TBIOM 4:263"

    def learner(self, compare: Compare) -> Learner:
        """Return the best k by the system's own comparison."""
        return best_of(*(learn_nearest(count, compare) for count in _MOST_SIMILAR))
