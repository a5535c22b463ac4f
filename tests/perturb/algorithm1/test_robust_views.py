"""Views are what they say: jitter moves a little, a version's face is mapped back to where it stands."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.imaging.acquire import acquire
from facepriv.imaging.versions import make_version
from facepriv.perturb.algorithm1.robust_views import (
    Jitter,
    draw_jitters,
    make_views,
    move_face,
    score_versions,
    size_change,
)
from facepriv.perturb.base import score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop


def test_a_jitter_turns_scales_and_shifts(faces):
    face = faces[0]
    jitter = Jitter(shift=(0.1, -0.2), scale=1.5, turn=np.pi / 2)
    moved = move_face(face, jitter.similarity(face), face.pixels)
    width = np.ptp(face.landmarks[:, 0])
    offset = face.landmarks - face.landmarks.mean(axis=0)
    # A quarter turn takes x to y: (x, y) -> (-y, x), y pointing down.
    expected = 1.5 * np.column_stack([-offset[:, 1], offset[:, 0]]) + face.landmarks.mean(axis=0)
    np.testing.assert_allclose(moved.landmarks, expected + width * np.array([0.1, -0.2]), atol=1e-2)
    assert moved.box[2] - moved.box[0] == pytest.approx(1.5 * (face.box[2] - face.box[0]), abs=1)


def test_jitters_are_small_and_follow_the_seed(faces):
    face = faces[0]
    jitters = draw_jitters(6, np.random.default_rng(4))
    assert jitters == draw_jitters(6, np.random.default_rng(4))
    assert len(set(jitters)) == 6
    width = np.ptp(face.landmarks[:, 0])
    distances = [
        np.linalg.norm(move_face(face, jitter.similarity(face), face.pixels).landmarks - face.landmarks, axis=1).mean()
        / width
        for jitter in jitters
    ]
    assert min(distances) > 0.002
    assert max(distances) < 0.1


def test_a_face_found_in_a_shrunk_image_is_mapped_back(faces):
    face = faces[0]
    found = acquire(make_version(face.pixels, "resize75"), several="largest")
    back = move_face(found, size_change(found.pixels, face.pixels), face.pixels)
    assert back.pixels is face.pixels
    assert np.abs(back.landmarks - face.landmarks).mean() < 3
    assert np.abs(found.landmarks - face.landmarks).mean() > 15, "which it was not before"
    assert np.abs(np.subtract(back.box, face.box)).max() < 0.2 * (face.box[2] - face.box[0])


def test_a_look_scores_a_version_as_whoever_gets_it_would(faces):
    face, guide = faces[0], DlibGender()
    looks = score_versions(face, face.pixels, ("jpeg90", "resize75"), guide)
    assert [look.version for look in looks] == ["jpeg90", "resize75"]
    for look in looks:
        attacker = acquire(make_version(face.pixels, look.version), several="largest")
        assert look.score == pytest.approx(score_face(guide, attacker))


def test_a_version_without_a_face_is_left_out(faces):
    blank = np.full_like(faces[0].pixels, 128)
    assert score_versions(faces[0], blank, ("jpeg90",), DlibGender()) == []


def test_views_are_the_crop_the_moved_and_the_versions(faces):
    face, guide = faces[0], DlibGender()
    jitters = draw_jitters(2, np.random.default_rng(0))
    looks = score_versions(face, face.pixels, ("jpeg90",), guide)
    views = make_views(guide, face, AnchoredCrop.of(guide, face), jitters, looks)
    inputs = [view.crop.take(face.pixels) for view in views]
    assert len(views) == 4
    assert [view.version_crop is None for view in views] == [True, True, True, False]
    for moved in inputs[1:3]:
        assert 0.5 < np.abs(moved - inputs[0]).mean() < 40
    np.testing.assert_array_equal(views[3].version_crop, looks[0].crop)
    # The same part of the image before and after compression.
    assert np.abs(inputs[3] - looks[0].crop).mean() < 3
