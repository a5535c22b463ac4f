"""Recognition by protected templates, against comparisons made one by one."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from facepriv.audit.templates.judging import judge_protection
from facepriv.audit.templates.matching import MatchingTrial, Protected
from facepriv.audit.templates.parting import part_people
from facepriv.audit.templates.template_sets import compare_by
from facepriv.metrics.matching import operating_point
from facepriv.protect.registry import make_protection
from tests.audit.templates.planted import planted


def one_by_one(templates, compare):
    """Return mated and non-mated scores of every pair, each once."""
    scores = compare(templates.rows.astype(np.float64), templates.rows.astype(np.float64)).astype(np.float32)
    first, second = np.triu_indices(len(scores), 1)
    same = templates.subjects[first] == templates.subjects[second]
    return scores[first, second][same], scores[first, second][~same]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_what_is_not_protected_is_recognised_as_before(metric):
    templates = planted(72, 0, metric=metric)
    compare = compare_by(metric)
    trial = MatchingTrial(templates, resamples=100, seed=0)
    for turn in part_people(templates.subjects, templates.labels, seed=0):
        trial.add(Protected(templates.rows, templates.rows, templates.rows, turn.tested, turn.known, compare))
    found = trial.result()
    mated, non_mated = one_by_one(templates, compare)
    assert (found.mated, found.non_mated) == (72, 72 * 71 * 2)
    for errors in found.errors:
        point = operating_point(mated, non_mated, errors.target_fmr)
        assert errors.threshold == pytest.approx(point.threshold)
        for interval in (errors.untouched, *errors.fnmr.values(), *errors.own_fnmr.values()):
            assert interval.value == pytest.approx(point.fnmr)
        assert list(errors.fmr.values()) == pytest.approx([point.fmr] * 2)
        assert [errors.loss(one) for one in errors.fnmr] == [0, 0]
    assert [errors.supported for errors in found.errors] == [True, False]
    assert found.unlinkability > 0.99, "two releases without a draw are linked by who is in them"
    assert len({interval.value for interval in found.rank_one.values()}) == 1


def test_who_is_mapped_to_one_point_is_recognised_by_nobody():
    templates = planted(24, 0)
    everybody_alike = np.repeat(templates.rows[:1], len(templates.rows), axis=0)
    trial = MatchingTrial(templates, resamples=100, seed=0)
    for turn in part_people(templates.subjects, templates.labels, seed=0):
        trial.add(Protected(everybody_alike, everybody_alike, None, turn.tested, turn.known, compare_by("cosine")))
    found = trial.result()
    near = found.errors_at(0.001)
    assert near.fnmr == dict.fromkeys(near.fnmr, near.fnmr["among-protected"])
    assert near.fnmr["among-protected"].value == 0, "at the old threshold everybody is let in"
    assert near.fmr["among-protected"] == 1
    assert near.own_fnmr["among-protected"].value == 1
    assert near.loss("among-protected") == 1 - near.untouched.value
    assert found.rank_one["among-protected"].value == 0
    assert found.unlinkability is None


def test_a_key_that_draws_all_makes_releases_unlinkable_and_people_unrecognisable():
    templates = planted(36, 0)

    def drawn(key: str):
        rows = [hashlib.sha256(f"{key} {record}".encode()).digest() for record in templates.records]
        numbers = np.array([np.frombuffer(row, np.uint8) for row in rows]) - 127.5
        return (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)

    trial = MatchingTrial(templates, resamples=100, seed=0)
    for turn in part_people(templates.subjects, templates.labels, seed=0):
        protected = Protected(drawn("a"), drawn("a"), drawn("b"), turn.tested, turn.known, compare_by("cosine"))
        trial.add(protected)
    found = trial.result()
    assert found.unlinkability < 0.3
    assert found.errors_at(0.001).own_fnmr["among-protected"].value > 0.9
    assert found.rank_one["among-protected"].value < 0.2


def test_a_keyed_protection_is_judged_with_attackers_of_every_kind_and_in_a_reproducible_way():
    arguments = {
        "fit_on": planted(24, 1, gap=3.0),
        "learn_from": planted(24, 1, gap=3.0),
        "attackers": ["linear", "top-k"],
        "partings": 1,
        "resamples": 100,
    }
    first, again = (
        judge_protection(make_protection("donor-coordinate"), planted(24, 0, gap=3.0), **arguments) for _ in range(2)
    )
    assert first.model_dump(exclude={"seconds"}) == again.model_dump(exclude={"seconds"})
    assert first.protection == "donor-coordinate"
    assert first.parameters == {"directions": 1}
    assert {attack.knowledge for attack in first.attacks} == {"unaware", "aware", "other-people"}
    # A third of the database and half of the others; attackers learn from the other half.
    assert first.fitted_on == 8 + 12
    assert [first.attack("linear", knowledge).people for knowledge in ("unaware", "aware", "other-people")] == [
        20,
        8,
        12,
    ]
    assert first.matching.unlinkability is not None


@pytest.mark.parametrize(("protection", "asks"), [("transport", True), ("mean-difference", False)])
def test_a_label_wrong_at_enrolment_shows_where_labels_are_asked_for_only(protection, asks):
    arguments = {"attackers": ["linear"], "partings": 1, "resamples": 50}
    right, wrong = (
        judge_protection(make_protection(protection), planted(24, 0, gap=6.0), wrong_guesses=share, **arguments)
        for share in (0.0, 0.5)
    )
    assert wrong.wrong_guesses == (0.5 if asks else 0.0)
    figures = [audit.model_dump(exclude={"seconds", "wrong_guesses"}) for audit in (right, wrong)]
    assert (figures[0] != figures[1]) == asks
