"""Attackers find nothing where labels have nothing to do with what is seen, and learn nothing of whom they attack."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as student

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence
from facepriv.metrics.subject_bootstrap import SubjectBootstrap

from .planted import accuracy, bits, full, guess, people, seen, unit


def nothing(seed, subjects=40, images=3):
    """Make everything that can be seen of people who differ much, whatever their label."""
    names, labels = people(subjects, images, seed)
    rng = np.random.default_rng([seed, 1])
    return labels, Evidence(labels, full(names, rng), full(names, rng)), rng.random(len(labels)) < 0.5


def interval(log_odds, labels, subjects, sure=1):
    """Return the middle 95 % of accuracies, or more where the interval is one of several to be sure of.

    Log-odds ``(n,)``, or ``(R, n)`` on R draws of the same release.

    Resampling few people has tails that are too short; so it gives the standard error, and Student's distribution the
    tails, as in the intervals of an audit.
    """
    right = np.where(log_odds == 0, 0.5, np.sign(log_odds) == labels)
    found = SubjectBootstrap(subjects, labels).balanced_mean(right)
    reach = student.ppf(1 - 0.025 / sure, found.degrees_of_freedom) * found.standard_error
    return expit(logit(found.value) + np.array([-1, 1]) * reach / (found.value * (1 - found.value)))


@pytest.mark.parametrize("name", attackers.names())
def test_finds_nothing_in_one_draw(name):
    labels, evidence, perturbed = nothing(2)
    log_odds = guess(name, evidence, perturbed, 0.5)
    # One of all attackers is to be sure of: at 95 % each, two in five draws of nothing would give somebody something.
    low, high = interval(log_odds, labels, evidence.untouched.subjects, sure=len(attackers.names()))
    assert low <= 0.5
    # People left out of learning lean away from what is learnt without them, so guesses by chance may fall below half.
    assert high > 0.45
    assert bits(log_odds, labels) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", attackers.names())
def test_finds_nothing_on_average(name):
    found = []
    for seed in range(10, 20):
        labels, evidence, perturbed = nothing(seed)
        log_odds = guess(name, evidence, perturbed, 0.5, seed=seed)
        found.append((accuracy(log_odds, labels), bits(log_odds, labels)))
    right, told = np.array(found).T
    assert right.mean() == pytest.approx(0.5, abs=3 * right.std() / np.sqrt(len(right)) + 0.01)
    # Who chooses among many ways with few people to try them on is surer of the best than he should be.
    assert (-0.25 if name in ("joined", "pooled") else -0.06) < told.mean() < 0.01


@pytest.mark.parametrize("name", ["template", "retrained"])
def test_who_someone_is_does_not_say_what_he_is(name):
    """Near-identical images that name their subject would be read perfectly if subjects were in both parts."""
    names, labels = people(40, 4)
    rng = np.random.default_rng(3)
    person = np.repeat(np.eye(40), 4, axis=0) + 0.01 * rng.normal(size=(160, 40))
    evidence = Evidence(labels, seen(names, np.zeros(160), templates={"matcher": unit(person)}, appearance=person))
    for variant, log_odds in guess(name, evidence, variants=True).items():
        assert accuracy(log_odds, labels) < 0.65, variant
        assert bits(log_odds, labels) == pytest.approx(0, abs=0.1), variant


@pytest.mark.parametrize("name", ["score", "ensemble", "several-images"])
def test_a_score_that_names_its_subject_does_not_say_what_he_is(name):
    names, labels = people(40, 4)
    rng = np.random.default_rng(4)
    numbers = [np.repeat(rng.permutation(np.arange(40.0)) - 20, 4) + 0.01 * rng.normal(size=160) for _ in range(2)]
    evidence = Evidence(labels, seen(names, dict(zip(("a", "b"), numbers, strict=True))))
    for variant, log_odds in guess(name, evidence, variants=True).items():
        assert accuracy(log_odds, labels) < 0.68, variant
        assert bits(log_odds, labels) < 0.1, variant


@pytest.mark.slow
def test_of_twenty_audits_of_nothing_at_most_two_find_a_leak():
    """All attackers together, so that the one who seems to find most has an interval for so many tries."""
    tries = len(attackers.names())
    found = []
    for seed in range(100, 120):
        labels, evidence, _ = nothing(seed)
        # As an audit does by default, which averages over three draws of the policy and of the folds.
        drawn = np.random.default_rng([seed, 2]).random((3, len(labels))) < 0.5
        lows = []
        for name in attackers.names():
            log_odds = np.stack(
                [guess(name, evidence, perturbed, 0.5, seed=seed + draw) for draw, perturbed in enumerate(drawn)]
            )
            lows.append(interval(log_odds, labels, evidence.untouched.subjects, sure=tries)[0])
        found.append(max(lows))
    assert sum(low > 0.5 for low in found) <= 2
