"""Inputs kept up to date are, bit for bit, the crops of the whole changed image."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.imaging.crop import take_crop
from facepriv.imaging.triangulation import triangulate
from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.algorithm1.triangle_inputs import LinearInputs, RecroppedInputs, View, make_inputs
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from tests.perturb.chip_gender import ChipGender

EPS = 0.3


@pytest.fixture
def image(faces) -> TriangleImage:
    face = faces[0]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    warped = np.random.default_rng(1).uniform(-50, 300, (face.pixels[..., 0].size, 3)).astype(np.float32)
    return TriangleImage(face.pixels, mesh, warped)


def changed(image: TriangleImage, triangle: int, values: np.ndarray) -> np.ndarray:
    """The whole image with other values in one triangle."""
    whole = image.exact()
    whole.reshape(-1, 3)[image.inside[image.spans[triangle]]] = values
    return whole


@pytest.mark.parametrize(
    ("make", "kind"), [(DlibGender, LinearInputs), (LeviHassner, LinearInputs), (ChipGender, RecroppedInputs)]
)
def test_equal_cropping_the_whole_image(faces, image, make, kind):
    classifier, rng = make(), np.random.default_rng(2)
    # Two anchors at once, of which the second sees another part of the image.
    specs = [classifier.crop(face) for face in faces[:2]]
    inputs = make_inputs(image, [View(AnchoredCrop.of(classifier, face)) for face in faces[:2]])
    assert isinstance(inputs, kind)
    for triangle in rng.permutation(len(image.spans))[:10]:
        triangle = int(triangle)
        values = np.empty((image.spans[triangle].stop - image.spans[triangle].start, 2, 3), np.float32)
        image.blend(triangle, EPS, values)
        before = image.values.copy()
        pair = inputs.try_pair(triangle, EPS).reshape(2, 2, *inputs.current.shape[1:])
        np.testing.assert_array_equal(image.values, before)
        for which in (0, 1):
            for view, spec in enumerate(specs):
                np.testing.assert_array_equal(
                    pair[which, view], take_crop(spec, changed(image, triangle, values[:, which]))
                )
        inputs.accept(triangle, int(rng.integers(2)))
        for view, spec in enumerate(specs):
            np.testing.assert_array_equal(inputs.current[view], take_crop(spec, image.exact()))


@pytest.mark.parametrize("make", [DlibGender, ChipGender])
def test_what_a_processed_image_adds_is_frozen(faces, image, make):
    classifier = make()
    crop = AnchoredCrop.of(classifier, faces[0])
    seen = crop.take(255 - faces[0].pixels)
    inputs = make_inputs(image, [View(crop), View(crop, seen)])
    np.testing.assert_allclose(inputs.current[1], seen, atol=1e-4)
    added = seen - crop.take(image.exact())
    for triangle in (3, 40, 3):
        pair = inputs.try_pair(triangle, EPS).reshape(2, 2, *seen.shape)
        np.testing.assert_allclose(pair[:, 1], pair[:, 0] + added, atol=1e-3)
        inputs.accept(triangle, 1)
        np.testing.assert_allclose(inputs.current[1], crop.take(image.exact()) + added, atol=1e-3)


@pytest.mark.parametrize(
    ("value", "warped", "expected"),
    [(100, 200, (105, 95)), (254, 0, (241.3, 255)), (1, 255, (13.7, 0)), (7, 7, (7, 7))],
)
def test_blend_is_equation_3_in_both_directions_clipped(faces, value, warped, expected):
    face = faces[0]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    flat = np.full_like(face.pixels, value)
    image = TriangleImage(flat, mesh, np.full((flat[..., 0].size, 3), warped, np.float32))
    out = np.empty((image.spans[5].stop - image.spans[5].start, 2, 3), np.float32)
    image.blend(5, 0.05, out)
    np.testing.assert_allclose(out[:, 0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(out[:, 1], expected[1], rtol=1e-6)
    np.testing.assert_array_equal(image.stored(), flat)


def test_a_change_is_rounded_in_what_is_stored_and_touches_its_triangle_only(image):
    inputs_of = image.spans[8]
    image.values[inputs_of] = 99.6
    stored, exact = image.stored(), image.exact()
    own = image.inside[inputs_of]
    assert (stored.reshape(-1, 3)[own] == 100).all()
    np.testing.assert_allclose(exact.reshape(-1, 3)[own], 99.6, rtol=1e-6)
    others = np.ones(len(stored.reshape(-1, 3)), dtype=bool)
    others[own] = False
    np.testing.assert_array_equal(stored.reshape(-1, 3)[others], image.original.reshape(-1, 3)[others])
