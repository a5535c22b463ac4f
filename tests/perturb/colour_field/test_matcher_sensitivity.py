"""What matchers notice: the stored matrix says what a matcher really does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.match.sface import SFace
from facepriv.perturb.colour_field.cosine_field import CosineField, Pattern
from facepriv.perturb.colour_field.matcher_sensitivity import matcher_sensitivity
from facepriv.perturb.colour_field.method import CORE, MORE, ColourField
from facepriv.perturb.common.face_frame import face_frame

ALL = [*CORE["colour"], *MORE["colour"]]


def test_matrix_is_symmetric_and_positive_and_knows_every_pattern_in_use():
    matrix = matcher_sensitivity(ALL)
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert np.trace(matrix) == pytest.approx(1, abs=0.01)
    for basis, patterns in CORE.items():
        assert (np.diag(matcher_sensitivity(patterns)) > 0).all(), basis


def test_unknown_pattern_counts_for_nothing():
    matrix = matcher_sensitivity([Pattern("red-blue", 40, 40), ALL[0]])
    assert matrix[0].any() == 0
    assert matrix[1, 1] > 0


def test_rows_belong_to_their_patterns():
    some = [ALL[5], ALL[150], ALL[20]]
    np.testing.assert_allclose(matcher_sensitivity(some), matcher_sensitivity(ALL)[np.ix_([5, 150, 20], [5, 150, 20])])


def test_what_is_said_to_be_noticed_is_noticed_by_a_matcher(faces):
    """Changes of one size: along the most and the least sensitive directions."""
    face, matcher = faces[2], SFace()
    field = CosineField(face_frame(face), ALL)
    _, vectors = np.linalg.eigh(matcher_sensitivity(ALL))
    size = field.gram({})

    def moved(direction):
        scaled = direction * 4 / np.sqrt(direction @ size @ direction)
        before, after = matcher.embed([face, replace(face, pixels=field.apply(face.pixels, scaled))])
        return 1 - float(before @ after)

    most = np.mean([moved(vectors[:, -k]) for k in (1, 2, 3)])
    least = np.mean([moved(vectors[:, k]) for k in (20, 40, 60)])
    assert most > 2 * least


@pytest.mark.slow
def test_fields_that_spare_templates_move_them_less(faces, make_gallery):
    gallery, guide, matcher = make_gallery(faces), DlibGender(), SFace()

    def similarity(spare):
        results = ColourField(template_weight=spare)(faces[:4], [guide], gallery=gallery, seed=0)
        assert all(result.success for result in results)
        before, after = matcher.embed(faces[:4]), matcher.embed([result.file_face for result in results])
        return float((before * after).sum(axis=1).mean())

    assert similarity(3.0) > similarity(0.0)
