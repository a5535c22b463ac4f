"""The attacker who has stolen the templates and learnt from untouched ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.learning import Learner, learn
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.similarity import mean_similarity, nearest
from facepriv.audit.evidence import Features

_MODELS: dict[str, Learner] = {
    "straight": ridge(linear),
    "curved": ridge(kernel),
    "nearest": nearest(3),
    "mean similarity": mean_similarity,
}


class Template(Attacker):
    """Probes templates with what he has learnt from templates of untouched images."""

    name = "template"
    title = "Stored templates"
    assumption = (
        "Has the stored templates of a matcher and labelled templates of untouched images of other people, but does "
        "not know that anything was perturbed."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name a matcher and a model."""
        return [f"{matcher}: {model}" for matcher in seen.templates for model in _MODELS]

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from one matcher's templates."""
        matcher, _, model = variant.rpartition(": ")
        mine, subjects = known.untouched.templates[matcher], known.untouched.subjects
        return learn(_MODELS[model], mine, known.labels, subjects, seed=seed).posterior(seen.templates[matcher])
