"""A method cannot report its own success."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.perturb.algorithm1.parameters import Algorithm1Parameters
from facepriv.perturb.base import Perturbation, Perturber
from facepriv.types import PerturbFailure, PerturbResult


class Boaster(Perturber):
    """Does nothing and says it has flipped."""

    name = "boaster"
    title = "Boaster"
    kind = "unnoticeable"
    Parameters = Algorithm1Parameters

    def run(self, face, classifiers, context):
        return Perturbation(
            pixels=face.pixels.copy(),
            candidate_id=face.image_id,
            updates=1,
            stop="flipped",
            trajectory=np.array([-9.0, 9.0] if face.label == 1 else [9.0, -9.0]),
        )


@pytest.mark.parametrize("labelled", [True, False])
def test_a_method_that_boasts_is_found_out(faces, make_gallery, labelled):
    for face in (faces[0], faces[-1]):
        judged = face if labelled else replace(face, label=None)
        (result,) = Boaster()([judged], [DlibGender()], gallery=make_gallery(faces), seed=0)
        assert result.stop == "flipped"
        assert not result.success


def test_an_image_too_small_to_be_a_file_fails_alone(faces, make_gallery):
    small = replace(faces[0], pixels=faces[0].pixels[:30, :30].copy())
    failure, result = Boaster()([small, faces[1]], [DlibGender()], gallery=make_gallery(faces), seed=0)
    assert isinstance(failure, PerturbFailure)
    assert "too small" in failure.sentence
    assert isinstance(result, PerturbResult)
