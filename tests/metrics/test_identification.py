"""Rank-1 identification by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.metrics.identification import rank_one


def test_a_person_comes_first_by_their_best_template() -> None:
    gallery, probes = np.array(["a", "a", "b"]), np.array(["a", "b", "b", "c"])
    scores = np.array([[0.1, 0.9, 0.2, 1.0], [0.8, 0.1, 0.2, 1.0], [0.7, 0.8, 0.3, 1.0]])
    np.testing.assert_array_equal(rank_one(scores, gallery, probes), [1, 0, 1, np.nan])


def test_a_tie_and_a_missing_score_identify_nobody() -> None:
    gallery = np.array(["a", "b"])
    scores = np.array([[0.5, np.nan], [0.5, 0.1]])
    np.testing.assert_array_equal(rank_one(scores, gallery, np.array(["a", "a"])), [0, 0])


def test_scores_must_fit() -> None:
    with pytest.raises(BadInputError) as caught:
        rank_one(np.zeros((2, 1)), np.array(["a"]), np.array(["a"]))
    assert caught.value.code == "bad-shape"
