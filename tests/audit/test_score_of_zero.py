"""A classifier's score of exactly 0 says male, wherever a score is read: glossary of docs/architecture.md."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.results import classifier_baselines, make_bootstrap
from facepriv.metrics.gender import confusion, gender_error, predicted_labels
from facepriv.perturb.base import all_wrong
from tests.audit.attackers.planted import guess, people, seen
from tests.audit.test_run_result import judged, result_of

ZEROS = [0.0, -0.0]


@pytest.mark.parametrize("zero", ZEROS)
def test_labels_errors_and_counts(zero):
    assert predicted_labels([zero]).tolist() == [1]
    assert gender_error([zero, zero], [1, -1]).female == 1
    assert gender_error([zero, zero], [1, -1]).male == 0
    assert confusion([zero], [-1]).female == {"male": 1, "female": 0, "failed": 0}


@pytest.mark.parametrize("zero", ZEROS)
def test_flips_while_perturbing(zero):
    assert all_wrong([zero], [-1])
    assert not all_wrong([zero], [1])


@pytest.mark.parametrize("zero", ZEROS)
def test_flips_of_a_run(zero):
    result = result_of(
        [judged(0, "ann", -1, -2.0, zero), judged(1, "bert", 1, 2.0, zero)], {}, classifiers=["guide"], guides=["guide"]
    )
    assert result.flipped.female == 1
    assert result.flipped.male == 0


@pytest.mark.parametrize("zero", ZEROS)
def test_the_sign_attacker_reads_it_as_any_other_score_that_says_male(zero):
    subjects, labels = people(40, 2)
    rng = np.random.default_rng(0)
    says_male = rng.random(len(labels)) < np.where(labels > 0, 0.9, 0.2)
    by_zero, by_one = (seen(subjects, np.where(says_male, male, -1.0)) for male in (zero, 1.0))
    found, expected = (guess("sign", Evidence(labels, scores)) for scores in (by_zero, by_one))
    np.testing.assert_array_equal(found, expected)
    assert np.mean((found > 0) == says_male) == 1


@pytest.mark.parametrize("zero", ZEROS)
def test_the_errors_of_an_audit(zero):
    subjects, labels = people(20, 1)
    evidence = Evidence(labels, seen(subjects, np.full(20, zero)))
    (error,) = classifier_baselines(evidence, make_bootstrap(evidence, 20, 0))
    assert error.male.value == 0
    assert error.female.value == 1
