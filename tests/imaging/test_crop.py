"""Crops are linear, do not alias, and agree with dlib's own chip."""

from __future__ import annotations

import dlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.imaging.crop import (
    aligned_chip,
    apply_operator,
    crop_operator,
    dlib_shape,
    eye_centres,
    eye_square,
    take_crop,
)
from facepriv.types import CropSpec


def affine(step: float, x: float, y: float) -> np.ndarray:
    return np.array([[step, 0, x], [0, step, y]], dtype=np.float64)


@settings(max_examples=30, deadline=None)
@given(
    step=st.floats(0.3, 4),
    x=st.floats(-5, 25),
    y=st.floats(-5, 25),
    samples=st.integers(1, 4),
    outside=st.sampled_from(["edge", "black"]),
    seed=st.integers(0, 99),
)
def test_is_linear(step, x, y, samples, outside, seed):
    rng = np.random.default_rng(seed)
    spec = CropSpec(matrix=affine(step, x, y), height=6, width=5, samples=samples, outside=outside)
    operator = crop_operator(spec, 20, 24)
    a, b = rng.uniform(0, 255, (2, 20, 24, 3))
    summed = apply_operator(operator, 0.25 * a + 0.75 * b)
    np.testing.assert_allclose(
        summed, 0.25 * apply_operator(operator, a) + 0.75 * apply_operator(operator, b), atol=1e-3
    )


@settings(max_examples=30, deadline=None)
@given(step=st.floats(0.3, 4), x=st.floats(-30, 30), y=st.floats(-30, 30), samples=st.integers(1, 4))
def test_every_output_pixel_is_an_average_of_pixels(step, x, y, samples):
    spec = CropSpec(matrix=affine(step, x, y), height=4, width=7, samples=samples, outside="edge")
    operator = crop_operator(spec, 20, 24)
    assert operator.data.min() >= 0
    np.testing.assert_allclose(operator.sum(axis=1), 1, atol=1e-5)


def test_identity_crop_is_the_image():
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    spec = CropSpec(matrix=affine(1, 0, 0), height=9, width=11)
    np.testing.assert_array_equal(take_crop(spec, image), image)


def test_black_outside():
    spec = CropSpec(matrix=affine(1, -100, -100), height=3, width=3, outside="black")
    assert not take_crop(spec, np.full((9, 9, 3), 255, np.uint8)).any()


def test_a_reduction_averages_fine_stripes():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    spec = CropSpec(matrix=affine(8, 3.5, 3.5), height=8, width=8, samples=8)
    np.testing.assert_allclose(take_crop(spec, stripes), 127.5, atol=2)


def test_aligned_chip_has_the_geometry_of_dlibs(faces):
    for face in faces[:4]:
        # The chip is a reduction here by less than two, where dlib builds no pyramid: the pictures must agree.
        ours = take_crop(aligned_chip(face, size=100, padding=0.2), face.pixels)
        theirs = dlib.get_face_chip(face.pixels, dlib_shape(face.landmarks, face.box)[1], 100, 0.2).astype(float)
        assert np.abs(ours - theirs).mean() < 4
        flat = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
        assert flat > 0.99


@pytest.mark.parametrize("level", [True, False])
def test_eye_square_puts_the_eyes_where_asked(faces, level):
    face = faces[0]
    spec = eye_square(face, size=100, side=4, below=0.5, level=level)
    linear, shift = spec.matrix[:, :2], spec.matrix[:, 2]
    eyes = np.linalg.solve(linear, (eye_centres(face.landmarks) - shift).T).T
    middle = eyes.mean(axis=0)
    assert np.hypot(*(eyes[1] - eyes[0])) == pytest.approx(25)
    assert middle == pytest.approx([49.5, 49.5 - 12.5], abs=1e-6 if level else 1.5)
    if level:
        assert eyes[0][1] == pytest.approx(eyes[1][1])
