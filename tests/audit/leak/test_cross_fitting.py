from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.attackers.base import Attacker
from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence
from facepriv.audit.leak import cross_fitting
from facepriv.audit.leak.cross_fitting import attack, weigh_variants
from facepriv.errors import BadInputError
from tests.audit.attackers.planted import full, people, seen


class Witness(Attacker):
    """Writes down what it is given; its second variant knows the answer from the score, its first guesses the other."""

    name = "witness"
    title = "Witness"
    assumption = "Sees all."

    def __init__(self, variants=("wrong", "right")):
        self.given = []
        self._variants = list(variants)

    def variants(self, seen):
        return self._variants

    def log_odds(self, variant, known, seen, *, seed):
        self.given.append((variant, known, seen, seed))
        return seen.scores["guide"] * (1 if variant == "right" else -1)


@pytest.fixture
def evidence():
    names, labels = people(23, 3)
    return Evidence(labels, seen(names, 2.0 * labels), seen(names, -2.0 * labels))


def untouched(evidence):
    return np.zeros(len(evidence.labels), dtype=bool)


def test_nobody_is_guessed_by_an_attacker_trained_on_them(evidence):
    witness = Witness()
    attack(witness, evidence, untouched(evidence), 0.0, seed=1)
    assert len(witness.given) == 5 * (2 + 3 * 2)
    for _, known, theirs, _ in witness.given:
        assert not set(known.released.subjects) & set(theirs.subjects)
        np.testing.assert_array_equal(known.released.subjects, known.untouched.subjects)
        assert len(known.labels) == len(known.released) == len(known.perturbed)
        assert set(known.labels.tolist()) == {1, -1}


def test_every_image_is_guessed_once_and_folds_are_even(evidence):
    witness = Witness(["right"])
    found = attack(witness, evidence, untouched(evidence), 0.0, seed=1)
    np.testing.assert_array_equal(found.chosen, 2.0 * evidence.labels)
    people_a_part = [len(set(theirs.subjects)) for _, _, theirs, _ in witness.given]
    assert sorted(people_a_part) == [4, 4, 5, 5, 5]
    assert sum(len(theirs) for _, _, theirs, _ in witness.given) == len(evidence.labels)


def test_the_attacker_heeds_what_serves_him_on_his_own_people(evidence):
    found = attack(Witness(), evidence, untouched(evidence), 0.0, seed=1)
    assert found.choices == {"right": 5}
    np.testing.assert_array_equal(found.chosen, found.variants["right"])
    np.testing.assert_array_equal(found.variants["wrong"], -found.variants["right"])
    everything = np.ones(len(evidence.labels), dtype=bool)
    assert attack(Witness(), evidence, everything, 1.0, seed=1).choices == {"wrong": 5}


def test_what_is_not_asked_for_is_not_guessed(evidence):
    whole, brief = Witness(), Witness()
    full_answer = attack(whole, evidence, untouched(evidence), 0.0, seed=1)
    answer = attack(brief, evidence, untouched(evidence), 0.0, seed=1, all_variants=False)
    assert answer.variants == {}
    np.testing.assert_array_equal(answer.chosen, full_answer.chosen)
    assert len(brief.given) == len(whole.given) - 5


def test_what_he_knows_is_what_the_policy_released(evidence):
    perturbed = np.arange(len(evidence.labels)) % 3 == 0
    witness = Witness(["right"])
    attack(witness, evidence, perturbed, 0.3, seed=1)
    for _, known, _, _ in witness.given:
        assert known.p == 0.3
        expected = np.where(known.perturbed, -2.0, 2.0) * known.labels
        np.testing.assert_array_equal(known.released.scores["guide"], expected)
        np.testing.assert_array_equal(known.untouched.scores["guide"], 2.0 * known.labels)
        np.testing.assert_array_equal(known.processed.scores["guide"], -2.0 * known.labels)


def test_without_a_perturbed_set_he_has_none(evidence):
    witness = Witness(["right"])
    attack(witness, Evidence(evidence.labels, evidence.untouched), untouched(evidence), 0.0, seed=1)
    assert all(known.processed is None for _, known, _, _ in witness.given)


def test_nothing_to_go_on_is_no_guess(evidence):
    found = attack(Witness([]), evidence, untouched(evidence), 0.0, seed=1)
    assert np.isnan(found.chosen).all()
    assert not found.choices


def test_same_seed_same_guesses_other_seed_other_parts(evidence):
    names, labels = people(20, 2)
    evidence = Evidence(labels, full(names, np.random.default_rng(0)))
    score = attackers.create("score")
    first, again, other = (attack(score, evidence, untouched(evidence), 0.0, seed=seed).chosen for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_subject_with_both_labels_stays_in_one_fold():
    names, labels = people(20, 2)
    labels[::2] = 1
    witness = Witness(["right"])
    attack(witness, Evidence(labels, seen(names, 1.0 * labels)), np.zeros(40, dtype=bool), 0.0, seed=1)
    for _, known, theirs, _ in witness.given:
        assert not set(known.released.subjects) & set(theirs.subjects)


@pytest.mark.parametrize("name", attackers.names())
def test_labels_of_the_attacked_images_play_no_part(name, monkeypatch):
    names, labels = people(20, 2)
    rng = np.random.default_rng(0)
    evidence = Evidence(labels, full(names, rng, labels=labels, lean=1.0), full(names, rng))
    perturbed = np.arange(40) % 4 < 2
    outer_folds = list(cross_fitting._folds(names, labels, 2, 1))
    make_folds = cross_fitting._folds

    def fixed(subjects, fold_labels, folds, seed):
        return iter(outer_folds) if len(fold_labels) == 40 else make_folds(subjects, fold_labels, folds, seed)

    monkeypatch.setattr(cross_fitting, "_folds", fixed)
    test = outer_folds[0][1]
    turned_labels = labels.copy()
    turned_labels[test] = -turned_labels[test]
    first, second = (
        attack(
            attackers.create(name),
            Evidence(fold_labels, evidence.untouched, evidence.perturbed),
            perturbed,
            0.5,
            seed=1,
            folds=2,
            all_variants=False,
        ).chosen
        for fold_labels in (labels, turned_labels)
    )
    np.testing.assert_array_equal(first[test], second[test])
    train = outer_folds[0][0]
    assert (first[train] != second[train]).any(), "others are guessed by who has learnt from the turned labels"


def test_one_fold_is_refused(evidence):
    with pytest.raises(BadInputError) as caught:
        attack(Witness(), evidence, untouched(evidence), 0.0, seed=1, folds=1)
    assert caught.value.code == "bad-folds"


class Undecided(Witness):
    """Has held-out guesses of its own, as good as ``qualities`` by variant says."""

    def __init__(self, qualities):
        super().__init__(list(qualities))
        self._qualities = qualities

    def held_out(self, variant, known, *, seed):
        return self._qualities[variant] * known.labels

    def log_odds(self, variant, known, seen, *, seed):
        self.given.append((variant, known, seen, seed))
        return np.full(len(seen), self._qualities[variant])


def test_variants_that_predict_equally_well_have_an_equal_say(evidence):
    found = attack(Undecided({"a": 1.0, "b": 1.0, "c": -5.0}), evidence, untouched(evidence), 0.0, seed=1)
    np.testing.assert_allclose(found.chosen, 1.0)
    assert found.choices == {"a": 5}


def test_a_variant_weighs_as_much_as_the_probability_it_gives_to_the_labels(evidence):
    knowledge = cross_fitting.know(evidence, untouched(evidence), 0.0)
    qualities = {"a": 1.0, "b": 0.95}
    weights = weigh_variants(Undecided(qualities), list(qualities), knowledge, seed=0)
    costs = {name: np.log1p(np.exp(-quality)) for name, quality in qualities.items()}
    people = len(np.unique(evidence.untouched.subjects))
    assert weights["b"] / weights["a"] == pytest.approx(np.exp(-people * (costs["b"] - costs["a"])))
    assert sum(weights.values()) == pytest.approx(1)


def test_few_variants_have_a_say_and_none_that_is_much_worse(evidence):
    knowledge = cross_fitting.know(evidence, untouched(evidence), 0.0)
    many = {str(number): 1.0 for number in range(9)}
    assert list(weigh_variants(Undecided(many), list(many), knowledge, seed=0)) == ["0", "1", "2", "3"]
    worse = {"good": 3.0, "worse": 0.1}
    assert weigh_variants(Undecided(worse), list(worse), knowledge, seed=0) == {"good": 1.0}


def test_a_variant_with_nothing_to_go_on_says_nothing(evidence):
    class Gaps(Undecided):
        def log_odds(self, variant, known, seen, *, seed):
            odds = super().log_odds(variant, known, seen, seed=seed)
            return np.where(np.arange(len(seen)) < (1 if variant == "a" else 2), np.nan, odds)

    everybody = cross_fitting.know(evidence, untouched(evidence), 0.0)
    found = attack(Gaps({"a": 1.0, "b": 1.0}), evidence, untouched(evidence), 0.0, seed=1, others=everybody)
    assert np.isnan(found.chosen[0])
    np.testing.assert_allclose(found.chosen[1:3], [0.5, 1.0])
