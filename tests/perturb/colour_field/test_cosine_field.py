"""Patterns laid over a face: what is rendered, what a classifier's input gets, and what it costs."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.imaging.crop import take_crop
from facepriv.perturb.colour_field.cosine_field import AXES, CosineField, Pattern, patterns
from facepriv.perturb.common.face_frame import face_frame


@pytest.fixture
def used():
    return patterns(tuple(AXES), 5, 9)


@pytest.fixture
def field(faces, used):
    return CosineField(face_frame(faces[0]), used)


def test_patterns_are_symmetric_and_within_the_band(used):
    assert len(set(used)) == len(used)
    for pattern in used:
        assert pattern.i % 2 == 0
        assert 5 <= math.hypot(pattern.i, pattern.j) <= 9
    assert len(patterns(("red-blue",), 5, 16)) == 98


def test_axes_are_orthonormal():
    axes = np.stack(list(AXES.values()))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_rendered_field_is_the_formula(faces, field, used):
    chosen = used.index(Pattern("red-blue", 4, 5))
    coefficients = np.zeros(len(used))
    coefficients[chosen] = 10.0
    shown = field.render(coefficients)
    frame = field.frame
    rows, columns = frame.region
    x, y = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
    u, v = frame.coordinates(x.astype(float), y.astype(float))
    wanted = 10 * np.cos(np.pi * 4 * u) * np.cos(np.pi * 5 * v) * frame.mask[rows, columns]
    np.testing.assert_allclose(shown, wanted[..., None] * AXES["red-blue"], atol=0.15)


def test_input_effect_is_what_cropping_the_rendered_field_gives(faces, field, used):
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=len(used))
    whole = np.zeros((*field.frame.mask.shape, 3), dtype=np.float32)
    whole[field.frame.region] = field.render(coefficients)
    for classifier in (DlibGender(), LeviHassner()):
        spec = classifier.crop(faces[0])
        (effect,) = field.on_input(spec, np.arange(len(used))).add(coefficients[None])
        cropped = take_crop(spec, whole)
        error = np.sqrt(np.mean((effect - cropped) ** 2)) / np.sqrt(np.mean(cropped**2))
        assert error < 0.15, classifier.name


def test_chosen_patterns_are_those_of_all(faces, field, used):
    spec = DlibGender().crop(faces[0])
    every = field.on_input(spec, np.arange(len(used))).add(np.eye(len(used)))
    some = field.on_input(spec, np.array([2, 7])).add(np.eye(2))
    np.testing.assert_array_equal(some, every[[2, 7]])
    assert np.ptp(some, axis=(1, 2)).max() > 0.1


def test_gram_tells_the_mean_square_change(faces, field, used):
    rng = np.random.default_rng(2)
    coefficients = rng.normal(size=len(used))
    predicted = coefficients @ field.gram({}) @ coefficients
    # The chip's area in image pixels, over which the mean is taken.
    matrix = field.frame.matrix
    area = abs(np.linalg.det(matrix[:, :2])) * 32 * 32
    measured = float((field.render(coefficients).astype(np.float64) ** 2).sum()) / area
    assert predicted == pytest.approx(measured, rel=0.05)


def test_weights_make_an_axis_dear(field, used):
    plain, dear = field.gram({}), field.gram({"brightness": 3.0})
    bright = np.array([p.axis == "brightness" for p in used])
    np.testing.assert_allclose(dear[np.ix_(bright, bright)], 3 * plain[np.ix_(bright, bright)])
    np.testing.assert_allclose(dear[np.ix_(~bright, ~bright)], plain[np.ix_(~bright, ~bright)])
    assert np.linalg.eigvalsh(plain).min() > -1e-9


def test_applied_field_is_rounded_and_clipped_and_leaves_the_rest_alone(faces, field, used):
    face = faces[0]
    nothing = field.apply(face.pixels, np.zeros(len(used)))
    np.testing.assert_array_equal(nothing, face.pixels)
    strong = np.zeros(len(used))
    strong[0] = 1000.0
    changed = field.apply(face.pixels, strong)
    assert changed.dtype == np.uint8
    outside = np.ones(face.pixels.shape[:2], dtype=bool)
    outside[field.frame.region] = False
    np.testing.assert_array_equal(changed[outside], face.pixels[outside])
    assert (changed == 255).any()
    assert (changed == 0).any()


def test_colour_hardly_changes_brightness(faces, used):
    colour = patterns(("green-magenta",), 5, 9)
    field = CosineField(face_frame(faces[0]), colour)
    coefficients = np.random.default_rng(3).normal(size=len(colour))
    shown = field.render(coefficients)
    mean = shown.mean(axis=2)
    assert np.abs(mean).max() < 1e-4
    luma = cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)
    assert np.abs(luma).max() > 0, "luma is not the mean of the channels"
