"""Linear gender probes on a matcher's templates: a classifier out of every matcher, trained on other people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear classifier of templates."""

    weights: NDArray[np.float64]
    """``(d + 1,)``: one weight for each number of a template, then the bias."""
    spread: float
    """Standard deviation of the scores of people it was not trained on."""
    held_out: NDArray[np.float64] | None = None
    """``(n,)`` score of each row it was trained on by a probe trained on other people; NaN for rows without one."""

    def score(self, templates: NDArray[np.floating]) -> NDArray[np.float64]:
        """Score templates ``(n, d)`` as ``(n,)`` log-odds, male positive; NaN where a template is."""
        return templates.astype(np.float64) @ self.weights[:-1] + self.weights[-1]


def train_probe(templates: NDArray[np.floating], labels: Sequence[int], subjects: Sequence[str]) -> Probe:
    """Train a logistic regression on templates ``(n, d)`` of people of both genders.

    The spread is taken from scores of held-out subjects, since a probe with more weights than people scores those it
    was trained on too far out.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    usable = np.isfinite(templates).all(axis=1)
    rows = templates[usable].astype(np.float64)
    own = np.asarray(labels)[usable]
    groups = np.asarray(subjects, dtype=object).astype(str)[usable]
    # Unit templates differ little between people of one network, so a weak penalty is needed to tell them apart.
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
    model.fit(rows, own)
    smallest = min(len(set(groups[own == label])) for label in set(own.tolist()))
    folds = StratifiedGroupKFold(min(MOST_FOLDS, smallest))
    held_out = cross_val_predict(model, rows, own, groups=groups, cv=folds, method="decision_function")
    all_held_out = np.full(len(templates), np.nan)
    all_held_out[usable] = held_out
    return Probe(np.append(model.coef_[0], model.intercept_[0]), float(np.std(held_out)), all_held_out)
