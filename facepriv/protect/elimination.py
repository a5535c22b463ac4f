"""Which numbers of templates tell gender most: eliminated step by step by the importance that trees give them."""

from __future__ import annotations

import numpy as np

from facepriv.types import Flags, Floats64, Integers

_TREES = 100
_LEAST_LEAF = 2


def eliminate(x: Floats64, labels: Integers, weights: Floats64, count: int, step: int, seed: int) -> Flags:
    """Return which of the features ``(n, d)`` are left ``(d,)`` after ``count`` were eliminated, ``step`` at a time.

    After each step the trees are grown anew on what is left.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    left = np.ones(x.shape[1], dtype=np.bool_)
    while (gone := int((~left).sum())) < count:
        trees = ExtraTreesClassifier(_TREES, min_samples_leaf=_LEAST_LEAF, random_state=seed, n_jobs=1)
        trees.fit(x[:, left], labels, sample_weight=weights)
        worst = np.argsort(-trees.feature_importances_, kind="stable")[: min(step, count - gone)]
        left[np.flatnonzero(left)[worst]] = False
    return left
