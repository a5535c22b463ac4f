"""Mixing: its ends, its shape and edges, its candidates, and that it asks nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.errors import BadInputError
from facepriv.imaging.acquire import acquire
from facepriv.perturb.base import Context
from facepriv.perturb.common.face_frame import hull_mask
from facepriv.perturb.common.mean_faces import bounded, correspond, face_width, plane_of, points_of
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.mixing.method import Mixing, mix, similarity
from facepriv.types import PerturbFailure


@pytest.fixture
def woman(faces):
    return next(face for face in faces if face.label == -1)


@pytest.fixture
def man(faces):
    return next(face for face in faces if face.label == 1)


@pytest.fixture
def guide(monkeypatch):
    """A guide that notes how many images it was asked about."""
    made, asked = DlibGender(), []
    score = made.score
    monkeypatch.setattr(made, "score", lambda inputs: asked.append(len(inputs)) or score(inputs))
    made.asked = asked
    return made


def cropped(face, left, top, right, bottom):
    """The same face in a part of its image."""
    box = (face.box[0] - left, face.box[1] - top, face.box[2] - left, face.box[3] - top)
    landmarks = face.landmarks - np.array([left, top], dtype=np.float32)
    return replace(face, pixels=face.pixels[top:bottom, left:right].copy(), landmarks=landmarks, box=box)


def placed(points, goal):
    turn, shift = similarity(points, goal)
    return points_of(turn * plane_of(points) + shift)


def test_nothing_of_the_candidate_is_the_face_as_it_is(woman, man):
    np.testing.assert_array_equal(mix(woman, man, 0.0), woman.pixels)


def test_a_face_mixed_with_itself_is_itself(woman):
    np.testing.assert_allclose(mix(woman, woman, 0.5), woman.pixels, atol=1)


def test_all_of_the_candidate_is_its_shape_in_the_faces_place(woman, man):
    found = acquire(mix(woman, man, 1.0), several="largest")
    own, other = woman.landmarks.astype(np.float64), man.landmarks.astype(np.float64)
    goal = placed(other, own)
    off = np.hypot(*(found.landmarks - goal).T).mean() / face_width(woman.landmarks)
    away = np.hypot(*(found.landmarks - own).T).mean() / face_width(woman.landmarks)
    assert off < 0.02
    assert off < away / 2, "nearer to the candidate's shape than to the face's own"


def test_all_of_the_candidate_is_its_texture_inside_the_hull(woman, man):
    # The other way round, with a warp of its own: the candidate seen in its own shape.
    mixed = mix(woman, man, 1.0)
    own, other = bounded(woman.landmarks), bounded(man.landmarks)
    there = placed(other, own)
    seen = correspond(other, there, *man.pixels.shape[:2])
    back = seen.take(mixed)
    weight = hull_mask(replace(woman, landmarks=there[:68].astype(np.float32)))
    inside = seen.take(np.repeat(weight[..., None], 3, axis=2)).min(axis=2) > 0.99
    differ = np.abs(back - man.pixels[seen.rows, seen.columns])[inside]
    assert inside.sum() > 5000
    assert np.median(differ) < 3
    assert differ.mean() < 5


def test_half_lies_between_in_shape(woman, man):
    found = acquire(mix(woman, man, 0.5), several="largest")
    own, other = woman.landmarks.astype(np.float64), man.landmarks.astype(np.float64)
    goal = (own + placed(other, own)) / 2
    assert np.hypot(*(found.landmarks - goal).T).mean() / face_width(woman.landmarks) < 0.02


def test_changes_grow_with_the_coefficient(woman, man):
    changes = [np.abs(mix(woman, man, share).astype(float) - woman.pixels).mean() for share in (0.25, 0.5, 0.75, 1.0)]
    assert changes == sorted(changes)
    assert changes[0] > 0.1


def test_nothing_moves_far_from_the_face(woman, man):
    changed = (mix(woman, man, 1.0) != woman.pixels).any(axis=2)
    ys, xs = np.nonzero(changed)
    points = bounded(woman.landmarks)
    reach = 0.8 * face_width(woman.landmarks)
    assert xs.min() >= points[:, 0].min() - reach
    assert xs.max() <= points[:, 0].max() + reach
    assert ys.min() >= points[:, 1].min() - reach
    assert ys.max() <= points[:, 1].max() + reach


def test_surroundings_are_continuous(woman, man):
    """Along the window's edge the image steps no more than the original does there."""
    mixed = mix(woman, man, 0.5).astype(float)
    for axis in (0, 1):
        before = np.abs(np.diff(woman.pixels.astype(float), axis=axis)).max()
        assert np.abs(np.diff(mixed, axis=axis)).max() <= before * 1.1 + 5


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_a_face_at_the_images_edge_has_no_holes(woman, man, side):
    # A bright face on a bright ground: a hole would be black.
    height, width = woman.pixels.shape[:2]
    inner = (
        np.floor(woman.landmarks.min(axis=0)).astype(int) + 15,
        np.ceil(woman.landmarks.max(axis=0)).astype(int) - 15,
    )
    (left, top), (right, bottom) = inner
    window = {
        "left": (left, 0, width, height),
        "top": (0, top, width, height),
        "right": (0, 0, right, height),
        "bottom": (0, 0, width, bottom),
    }[side]
    part = cropped(woman, *window)
    bright = replace(part, pixels=np.maximum(part.pixels, 100))
    other = replace(man, pixels=np.maximum(man.pixels, 100))
    mixed = mix(bright, other, 0.7)
    assert mixed.shape == part.pixels.shape
    assert mixed.min() >= 99


def test_candidates_of_another_size_will_do(woman, man):
    small = replace(man, pixels=man.pixels[::2, ::2].copy(), landmarks=man.landmarks / 2, box=man.box)
    mixed = mix(woman, small, 0.5).astype(float)
    assert mixed.shape == woman.pixels.shape
    assert np.abs(mixed - mix(woman, man, 0.5)).mean() < 3


@pytest.mark.slow
def test_candidate_is_of_the_opposite_gender_by_default(faces, guide):
    gallery = Gallery.of(faces)
    for result in Mixing()(faces, [guide], gallery=gallery, seed=0):
        before = gallery.face(result.image_id)
        assert gallery.face(result.candidate_id).label == -before.label
    for result in Mixing(candidates="same")(faces, [guide], gallery=gallery, seed=0):
        before, chosen = gallery.face(result.image_id), gallery.face(result.candidate_id)
        assert chosen.label == before.label
        assert chosen.subject != before.subject


def test_asks_nobody(woman, man, guide):
    perturbation = Mixing().run(woman, [guide], Context(Gallery.of([woman, man]), np.random.default_rng(0)))
    assert guide.asked == []
    assert len(perturbation.trajectory) == 0
    assert perturbation.updates == 1
    (result,) = Mixing()([woman], [guide], gallery=Gallery.of([woman, man]), seed=0)
    assert result.evaluations == 0, "the judge's own are not charged"
    assert guide.asked, "but the judge asks"


def test_without_a_label_the_guide_says_which_is_opposite(faces, woman, guide):
    nobody = replace(woman, label=None)
    gallery = Gallery.of([nobody, *(face for face in faces if face.subject != woman.subject)])
    (result,) = Mixing()([nobody], [guide], gallery=gallery, seed=0)
    assert gallery.face(result.candidate_id).label == 1, "the guide rightly takes her for a woman"
    assert result.evaluations == 1
    (any_gender,) = Mixing(candidates="any")([nobody], [guide], gallery=gallery, seed=0)
    assert any_gender.evaluations == 0


def test_without_a_candidate_there_is_one_sentence(faces, woman, guide):
    women = [face for face in faces if face.label == -1]
    (failure,) = Mixing()([woman], [guide], gallery=Gallery.of(women), seed=0)
    assert isinstance(failure, PerturbFailure)
    assert failure.code == "no-candidate"
    assert failure.sentence.count(". ") == 0
    assert "opposite gender" in failure.sentence


@pytest.mark.parametrize("coefficient", [-0.1, 1.1, float("nan")])
def test_coefficient_is_a_share(coefficient):
    with pytest.raises(ValueError, match="coefficient"):
        Mixing(coefficient=coefficient)


def test_landmarks_that_span_no_face_are_refused(woman, man):
    flat = replace(man, landmarks=np.zeros((68, 2), dtype=np.float32))
    with pytest.raises(BadInputError) as caught:
        mix(woman, flat, 0.5)
    assert caught.value.code == "degenerate-landmarks"
