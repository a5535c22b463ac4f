"""The attacker without labels: two clusters of all templates he sees, named by a handful of people he knows."""

from __future__ import annotations

import warnings

import numpy as np

from facepriv.audit.attackers.learning import FittedPosterior, Learner, calibrate
from facepriv.audit.attackers.similarity import Compare
from facepriv.audit.templates.base import TemplateAttacker
from facepriv.types import FEMALE, MALE, Floats64, Integers

_KNOWN = 3
"""People of either label that the attacker knows."""
_DIRECTIONS = (1, 3, 10)
"""Numbers of principal directions that clusters are looked for in; the handful decides."""
_MOST_ROWS = 4000


class Clusters(TemplateAttacker):
    """Mixture of two Gaussians over the templates of training people and attacked people together."""

    name = "clusters"
    title = "Two clusters, named by six people"
    source = "Dempster, Laird and Rubin 1977"

    def learner(self, compare: Compare) -> Learner:
        """Return the learner that knows of six people, three of either label, whom they show."""
        return _learn_clusters


def _learn_clusters(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    handful = np.isin(subjects, _draw_known(labels, subjects, rng))
    seed = int(rng.integers(2**31))

    def decide(theirs: Floats64) -> Floats64:
        """Cluster all templates, known and unknown; of several clusterings take what parts the handful best."""
        everything = np.vstack([x, theirs])
        tried = [_side(everything, directions, seed) for directions in _DIRECTIONS if directions <= min(x.shape)]
        named = [_named(side, handful, labels) for side in tried]
        fit = [float(np.mean(np.sign(side[: len(x)][handful]) == labels[handful])) for side in named]
        return named[int(np.argmax(fit))] if named else np.zeros(len(everything))

    known = decide(x[:0])[: len(x)]
    # Only the handful may say how much a side tells.
    numbers = np.unique(subjects[handful], return_inverse=True)[1].astype(np.int64)
    line = calibrate(known[handful], lambda values: values, labels[handful], numbers)
    return FittedPosterior(
        line.posterior(known[:, None])[:, 0], lambda theirs: line.posterior(decide(theirs)[len(x) :, None])[:, 0]
    )


def _draw_known(labels: Integers, subjects: Integers, rng: np.random.Generator) -> Integers:
    people, first = np.unique(subjects, return_index=True)
    groups = [people[labels[first] == label] for label in (MALE, FEMALE)]
    return np.concatenate([rng.permutation(group)[:_KNOWN] for group in groups])


def _named(side: Floats64, handful: np.ndarray, labels: Integers) -> Floats64:
    """Turn sides ``(n,)`` so that known men are on the upper one."""
    return side if float(side[: len(labels)][handful] @ labels[handful]) >= 0 else -side


def _side(x: Floats64, directions: int, seed: int) -> Floats64:
    """Return on which side of two clusters rows ``(n, d)`` are: log-odds ``(n,)``, cut off at 6 nats."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    sample = x if len(x) <= _MOST_ROWS else x[np.random.default_rng(seed).permutation(len(x))[:_MOST_ROWS]]
    reduce = PCA(directions, svd_solver="randomized", whiten=True, random_state=seed).fit(sample)
    mixture = GaussianMixture(2, covariance_type="diag", reg_covar=1e-3, random_state=seed)
    with warnings.catch_warnings():
        # Templates may have fewer directions than are asked for, and clusters may overlap without end.
        warnings.simplefilter("ignore")
        mixture.fit(reduce.transform(sample))
    probability = np.clip(mixture.predict_proba(reduce.transform(x))[:, 1], 0.0025, 0.9975)
    return np.asarray(np.log(probability / (1 - probability)))
