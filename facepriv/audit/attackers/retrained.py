"""The attacker who trains a gender classifier on images that the policy has released."""

from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import (
    learn_boosting,
    learn_logistic,
    learn_network,
    learn_support_vectors,
)
from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_MODELS: dict[str, Learner] = {
    "straight": ridge(linear),
    "curved": ridge(kernel),
    "support vectors": learn_support_vectors,
}
_LOGISTIC = "logistic"
_LEARNERS = {**_MODELS, _LOGISTIC: learn_logistic}
"""The last of templates only: appearance has too many numbers for the few people."""
_APPEARANCE, _TOGETHER, _NETWORK, _BOOSTING = "appearance", "all together", "network", "templates: boosting"


class Retrained(OneFit):
    """Learns gender from released images: from their templates, from their appearance, and from both."""

    name = "retrained"
    title = "Classifier trained anew"
    assumption = (
        "Has processed labelled images of other people with the same policy and trained gender classifiers of his own "
        "on the templates and the appearance of the results."
    )

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a source of features and a model, and all sources together."""
        names = list(_sources(features))
        pairs = [f"{source}: {model}" for source in names for model in _MODELS]
        pairs += [f"{matcher}: {_LOGISTIC}" for matcher in features.templates]
        boosted = [_BOOSTING] * bool(features.templates)
        return [*pairs, *boosted, *[_TOGETHER] * (len(names) > 1), *[_NETWORK] * bool(names)]

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Train a classifier on released images."""
        learner: Learner
        if variant == _TOGETHER:
            widths = tuple(table.shape[1] for table in _sources(knowledge.released).values())
            learner = ridge(linear, kernel, blocks=widths)
        elif variant in (_NETWORK, _BOOSTING):
            learner = learn_network if variant == _NETWORK else learn_boosting
        else:
            learner = _LEARNERS[variant.rpartition(": ")[2]]
        return knowledge.learn(learner, self.table(variant, knowledge.released), seed=seed)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return one source of features, or all side by side."""
        tables = _sources(features)
        if variant == _BOOSTING:
            return np.column_stack(list(features.templates.values()))
        together = variant in (_TOGETHER, _NETWORK)
        return np.column_stack(list(tables.values())) if together else tables[variant.rpartition(": ")[0]]


def _sources(features: Features) -> dict[str, Floats64]:
    """Return features ``(n, d)`` by source."""
    return {**features.templates, **({_APPEARANCE: features.appearance} if features.appearance.shape[1] else {})}
