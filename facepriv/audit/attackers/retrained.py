"""The attacker who trains a gender classifier on images that the policy has released."""

from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.probes import MapMaker, kernel, linear, ridge
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, MapMaker] = {"straight": linear, "curved": kernel}
_APPEARANCE, _TOGETHER = "appearance", "all together"


class Retrained(Attacker):
    """Learns gender from released images: from their templates, from their appearance, and from both."""

    name = "retrained"
    title = "Classifier trained anew"
    assumption = (
        "Has processed labelled images of other people with the same policy and trained gender classifiers of his own "
        "on the templates and the appearance of the results."
    )

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a source of features and a model, and all sources together."""
        sources = list(_sources(features))
        return [f"{source}: {model}" for source in sources for model in _MODELS] + [_TOGETHER] * (len(sources) > 1)

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses of a classifier trained on released images."""
        source, _, model = variant.rpartition(": ")
        mine, theirs = _sources(knowledge.released), _sources(features)
        learner: Learner
        if variant == _TOGETHER:
            learner = ridge(*_MODELS.values(), blocks=tuple(table.shape[1] for table in mine.values()))
            x, y = np.column_stack(list(mine.values())), np.column_stack(list(theirs.values()))
        else:
            learner, x, y = ridge(_MODELS[model]), mine[source], theirs[source]
        return knowledge.learn(learner, x, seed=seed).posterior(y)


def _sources(features: Features) -> dict[str, Floats64]:
    """Return features ``(n, d)`` by source."""
    return {**features.templates, **({_APPEARANCE: features.appearance} if features.appearance.shape[1] else {})}
