"""The canonical face, its bands and regions, and the means."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.perturb.common.mean_faces import (
    BORDER,
    LUMA,
    REGIONS,
    WIDTH,
    CanonicalFrame,
    bounded,
    correspond,
    face_width,
    mean_faces,
    mean_landmarks,
    mean_shape,
    points_of,
    to_canonical,
    turn_onto,
)


@pytest.fixture(scope="module")
def points(faces):
    return mean_shape([face.landmarks for face in faces])


@pytest.fixture(scope="module")
def frame(points):
    return CanonicalFrame(points)


def turned(points: np.ndarray, angle: float, scale: float) -> np.ndarray:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T + [40, 70]


def test_mean_shape_is_upright_symmetric_and_of_one_width(points, frame):
    assert points.shape == (78, 2)
    assert face_width(points) == pytest.approx(WIDTH)
    assert points[0, 1] == pytest.approx(points[16, 1])
    middle = (frame.width - 1) / 2
    np.testing.assert_allclose(points[36, 0] + points[45, 0], 2 * middle, atol=1e-6)
    assert points.min() >= BORDER - 1e-6
    assert points[:, 0].max() <= frame.width - BORDER
    assert points[:, 1].max() <= frame.height - BORDER


def test_mean_shape_does_not_depend_on_place_size_or_turn(faces, points):
    shapes = [face.landmarks for face in faces]
    moved = [turned(shape.astype(float), 0.1 * i, 1 + 0.1 * i) for i, shape in enumerate(shapes)]
    np.testing.assert_allclose(mean_shape(moved), points, atol=0.05)


def test_forehead_lies_above_the_brows(faces):
    for face in faces:
        with_forehead = bounded(face.landmarks)
        assert with_forehead[68:, 1].mean() < face.landmarks[17:27, 1].mean()


@pytest.mark.parametrize("landmarks", [np.zeros((68, 2)), np.arange(136.0).reshape(68, 2), np.full((68, 2), np.nan)])
def test_landmarks_that_span_no_face_are_refused(landmarks):
    with pytest.raises(BadInputError, match="span a face") as refused:
        bounded(landmarks)
    assert refused.value.code == "degenerate-landmarks"


def test_another_number_of_landmarks_is_refused():
    with pytest.raises(BadInputError, match="68 landmarks"):
        bounded(np.ones((77, 2)))


def test_a_face_outside_the_image_is_refused(faces, points):
    with pytest.raises(BadInputError, match="outside of it"):
        correspond(bounded(faces[0].landmarks) + 5000, points, 300, 240)


def test_correspondence_takes_landmarks_to_landmarks(faces, points):
    face = faces[0]
    own = bounded(face.landmarks)
    height, width = face.pixels.shape[:2]
    there = correspond(own, points, height, width)
    for number in (8, 30, 36, 45, 57):
        x, y = own[number].astype(int)
        np.testing.assert_allclose(there.there[y - there.top, x - there.left], points[number], atol=1.5)


def test_warping_finds_the_same_face_at_any_turn_and_size(faces, points):
    import cv2

    face = faces[0]
    angle, scale = 0.2, 1.4
    matrix = np.column_stack([turned(np.eye(2), angle, scale).T - np.array([[40], [70]]), [40, 70]])
    height, width = face.pixels.shape[:2]
    other = cv2.warpAffine(face.pixels, matrix, (2 * width, 2 * height), flags=cv2.INTER_LINEAR)
    one = to_canonical(face.pixels, face.landmarks, points)
    two = to_canonical(other, turned(face.landmarks.astype(float), angle, scale), points)
    assert np.abs(one - two).mean() < 2


def test_regions_share_the_mask(frame):
    assert frame.regions.shape == (len(REGIONS), frame.height, frame.width)
    np.testing.assert_allclose(frame.regions.sum(axis=0), frame.mask, atol=1e-5)
    assert frame.regions.min() >= 0
    # Each region weighs most where it is named after.
    for name, number in (("brows", 19), ("eyes", 37), ("nose", 30), ("mouth", 62)):
        x, y = frame.points[number].astype(int)
        assert REGIONS[int(frame.regions[:, y, x].argmax())] == name


def test_mask_fades_to_nothing_at_the_edge(frame):
    edge = frame.points[:17]
    assert max(frame.mask[round(y), round(x)] for x, y in edge) < 0.1
    x, y = frame.points[30].astype(int)
    assert frame.mask[y, x] == 1
    assert np.abs(np.diff(frame.mask, axis=0)).max() < 0.35


def test_light_is_the_field_without_its_blur_and_colour_leaves_luma_alone(frame):
    rng = np.random.default_rng(0)
    field = rng.normal(size=(frame.height, frame.width, 3)).astype(np.float32)
    light, colour = frame.light(field, 0.05), frame.colour(field)
    np.testing.assert_array_equal(light[..., 0], light[..., 2])
    grey = np.repeat((field @ LUMA)[..., None], 3, axis=2)
    inside = frame.hull
    np.testing.assert_allclose((light + frame.blur(grey, 0.05))[inside], grey[inside], atol=1e-5)
    np.testing.assert_allclose((colour @ LUMA)[inside], 0, atol=1e-5)
    np.testing.assert_allclose((colour + grey)[inside], field[inside], atol=1e-5)


def test_light_takes_nothing_of_what_is_even(frame):
    even = np.full((frame.height, frame.width, 3), 7, dtype=np.float32)
    assert np.abs(frame.light(even, 0.05)).max() < 1e-3, "no ring at the edge of the face either"


def test_means_count_subjects_and_not_images(points):
    shape = (4, 4, 3)
    textures = [np.full(shape, value, dtype=np.float32) for value in (0, 0, 0, 12, 5, 7)]
    means = mean_faces(textures, [-1, -1, -1, -1, 1, 1], ["a", "a", "a", "b", "c", "c"])
    np.testing.assert_allclose(means[-1], 6)
    np.testing.assert_allclose(means[1], 6)
    textures[0][:, 0] = 9
    np.testing.assert_allclose(mean_faces(textures[:4], [-1] * 4, list("abcd"))[-1][:, 0], (9 + 12 + 0 + 12) / 8)


def test_mean_landmarks_lie_in_the_canonical_frame(faces, points):
    means = mean_landmarks([f.landmarks for f in faces], [f.label for f in faces], [f.subject for f in faces], points)
    for label in (-1, 1):
        assert np.abs(means[label] - points[:68]).max() < 0.1 * WIDTH
    np.testing.assert_allclose((means[-1] + means[1]) / 2, points[:68], atol=0.02 * WIDTH)


def test_similarity_is_that_of_the_face(points):
    angle, scale = 0.3, 1.7
    turn = turn_onto(points[:68], turned(points[:68], angle, scale))
    expected = turned(np.eye(2), angle, scale) - np.array([40, 70])
    np.testing.assert_allclose(points_of(turn * np.array([1, 1j])), expected, atol=1e-6)
