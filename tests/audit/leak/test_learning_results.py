from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facepriv.audit.attackers.template import Template
from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.cross_fitting import Attack, attack
from facepriv.audit.leak.learning_curve import PARTS, PartialAttack
from facepriv.audit.leak.learning_results import learning_results
from facepriv.audit.leak.results import make_bootstrap
from tests.audit.attackers.planted import accuracy, people, seen, unit

NAMES, LABELS = people(40, 2)
SURE = 2.0 * LABELS


def wrong_of(number):
    """Guess everybody right but so many subjects of each label."""
    guesses = SURE.copy()
    for label in (1, -1):
        for name in np.unique(NAMES[label == LABELS])[:number]:
            guesses[name == NAMES] *= -1
    return guesses


def made(chosen, partial):
    return Attack({}, chosen, Counter(), 32.0, {part: PartialAttack(32 * part, g[None]) for part, g in partial.items()})


def results(*attacks):
    bootstrap = make_bootstrap(Evidence(LABELS, seen(NAMES, SURE)), 500, 0)
    return learning_results("untouched", "template", attacks, bootstrap)


def test_points_and_gain_are_accuracies_of_the_guesses():
    partial = {1 / 8: wrong_of(9), 1 / 4: wrong_of(6), 1 / 2: wrong_of(4)}
    points, gain = results(made(wrong_of(1), partial))
    assert [(point.part, point.subjects) for point in points] == [(1 / 8, 4), (1 / 4, 8), (1 / 2, 16), (1.0, 32)]
    expected = [accuracy(guesses, LABELS) for guesses in (*partial.values(), wrong_of(1))]
    assert [point.accuracy.value for point in points] == pytest.approx(expected)
    assert all(point.accuracy.low < point.accuracy.value < point.accuracy.high for point in points)
    assert gain is not None
    assert (gain.from_subjects, gain.to_subjects) == (16, 32)
    assert gain.accuracy.value == pytest.approx(3 / 20)
    assert gain.accuracy.low > 0
    assert gain.likely


def test_draws_of_the_release_are_averaged():
    first, second = made(wrong_of(0), {1 / 2: wrong_of(2)}), made(wrong_of(2), {1 / 2: wrong_of(4)})
    points, gain = results(first, second)
    assert [point.accuracy.value for point in points] == pytest.approx([1 - 3 / 20, 1 - 1 / 20])
    assert gain is not None
    assert gain.accuracy.value == pytest.approx(2 / 20)


@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 5)])
def test_no_gain_is_no_promise(before, after):
    _, gain = results(made(wrong_of(after), {1 / 2: wrong_of(before)}))
    assert gain is not None
    assert gain.accuracy.value == pytest.approx((before - after) / 20)
    assert not gain.likely


def test_who_only_guesses_gains_nothing():
    _, gain = results(made(wrong_of(9), {1 / 2: wrong_of(12)}))
    assert gain is not None
    assert gain.accuracy.value == pytest.approx(3 / 20)
    assert not gain.likely, "55 % of 40 people is no more than guessing"


def test_who_is_always_right_cannot_gain():
    _, gain = results(made(SURE, {1 / 2: wrong_of(4)}))
    assert gain is not None
    assert gain.accuracy.value == pytest.approx(4 / 20)
    assert not gain.likely


def test_without_parts_there_is_no_curve():
    assert results(made(SURE, {})) == ([], None)
    # A part that one draw lacks is no point.
    points, _ = results(made(SURE, {1 / 4: SURE, 1 / 2: SURE}), made(SURE, {1 / 2: SURE}))
    assert [point.part for point in points] == [1 / 2, 1.0]


class Straight(Template):
    """Reads templates by one of its means, so that many audits take little time."""

    def variants(self, features):
        return ["matcher: straight"]


def planted(lean, seed):
    """Let an attacker read the templates of 60 people, whose gender leans on each of a hundred axes."""
    names, labels = people(60, 2, seed)
    rng = np.random.default_rng([seed, 9])
    member = np.unique(names, return_inverse=True)[1]
    x = rng.normal(size=(60, 100))[member] + 0.3 * rng.normal(size=(120, 100)) + lean / 10 * labels[:, None]
    evidence = Evidence(labels, seen(names, 0.0 * labels, templates={"matcher": unit(x)}))
    nobody = np.zeros(120, dtype=bool)
    found = attack(Straight(), evidence, nobody, 0.0, seed=seed, all_variants=False, learning_curve=True)
    return learning_results("untouched", "template", [found], make_bootstrap(evidence, 300, seed))


def test_curves_of_a_slow_leak_rise_and_of_none_stay_flat():
    slow, none = ([planted(lean, seed) for seed in range(16)] for lean in (1.5, 0.0))
    curve, flat = (np.mean([[p.accuracy.value for p in points] for points, _ in each], axis=0) for each in (slow, none))
    assert len(curve) == len(PARTS) + 1
    assert (np.diff(curve) > 0).all()
    assert curve[-1] > curve[0] + 0.1
    assert abs(flat - 0.5).max() < 0.1
    assert sum(gain.likely for _, gain in slow) >= 4
    assert sum(gain.likely for _, gain in none) <= 1
