"""Crops are linear, do not alias, and agree with dlib's own chip."""

from __future__ import annotations

from dataclasses import replace

import cv2
import dlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.imaging.crop import (
    MOST_POINTS,
    aligned_chip,
    apply_operator,
    crop_operator,
    dlib_shape,
    eye_centres,
    eye_square,
    take_crop,
)
from facepriv.types import CropFunction, CropSpec


def affine(step: float, x: float, y: float) -> np.ndarray:
    return np.array([[step, 0, x], [0, step, y]], dtype=np.float64)


def by_hand(spec: CropSpec, image: np.ndarray) -> np.ndarray:
    """What `CropSpec` promises, written out pixel by pixel."""
    height, width = image.shape[:2]

    def at(x: int, y: int) -> np.ndarray:
        if spec.outside == "black" and not (0 <= x < width and 0 <= y < height):
            return np.zeros(3)
        return image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)].astype(float)

    out = np.zeros((spec.height, spec.width, 3))
    for row in range(spec.height):
        for column in range(spec.width):
            for i in range(spec.samples):
                for j in range(spec.samples):
                    offsets = (np.array([j, i]) + 0.5) / spec.samples - 0.5
                    x, y = spec.matrix @ [column + offsets[0], row + offsets[1], 1]
                    x0, y0 = int(np.floor(x)), int(np.floor(y))
                    fx, fy = x - x0, y - y0
                    top = (1 - fx) * at(x0, y0) + fx * at(x0 + 1, y0)
                    bottom = (1 - fx) * at(x0, y0 + 1) + fx * at(x0 + 1, y0 + 1)
                    out[row, column] += ((1 - fy) * top + fy * bottom) / spec.samples**2
    return out


@settings(max_examples=40, deadline=None)
@given(
    step=st.floats(0.3, 4),
    turn=st.floats(-1, 1),
    x=st.floats(-5, 25),
    y=st.floats(-5, 25),
    samples=st.integers(1, 3),
    outside=st.sampled_from(["edge", "black"]),
    seed=st.integers(0, 99),
)
def test_is_the_mean_of_bilinear_samples_inside_and_outside(step, turn, x, y, samples, outside, seed):
    image = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    cos, sin = step * np.cos(turn), step * np.sin(turn)
    matrix = np.array([[cos, -sin, x], [sin, cos, y]])
    spec = CropSpec(matrix=matrix, height=5, width=6, samples=samples, outside=outside)
    np.testing.assert_allclose(take_crop(spec, image), by_hand(spec, image), atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(step=st.floats(0.3, 4), x=st.floats(-30, 30), y=st.floats(-30, 30), samples=st.integers(1, 4))
def test_every_output_pixel_is_an_average_of_pixels(step, x, y, samples):
    spec = CropSpec(matrix=affine(step, x, y), height=4, width=7, samples=samples, outside="edge")
    operator = crop_operator(spec, 20, 24)
    assert operator.has_canonical_format
    assert operator.data.min() >= 0
    np.testing.assert_allclose(operator.sum(axis=1), 1, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(step=st.floats(0.3, 9), turn=st.floats(-1, 1), samples=st.integers(1, 6))
def test_an_operator_is_the_same_however_its_weights_are_added_up(step, turn, samples):
    """Inside the image weights are summed in boxes, elsewhere they are sorted; cells = 0 makes it sort always."""
    cos, sin = step * np.cos(turn), step * np.sin(turn)
    spec = CropSpec(matrix=np.array([[cos, -sin, 80.3], [sin, cos, 80.6]]), height=6, width=7, samples=samples)
    in_boxes = crop_operator(spec, 180, 170)
    by_sorting = crop_operator(spec, 180, 170, most_cells=0)
    np.testing.assert_array_equal(in_boxes.indptr, by_sorting.indptr)
    np.testing.assert_array_equal(in_boxes.indices, by_sorting.indices)
    np.testing.assert_allclose(in_boxes.data, by_sorting.data, rtol=1e-6)


def half_tone(box: tuple[int, int, int, int], height: int = 3, width: int = 4) -> CropFunction:
    """A crop that rounds, so that it is no linear map."""

    def shrink(region: np.ndarray) -> np.ndarray:
        return np.rint(cv2.resize(region, (width, height), interpolation=cv2.INTER_AREA))

    return CropFunction(box=box, height=height, width=width, function=shrink)


def test_a_crop_function_is_given_its_box_and_nothing_else():
    image = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    taken = take_crop(half_tone((2, 5, 14, 20)), image)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(
        taken, np.rint(cv2.resize(image[5:20, 2:14].astype(np.float32), (4, 3), interpolation=cv2.INTER_AREA))
    )


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 25, 5), (5, 5, 5, 9)])
def test_a_crop_function_that_reads_outside_the_image_is_refused(box):
    with pytest.raises(BadInputError, match="inside the image of 24 x 20 pixels") as caught:
        take_crop(half_tone(box), np.zeros((20, 24, 3), np.uint8))
    assert caught.value.code == "crop-function"


def test_a_crop_function_that_gives_another_shape_is_refused():
    wrong = replace(half_tone((0, 0, 9, 9)), height=5)
    with pytest.raises(BadInputError, match="shape"):
        take_crop(wrong, np.zeros((20, 24, 3), np.uint8))


def test_a_crop_function_has_no_operator():
    with pytest.raises(BadInputError, match="choose another classifier") as caught:
        crop_operator(half_tone((0, 0, 9, 9)), 20, 24)
    assert caught.value.code == "crop-not-linear"


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


def test_a_face_of_many_megapixels_costs_no_more_points(faces):
    huge = replace(faces[0], landmarks=faces[0].landmarks * 40, box=tuple(40 * side for side in faces[0].box))
    for spec in (aligned_chip(huge, size=32, padding=0.2), eye_square(huge, size=227, side=3.75, below=0.6)):
        assert spec.samples > 1
        assert (spec.samples * spec.width) ** 2 <= MOST_POINTS


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


@pytest.mark.parametrize("shift", [(0, 0), (300, 500), (-200, -200)])
def test_a_crop_of_a_part_is_the_whole_product(shift):
    image = np.random.default_rng(3).integers(0, 256, (600, 500, 3), dtype=np.uint8)
    matrix = np.array([[2.0, -1.0, 60.0 + shift[0]], [1.0, 2.0, 30.0 + shift[1]]])
    for outside in ("edge", "black"):
        operator = crop_operator(CropSpec(matrix=matrix, height=20, width=20, samples=2, outside=outside), 600, 500)
        whole = operator @ image.reshape(-1, 3).astype(np.float32)
        np.testing.assert_array_equal(apply_operator(operator, image), whole)
        np.testing.assert_array_equal(apply_operator(operator, image.astype(np.float32)), whole)
        if outside == "black" and shift[0] < 0:
            assert not whole.any(), "a crop that reads nothing of the image"
