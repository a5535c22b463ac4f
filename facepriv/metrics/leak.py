"""Leak of the gender label to an attacker, from the sign of a score and from posteriors.

The sign is the output of a binary channel whose input is the label: men come out female with probability ``a`` (men's
error), women come out male with probability ``b`` (women's error). The attacker knows both, and so inverts a
classifier that is wrong more often than right. Label and sign are independent exactly when ``a + b = 1``.

Any attacker's answer is a *posterior*, given as log-odds in nats, male positive, for subjects that the attacker has
not learnt from. Its figures (`posterior_leak`) are at equal priors: each gender weighs one half, whatever the data
set's balance, so the label holds 1 bit and guessing gets 50 %, also in a data set of nine men in ten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_probabilities
from facepriv.metrics.estimates import Estimate
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.figures import GUESSING, Interval
from facepriv.types import GENDERS, MALE, Floats64

PERMUTATIONS = 200
ERRORS_OF_NO_CORRELATION = 10
"""Errors by which the correlation of an attacker's errors with his sureness is shrunk."""


def sign_accuracy(male_error: ArrayLike, female_error: ArrayLike) -> Floats64:
    """Compute the accuracy of the best guess of the label from the sign alone, at equal priors (Bayes' rule).

    For each sign the attacker names the likelier gender: ``max(1-a, b) / 2 + max(a, 1-b) / 2``, which is
    ``1/2 + |1 - a - b| / 2``.

    Parameters
    ----------
    male_error, female_error : fractions a and b, arrays that broadcast.

    Returns
    -------
    Accuracy, 0.5..1, of the broadcast shape.

    Raises
    ------
    BadInputError
        If a rate lies outside 0..1.
    """
    a, b = as_probabilities(male_error, "men's error"), as_probabilities(female_error, "women's error")
    return np.asarray(np.maximum((1 - a) / 2, b / 2) + np.maximum(a / 2, (1 - b) / 2))


def sign_bits(male_error: ArrayLike, female_error: ArrayLike) -> Floats64:
    """Compute the mutual information between label and sign at equal priors, in bits.

    ``I(Y; S) = H(S) - H(S | Y) = h((1 - a + b) / 2) - h(a) / 2 - h(b) / 2`` with the binary entropy ``h`` (Cover and
    Thomas, Elements of Information Theory, theorem 2.4.1).

    Parameters and errors are those of `sign_accuracy`.

    Returns
    -------
    Bits, 0..1, of the broadcast shape.
    """
    a, b = as_probabilities(male_error, "men's error"), as_probabilities(female_error, "women's error")
    bits = binary_entropy((1 - a) / 2 + b / 2) - binary_entropy(a) / 2 - binary_entropy(b) / 2
    # Rounding may leave the range slightly; information never does.
    return np.asarray(np.clip(bits, 0.0, 1.0))


def fano_bits(accuracy: ArrayLike) -> Floats64:
    """Compute the least mutual information, in bits, of a balanced label and an answer that is right so often.

    Fano's inequality: ``I(Y; G) >= 1 - h(1 - accuracy)`` (Cover and Thomas, Elements of Information Theory, theorem
    2.10.1). An answer that is right in less than half of the cases counts as a guess.

    Parameters
    ----------
    accuracy : balanced accuracy, 0..1, any shape.

    Returns
    -------
    Bits, 0..1, of the same shape.

    Raises
    ------
    BadInputError
        If an accuracy lies outside 0..1.
    """
    right = np.maximum(as_probabilities(accuracy, "the accuracy"), GUESSING)
    return np.asarray(1 - binary_entropy(right))


def leak_bits(accuracy: ArrayLike, cross_entropy: ArrayLike) -> Floats64:
    """Compute the larger of two lower bounds of the mutual information of label and posterior, in bits.

    One follows from how often the answer is right (`fano_bits`), the other is ``H(Y) - cross-entropy`` (Barber and
    Agakov 2003). Nothing is less than 0: an attacker who sees that a model does worse than the prior uses the prior.

    Parameters
    ----------
    accuracy : balanced accuracy, 0..1.
    cross_entropy : of the label under the posterior, bits, at equal priors; broadcasts with ``accuracy``.
    """
    return np.maximum(fano_bits(accuracy), 1 - np.asarray(cross_entropy, dtype=np.float64))


def log_odds_limit(subjects: int) -> float:
    """Return the nats at which log-odds are clipped for the cross-entropy.

    Whoever has learnt from ``s`` people cannot know that he errs less than once in ``s + 1`` (Laplace's rule of
    succession). The limit does not depend on the answers, so the bound of the bits stays one.
    """
    return float(np.log1p(subjects))


def binary_entropy(probability: ArrayLike) -> Floats64:
    """Compute the entropy ``-p log2 p - (1-p) log2 (1-p)`` of a binary variable in bits, 0 at both ends.

    Raises
    ------
    BadInputError
        If a probability lies outside 0..1.
    """
    p = as_probabilities(probability, "a probability")
    terms = [np.where(x > 0, -x * np.log2(np.where(x > 0, x, 1.0)), 0.0) for x in (p, 1 - p)]
    return np.asarray(terms[0] + terms[1])


@dataclass(frozen=True)
class PosteriorLeak:
    """Leak of the gender label through held-out posteriors, at equal priors (guessing gets 50 %)."""

    accuracy: Interval
    """Balanced accuracy, 0..1: mean of men's and women's; log-odds of exactly 0 are a coin toss and count half."""
    male_accuracy: Interval
    female_accuracy: Interval
    auc: Interval
    """Chance that a man's log-odds exceed a woman's, 0..1, ties counting half."""
    bits: Interval
    """Lower bound of the mutual information with the label, 0..1 bit: the larger of two (`leak_bits`); ``value`` with
    ``chance_bits`` taken off."""
    chance_bits: float
    """Mean of the same bound when the genders are shuffled among the subjects."""
    images: int
    subjects: int
    missing: int = 0
    """Images with NaN, nothing to go on, in at least one draw; they count as log-odds of 0, a guess."""


def posterior_leak(
    log_odds: ArrayLike, bootstrap: SubjectBootstrap, *, intervals: bool = True, permutations: int = PERMUTATIONS
) -> PosteriorLeak:
    """Compute the leak of the gender label through held-out posteriors.

    The bits are the larger of two lower bounds (`leak_bits`). Since cutting off at 0 turns noise into bits, the mean of
    the same figure under shuffled genders is taken off their value. The upper end of the accuracy and of the AUC is
    never below guessing, since everybody can guess.

    The intervals allow for errors that were not seen. They cover the truth in 92 to 98 % of the cases
    (`benchmarks/coverage_of_intervals.py`).

    Parameters
    ----------
    log_odds : (n,) or (R, n) for R random draws of the same release; nats, male positive, may be infinite. NaN = the
        attacker had nothing to go on: a guess, log-odds of 0.
    bootstrap : of the images' subjects and labels.
    intervals : whether to compute 95 % intervals; without, ``low`` and ``high`` are None, at a fraction of the cost.
    permutations : how often the genders are shuffled among the subjects; 0 takes nothing off.

    Raises
    ------
    BadInputError
        ``bad-shape`` if the log-odds are not of the bootstrap's images; ``out-of-range`` for a negative number of
        permutations.
    """
    draws = bootstrap.stack_draws(log_odds)
    is_missing = np.isnan(draws)
    f = np.where(is_missing, 0.0, draws)
    limit = log_odds_limit(bootstrap.subject_count())
    right = (1 + np.sign(f) * bootstrap.labels) / 2
    chance = _chance_bits(f, limit, bootstrap, permutations)
    if intervals:
        accuracy = bootstrap.balanced_mean(right).interval()
        men, women = (bootstrap.mean(right, group).interval() for group in GENDERS)
        auc = bootstrap.auc(f).interval()
        cross_entropy = _cross_entropy(f, limit, bootstrap)
    else:
        rates = [bootstrap.mean_value(right, group) for group in GENDERS]
        accuracy, men, women = (_without_ends(rate) for rate in (sum(rates) / 2, *rates))
        auc = _without_ends(bootstrap.auc_value(f))
        # Of each image -log2 p(label), whose balanced mean is the cross-entropy in bits.
        surprise = np.logaddexp(0.0, -np.clip(f, -limit, limit) * bootstrap.labels) / np.log(2)
        cross_entropy = _without_ends(sum(bootstrap.mean_value(surprise, group) for group in GENDERS) / 2)
    return PosteriorLeak(
        accuracy=not_below_guessing(accuracy),
        male_accuracy=men,
        female_accuracy=women,
        auc=not_below_guessing(auc),
        bits=_bits(accuracy, cross_entropy, chance),
        chance_bits=chance,
        images=bootstrap.images,
        subjects=bootstrap.subject_count(),
        missing=int(is_missing.any(axis=0).sum()),
    )


def _cross_entropy(f: Floats64, limit: float, bootstrap: SubjectBootstrap) -> Interval:
    """Return the cross-entropy in bits with an interval that allows for errors that were not seen.

    An image costs ``log(1 + exp(-|f|))`` nats, and ``|f|`` more if it is wrong. The first part is known well. The other
    one is a rate of errors, weighted by how sure they are, and has the interval of a rate. The ends of the sum are as
    far away as the two parts' ends together, correlation included (Zou and Donner 2008, Statistics in Medicine
    27:1693); a correlation that only a few errors show counts for less.
    """
    sureness = np.minimum(np.abs(f), limit) / np.log(2)
    least = bootstrap.balanced_mean(np.logaddexp(0.0, -sureness * np.log(2)) / np.log(2), scale="real")
    mean = sum(bootstrap.mean_value(sureness, group) for group in GENDERS) / 2
    if mean == 0:
        return Interval(value=least.value, low=least.value, high=least.value)
    cost = bootstrap.balanced_mean(np.where(f * bootstrap.labels < 0, sureness, 0.0) / mean, scale="real")
    errors, rest = replace(cost, scale="rate").interval(), least.interval()
    value = least.value + mean * cost.value
    if errors.value is None or errors.low is None or errors.high is None or rest.low is None or rest.high is None:
        return Interval(value=value, low=None, high=None)
    correlation = _correlation(least, cost)

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(max(one**2 + other**2 + 2 * correlation * one * other, 0.0)))

    return Interval(
        value=value,
        low=max(value - reach(least.value - rest.low, mean * (errors.value - errors.low)), 0.0),
        high=value + reach(rest.high - least.value, mean * (errors.high - errors.value)),
        unseen=errors.unseen,
    )


def _correlation(least: Estimate, cost: Estimate) -> float:
    """Return the correlation of two figures' errors, shrunk as if `ERRORS_OF_NO_CORRELATION` more had been seen."""
    size = float(np.sqrt(float((least.influence**2).sum() * (cost.influence**2).sum())))
    variance = cost.standard_error**2
    if size == 0 or variance == 0:
        return 0.0
    seen = max(cost.value**2 * (1 - cost.value) / variance, 0.0)
    return float((least.influence * cost.influence).sum()) / size * seen / (seen + ERRORS_OF_NO_CORRELATION)


def _bits(accuracy: Interval, cross_entropy: Interval, chance: float) -> Interval:
    """Return the larger lower bound; both of them rise with accuracy and fall with cross-entropy, so do the ends."""
    if accuracy.value is None or cross_entropy.value is None:
        return Interval(value=None, low=None, high=None)
    value = max(float(leak_bits(accuracy.value, cross_entropy.value)) - chance, 0.0)
    if accuracy.low is None or accuracy.high is None or cross_entropy.low is None or cross_entropy.high is None:
        return Interval(value=value, low=None, high=None)
    low, high = leak_bits(accuracy.low, cross_entropy.high), leak_bits(accuracy.high, cross_entropy.low)
    unseen = accuracy.unseen or cross_entropy.unseen
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value), unseen=unseen)


def not_below_guessing(interval: Interval) -> Interval:
    """Return an interval whose upper end is at least that of a guess."""
    if interval.high is None or interval.high >= GUESSING:
        return interval
    return interval.model_copy(update={"high": GUESSING})


def _without_ends(value: float) -> Interval:
    """Return a figure without an interval; None for NaN."""
    return Interval(value=value if np.isfinite(value) else None, low=None, high=None)


def _chance_bits(f: Floats64, limit: float, bootstrap: SubjectBootstrap, permutations: int) -> float:
    if permutations < 0:
        raise BadInputError(f"Expected a number of permutations, got {permutations}.", code="out-of-range")
    if not permutations:
        return 0.0
    clipped = np.clip(f, -limit, limit)
    images = bootstrap.sum_by_subject(np.ones(bootstrap.images))
    male = (bootstrap.permuted_labels(permutations) == MALE).astype(np.float64)
    accuracy, nats = np.zeros(permutations), np.zeros(permutations)
    # Both figures are linear in the labels, so all shuffles are one product of matrices.
    for label, shuffled in ((1, male), (-1, 1 - male)):
        right = bootstrap.sum_by_subject((1 + np.sign(f) * label).mean(axis=0) / 2)
        cost = bootstrap.sum_by_subject(np.logaddexp(0.0, -label * clipped).mean(axis=0))
        sums = np.stack([right, cost, images]) @ shuffled
        accuracy, nats = accuracy + sums[0] / sums[2] / 2, nats + sums[1] / sums[2] / 2
    return float(np.mean(leak_bits(np.clip(accuracy, 0.0, 1.0), nats / np.log(2))))
