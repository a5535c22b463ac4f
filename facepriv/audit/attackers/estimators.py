"""Learners made of scikit-learn's classifiers: tree, boosting, support vectors, nearest neighbours, neural network.

Each is fitted to all training people, and to those outside each of a few folds; the latter give the held-out values by
which the former is calibrated. All are seeded and run on one thread, so that the same images give the same guesses.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np

from facepriv.audit.attackers.learning import (
    FittedPosterior,
    Learner,
    balanced_weights,
    calibrate,
    cross_entropy,
    sample_subjects,
)
from facepriv.types import MALE, Floats64, Integers

_FOLDS = 3
_MOST_ROWS = 1500
"""Images that a classifier is fitted to at most; whole people are drawn of more."""
_DIRECTIONS, _SCREENED, _BINS = 30, 24, 5
"""Principal directions that a network sees, features that boosting is left with, and groups of equal number in which
the labels are counted to screen them."""
_TREE_DEPTH, _LEAST_LEAF = 3, 5
_STAGES, _RATE = 25, 0.25
_NEIGHBOURS = 9
_HIDDEN, _DECAY, _STEPS = 6, 1.0, 30
_LEAST_PROBABILITY = 0.01
_LEAST_KEPT = 0.02
"""Factor that remains of log-odds which the choice of a learner explains."""
_UNCHECKED = {"assume_finite": True, "skip_parameter_validation": True}
"""Of a thousand small fits, scikit-learn's checks of its input would take a third of the time."""


class Decides(Protocol):
    """A classifier of scikit-learn's, or a pipeline that ends in one."""

    classes_: Integers

    def fit(self, x: Floats64, labels: Integers) -> object:
        """Learn from features ``(n, d)`` and labels ``(n,)``."""


Maker = Callable[[Floats64, int], Decides]
"""Makes a classifier for features ``(n, d)`` from a seed."""


def by_folds(make: Maker) -> Learner:
    """Return a learner that fits a classifier to all people and, to calibrate it, to those outside each fold."""
    return partial(_learn, make)


def _learn(make: Maker, x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    seed = int(rng.integers(2**31))
    rows = sample_subjects(subjects, _MOST_ROWS, rng)
    fold_of = _spread(labels, subjects, rng)[subjects]
    held_out = np.zeros(len(x))
    for fold in range(_FOLDS):
        mine, others = rows[fold_of[rows] != fold], fold_of == fold
        if others.any():
            held_out[others] = _fit(make, x[mine], labels[mine], seed)(x[others])
    return calibrate(held_out, _fit(make, x[rows], labels[rows], seed), labels, subjects)


def _spread(labels: Integers, subjects: Integers, rng: np.random.Generator) -> Integers:
    """Return the fold of each subject; subjects of each label are spread evenly at random."""
    _, first = np.unique(subjects, return_index=True)
    order = rng.permutation(len(first))
    order = order[np.argsort(labels[first[order]], kind="stable")]
    fold_of = np.empty(len(first), dtype=np.int64)
    fold_of[order] = np.arange(len(first)) % _FOLDS
    return fold_of


def _fit(make: Maker, x: Floats64, labels: Integers, seed: int) -> Callable[[Floats64], Floats64]:
    """Return decisions of a classifier, 0 where only one label is known."""
    if len(np.unique(labels)) < 2:
        return lambda theirs: np.zeros(len(theirs))
    from sklearn import config_context

    model = make(x, seed)
    with warnings.catch_warnings(), config_context(**_UNCHECKED):
        # A network that has not settled after so many steps is a network that was stopped early.
        warnings.simplefilter("ignore")
        model.fit(x, labels)
    return partial(_decide, model)


def _decide(model: Decides, theirs: Floats64) -> Floats64:
    from sklearn import config_context

    with config_context(**_UNCHECKED):
        if hasattr(model, "decision_function"):
            return np.asarray(model.decision_function(theirs), dtype=np.float64)
        male = model.predict_proba(theirs)[:, list(model.classes_).index(MALE)]  # type: ignore[attr-defined]
    male = np.clip(male, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.asarray(np.log(male / (1 - male)))


def _make_tree(x: Floats64, seed: int) -> Decides:
    from sklearn.tree import DecisionTreeClassifier

    tree: Decides = DecisionTreeClassifier(
        max_depth=_TREE_DEPTH, min_samples_leaf=_LEAST_LEAF, class_weight="balanced", random_state=seed
    )
    return tree


def _make_boosting(x: Floats64, seed: int) -> Decides:
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.feature_selection import SelectKBest
    from sklearn.pipeline import make_pipeline

    boosting = GradientBoostingClassifier(
        n_estimators=_STAGES, learning_rate=_RATE, max_depth=2, min_samples_leaf=_LEAST_LEAF, random_state=seed
    )
    screened = make_pipeline(SelectKBest(binned_association, k=_SCREENED), boosting)
    model: Decides = screened if x.shape[1] > _SCREENED else boosting
    return model


def binned_association(x: Floats64, labels: Integers) -> Floats64:
    """Return how unevenly men are spread over groups of equal number along each feature ``(n, d)``: chi square.

    Unlike a difference of means this sees a label that lies at both ends of a feature.
    """
    limits = np.quantile(x, np.arange(1, _BINS) / _BINS, axis=0)
    male = (labels == MALE).astype(np.float64)
    # Men beyond each limit above their share, and from these the excess in each group.
    beyond = np.array([(male - male.mean()) @ (x > limit) for limit in limits])
    excess = np.diff(np.vstack([np.zeros(x.shape[1]), -beyond, np.zeros(x.shape[1])]), axis=0)
    return np.asarray((excess**2).sum(axis=0))


def _make_logistic(x: Floats64, seed: int) -> Decides:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model: Decides = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    return model


def _make_support_vectors(x: Floats64, seed: int) -> Decides:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    model: Decides = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    return model


def _make_neighbours(x: Floats64, seed: int) -> Decides:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count = min(_NEIGHBOURS, len(x))
    model: Decides = make_pipeline(StandardScaler(), KNeighborsClassifier(count, algorithm="brute", weights="distance"))
    return model


def _make_network(x: Floats64, seed: int) -> Decides:
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier((_HIDDEN,), solver="lbfgs", alpha=_DECAY, max_iter=_STEPS, random_state=seed)
    wide = min(x.shape) > _DIRECTIONS
    reduce = [PCA(_DIRECTIONS, svd_solver="randomized", random_state=seed)] if wide else []
    model: Decides = make_pipeline(StandardScaler(), *reduce, StandardScaler(), network)
    return model


learn_tree = by_folds(_make_tree)
"""Fit a small tree (Breiman et al., Classification and regression trees, 1984)."""
learn_boosting = by_folds(_make_boosting)
"""Fit a sum of small trees (Friedman, Greedy function approximation, 2001) to the most telling features."""
learn_logistic = by_folds(_make_logistic)
"""Fit a logistic regression (Cox, The regression analysis of binary sequences, 1958)."""
learn_support_vectors = by_folds(_make_support_vectors)
"""Fit a support vector machine with Gaussian kernel (Cortes and Vapnik, Support-vector networks, 1995)."""
learn_neighbours = by_folds(_make_neighbours)
"""Ask the nearest of all images (Cover and Hart, Nearest neighbor pattern classification, 1967)."""
learn_network = by_folds(_make_network)
"""Fit a small neural network."""


def best_of(*learners: Learner) -> Learner:
    """Return a learner that takes the one of several that predicts held-out people best; of equals the first."""
    return partial(_learn_best, learners)


def _learn_best(
    learners: tuple[Learner, ...], x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator
) -> FittedPosterior:
    weights = balanced_weights(labels, subjects)
    fits = [learner(x, labels, subjects, rng) for learner in learners]
    costs = [float(cross_entropy(fit.held_out, labels, weights)) for fit in fits]
    best = fits[int(np.argmin(costs))]
    # The best of several gains by chance about the logarithm of their number, all people together.
    gain = weights.sum() * (np.log(2) - min(costs))
    kept = max(1 - np.log(len(fits)) / max(gain, 1e-9), _LEAST_KEPT)
    return FittedPosterior(kept * best.held_out, lambda theirs: kept * best.posterior(theirs))
