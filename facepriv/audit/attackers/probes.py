"""Learners of many features: linear and kernel ridge probes, and a forest.

A ridge probe is the least-squares classifier with a penalty on its weights (Suykens and Vandewalle, Least squares
support vector machine classifiers, 1999). It serves here because its held-out predictions follow in closed form from
one decomposition, so that the penalty is chosen and the log-odds are calibrated on held-out people at the cost of a
single fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import (
    FittedPosterior,
    Learner,
    balanced_weights,
    calibrate,
    rows_by_subject,
    sample_subjects,
)
from facepriv.audit.attackers.score_features import rank_features
from facepriv.types import MALE, Floats64, Integers

_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
_LANDMARKS, _LANDMARKS_OF_FEW, _FEW = 400, 100, 10
"""Landmark images of a kernel probe, fewer where there are few features; all training images if there are no more
(Williams and Seeger, Using the Nyström method to speed up kernel machines, 2001)."""
_WIDEST, _DIRECTIONS = 600, 200
"""Most features taken as they are, and number of principal directions of more than that."""
_CLIP = 5.0
"""Standard deviations that features are clipped to, so that no single wild value makes an attacker sure."""
_TREES, _LEAST_LEAF, _MOST_TREE_ROWS = 40, 5, 4000

Map = Callable[[Floats64], Floats64]
"""From features ``(m, d)`` to the features ``(m, k)`` that a probe is linear in."""
MapMaker = Callable[[Floats64, np.random.Generator], Map]


def linear(x: Floats64, rng: np.random.Generator) -> Map:
    """Return the identity, or for many features of many images their principal directions."""
    if x.shape[1] <= _WIDEST or len(x) <= _WIDEST:
        return lambda theirs: theirs
    sample = x[rng.choice(len(x), min(len(x), 2 * _WIDEST), replace=False)]
    directions = np.linalg.svd(sample, full_matrices=False)[2][:_DIRECTIONS].T
    return lambda theirs: theirs @ directions


def kernel(x: Floats64, rng: np.random.Generator, *, narrower: float = 1.0) -> Map:
    """Return whitened Gaussian similarities to landmark images, as wide as the median distance between images."""
    count = _LANDMARKS_OF_FEW if x.shape[1] <= _FEW else _LANDMARKS
    landmarks = x[np.sort(rng.choice(len(x), min(len(x), count), replace=False))]
    distances = _squared_distances(landmarks, landmarks)
    typical = float(np.median(distances[np.triu_indices(len(landmarks), 1)])) if len(landmarks) > 1 else 0.0
    sharpness = narrower / max(typical, 1e-9)
    values, vectors = np.linalg.eigh(np.exp(-sharpness * distances))
    whitening = vectors / np.sqrt(np.maximum(values, 1e-6))
    return lambda theirs: np.exp(-sharpness * _squared_distances(theirs, landmarks)) @ whitening


def on_ranks(make_map: MapMaker) -> MapMaker:
    """Return a map of the ranks of features, in which a narrow cluster is as wide as it is populous."""

    def make(x: Floats64, rng: np.random.Generator) -> Map:
        rank = rank_features(x)
        project = make_map(rank(x), rng)
        return lambda theirs: project(rank(theirs))

    return make


@cache
def ridge(*maps: MapMaker, blocks: tuple[int, ...] = ()) -> Learner:
    """Return a learner with the map and the penalty that predict held-out people best.

    Parameters
    ----------
    maps : `linear`, `kernel` or others.
    blocks : widths of blocks of features, adding up to all; blocks weigh the same whatever their width. One block if
        empty.
    """
    return partial(_ridge, maps, blocks)


def _ridge(
    maps: tuple[MapMaker, ...],
    blocks: tuple[int, ...],
    x: Floats64,
    labels: Integers,
    subjects: Integers,
    rng: np.random.Generator,
) -> FittedPosterior:
    held_out, decide = fit_ridge(maps, blocks, x, labels[:, None], balanced_weights(labels, subjects), subjects, rng)
    return calibrate(held_out[:, 0], lambda theirs: decide(theirs)[:, 0], labels, subjects)


def fit_ridge(
    maps: tuple[MapMaker, ...],
    blocks: tuple[int, ...],
    x: Floats64,
    targets: Floats64 | Integers,
    weights: Floats64,
    subjects: Integers,
    rng: np.random.Generator,
) -> tuple[Floats64, Map]:
    """Fit ``targets (n, t)`` to features ``x (n, d)``, as `ridge` does, with weights of the images ``(n,)``.

    Returns
    -------
    Decisions ``(n, t)`` of the images, each held out with its subject, and the map of features to decisions.
    """
    centre, spread = x.mean(axis=0), x.std(axis=0)
    widths = np.repeat(blocks or (x.shape[1],), blocks or (x.shape[1],))
    inverse = np.where(spread > 1e-9 * (1 + np.abs(centre)), 1 / np.maximum(spread, 1e-300), 0.0)

    def scaled(theirs: Floats64) -> Floats64:
        return np.asarray(np.clip((theirs - centre) * inverse, -_CLIP, _CLIP) / np.sqrt(widths))

    standardised = scaled(x)
    root = np.sqrt(weights)[:, None]
    groups = rows_by_subject(subjects)
    best = np.inf, np.zeros(targets.shape), np.zeros((1, targets.shape[1])), maps[0](standardised, rng)
    for make_map in maps:
        project = make_map(standardised, rng)
        for error, held_out, line in _fits(_with_constant(project(standardised)), targets, root, groups):
            if error < best[0]:
                best = error, held_out, line, project
    _, held_out, line, project = best
    return held_out, lambda theirs: _with_constant(project(scaled(theirs))) @ line


def _fits(
    x: Floats64, targets: Floats64 | Integers, root: Floats64, groups: list[Integers]
) -> list[tuple[float, Floats64, Floats64]]:
    """Return held-out mean squared error, held-out decisions ``(n, t)`` and weights ``(k, t)`` for every penalty.

    ``root (n, 1)`` are the roots of the images' weights. With the hat matrix ``H`` of the fit, the held-out residuals
    of a subject are ``(I - H_gg)^-1 r_g``.
    """
    u, s, vt = _decomposed(x * root)
    target = root * targets
    along = u.T @ target
    fits = []
    for penalty in _PENALTIES:
        shrinkage = s**2 / (s**2 + penalty)
        residuals = target - u @ (shrinkage[:, None] * along)
        held_out = np.empty(target.shape)
        for members in groups:
            block = u[members]
            complement = np.eye(members.shape[1]) - (block * shrinkage) @ block.transpose(0, 2, 1)
            held_out[members] = np.linalg.solve(complement, residuals[members])
        weights = vt.T @ ((s / (s**2 + penalty))[:, None] * along)
        fits.append((float(np.mean(held_out**2)), targets - held_out / root, weights))
    return fits


def _decomposed(x: Floats64) -> tuple[Floats64, Floats64, Floats64]:
    """Return the thin singular value decomposition from the smaller Gram matrix of ``x``.

    It has half as many digits as a direct one, which suffice with these penalties, at a fraction of the time.
    """
    tall = x.shape[0] > x.shape[1]
    values, vectors = np.linalg.eigh(x.T @ x if tall else x @ x.T)
    kept = values > 1e-9 * values[-1]
    s, vectors = np.sqrt(values[kept]), vectors[:, kept]
    return (x @ vectors / s, s, vectors.T) if tall else (vectors, s, (x.T @ vectors / s).T)


def learn_forest(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    """Fit a forest (Breiman, Random forests, 2001), each tree to two thirds of the subjects.

    Held-out values of a subject come from the trees that were fitted without it.
    """
    from sklearn.tree import DecisionTreeClassifier

    weights = balanced_weights(labels, subjects)
    single = x.astype(np.float32)
    eligible = np.isin(np.arange(len(x)), sample_subjects(subjects, _MOST_TREE_ROWS, rng))
    count = int(subjects.max()) + 1
    leaf = max(_LEAST_LEAF, int(eligible.sum()) // 25)
    trees, votes, voters = [], np.zeros(len(x)), np.zeros(len(x))
    for _ in range(_TREES):
        drawn = (rng.permutation(count) < 2 * count / 3)[subjects] & eligible
        tree = DecisionTreeClassifier(min_samples_leaf=leaf, max_features="sqrt", random_state=int(rng.integers(2**31)))
        if len(np.unique(labels[drawn])) < 2:
            continue
        tree.fit(single[drawn], labels[drawn], sample_weight=weights[drawn], check_input=False)
        trees.append(tree)
        others = ~np.isin(subjects, subjects[drawn])
        if others.any():
            votes[others] += _probability_male(tree, single[others])
            voters[others] += 1
    held_out = _log_odds(np.where(voters > 0, votes / np.maximum(voters, 1), 0.5))
    if not trees:
        return FittedPosterior(np.zeros(len(x)), lambda theirs: np.zeros(len(theirs)))

    def decide(theirs: Floats64) -> Floats64:
        their_single = theirs.astype(np.float32)
        return _log_odds(np.mean([_probability_male(tree, their_single) for tree in trees], axis=0))

    return calibrate(held_out, decide, labels, subjects)


def _probability_male(tree: object, x: NDArray[np.float32]) -> Floats64:
    probabilities = tree.predict_proba(x, check_input=False)  # type: ignore[attr-defined]
    return np.asarray(probabilities[:, list(tree.classes_).index(MALE)])  # type: ignore[attr-defined]


def _log_odds(probability: Floats64) -> Floats64:
    male = np.clip(probability, 0.01, 0.99)
    return np.asarray(np.log(male / (1 - male)))


def _with_constant(x: Floats64) -> Floats64:
    return np.column_stack([np.ones(len(x)), x])


def _squared_distances(a: Floats64, b: Floats64) -> Floats64:
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(square, 0.0))
