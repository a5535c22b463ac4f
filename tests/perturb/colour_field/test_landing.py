"""A colour field ends at any score asked for, as the stored file shows it with the face found anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.imaging.acquire import find_again
from facepriv.imaging.quality import psnr_db
from facepriv.perturb.base import Targets, score_face
from facepriv.perturb.colour_field.landing import FieldLanding
from facepriv.perturb.colour_field.method import ColourField
from facepriv.perturb.common import guides as looking
from facepriv.types import MALE, PerturbResult

TOLERANCE = ColourField().parameters.tolerance


def land(face, targets, guides=None, seed=0, **options):
    plan = ColourField(**options)._plan(None)
    aim = Targets(np.asarray(targets, dtype=float), TOLERANCE)
    return FieldLanding(face, guides or [DlibGender()], plan, aim, np.random.default_rng(seed)).result()


def file_score(face, done, guide=None):
    return score_face(guide or DlibGender(), find_again(face, done.pixels))


@pytest.fixture(scope="module")
def man(faces):
    return next(face for face in faces if face.label == MALE)


@pytest.fixture(scope="module")
def woman(faces):
    return next(face for face in faces if face.label != MALE)


@pytest.mark.parametrize("whose", ["man", "woman"])
@pytest.mark.parametrize("share", [-0.6, 0.4, 1.4])
def test_lands_beyond_zero_short_of_it_and_farther_out(request, whose, share):
    face = request.getfixturevalue(whose)
    target = share * score_face(DlibGender(), face)
    done = land(face, [target])
    assert done.stop == "landed"
    assert abs(file_score(face, done) - target) <= TOLERANCE
    assert psnr_db(face.pixels, done.pixels, face.box) >= 33


def test_trajectory_goes_from_the_original_to_the_file(man):
    done = land(man, [-3.0])
    assert done.trajectory[0] == pytest.approx(score_face(DlibGender(), man))
    assert done.trajectory[-1] == pytest.approx(file_score(man, done))
    assert done.updates == len(done.trajectory) - 1


def test_trajectory_ends_at_the_file_where_a_later_field_was_no_better(man):
    done = land(man, [0.0], psnr=60)
    assert done.stop == "landed"
    assert done.trajectory[-1] == pytest.approx(file_score(man, done))


def test_leaves_an_image_alone_that_is_there_already(man):
    done = land(man, [score_face(DlibGender(), man) + 0.9 * TOLERANCE])
    assert done.stop == "landed"
    assert done.updates == 0
    np.testing.assert_array_equal(done.pixels, man.pixels)


def test_same_seed_same_bytes(man):
    first, again = (land(man, [-5.0], seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, again.pixels)


def test_a_target_out_of_reach_leaves_the_nearest_image_with_a_face(man):
    done = land(man, [-500.0], rounds=2)
    assert done.stop == "rounds"
    assert file_score(man, done) == pytest.approx(np.nanmin(done.trajectory)) == pytest.approx(done.trajectory[-1])


def test_a_face_that_cannot_be_found_ends_the_search(man):
    done = land(replace(man, pixels=np.full_like(man.pixels, 128)), [0.0])
    assert done.stop == "face-lost"


def test_a_face_that_a_field_hides_is_found_again_with_less_of_it(man, monkeypatch):
    looks = []

    def lost_once(face, stored):
        looks.append(stored)
        # The first look is at the untouched file.
        return None if len(looks) == 2 else find_again(face, stored)

    monkeypatch.setattr(looking, "look_again", lost_once)
    done = land(man, [-2.0])
    assert np.isnan(done.trajectory).sum() == 1
    assert done.stop == "landed"


@pytest.mark.slow
@pytest.mark.parametrize("targets", [(-4.0, 0.0), (2.0, -1.0)])
def test_lands_at_scores_of_two_guides(man, targets):
    both = [DlibGender(), LeviHassner()]
    done = land(man, targets, both)
    assert done.stop == "landed"
    for guide, target in zip(both, targets, strict=True):
        assert abs(file_score(man, done, guide) - target) <= TOLERANCE


# As the method's stopping.


def test_neutral_moves_every_face_near_zero_at_the_cost_of_a_flip(faces, make_gallery):
    faces = faces[::2]
    results = ColourField(stopping="neutral")(faces, [DlibGender()], gallery=make_gallery(faces), seed=0)
    assert all(isinstance(result, PerturbResult) and result.success for result in results)
    assert all(abs(result.file_score - result.target) <= TOLERANCE for result in results)
    # Targets lie on either side of zero, so about half of the images are flipped.
    assert 0 < sum(result.flipped for result in results) < len(results)
    assert np.median([result.evaluations for result in results]) <= 300
    quality = [psnr_db(face.pixels, result.pixels, face.box) for face, result in zip(faces, results, strict=True)]
    assert np.median(quality) >= 40


@pytest.mark.slow
def test_matched_with_learnt_directions_lands_too(faces, others, make_gallery):
    method = ColourField(stopping="matched", learned=True)
    learned = method.learn(make_gallery(others[:4] + others[-4:]), [DlibGender()], rng=np.random.default_rng(0))
    assert set(learned.arrays) == {"male", "female", "scores_male", "scores_female"}
    some = [faces[0], faces[-1]]
    for face, result in zip(
        some, method(some, [DlibGender()], gallery=make_gallery(faces), seed=0, learned=learned), strict=True
    ):
        assert result.stop == "landed"
        assert result.success
        assert result.target in learned.arrays["scores_male" if face.label == -1 else "scores_female"]


def test_versions_are_not_asked_for(faces, make_gallery):
    made = (
        ColourField(stopping="neutral"),
        ColourField(stopping="neutral", survive_jpeg90=False, survive_resize75=False),
    )
    one, other = (method(faces[:1], [DlibGender()], gallery=make_gallery(faces), seed=0)[0] for method in made)
    assert one.png == other.png
    assert one.survived.keys() == other.survived.keys()
