"""The attacker who trains a gender classifier of his own on images that the policy has released."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner, learn
from facepriv.audit.attackers.probes import MapMaker, kernel, linear, ridge
from facepriv.audit.evidence import Features

_MODELS: dict[str, MapMaker] = {"straight": linear, "curved": kernel}
_APPEARANCE, _TOGETHER = "appearance", "all together"


class Retrained(Attacker):
    """Learns gender anew from released images: from templates of them, from how they look, and from all of it."""

    name = "retrained"
    title = "Classifier trained anew"
    assumption = (
        "Has processed labelled images of other people with the same policy and trained gender classifiers of his own "
        "on the templates and the appearance of the results."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name what is learnt from and a model."""
        parts = list(_parts(seen))
        return [f"{what}: {model}" for what in parts for model in _MODELS] + [_TOGETHER] * (len(parts) > 1)

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels with a classifier trained on released images."""
        what, _, model = variant.rpartition(": ")
        mine, theirs = _parts(known.released), _parts(seen)
        learner: Learner
        if variant == _TOGETHER:
            learner = ridge(*_MODELS.values(), blocks=tuple(part.shape[1] for part in mine.values()))
            x, y = np.column_stack(list(mine.values())), np.column_stack(list(theirs.values()))
        else:
            learner, x, y = ridge(_MODELS[model]), mine[what], theirs[what]
        return learn(learner, x, known.labels, known.released.subjects, seed=seed).posterior(y)


def _parts(seen: Features) -> dict[str, NDArray[np.float64]]:
    """Return what can be learnt from, by name ``(n, d)``."""
    return {**seen.templates, **({_APPEARANCE: seen.appearance} if seen.appearance.shape[1] else {})}
