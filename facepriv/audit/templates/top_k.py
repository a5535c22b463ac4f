"""The attacker who compares templates with labelled ones: mean of the k most similar men, less that of women."""

from __future__ import annotations

from facepriv.audit.attackers.estimators import best_of
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.memory import Content, Memory
from facepriv.audit.attackers.similarity import Compare, learn_nearest
from facepriv.audit.templates.base import TemplateAttacker
from facepriv.types import Floats64

_MOST_SIMILAR = (1, 3, 5, 10, None)
"""Numbers of templates tried; None is all."""
_MOST_BYTES = 20_000_000
"""Of templates whose similarities are kept, so that they are computed once for all numbers."""


class TopK(TemplateAttacker):
    """Mean of the top-k similarities to men, less the same of women; k is chosen, up to all."""

    name = "top-k"
    title = "Mean of the top-k similarities"
    source = "Osorio-Roig et al. 2022, IEEE TBIOM 4:263"

    def learner(self, compare: Compare) -> Learner:
        """Return the best k by the system's own comparison."""
        memory: Memory[Floats64] = Memory(_MOST_BYTES)

        def remembered(theirs: Floats64, gallery: Floats64) -> Floats64:
            # A protection may compare slowly. What is given out is a copy, since learners write into it.
            return memory.find((), Content(theirs, gallery), lambda: compare(theirs, gallery)).copy()

        return best_of(*(learn_nearest(count, remembered) for count in _MOST_SIMILAR))
