from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.evidence import Evidence
from facepriv.errors import BadInputError
from facepriv.schemas.audits import too_few_people
from tests.audit.attackers.planted import full, people


@pytest.fixture
def evidence():
    names, labels = people(12, 2)
    rng = np.random.default_rng(0)
    return Evidence(labels, full(names, rng), full(names, rng))


def every(seen):
    return [
        *seen.scores.values(),
        *seen.restored.values(),
        *seen.templates.values(),
        seen.residuals,
        seen.appearance,
        seen.texture,
    ]


def test_a_release_takes_the_chosen_images_from_the_perturbed_set(evidence):
    chosen = np.arange(24) % 3 == 0
    released = evidence.release(chosen)
    for mixed, before, after in zip(every(released), every(evidence.untouched), every(evidence.perturbed), strict=True):
        np.testing.assert_array_equal(mixed[chosen], after[chosen])
        np.testing.assert_array_equal(mixed[~chosen], before[~chosen])
    np.testing.assert_array_equal(released.subjects, evidence.untouched.subjects)


def test_nothing_chosen_needs_no_perturbed_set(evidence):
    alone = Evidence(evidence.labels, evidence.untouched)
    assert alone.release(np.zeros(24, dtype=bool)) is evidence.untouched
    with pytest.raises(BadInputError, match="audit a run") as error:
        alone.release(np.arange(24) == 1)
    assert error.value.code == "nothing-perturbed"


def test_rows_are_taken_of_everything(evidence):
    index = np.array([5, 3])
    some = evidence.untouched.rows(index)
    assert len(some) == 2
    for part, whole in zip(every(some), every(evidence.untouched), strict=True):
        np.testing.assert_array_equal(part, whole[index])


def test_a_missing_label_is_refused(evidence):
    labels = evidence.labels.copy()
    labels[0] = 0
    with pytest.raises(BadInputError, match="label") as error:
        Evidence(labels, evidence.untouched)
    assert error.value.code == "unlabelled"


@pytest.mark.parametrize(
    ("subjects", "men", "sentence"),
    [
        (9, 4, "at least 10 subjects.* 9 .4 male, 5 female"),
        (12, 1, "1 male, 11 female"),
        (12, 11, "11 male, 1 female"),
        (12, 0, "both labels, at least 2 of either.* all 12 are labelled female"),
    ],
)
def test_too_few_people_are_refused(subjects, men, sentence):
    names = np.array([f"s{number}" for number in range(subjects)])
    labels = np.where(np.arange(subjects) < men, 1, -1)
    with pytest.raises(BadInputError, match=sentence) as error:
        Evidence(labels, full(names, np.random.default_rng(0)))
    assert error.value.code == "too-few-subjects"


def test_the_fewest_people_are_enough():
    names = np.array([f"s{number}" for number in range(10)])
    Evidence(np.where(np.arange(10) < 2, 1, -1), full(names, np.random.default_rng(0)))


def test_without_labels_that_is_what_is_missing():
    assert "needs gender labels" in too_few_people(0, 0, 0)
    assert too_few_people(10, 2, 8) == ""
