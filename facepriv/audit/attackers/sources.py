"""Tables of what attackers can see, by source: scores, filtered scores, residuals, templates, appearance, texture."""

from __future__ import annotations

import numpy as np

from facepriv.audit.evidence import Features
from facepriv.types import Floats64

SCORES, FILTERED, RESIDUALS = "scores", "filtered scores", "residuals"
APPEARANCE, TEXTURE = "appearance", "texture"


def sources(features: Features) -> dict[str, Floats64]:
    """Return a table ``(n, d)`` for each source that is not empty; templates go by their matcher."""
    tables = {
        SCORES: sized_scores(features),
        FILTERED: all_filtered_scores(features),
        RESIDUALS: features.residuals,
        **features.templates,
        APPEARANCE: features.appearance,
        TEXTURE: features.texture,
    }
    return {name: table for name, table in tables.items() if table.shape[1]}


def sized_scores(features: Features) -> Floats64:
    """Return the scores of all classifiers and their sizes, ``(n, 2 c)``."""
    scores = np.column_stack([np.zeros((len(features), 0)), *features.scores.values()])
    return np.column_stack([scores, np.abs(scores)])


def filtered_scores(features: Features, classifier: str) -> Floats64:
    """Return one classifier's score, the scores after each filter, and their differences, ``(n, 1 + 2 f)``.

    Where a filter leaves no face to find, the plain score stands in.
    """
    plain, restored = features.scores[classifier][:, None], features.restored[classifier]
    filled = np.where(np.isfinite(restored), restored, plain)
    return np.column_stack([plain, filled, filled - plain])


def all_filtered_scores(features: Features) -> Floats64:
    """Return `filtered_scores` of all classifiers side by side."""
    tables = [filtered_scores(features, classifier) for classifier in features.restored]
    return np.column_stack([np.zeros((len(features), 0)), *tables])
