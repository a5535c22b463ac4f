"""How often the 95 % intervals of an audit cover the truth, in made-up worlds whose truth is known.

Usage: python benchmarks/coverage_of_intervals.py [--trials N] [--resamples B] [--seed SEED] [--every K]

A world is drawn many times over: subjects with several images each, whose scores are alike within a subject. For every
draw the intervals are computed as an audit computes them; printed is the percentage of draws in which an interval
contains the true figure. It should lie within 92 to 98 %; cells outside are marked with ``!``.

The first table is of `posterior_leak`, with errors from 0.5 to 30 % of the images and attackers who know how sure they
may be (sureness 1), or are far too sure. The second one is of FNMR at a given FMR, and of its paired change;
the third one of what one attacker's accuracy exceeds another's by, on the same images.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from facepriv.metrics.leak import leak_bits, log_odds_limit, posterior_leak
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.figures import Interval

Floats = NDArray[np.float64]
LOW, HIGH = 0.92, 0.98


@dataclass(frozen=True)
class LeakWorld:
    """Scores ``+-separation + own + noise`` of unit variance, of which a share ``alike`` belongs to the subject."""

    men: int
    women: int
    most: int
    """Images of a subject: 1 to so many, each number as likely."""
    alike: float
    error: float
    """Share of the images whose sign is wrong."""
    sureness: float = 1.0
    """By how much the attacker's log-odds exceed the true ones; infinite for one who goes by the sign alone."""

    @property
    def separation(self) -> float:
        """Distance of a gender's mean score from 0, in standard deviations."""
        return float(-norm.ppf(self.error))

    def log_odds(self, scores: Floats) -> Floats:
        """Return the attacker's log-odds, nats: the true ones are ``2 separation scores``."""
        if np.isinf(self.sureness):
            return np.asarray(np.sign(scores) * 50.0)
        return np.asarray(2 * self.separation * self.sureness * scores)

    def draw(self, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Draw subjects, labels and log-odds ``(n,)`` of images."""
        people = self.men + self.women
        gender = np.repeat([1, -1], [self.men, self.women])
        subject = np.repeat(np.arange(people), random.integers(1, self.most + 1, people))
        own = np.sqrt(self.alike) * random.normal(size=people)
        noise = np.sqrt(1 - self.alike) * random.normal(size=subject.size)
        scores = gender[subject] * self.separation + own[subject] + noise
        return subject, gender[subject], self.log_odds(scores)


@cache
def leak_truth(world: LeakWorld) -> dict[str, float]:
    """Return the figures of infinitely many people."""
    limit = log_odds_limit(world.men + world.women)

    def loss(z: float) -> float:
        surprise = np.logaddexp(0, -np.clip(world.log_odds(np.array(z)), -limit, limit)) / np.log(2)
        return float(surprise * norm.pdf(z, world.separation))

    cross_entropy = quad(loss, -10, 0)[0] + quad(loss, 0, 12)[0]
    right = 1 - world.error
    area = float(norm.cdf(world.separation * np.sqrt(2)))
    if np.isinf(world.sureness):  # equal signs are ties
        area = right**2 + right * world.error
    return {
        "accuracy": right,
        "men": right,
        "women": right,
        "AUC": area,
        "bits": float(leak_bits(right, cross_entropy)),
    }


def covers(interval: Interval, truth: float) -> bool:
    """Return whether a 95 % interval contains the truth."""
    assert interval.low is not None
    assert interval.high is not None
    return interval.low - 1e-12 <= truth <= interval.high + 1e-12


def leak_coverage(world: LeakWorld, trials: int, *, resamples: int = 300, seed: int = 1) -> dict[str, float]:
    """Return how often each interval of `posterior_leak` contains the truth."""
    random = np.random.default_rng(seed)
    truth = leak_truth(world)
    covered = dict.fromkeys(truth, 0)
    for trial in range(trials):
        subject, labels, log_odds = world.draw(random)
        bootstrap = SubjectBootstrap(subject, labels, resamples=resamples, seed=trial)
        found = posterior_leak(log_odds, bootstrap, permutations=0)
        intervals = (found.accuracy, found.male_accuracy, found.female_accuracy, found.auc, found.bits)
        for name, interval in zip(truth, intervals, strict=True):
            covered[name] += covers(interval, truth[name])
    return {name: number / trials for name, number in covered.items()}


@dataclass(frozen=True)
class MatchWorld:
    """Comparisons whose scores are alike within subjects, and within pairs of subjects.

    A share ``alike`` of the variance of non-mated scores belongs to the two subjects, half of the rest to their pair.
    Of mated scores at least half belongs to the subject. Afterwards mated scores are lower by ``shift``.
    """

    subjects: int
    most: int
    """Images of a subject: 2 to so many."""
    alike: float
    fnmr: float
    fmr: float
    shift: float = 0.4

    @property
    def threshold(self) -> float:
        """Score at which FMR is what it is."""
        return float(norm.ppf(1 - self.fmr))

    @property
    def truth(self) -> dict[str, float]:
        """FNMR at that FMR of infinitely many people, and how much it rises."""
        after = float(norm.cdf(norm.ppf(self.fnmr) + self.shift))
        return {"FNMR": self.fnmr, "change": after - self.fnmr}


def match_coverage(world: MatchWorld, trials: int, *, resamples: int = 300, seed: int = 2) -> dict[str, float]:
    """Return how often the intervals of FNMR at FMR at most ``fmr``, and of its paired change, contain the truth."""
    random = np.random.default_rng(seed)
    mean = world.threshold - norm.ppf(world.fnmr)
    own_share = max(world.alike, 0.5)
    covered = dict.fromkeys(world.truth, 0)
    for trial in range(trials):
        image = np.repeat(np.arange(world.subjects), random.integers(2, world.most + 1, world.subjects))
        first, second = (image[side] for side in np.triu_indices(image.size, 1))
        same = first == second
        a, b = first[~same], second[~same]
        own = random.normal(size=(2, world.subjects))
        pair = random.normal(size=(world.subjects, world.subjects))
        of_subjects = np.sqrt(world.alike / 2) * (own[0][a] + own[0][b])
        non_mated = of_subjects + np.sqrt((1 - world.alike) / 2) * (pair[a, b] + random.normal(size=a.size))
        mated = mean + np.sqrt(own_share) * own[1][first[same]]
        before, after = (mated + np.sqrt(1 - own_share) * random.normal(size=mated.size) for _ in range(2))
        bootstrap = MatchBootstrap(first[same], a, b, resamples=resamples, seed=trial)
        one = bootstrap.fnmr_at_fmr(before, non_mated, world.fmr)
        other = bootstrap.fnmr_at_fmr(after - world.shift, non_mated, world.fmr)
        for name, estimate in (("FNMR", one), ("change", other.minus(one))):
            covered[name] += covers(estimate.interval(), world.truth[name])
    return {name: number / trials for name, number in covered.items()}


def gain_coverage(world: LeakWorld, fewer: float, trials: int, *, resamples: int = 300, seed: int = 3) -> float:
    """Return how often the interval of the difference of two accuracies contains the truth.

    Parameters
    ----------
    world : of the first attacker.
    fewer : errors of the second one, who sees the same subjects with other noise.
    """
    random = np.random.default_rng(seed)
    covered = 0
    for trial in range(trials):
        people = world.men + world.women
        gender = np.repeat([1, -1], [world.men, world.women])
        subject = np.repeat(np.arange(people), random.integers(1, world.most + 1, people))
        own = np.sqrt(world.alike) * random.normal(size=people)[subject]
        right = [
            own + np.sqrt(1 - world.alike) * random.normal(size=subject.size) > norm.ppf(error)
            for error in (world.error, fewer)
        ]
        bootstrap = SubjectBootstrap(subject, gender[subject], resamples=resamples, seed=trial)
        one, other = (bootstrap.balanced_mean(flags.astype(float)) for flags in right)
        covered += covers(other.minus(one).interval(), world.error - fewer)
    return covered / trials


LEAK_WORLDS = [
    LeakWorld(men, women, most, alike, error, sureness)
    for men, women, most, alike in ((30, 30, 5, 0.5), (15, 45, 8, 0.3), (60, 60, 10, 0.8))
    for error in (0.005, 0.01, 0.02, 0.05, 0.15, 0.3)
    for sureness in (1.0, 3.0, np.inf)
]
MATCH_WORLDS = [
    MatchWorld(subjects, most, alike, fnmr, fmr)
    for subjects, most, alike, fmr in ((60, 3, 0.05, 0.01), (60, 4, 0.3, 0.02))
    for fnmr in (0.005, 0.01, 0.02, 0.05, 0.2)
]
GAIN_WORLDS = [
    (LeakWorld(men, women, most, alike, error), fewer)
    for men, women, most, alike in ((30, 30, 5, 0.5), (60, 60, 10, 0.8))
    for error, fewer in ((0.01, 0.01), (0.02, 0.01), (0.05, 0.02), (0.15, 0.1), (0.3, 0.25))
]


def _line(name: str, coverage: dict[str, float]) -> str:
    cells = (f"{100 * share:8.1f}{' ' if LOW <= share <= HIGH else '!'}" for share in coverage.values())
    return f"{name:<58}{''.join(cells)}"


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="How often 95 % intervals contain the truth, in percent of draws.")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="take only every so manieth world")
    options = parser.parse_args(arguments)
    print(f"{options.trials:,} draws of each world; a share of 95 % may be off by {_noise(options.trials):.1f} points")
    print(
        f"{'subjects, images, alike, errors, sureness':<58}"
        + "".join(f"{name:>9}" for name in leak_truth(LEAK_WORLDS[0]))
    )
    for world in LEAK_WORLDS[:: options.every]:
        name = (
            f"{world.men} men, {world.women} women, 1-{world.most} images, {world.alike:g}, {100 * world.error:g} %, "
            f"{world.sureness:g}"
        )
        print(
            _line(name, leak_coverage(world, options.trials, resamples=options.resamples, seed=options.seed)),
            flush=True,
        )
    print(f"\n{'subjects, images, alike, FNMR, FMR':<58}" + "".join(f"{name:>9}" for name in MATCH_WORLDS[0].truth))
    for one in MATCH_WORLDS[:: options.every]:
        name = f"{one.subjects}, 2-{one.most} images, {one.alike:g}, {100 * one.fnmr:g} %, {100 * one.fmr:g} %"
        print(
            _line(name, match_coverage(one, options.trials, resamples=options.resamples, seed=options.seed)), flush=True
        )
    print(f"\n{'subjects, images, alike, errors of either attacker':<58}{'gain':>9}")
    for first, fewer in GAIN_WORLDS[:: options.every]:
        name = (
            f"{first.men} men, {first.women} women, 1-{first.most} images, {first.alike:g}, {100 * first.error:g} %, "
            f"{100 * fewer:g} %"
        )
        gain = gain_coverage(first, fewer, options.trials, resamples=options.resamples, seed=options.seed)
        print(_line(name, {"gain": gain}), flush=True)


def _noise(trials: int) -> float:
    """Return two standard errors of a share of 95 %, in points."""
    return 200 * float(np.sqrt(0.95 * 0.05 / trials))


if __name__ == "__main__":
    main(sys.argv[1:])
