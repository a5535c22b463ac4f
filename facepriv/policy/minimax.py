"""The mix of runs that serves worst the attacker it serves best: minimax over the classifiers an attacker may hold.

A policy releases each image by one of several actions: untouched, or as one of several runs left it, with weights ``q``
that the attacker knows. With classifier ``c`` he observes a symbol ``j`` (the sign of the score, or the bin that it
falls into), whose probability for men is ``sum_k q_k P[c, k, male, j]``, likewise for women. At equal priors the best
guess is right with probability

    1/2 + 1/4 sum_j | sum_k q_k (P[c, k, male, j] - P[c, k, female, j]) |

which is convex and piecewise linear in ``q``; the ``q`` that minimises its maximum over ``c`` is a linear programme
with one auxiliary variable for each absolute value (Boyd and Vandenberghe, Convex Optimization, 2004, section 4.3.1).
With one run, one classifier and its sign the optimum is that of `facepriv.policy.proportion.optimal_proportion`.

An attacker who puts several classifiers' observations together may learn more than any one of them tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag
from scipy.optimize import OptimizeResult, linprog

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_labels, as_probabilities, as_scores
from facepriv.policy.proportion import Errors
from facepriv.types import FEMALE, MALE, Floats64, Integers
from facepriv.wording import listed, percent

TOLERANCE = 1e-9
"""Accuracies that differ by less are equal."""
_ROUNDING = 1e-6
_SOLVER = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True, eq=False)
class Observation:
    """What one classifier shows of men and women under each action."""

    classifier: str
    male: Floats64
    """``(k, j)`` probabilities of the ``j`` symbols for men; row 0 is untouched, row ``k`` is run ``k``."""
    female: Floats64
    """``(k, j)`` the same for women."""

    def __post_init__(self) -> None:
        male, female = as_probabilities(self.male, "men's symbols"), as_probabilities(self.female, "women's symbols")
        if male.ndim != 2 or male.shape != female.shape or not male.size:
            raise BadInputError(
                f"Expected actions times symbols of both genders for {self.classifier}, got shapes {male.shape} and "
                f"{female.shape}; give one row for each action and one column for each symbol.",
                code="bad-shape",
            )
        sums = np.concatenate([male.sum(axis=1), female.sum(axis=1)])
        if np.abs(sums - 1).max() > _ROUNDING:
            raise BadInputError(
                f"Expected probabilities of {self.classifier} that add up to 1 in every row, got one that adds up to "
                f"{sums[np.abs(sums - 1).argmax()]:g}; divide counts by their sum.",
                code="bad-probabilities",
            )
        object.__setattr__(self, "male", male)
        object.__setattr__(self, "female", female)

    def accuracy(self, weights: ArrayLike) -> float:
        """Return the best accuracy at equal priors, 0.5..1, under mix weights ``(k,)`` that add up to 1."""
        gap = np.asarray(weights, dtype=np.float64) @ (self.male - self.female)
        return float(0.5 + 0.25 * np.abs(gap).sum())


def sign_observation(classifier: str, errors: Sequence[Errors]) -> Observation:
    """Take the sign of the score as what is observed.

    Parameters
    ----------
    classifier : name.
    errors : men's and women's error under each action, the untouched first; fractions.

    Raises
    ------
    BadInputError
        If an error lies outside 0..1.
    """
    rates = as_probabilities(errors, "the errors").reshape(-1, 2)
    a, b = rates[:, 0], rates[:, 1]
    return Observation(classifier, male=np.stack([1 - a, a], axis=1), female=np.stack([b, 1 - b], axis=1))


def binned_observation(
    classifier: str, scores: Sequence[ArrayLike], labels: ArrayLike, *, bins: int = 8
) -> Observation:
    """Take the bin of the score as what is observed, with one more symbol for images without a score.

    The cuts are those of a decision tree that tells the actions and genders apart by the score (scikit-learn, entropy),
    since quantiles would throw an action's narrow peak together with what lies beside it. 0, the classifier's own
    threshold, is always a cut, so that an attacker who bins learns no less than one who sees signs. The same images
    give the cuts, the probabilities and the attacker's accuracy, which favours him by about ``sqrt(bins / images)``;
    the tree cuts off no bin of fewer than ten images.

    Parameters
    ----------
    classifier : name.
    scores : for each action, the untouched first, ``(n,)`` log-odds of the same images; NaN = failure to acquire.
    labels : (n,) +1 male, -1 female, 0 unlabelled (left out).
    bins : most bins besides the cut at 0, at least 2.

    Raises
    ------
    BadInputError
        If shapes or labels do not fit, there is no image of one gender, no finite score, or fewer than 2 bins.
    """
    if bins < 2:
        raise BadInputError(f"Expected at least 2 bins of scores, got {bins}.", code="bad-bins")
    arrays = [as_scores(values, "gender scores").astype(np.float64) for values in scores]
    sizes = [len(array) for array in arrays]
    if len(set(sizes)) != 1:
        raise BadInputError(
            f"Expected the scores of the same images under every action of {classifier}, got "
            f"{sizes} scores; write NaN where there is none.",
            code="bad-shape",
        )
    label = as_labels(labels, sizes[0])
    for gender, word in ((MALE, "male"), (FEMALE, "female")):
        if not (label == gender).any():
            raise BadInputError(
                f"Expected images of both genders to see what {classifier} tells, got none labelled {word}; add some.",
                code="one-gender",
            )
    known = np.concatenate([label + 3 * action for action in range(len(arrays))])
    pooled = np.concatenate(arrays)
    usable = np.isfinite(pooled) & np.tile(label != 0, len(arrays))
    if not usable.any():
        raise BadInputError(
            f"Expected finite scores of {classifier}, got none; leave this classifier out.", code="not-finite"
        )
    edges = _cuts(pooled[usable], known[usable], bins)

    def frequencies(values: Floats64) -> Floats64:
        symbol = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
        return np.bincount(symbol, minlength=len(edges) + 2) / len(values)

    male, female = (np.stack([frequencies(array[label == gender]) for array in arrays]) for gender in (MALE, FEMALE))
    return Observation(classifier, male=male, female=female)


def _cuts(scores: Floats64, cells: Integers, bins: int) -> Floats64:
    """Cut scores where the cells (one for each action and gender) are best told apart; 0 is one of the cuts."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=bins, min_samples_leaf=10, class_weight="balanced", random_state=0
    ).fit(scores[:, None], cells)
    inner = tree.tree_.children_left >= 0
    return np.unique(np.append(tree.tree_.threshold[inner], 0.0))


@dataclass(frozen=True)
class MinimaxPolicy:
    """Shares of the actions, and what every classifier then tells."""

    weights: dict[str, float]
    """By action, the untouched first; they add up to 1."""
    p: float
    """Share of images that are perturbed at all."""
    value: float
    """Best accuracy of an attacker who holds the classifier that tells most."""
    accuracies: dict[str, float]
    """Best accuracy by classifier."""
    duals: dict[str, float]
    """By classifier, the dual variables: by how much the value would fall for a small fall of that classifier's
    accuracy. They add up to 1 and are the mix of classifiers against which no other policy does better; all 0 where
    there is no leak."""
    binding: tuple[str, ...]
    """Classifiers with a weight: those that keep the value from being lower."""
    alone: dict[str, float]
    """By classifier, the value if an attacker could hold only that one; never above `value`."""
    sentence: str
    """The same in words for a person, with the reason where guessing is not reached."""


def minimax_policy(
    observations: Sequence[Observation], runs: Sequence[str], *, sees: str = "the sign of its score"
) -> MinimaxPolicy:
    """Find the weights of untouched images and of each run with the least accuracy of the worst attacker.

    Of equally good policies the one with the smallest share of perturbed images is taken; of these the one that uses
    runs named earlier.

    Parameters
    ----------
    observations : one for each classifier that an attacker may hold, each with ``1 + len(runs)`` actions.
    runs : names of the perturbed versions, in the order of the observations' rows 1, 2, ...
    sees : what the attacker sees of a classifier, for the sentence.

    Raises
    ------
    BadInputError
        If there is no classifier, names repeat, or numbers of actions differ.
    """
    _check(observations, runs)
    actions = len(runs) + 1
    programme = _Programme(observations, actions)
    zeros = np.zeros(programme.size - actions)
    least_perturbed, first_named = np.r_[0.0, np.ones(actions - 1), zeros], np.r_[np.arange(actions), zeros]
    best, *_, last = programme.minimise(programme.value, least_perturbed, first_named)
    # Residues of the solver and of earlier goals are no weights.
    weights = np.where(last.x[:actions] < _ROUNDING, 0.0, last.x[:actions])
    weights = weights / weights.sum()
    accuracies = {seen.classifier: seen.accuracy(weights) for seen in observations}
    reached = max(accuracies.values())
    duals = dict.fromkeys(accuracies, 0.0)
    if reached > 0.5 + _ROUNDING:
        # The leading constraints are those of the classifiers; scipy gives duals of a minimum as at most 0.
        marginals = -best.ineqlin.marginals[: len(observations)]
        duals = {name: float(max(dual, 0.0)) for name, dual in zip(accuracies, marginals, strict=True)}
    alone = {}
    for seen in observations:
        single = _Programme([seen], actions)
        alone[seen.classifier] = float(single.minimise(single.value)[0].fun)
    named = dict(zip(("untouched", *runs), weights.tolist(), strict=True))
    binding = tuple(name for name, dual in duals.items() if dual > _ROUNDING)
    return MinimaxPolicy(
        weights=named,
        p=float(weights[1:].sum()),
        value=reached,
        accuracies=accuracies,
        duals=duals,
        binding=binding,
        alone=alone,
        sentence=_sentence(named, reached, binding, alone, sees),
    )


class _Programme:
    """The constraints that all goals share; variables are weights, absolute values and the value, in this order."""

    def __init__(self, observations: Sequence[Observation], actions: int) -> None:
        gaps = [(seen.male - seen.female).T for seen in observations]  # (symbols, actions) each
        differences = np.concatenate([sign * gap for gap in gaps for sign in (1, -1)])
        absolutes = block_diag(*(np.tile(np.eye(len(gap)), (2, 1)) for gap in gaps))
        mean = block_diag(*(np.full(len(gap), 0.25) for gap in gaps))
        self.rows = np.block(
            [
                [np.zeros((len(gaps), actions)), mean, -np.ones((len(gaps), 1))],
                [differences, -absolutes, np.zeros((len(differences), 1))],
            ]
        )
        self.limits = np.repeat([-0.5, 0.0], [len(gaps), len(differences)])
        self.actions, self.size = actions, self.rows.shape[1]
        self.value = np.r_[np.zeros(self.size - 1), 1.0]
        """The goal of the least accuracy."""

    def minimise(self, *goals: Floats64) -> list[OptimizeResult]:
        """Minimise linear goals one after another, each held while the next is sought."""
        total = np.repeat([1.0, 0.0], [self.actions, self.size - self.actions])[None]
        rows, limits, results = self.rows, self.limits, []
        for goal in goals:
            solved = linprog(
                goal, A_ub=rows, b_ub=limits, A_eq=total, b_eq=[1.0], bounds=(0, None), method="highs", options=_SOLVER
            )
            if not solved.success:
                raise ArithmeticError(f"the linear programme of the policy was not solved: {solved.message}")
            results.append(solved)
            rows, limits = np.vstack([rows, goal]), np.r_[limits, solved.fun + TOLERANCE]
        return results


def _check(observations: Sequence[Observation], runs: Sequence[str]) -> None:
    names, actions = [seen.classifier for seen in observations], len(runs) + 1
    if not names or len(set(names)) != len(names) or len({"untouched", *runs}) != actions:
        raise BadInputError(
            f"Expected one or more classifiers and runs, each named once, got {listed(names) or 'no classifier'} and "
            f"{listed(list(runs)) or 'no run'}; name each once, and no run 'untouched'.",
            code="bad-names",
        )
    for seen in observations:
        if len(seen.male) != actions:
            raise BadInputError(
                f"Expected {seen.classifier} under {actions} actions, untouched and {len(runs)} runs, got "
                f"{len(seen.male)}; measure every run with every classifier.",
                code="bad-shape",
            )


def _recipe(weights: Mapping[str, float]) -> str:
    shown = {name: weight for name, weight in weights.items() if weight >= 0.0005}
    parts = [f"{percent(weight)} {name if name == 'untouched' else f'from {name}'}" for name, weight in shown.items()]
    return f"Release {listed(parts)}"


def _sentence(
    weights: Mapping[str, float], value: float, binding: Sequence[str], alone: Mapping[str, float], sees: str
) -> str:
    attacker = f"{_recipe(weights)}: an attacker who has {listed(list(alone), 'or')} and sees {sees}"
    if value <= 0.5 + _ROUNDING:
        return f"{attacker} can only guess."
    best = f"{attacker} is right in at most {percent(value)} of cases."
    stubborn = [name for name in binding if alone[name] > value - _ROUNDING]
    if stubborn:
        return f"{best} Guessing (50 %) is out of reach: no mix of these runs lowers {listed(stubborn)} any further."
    return (
        f"{best} Guessing (50 %) is out of reach: each of {listed(binding)} could be lowered alone, but what lowers "
        "one raises another."
    )
