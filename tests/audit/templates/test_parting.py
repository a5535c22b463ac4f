"""People are parted three ways, and everybody takes every part once."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from facepriv.audit.templates.parting import draw_parts_of_people, part_people
from facepriv.errors import BadInputError

SUBJECTS = np.repeat([f"p{number:02d}" for number in range(20)], 3)
LABELS = np.where(np.arange(60) // 3 < 9, 1, -1).astype(np.int8)


def test_the_parts_of_a_turn_share_nobody_and_are_everybody():
    for turn in part_people(SUBJECTS, LABELS, seed=1):
        parts = [turn.fitted, turn.known, turn.tested]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(60))
        for one, other in combinations(parts, 2):
            assert not set(SUBJECTS[one]) & set(SUBJECTS[other])


def test_everybody_takes_every_part_once():
    turns = part_people(SUBJECTS, LABELS, seed=1)
    for part in ("fitted", "known", "tested"):
        np.testing.assert_array_equal(np.sort(np.concatenate([getattr(turn, part) for turn in turns])), np.arange(60))


def test_every_pair_is_outside_the_fit_once_with_one_of_both_tested():
    pairs = []
    for turn in part_people(SUBJECTS, LABELS, seed=1):
        tested, known = np.unique(SUBJECTS[turn.tested]), np.unique(SUBJECTS[turn.known])
        pairs += [tuple(sorted(pair)) for pair in combinations(tested, 2)]
        pairs += [tuple(sorted((one, other))) for one in tested for other in known]
    assert sorted(pairs) == sorted(combinations(np.unique(SUBJECTS), 2))


def test_each_label_is_spread_evenly():
    part = draw_parts_of_people(SUBJECTS, LABELS, 3, seed=5)
    for label in (1, -1):
        people = [len(np.unique(SUBJECTS[(part == number) & (label == LABELS)])) for number in range(3)]
        assert max(people) - min(people) <= 1


def test_a_seed_gives_one_parting_and_another_gives_another():
    first, again, other = (part_people(SUBJECTS, LABELS, seed=seed)[0].tested for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_people_of_a_label():
    few = LABELS.copy()
    few[15:27] = -1
    with pytest.raises(BadInputError, match="at least 6 men") as caught:
        part_people(SUBJECTS, few, seed=0)
    assert caught.value.code == "too-few-subjects"
