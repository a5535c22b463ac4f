"""Every registered attacker keeps the contract of `Attacker`."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence, Features
from tests.audit.attackers.planted import full, known_of, people

POOLS = {"several-images", "pooled"}
"""Attackers for whom an image's company matters."""


@pytest.fixture(params=attackers.names())
def attacker(request) -> Attacker:
    return attackers.create(request.param)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    subjects, labels = people(24, 3)
    rng = np.random.default_rng(0)
    return Evidence(labels, full(subjects, rng, labels=labels, lean=1.0), full(subjects, rng))


@pytest.fixture(scope="module")
def known(evidence) -> Knowledge:
    perturbed = np.arange(72) % 2 == 0
    return known_of(evidence, perturbed, 0.5, np.arange(48))


@pytest.fixture(scope="module")
def theirs(evidence) -> Features:
    return evidence.release(np.arange(72) % 2 == 0).rows(np.arange(48, 72))


def test_describes_itself(attacker):
    assert attacker.name in attackers.names()
    assert attacker.title
    assert attacker.assumption.endswith(".")
    assert ". " not in attacker.assumption, "one sentence"


def test_variants_have_names_of_their_own(attacker, theirs):
    names = attacker.variants(theirs)
    assert names
    assert len(set(names)) == len(names)


def test_guesses_every_image_alike_each_time_and_leaves_its_inputs_alone(attacker, known, theirs):
    before = copy.deepcopy((known, theirs))
    for variant in attacker.variants(theirs):
        first = attacker.log_odds(variant, known, theirs, seed=7)
        assert first.shape == (24,)
        assert first.dtype == np.float64
        assert np.isfinite(first).all()
        assert np.abs(first).max() <= 6
        # Another copy of the same people knows of no fit that was made already.
        again = attacker.log_odds(variant, copy.deepcopy(before[0]), theirs, seed=7)
        np.testing.assert_array_equal(again, first)
    for old, new in zip(before, (known, theirs), strict=True):
        _assert_same(old, new)


def test_together_as_one_by_one(attacker, known, theirs):
    for variant in attacker.variants(theirs):
        together = attacker.log_odds(variant, known, theirs, seed=7)
        single = attacker.log_odds(variant, known, theirs.rows(np.array([5])), seed=7)
        assert single.shape == (1,)
        if attacker.name not in POOLS:
            np.testing.assert_allclose(single, together[5:6], atol=1e-9)


def test_a_person_is_judged_alike_in_any_company(attacker, known, theirs):
    for variant in attacker.variants(theirs):
        together = attacker.log_odds(variant, known, theirs, seed=7)
        person = np.flatnonzero(theirs.subjects == theirs.subjects[4])
        alone = attacker.log_odds(variant, known, theirs.rows(person), seed=7)
        np.testing.assert_allclose(alone, together[person], atol=1e-9)


def test_a_failure_to_acquire_is_answered_with_nothing_and_not_learnt_from(attacker, known, theirs):
    lost, kept = _without(theirs, 3), np.delete(np.arange(24), 3)
    mine = Knowledge(
        _without(known.released, 10),
        _without(known.untouched, 10),
        known.labels,
        known.perturbed,
        known.p,
        _without(known.processed, 10),
    )
    for variant in attacker.variants(theirs):
        guess = attacker.log_odds(variant, mine, lost, seed=7)
        assert np.isnan(guess[3])
        assert np.isfinite(guess[kept]).all()
        left_out = attacker.log_odds(variant, mine.rows(np.delete(np.arange(48), 10)), lost, seed=7)
        np.testing.assert_allclose(guess[kept], left_out[kept], atol=1e-9)


def test_people_of_one_label_teach_nothing(attacker, known, theirs):
    men = known.rows(np.flatnonzero(known.labels == 1))
    for variant in attacker.variants(theirs):
        np.testing.assert_array_equal(attacker.log_odds(variant, men, theirs, seed=7), 0.0)


def _without(seen: Features, row: int) -> Features:
    """Lose the face of one image."""

    def lost(values):
        values = values.copy()
        values[row] = np.nan
        return values

    return Features(
        subjects=seen.subjects,
        scores={name: lost(values) for name, values in seen.scores.items()},
        restored={name: lost(values) for name, values in seen.restored.items()},
        templates={name: lost(values) for name, values in seen.templates.items()},
        residuals=lost(seen.residuals),
        appearance=lost(seen.appearance),
        texture=lost(seen.texture),
    )


def _assert_same(old, new):
    for name, value in vars(old).items():
        if name == "fits":  # what was learnt is added there
            continue
        other = getattr(new, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other)
        elif isinstance(value, dict):
            for key in value:
                np.testing.assert_array_equal(value[key], other[key])
        elif isinstance(value, Features):
            _assert_same(value, other)
