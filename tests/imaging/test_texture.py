"""Texture features are finite on any image, and show noise where it was put and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging.crop import aligned_chip
from facepriv.imaging.restoring import RESTORERS
from facepriv.imaging.texture import COUNT, FLOOR, GRID, SIGMAS, SIZE, texture_features

BRIGHT = COUNT // 2
"""Features of brightness; those of colour follow."""
ROW, COLUMN = 9, 4
"""A cell of a cheek."""


def of(face, pixels):
    return texture_features(replace(face, pixels=pixels))


def place(face, row, column):
    """Find the pixel that a cell's centre shows."""
    matrix = aligned_chip(face, size=SIZE, padding=0.2).matrix
    cell = SIZE / GRID
    return matrix @ [(column + 0.5) * cell - 0.5, (row + 0.5) * cell - 0.5, 1]


def noisy(face, x, y, radius, channels=(1, 1, 1)):
    """Add noise to a disc, coarse enough to outlast the crop: all channels alike, or as weighted."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, face.pixels.shape[:2]), (0, 0), 1.5)
    rows, columns = np.indices(noise.shape)
    noise[np.hypot(columns - x, rows - y) > radius] = 0
    changed = face.pixels + noise[..., None] * np.asarray(channels)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def test_features_are_counted_finite_and_the_same_twice(faces):
    for face in faces[:3]:
        before = face.pixels.copy()
        features = texture_features(face)
        assert features.shape == (COUNT,)
        assert features.dtype == np.float32
        assert np.isfinite(features).all()
        np.testing.assert_array_equal(texture_features(face), features)
        np.testing.assert_array_equal(face.pixels, before)


def test_flat_tiny_and_huge_images_have_finite_features(faces):
    face = faces[0]
    for value in (0, 77, 255):
        np.testing.assert_allclose(of(face, np.full_like(face.pixels, value)), np.log10(FLOOR), atol=1e-6)
    assert np.isfinite(of(face, face.pixels[:1, :1])).all()
    noise = np.random.default_rng(0).integers(0, 256, (2400, 1920, 3), dtype=np.uint8)
    huge = replace(face, pixels=noise, landmarks=face.landmarks * 8, box=tuple(8 * side for side in face.box))
    assert np.isfinite(texture_features(huge)).all()


def test_a_grey_image_has_no_texture_of_colour(faces):
    features = of(faces[0], RESTORERS["grey"](faces[0].pixels))
    np.testing.assert_allclose(features[BRIGHT:], np.log10(FLOOR), atol=1e-4)
    assert features[:BRIGHT].max() > 0.5


def test_noise_shows_in_its_own_cell(faces):
    face = faces[0]
    x, y = place(face, ROW, COLUMN)
    rise = of(face, noisy(face, x, y, radius=4)) - texture_features(face)
    for band in rise[:BRIGHT].reshape(len(SIGMAS), GRID, GRID):
        assert np.unravel_index(band.argmax(), band.shape) == (ROW, COLUMN)
        far = np.hypot(*(np.indices(band.shape) - np.array([ROW, COLUMN])[:, None, None])) > 4
        np.testing.assert_allclose(band[far], 0, atol=1e-4)
    assert np.abs(rise[BRIGHT:]).max() < 0.2  # clipped and rounded noise of brightness has next to no colour


@pytest.mark.parametrize("channels", [(1, -0.509, 0), (0, -0.194, 1)], ids=["red and green", "blue and green"])
def test_noise_of_colour_shows_in_the_maps_of_colour(faces, channels):
    face = faces[0]
    x, y = place(face, ROW, COLUMN)
    rise = of(face, noisy(face, x, y, 4, channels)) - texture_features(face)
    for band in rise[BRIGHT:].reshape(len(SIGMAS), GRID, GRID):
        assert np.unravel_index(band.argmax(), band.shape) == (ROW, COLUMN)
    assert rise[BRIGHT:].max() > 5 * np.abs(rise[:BRIGHT]).max()


def test_a_blurred_face_has_less_texture(faces):
    face = faces[0]
    assert (of(face, cv2.GaussianBlur(face.pixels, (0, 0), 3)) - texture_features(face))[:BRIGHT].mean() < -0.1


def test_changes_outside_the_face_do_not_show(faces):
    face = faces[0]
    pixels = face.pixels.copy()
    pixels[:10] = 255 - pixels[:10]
    np.testing.assert_array_equal(of(face, pixels), texture_features(face))


def test_landmarks_that_are_no_numbers_are_refused(faces):
    with pytest.raises(BadInputError, match="Finite landmarks"):
        texture_features(replace(faces[0], landmarks=np.full((68, 2), np.nan, np.float32)))
