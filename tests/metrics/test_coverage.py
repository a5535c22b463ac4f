"""Whether 95 % intervals cover the truth, in worlds whose truth is known and where images of a subject are alike.

A world is drawn many times over; each time its interval covers the truth or not. The share that does must be 92 to
98 %.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from facepriv.metrics.leak import posterior_leak
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from tests.metrics import fixed_threshold

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import coverage_of_intervals as bench

RESAMPLES = 300


def matcher_coverage(worlds, subjects, most, alike, fnmr, fmr, *, shift=0.0):
    """Coverage of FNMR and FMR at a fixed threshold, and of FNMR at FMR at most ``fmr``.

    Non-mated scores are normal; a share ``alike`` of their variance belongs to the two subjects, half of the rest to
    the pair of subjects. Mated scores have at least half of theirs from the subject. With ``shift`` mated scores are
    lower afterwards, and the paired difference of FNMR is looked at as well.
    """
    random = np.random.default_rng(2)
    threshold = norm.ppf(1 - fmr)
    mean = threshold - norm.ppf(fnmr)
    own_share = max(alike, 0.5)
    truth = {"fnmr": fnmr, "fmr": fmr, "fnmr at fmr": fnmr, "difference": norm.cdf(threshold - mean + shift) - fnmr}
    covered = dict.fromkeys(truth, 0)
    for seed in range(worlds):
        image = np.repeat(np.arange(subjects), random.integers(2, most + 1, subjects))
        first, second = (image[side] for side in np.triu_indices(image.size, 1))
        same = first == second
        a, b = first[~same], second[~same]
        own = random.normal(size=(2, subjects))
        pair = random.normal(size=(subjects, subjects))
        non_mated = np.sqrt(alike / 2) * (own[0][a] + own[0][b]) + np.sqrt((1 - alike) / 2) * (
            pair[a, b] + random.normal(size=a.size)
        )
        mated = mean + np.sqrt(own_share) * own[1][first[same]]
        mated, after = (mated + np.sqrt(1 - own_share) * random.normal(size=mated.size) for _ in range(2))
        bootstrap = MatchBootstrap(first[same], a, b, resamples=RESAMPLES, seed=seed)
        before = fixed_threshold.fnmr(bootstrap, mated, threshold)
        found = {
            "fnmr": before,
            "fmr": fixed_threshold.fmr(bootstrap, non_mated, threshold),
            "fnmr at fmr": bootstrap.fnmr_at_fmr(mated, non_mated, fmr),
            "difference": fixed_threshold.fnmr(bootstrap, after - shift, threshold).minus(before),
        }
        for name, estimate in found.items():
            covered[name] += bench.covers(estimate.interval(), truth[name])
    return {name: count / worlds for name, count in covered.items()}


def assert_honest(coverage, low=0.92, high=0.98):
    assert all(low <= share <= high for share in coverage.values()), coverage


FEW = 0.03
"""What a share of some hundred worlds may be off by."""
SOME = 0.012
"""What a share of a thousand worlds may be off by: two standard errors at its ends are 1 to 1.7 points."""
RARE = [
    bench.LeakWorld(30, 30, 5, 0.5, 0.02, 1.0),
    bench.LeakWorld(30, 30, 5, 0.5, 0.02, np.inf),
    bench.LeakWorld(30, 30, 5, 0.5, 0.01, 3.0),
    bench.LeakWorld(30, 30, 5, 0.5, 0.005, 1.0),
]
MATCHERS = [
    (40, 3, 0.3, 0.1, 0.02),
    (30, 3, 0.05, 0.2, 0.01),
]


@pytest.mark.parametrize("world", [*RARE, bench.LeakWorld(15, 45, 8, 0.3, 0.15, 1.0)])
def test_intervals_of_a_leak_cover_the_truth(world):
    assert_honest(bench.leak_coverage(world, 200), 0.92 - FEW, 0.995)


@pytest.mark.parametrize("world", RARE)
def test_intervals_of_bits_are_never_of_no_width(world):
    for seed in range(20):
        subject, labels, log_odds = world.draw(np.random.default_rng(seed))
        bits = posterior_leak(log_odds, SubjectBootstrap(subject, labels, resamples=100)).bits
        assert bits.low + 0.03 < bits.high
        assert bits.low <= bits.value <= bits.high


@pytest.mark.parametrize("world", MATCHERS)
def test_intervals_of_a_matcher_cover_the_truth(world):
    assert_honest(matcher_coverage(150, *world, shift=0.4), 0.92 - FEW, 0.98 + FEW)


@pytest.mark.slow
@pytest.mark.parametrize("world", bench.LEAK_WORLDS[::4], ids=str)
def test_intervals_of_a_leak_cover_the_truth_over_many_worlds(world):
    assert_honest(bench.leak_coverage(world, 1000), 0.92 - SOME, 0.98 + SOME)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "fewer"), bench.GAIN_WORLDS, ids=str)
def test_intervals_of_differences_cover_the_truth_over_many_worlds(world, fewer):
    # Of differences of rare errors hardly one shows, so that no interval could be short enough.
    high = 1.0 if fewer <= 0.02 else 0.98 + SOME
    assert 0.92 - SOME <= bench.gain_coverage(world, fewer, 500) <= high


@pytest.mark.slow
@pytest.mark.parametrize("world", bench.MATCH_WORLDS, ids=str)
def test_intervals_of_fnmr_cover_the_truth_over_many_worlds(world):
    assert_honest(bench.match_coverage(world, 500), 0.92 - SOME, 0.98 + SOME)


@pytest.mark.slow
@pytest.mark.parametrize("world", [*MATCHERS, (20, 4, 0.3, 0.1, 0.05), (60, 3, 0.6, 0.2, 0.02)])
def test_intervals_of_a_matcher_cover_the_truth_over_many_worlds(world):
    assert_honest(matcher_coverage(400, *world, shift=0.4), high=0.985)


@pytest.mark.slow
def test_percentiles_of_the_resamples_would_not_do():
    world = bench.LeakWorld(30, 30, 5, 0.3, 0.02)
    random, truth, covered = np.random.default_rng(1), bench.leak_truth(world)["AUC"], 0
    for seed in range(400):
        subject, labels, log_odds = world.draw(random)
        replicates = SubjectBootstrap(subject, labels, resamples=300, seed=seed).auc(log_odds).replicates
        low, high = np.quantile(replicates, [0.025, 0.975])
        covered += low <= truth <= high
    assert covered / 400 < 0.85
