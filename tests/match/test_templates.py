"""Templates are unit rows; one without a direction is a failure to acquire."""

from __future__ import annotations

import numpy as np

from facepriv.match.templates import cosine_similarity, unit_rows


def test_rows_have_length_one_and_keep_their_direction():
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, -2.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, -1]])
    assert rows.dtype == np.float32


def test_a_row_without_direction_is_nan():
    rows = unit_rows(np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert np.isnan(rows[0]).all()
    assert np.isnan(cosine_similarity(rows, rows)[0]).all()
    assert cosine_similarity(rows, rows)[1, 1] == 1
