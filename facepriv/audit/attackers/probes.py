"""Learners of many features: ridge probes, straight or curved, and a forest.

A ridge probe is the least-squares classifier with a penalty on its weights (Suykens and Vandewalle, Least squares
support vector machine classifiers, 1999). It is taken for the sake of one property: what it would say of a subject it
had not learnt from follows in closed form from one decomposition, so that the penalty is chosen and the log-odds are
calibrated on people left out, at the price of a single fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import Learner, Learnt, by_size, calibrated, fair_weights, some_subjects
from facepriv.types import MALE

_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
_LANDMARKS, _LANDMARKS_OF_FEW, _FEW = 400, 100, 10
"""Training images that a curved probe is laid through, and that suffice where there are few features; all of them where
there are no more (Williams and Seeger, Using the Nyström method to speed up kernel machines, 2001)."""
_WIDEST, _DIRECTIONS = 600, 200
"""Features that are taken as they are, and principal directions of wider ones where there are many images."""
_FARTHEST = 5.0
"""Standard deviations that a feature counts as at most: one wild value is no reason to be sure."""
_TREES, _LEAST_LEAF, _MOST_TREE_ROWS = 40, 5, 4000

Map = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From features ``(m, d)`` to those that a probe is linear in ``(m, k)``."""
MapMaker = Callable[[NDArray[np.float64], np.random.Generator], Map]


def linear(x: NDArray[np.float64], rng: np.random.Generator) -> Map:
    """Take features as they are; many of many images by their principal directions."""
    if x.shape[1] <= _WIDEST or len(x) <= _WIDEST:
        return lambda theirs: theirs
    sample = x[rng.choice(len(x), min(len(x), 2 * _WIDEST), replace=False)]
    directions = np.linalg.svd(sample, full_matrices=False)[2][:_DIRECTIONS].T
    return lambda theirs: theirs @ directions


def kernel(x: NDArray[np.float64], rng: np.random.Generator, *, narrower: float = 1.0) -> Map:
    """Take the nearness to landmarks: a Gaussian as wide as the median distance between images."""
    most = _LANDMARKS_OF_FEW if x.shape[1] <= _FEW else _LANDMARKS
    marks = x[np.sort(rng.choice(len(x), min(len(x), most), replace=False))]
    distances = _squared_distances(marks, marks)
    typical = float(np.median(distances[np.triu_indices(len(marks), 1)])) if len(marks) > 1 else 0.0
    sharpness = narrower / max(typical, 1e-9)
    values, vectors = np.linalg.eigh(np.exp(-sharpness * distances))
    whitening = vectors / np.sqrt(np.maximum(values, 1e-6))
    return lambda theirs: np.exp(-sharpness * _squared_distances(theirs, marks)) @ whitening


def ridge(*fingerprints: MapMaker, blocks: tuple[int, ...] = ()) -> Learner:
    """Return a learner that takes whichever of the maps, and of the penalties, predicts people left out best.

    Parameters
    ----------
    makers
        `linear`, `kernel` or others.
    blocks
        Widths of groups of features, adding up to all; groups weigh the same whatever their width. One group if empty.
    """
    return partial(_ridge, fingerprints, blocks)


def _ridge(
    fingerprints: tuple[MapMaker, ...],
    blocks: tuple[int, ...],
    x: NDArray[np.float64],
    labels: NDArray[np.int64],
    subjects: NDArray[np.int64],
    rng: np.random.Generator,
) -> Learnt:
    centre, spread = x.mean(axis=0), x.std(axis=0)
    widths = np.repeat(blocks or (x.shape[1],), blocks or (x.shape[1],))
    inverse = np.where(spread > 1e-9 * (1 + np.abs(centre)), 1 / np.maximum(spread, 1e-300), 0.0)

    def scaled(theirs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.clip((theirs - centre) * inverse, -_FARTHEST, _FARTHEST) / np.sqrt(widths))

    mine = scaled(x)
    root = np.sqrt(fair_weights(labels, subjects))
    groups = by_size(subjects)
    best = np.inf, np.zeros(len(x)), np.zeros(1), fingerprints[0](mine, rng)
    for fingerprint in fingerprints:
        project = fingerprint(mine, rng)
        for error, held_out, weights in _fits(_with_one(project(mine)), labels, root, groups):
            if error < best[0]:
                best = error, held_out, weights, project
    _, held_out, weights, project = best
    return calibrated(held_out, lambda theirs: _with_one(project(scaled(theirs))) @ weights, labels, subjects)


def _fits(
    x: NDArray[np.float64],
    labels: NDArray[np.int64],
    root: NDArray[np.float64],
    groups: list[NDArray[np.int64]],
) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
    """Fit every penalty: mean squared error held out, held-out decisions ``(n,)``, weights ``(k,)``.

    With the hat matrix ``H`` of the fit, a group's residuals had it been left out are ``(I - H_gg)^-1 r_g``.
    """
    u, s, vt = _decomposed(x * root[:, None])
    target = root * labels
    along = u.T @ target
    found = []
    for penalty in _PENALTIES:
        kept = s**2 / (s**2 + penalty)
        residuals = target - u @ (kept * along)
        left_out = np.empty(len(x))
        for members in groups:
            part = u[members]
            without = np.eye(members.shape[1]) - (part * kept) @ part.transpose(0, 2, 1)
            left_out[members] = np.linalg.solve(without, residuals[members][..., None])[..., 0]
        weights = vt.T @ (s / (s**2 + penalty) * along)
        found.append((float(np.mean(left_out**2)), labels - left_out / root, weights))
    return found


def _decomposed(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the thin singular value decomposition by way of the smaller product of ``x`` with itself.

    Half as many digits as a direct one has, which the penalties do not miss, at a fraction of the time.
    """
    tall = x.shape[0] > x.shape[1]
    values, vectors = np.linalg.eigh(x.T @ x if tall else x @ x.T)
    kept = values > 1e-9 * values[-1]
    s, vectors = np.sqrt(values[kept]), vectors[:, kept]
    return (x @ vectors / s, s, vectors.T) if tall else (vectors, s, (x.T @ vectors / s).T)


def forest(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
) -> Learnt:
    """Learn a forest (Breiman, Random forests, 2001), each tree on two thirds of the subjects.

    The trees that have not seen a subject say what the forest would say of it.
    """
    from sklearn.tree import DecisionTreeClassifier

    weights = fair_weights(labels, subjects)
    single = x.astype(np.float32)
    kept = np.isin(np.arange(len(x)), some_subjects(subjects, _MOST_TREE_ROWS, rng))
    count = int(subjects.max()) + 1
    leaf = max(_LEAST_LEAF, int(kept.sum()) // 25)
    trees, votes, voters = [], np.zeros(len(x)), np.zeros(len(x))
    for _ in range(_TREES):
        taken = (rng.permutation(count) < 2 * count / 3)[subjects] & kept
        tree = DecisionTreeClassifier(min_samples_leaf=leaf, max_features="sqrt", random_state=int(rng.integers(2**31)))
        if len(np.unique(labels[taken])) < 2:
            continue
        tree.fit(single[taken], labels[taken], sample_weight=weights[taken], check_input=False)
        trees.append(tree)
        unseen = ~np.isin(subjects, subjects[taken])
        if unseen.any():
            votes[unseen] += _male_share(tree, single[unseen])
            voters[unseen] += 1
    held_out = _log_odds(np.where(voters > 0, votes / np.maximum(voters, 1), 0.5))
    if not trees:
        return Learnt(np.zeros(len(x)), lambda theirs: np.zeros(len(theirs)))

    def decide(theirs: NDArray[np.float64]) -> NDArray[np.float64]:
        their_single = theirs.astype(np.float32)
        return _log_odds(np.mean([_male_share(tree, their_single) for tree in trees], axis=0))

    return calibrated(held_out, decide, labels, subjects)


def _male_share(tree: object, x: NDArray[np.float32]) -> NDArray[np.float64]:
    shares = tree.predict_proba(x, check_input=False)  # type: ignore[attr-defined]
    return np.asarray(shares[:, list(tree.classes_).index(MALE)])  # type: ignore[attr-defined]


def _log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 0.01, 0.99)
    return np.asarray(np.log(share / (1 - share)))


def _with_one(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(x)), x])


def _squared_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(square, 0.0))
