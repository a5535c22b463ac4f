from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.cross_fitting import attack, know
from facepriv.audit.leak.learning_curve import PARTS, draw_parts
from tests.audit.attackers.planted import accuracy, full, people, seen
from tests.audit.leak.test_cross_fitting import Witness


def drawn(subjects, labels, *, draws=2, seed=1):
    return [(part, set(subjects[rows])) for part, rows in draw_parts(subjects, labels, draws=draws, seed=seed)]


def test_parts_are_whole_subjects_of_both_labels_and_contain_each_other():
    subjects, labels = people(48, 3)
    parts = list(draw_parts(subjects, labels, draws=2, seed=1))
    assert [part for part, _ in parts] == [*PARTS, *PARTS]
    for part, rows in parts:
        names, counts = np.unique(subjects[rows], return_counts=True)
        assert len(names) == part * 48
        assert set(counts) == {3}
        assert (labels[rows] == 1).sum() == (labels[rows] == -1).sum()
    first, second = drawn(subjects, labels)[:3], drawn(subjects, labels)[3:]
    assert first[0][1] < first[1][1] < first[2][1]
    assert first[2][1] != second[2][1]


def test_parts_are_drawn_by_seed():
    subjects, labels = people(48, 2)
    assert drawn(subjects, labels) == drawn(subjects, labels)
    assert drawn(subjects, labels) != drawn(subjects, labels, seed=2)


@pytest.mark.parametrize(("number", "parts"), [(8, []), (12, [1 / 2]), (24, [1 / 4, 1 / 2]), (48, list(PARTS))])
def test_a_part_of_too_few_people_is_left_out(number, parts):
    subjects, labels = people(number, 2)
    assert [part for part, _ in drawn(subjects, labels, draws=1)] == parts


def test_a_rare_label_leaves_small_parts_out():
    subjects = np.array([f"s{number}" for number in range(60)])
    labels = np.where(np.arange(60) < 3, 1, -1)
    assert [part for part, _ in drawn(subjects, labels, draws=1)] == [1 / 2]


def nobody(evidence):
    return np.zeros(len(evidence.labels), dtype=bool)


def test_parts_are_learnt_from_by_the_chosen_means_only():
    names, labels = people(60, 2)
    witness = Witness()
    evidence = Evidence(labels, seen(names, 2.0 * labels), seen(names, -2.0 * labels))
    found = attack(witness, evidence, nobody(evidence), 0.0, seed=1, all_variants=False, learning_curve=True)
    # Of each fold: two means on three inner folds, the chosen one with all people, then with each part of them.
    assert len(witness.given) == 5 * (2 * 3 + 1 + 3)
    assert set(found.partial) == set(PARTS)
    assert found.subjects == 48
    for part, one in found.partial.items():
        assert one.subjects == pytest.approx(part * 48, abs=1)
        np.testing.assert_array_equal(one.log_odds, [2.0 * labels])
    for fold in range(5):
        _, whole, theirs, _ = witness.given[10 * fold + 6]
        for variant, known, theirs_of_part, _ in witness.given[10 * fold + 7 : 10 * fold + 10]:
            assert variant == "right"
            assert set(known.untouched.subjects) < set(whole.untouched.subjects)
            assert list(theirs_of_part.subjects) == list(theirs.subjects)


def test_the_guesses_with_all_people_stay_the_same():
    names, labels = people(40, 2)
    evidence = Evidence(labels, full(names, np.random.default_rng(0), labels=labels, lean=1.0))
    score = attackers.create("score")
    without, with_curve = (
        attack(score, evidence, nobody(evidence), 0.0, seed=1, learning_curve=curve) for curve in (False, True)
    )
    np.testing.assert_array_equal(without.chosen, with_curve.chosen)
    assert without.partial == {}


# Learning from other people


def test_others_are_learnt_from_and_everybody_is_guessed():
    names, labels = people(20, 2)
    evidence = Evidence(labels, seen(names, 2.0 * labels))
    teachers, their_labels = people(30, 2, seed=1)
    teachers = np.char.add("other ", teachers)
    others = Evidence(their_labels, seen(teachers, 2.0 * their_labels))
    witness = Witness()
    found = attack(
        witness,
        evidence,
        nobody(evidence),
        0.0,
        seed=1,
        others=know(others, nobody(others), 0.0),
        learning_curve=True,
    )
    np.testing.assert_array_equal(found.chosen, 2.0 * labels)
    assert found.choices == {"right": 1}
    assert found.subjects == 30
    for _, known, _, _ in witness.given:
        assert set(known.untouched.subjects) <= set(teachers)
    # As many draws of a part as there would be folds.
    assert found.partial[1 / 2].log_odds.shape == (5, 40)
    halves = [set(known.untouched.subjects) for _, known, _, _ in witness.given if len(known.labels) == 32]
    assert len({frozenset(half) for half in halves}) > 1


@pytest.mark.parametrize("name", attackers.names())
def test_labels_of_the_audited_play_no_part(name):
    rng = np.random.default_rng(0)
    names, labels = people(20, 2)
    teachers, their_labels = people(24, 2, seed=1)
    teachers = np.char.add("other ", teachers)
    others = Evidence(their_labels, full(teachers, rng, labels=their_labels, lean=1.5), full(teachers, rng))
    seen_now, processed = full(names, rng, labels=labels, lean=1.5), full(names, rng)
    perturbed, theirs = np.arange(40) % 4 < 2, np.arange(48) % 4 < 2
    first, second = (
        attack(
            attackers.create(name),
            Evidence(audited_labels, seen_now, processed),
            perturbed,
            0.5,
            seed=1,
            others=know(others, theirs, 0.5),
            all_variants=False,
        ).chosen
        for audited_labels in (labels, -labels)
    )
    np.testing.assert_array_equal(first, second)


def test_a_leak_is_found_that_only_more_people_show():
    """Two hundred axes with a little gender in each: two dozen of the audited people hardly show it, 400 others do."""
    rng = np.random.default_rng(3)
    names, labels = people(30, 2)
    teachers, their_labels = people(400, 1, seed=1)
    teachers = np.char.add("other ", teachers)

    def evidence(subjects, genders):
        faces, member = np.unique(subjects, return_inverse=True)
        x = rng.normal(size=(len(faces), 200))[member] + 0.1 * genders[:, None]
        return Evidence(genders, seen(subjects, 0.0 * genders, templates={"matcher": x}))

    audited, others = evidence(names, labels), evidence(teachers, their_labels)
    template = attackers.create("template")
    own = attack(template, audited, nobody(audited), 0.0, seed=1, all_variants=False)
    more = attack(
        template,
        audited,
        nobody(audited),
        0.0,
        seed=1,
        others=know(others, nobody(others), 0.0),
        all_variants=False,
        learning_curve=True,
    )
    assert accuracy(more.chosen, labels) > accuracy(own.chosen, labels) + 0.1
    assert accuracy(more.chosen, labels) > 0.8
    eighth = np.mean([accuracy(guesses, labels) for guesses in more.partial[1 / 8].log_odds])
    assert eighth < accuracy(more.chosen, labels) - 0.05
