"""Probes: classifiers fitted to labelled templates, whose settings are chosen on people held out of the attacker's own.

The settings tried stand here; the learners are those of `facepriv.audit.attackers`.
"""

from __future__ import annotations

from functools import partial

from facepriv.audit.attackers.estimators import (
    Decides,
    best_of,
    by_folds,
    learn_boosting,
    learn_logistic,
    learn_neighbours,
    learn_network,
    learn_support_vectors,
)
from facepriv.audit.attackers.learning import Learner
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.similarity import Compare
from facepriv.audit.templates.base import TemplateAttacker
from facepriv.types import Floats64

_WIDTHS = (0.25, 1.0, 4.0)
"""Sharpness of the Gaussian kernels, in units of what the median distance asks for."""
_NEIGHBOURS = (1, 5, 15)
_DIRECTIONS, _STAGES, _RATE = 20, 40, 0.15
"""Principal directions that trees are boosted on, since a label seldom lies along a template's own axes."""
_HIDDEN, _DECAY, _STEPS = 32, 3.0, 60


def _make_neighbours(count: int, x: Floats64, seed: int) -> Decides:
    from sklearn.neighbors import KNeighborsClassifier

    model: Decides = KNeighborsClassifier(min(count, len(x)), algorithm="brute", weights="distance")
    return model


def _make_boosted_directions(x: Floats64, seed: int) -> Decides:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    boosting = GradientBoostingClassifier(n_estimators=_STAGES, learning_rate=_RATE, max_depth=2, random_state=seed)
    directions = PCA(min(_DIRECTIONS, *x.shape), svd_solver="randomized", random_state=seed)
    model: Decides = make_pipeline(directions, boosting)
    return model


def _make_wide_network(x: Floats64, seed: int) -> Decides:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier((_HIDDEN,), solver="lbfgs", alpha=_DECAY, max_iter=_STEPS, random_state=seed)
    model: Decides = make_pipeline(StandardScaler(), network)
    return model


_LINEAR = best_of(ridge(linear), learn_logistic)
_RBF = best_of(ridge(*(partial(kernel, narrower=width) for width in _WIDTHS)), learn_support_vectors)
_BOOSTED = best_of(learn_boosting, by_folds(_make_boosted_directions))
_NEAREST = best_of(*(by_folds(partial(_make_neighbours, count)) for count in _NEIGHBOURS), learn_neighbours)
_NEURAL = best_of(learn_network, by_folds(_make_wide_network))


class Linear(TemplateAttacker):
    """Ridge and logistic regression."""

    name = "linear"
    title = "Linear probe"
    source = "Suykens and Vandewalle 1999; Cox 1958"

    def learner(self, compare: Compare) -> Learner:
        """Return the better of ridge and logistic regression."""
        return _LINEAR


class Rbf(TemplateAttacker):
    """Gaussian kernels: ridge regression and support vectors."""

    name = "rbf"
    title = "Gaussian-kernel probe"
    source = "Suykens and Vandewalle 1999; Cortes and Vapnik 1995"

    def learner(self, compare: Compare) -> Learner:
        """Return the best of ridge regression with Gaussian kernels of several widths, and support vectors."""
        return _RBF


class Boosted(TemplateAttacker):
    """Boosted trees on the most telling features or on principal directions."""

    name = "boosted"
    title = "Boosted trees"
    source = "Friedman 2001"

    def learner(self, compare: Compare) -> Learner:
        """Return the better of trees boosted on features and on principal directions."""
        return _BOOSTED


class Neighbours(TemplateAttacker):
    """Nearest neighbours, of few or many."""

    name = "neighbours"
    title = "Nearest neighbours"
    source = "Cover and Hart 1967"

    def learner(self, compare: Compare) -> Learner:
        """Return the best number of neighbours; nearness on unit rows is the same by cosine and by distance."""
        return _NEAREST


class Neural(TemplateAttacker):
    """Small neural networks."""

    name = "neural"
    title = "Neural network"
    source = "Rumelhart, Hinton and Williams 1986"

    def learner(self, compare: Compare) -> Learner:
        """Return the better of a narrow network on principal directions and a wider one on all features."""
        return _NEURAL
