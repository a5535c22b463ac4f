"""Several guides on one stored file: who is asked, and when no more."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.perturb.base import CountingClassifier, score_face
from facepriv.perturb.common.guides import Guides


@pytest.fixture
def guides(faces):
    """The one of ten passes first, both counted from here on."""
    counting = [CountingClassifier(LeviHassner()), CountingClassifier(DlibGender())]
    guides = Guides(counting, faces[0], -1.0)
    for guide in counting:
        guide.evaluations = 0
    return guides


def test_margins_are_scores_times_sides(faces, guides):
    file = guides.score_file(faces[0], faces[0].pixels, ("mirror",))
    scores = [score_face(guide, faces[0]) for guide in (LeviHassner(), DlibGender())]
    np.testing.assert_allclose(file.margins[0], scores * guides.sides, atol=1e-5)
    assert np.isfinite(file.margins).all()
    assert [guide.evaluations for guide in guides.classifiers] == [2, 2]


def test_the_guide_of_many_passes_is_not_asked_where_the_other_one_fails(faces, guides):
    file = guides.score_file(faces[0], faces[0].pixels, ("mirror",), most=-1.0)
    assert [guide.evaluations for guide in guides.classifiers] == [0, 1]
    assert file.margins[0, 1] > 0
    assert np.isnan(file.margins[0, 0])
    assert np.isnan(file.margins[1]).all()


def test_all_are_asked_while_margins_are_small_enough(faces, guides):
    file = guides.score_file(faces[0], faces[0].pixels, ("mirror",), most=1000.0)
    assert [guide.evaluations for guide in guides.classifiers] == [2, 2]
    assert np.isfinite(file.margins).all()
