"""A jury's errors, worked out by hand, and how they behave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.audit.jury import jury_of, majority_wrong, male_share
from facepriv.schemas.runs import Jury
from facepriv.types import FEMALE, MALE

NAN = float("nan")
LABELS = np.array([FEMALE, FEMALE, FEMALE, MALE, MALE, MALE, 0])
SUBJECTS = ["anna", "anna", "bea", "carl", "dan", "dan", "eve"]
SURE = 3.0 * LABELS


def before_and_after(before, after):
    return {"before": np.asarray(before, dtype=float), "after": np.asarray(after, dtype=float)}


def test_the_majority_of_votes_decides_and_a_tie_is_half_an_error():
    scores = np.array([[1.0, 1.0, -1.0, NAN], [1.0, -1.0, -2.0, NAN], [-9.0, NAN, -1.0, NAN]])
    labels = np.array([FEMALE, FEMALE, FEMALE, FEMALE])
    np.testing.assert_array_equal(majority_wrong(scores, labels), [1.0, 0.5, 0.0, NAN])
    np.testing.assert_array_equal(majority_wrong(scores, -labels), [0.0, 0.5, 1.0, NAN])
    np.testing.assert_allclose(male_share(scores), [2 / 3, 1 / 2, 0.0, NAN])


def test_a_score_of_zero_votes_male_as_everywhere():
    assert majority_wrong(np.array([[0.0]]), np.array([FEMALE])) == [1.0]


def test_single_jurors_and_their_majority():
    turned = np.array([2.0, 1.0, -1.0, -1.0, -1.0, -1.0, 5.0])  # two of three women and all men
    jury = jury_of(
        {"a": before_and_after(SURE, turned), "b": before_and_after(SURE, turned), "c": before_and_after(SURE, SURE)},
        LABELS,
        SUBJECTS,
    )
    assert jury is not None
    assert jury.majority.before.all.value == 0.0
    assert jury.majority.after.female.value == pytest.approx(2 / 3)
    assert jury.majority.after.male.value == 1.0
    assert jury.majority.after.all.value == pytest.approx(5 / 6), "the unlabelled image does not count"
    assert jury.jurors["a"].after == jury.majority.after.model_copy(update={"auc": jury.jurors["a"].after.auc})
    assert jury.jurors["c"].after.all.value == 0.0
    assert jury.jurors["c"].after.auc.value == 1.0
    # By score, the men tie with one woman and lose to two; by votes, a third against none beats her.
    assert jury.jurors["a"].after.auc.value == pytest.approx(1 / 6)
    assert jury.majority.after.auc.value == pytest.approx(1 / 3)
    assert Jury.model_validate_json(jury.model_dump_json()) == jury


def test_intervals_take_subjects_as_drawn_and_hold_the_value():
    scores = np.where(np.arange(6) % 2 == 0, 1.0, -1.0)
    jury = jury_of({"a": before_and_after(scores, scores)}, LABELS[:6], SUBJECTS[:6])
    error = jury.majority.after.all
    assert error.low < error.value < error.high
    rare = jury_of({"a": before_and_after(SURE, SURE)}, LABELS, SUBJECTS).majority.after.all
    assert rare.value == 0.0
    assert rare.high > 0.4, "four people without an error say little"
    assert rare.unseen


def test_too_few_people_for_an_interval_still_give_the_value():
    jury = jury_of({"a": before_and_after([1.0, 1.0], [1.0, -1.0])}, np.array([FEMALE, MALE]), ["anna", "carl"])
    assert jury.majority.after.all.value == 1.0
    assert jury.majority.after.all.low is None
    assert jury.majority.after.auc.value == 0.0
    assert jury.majority.before.auc.value == 0.5


def test_nobody_scored_or_labelled():
    nothing = np.full(7, NAN)
    jury = jury_of({"a": before_and_after(SURE, nothing)}, LABELS, SUBJECTS)
    assert jury.majority.after.all.value is None
    assert jury.majority.after.auc.value is None
    assert jury_of({}, LABELS, SUBJECTS) is None
    assert jury_of({"a": before_and_after(SURE, SURE)}, 0 * LABELS, SUBJECTS) is None


@given(
    st.integers(1, 6).flatmap(
        lambda jurors: st.lists(
            st.lists(st.floats(-5, 5, allow_nan=False), min_size=4, max_size=4), min_size=jurors, max_size=jurors
        )
    )
)
def test_turning_every_score_turns_every_verdict(rows):
    scores = np.array(rows)
    scores = np.where(scores == 0, 1.0, scores)
    labels = np.array([FEMALE, MALE, FEMALE, MALE])
    np.testing.assert_array_equal(majority_wrong(-scores, labels), 1 - majority_wrong(scores, labels))
    for juror in range(len(scores)):
        assert (majority_wrong(scores[[juror] * 3], labels) == majority_wrong(scores[[juror]], labels)).all()
