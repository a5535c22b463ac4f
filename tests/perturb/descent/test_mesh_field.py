"""The blend as a field over the mesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.descent.mesh_field import FADE, MeshField, _depth


@pytest.fixture(scope="module")
def parts(faces):
    face, other = faces[0], faces[-1]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    return face, mesh, warp_onto(mesh, other.pixels, other.landmarks)


def test_a_sharp_coefficient_is_algorithm_1s_blend_of_its_triangle(parts):
    face, mesh, warped = parts
    field = MeshField(mesh, warped, face.pixels, "sharp")
    assert field.size == sum(len(pixels) > 0 for pixels in mesh.pixels)
    number = int(np.argmax([len(pixels) for pixels in mesh.pixels]))
    column = sum(len(pixels) > 0 for pixels in mesh.pixels[:number])
    coefficients = np.zeros(field.size)
    coefficients[column] = 0.3
    expected = face.pixels.reshape(-1, 3).astype(np.float32)
    own = mesh.pixels[number]
    expected[own] = np.clip(expected[own] + np.float32(0.3) * (warped[own] - expected[own]), 0, 255)
    np.testing.assert_array_equal(field.image(coefficients), np.rint(expected).reshape(face.pixels.shape))


@pytest.mark.parametrize("seams", ["smooth", "fine"])
def test_a_smooth_field_has_no_jump_and_ends_at_the_outline(parts, seams):
    face, mesh, warped = parts
    field = MeshField(mesh, warped, face.pixels, seams)
    coefficients = np.random.default_rng(0).uniform(-1, 1, field.size)
    whole = np.zeros(mesh.owner.size)
    whole[field.inside] = field.weights @ coefficients
    whole = whole.reshape(mesh.owner.shape)
    # Between neighbours the field changes by its slope only: jumps across edges would be of the size of 1.
    sharp = MeshField(mesh, warped, face.pixels, "sharp")
    jumps = np.zeros(mesh.owner.size)
    jumps[sharp.inside] = sharp.weights @ np.random.default_rng(0).uniform(-1, 1, sharp.size)
    jumps = jumps.reshape(mesh.owner.shape)
    large = np.quantile(np.abs(np.diff(jumps, axis=1))[np.abs(np.diff(jumps, axis=1)) > 0], 0.5)
    outline = (mesh.owner >= 0) & (np.roll(mesh.owner, 1, axis=1) < 0)
    assert np.abs(whole[outline]).max() < 1.5 / (FADE * np.ptp(mesh.points[:, 0]))
    assert np.quantile(np.abs(np.diff(whole, axis=1)), 0.999) < large


def test_coefficients_of_one_are_a_field_of_one_away_from_the_outline(parts):
    face, mesh, warped = parts
    field = MeshField(mesh, warped, face.pixels, "smooth")
    whole = field.weights @ np.ones(field.size)
    assert whole.max() == pytest.approx(1, abs=1e-5)
    assert (whole > 0.999).mean() > 0.4
    fine = MeshField(mesh, warped, face.pixels, "fine")
    np.testing.assert_allclose(fine.weights @ np.ones(fine.size), whole, atol=1e-5)


@pytest.mark.parametrize("away", [(0, 0), (-90, 0), (60, 110)])
def test_depth_is_that_in_the_whole_image(parts, away):
    face, _, _ = parts
    mesh = triangulate(face.landmarks + np.float32(away), *face.pixels.shape[:2])
    inside = np.flatnonzero(mesh.owner.ravel() >= 0)
    depth = _depth(mesh.owner, inside)
    x, y = inside % mesh.owner.shape[1], inside // mesh.owner.shape[1]
    outside = np.argwhere(mesh.owner < 0)
    for number in range(0, len(inside), len(inside) // 20):
        distances = np.hypot(*(outside - [y[number], x[number]]).T)
        assert depth[number] == pytest.approx(distances.min())


def test_a_face_that_fills_the_image_does_not_fade(parts):
    face, _, _ = parts
    x, y = face.landmarks.mean(axis=0).astype(int) - 15
    inner = np.ascontiguousarray(face.pixels[y : y + 30, x : x + 30])
    mesh = triangulate(face.landmarks - np.float32([x, y]), 30, 30)
    inside = np.flatnonzero(mesh.owner.ravel() >= 0)
    assert len(inside) == inner[..., 0].size
    assert np.isinf(_depth(mesh.owner, inside)).all()


def test_gram_is_the_squared_change_of_the_image(parts):
    face, mesh, warped = parts
    field = MeshField(mesh, warped, face.pixels, "smooth")
    coefficients = np.random.default_rng(1).uniform(-0.2, 0.2, field.size)
    change = (field.weights @ coefficients)[:, None] * field.direction
    assert coefficients @ field.gram() @ coefficients == pytest.approx(float((change**2).sum()), rel=1e-4)


def test_landmarks_outside_the_image_are_refused(parts):
    face, _, _ = parts
    height, width = face.pixels.shape[:2]
    far = replace(face, landmarks=face.landmarks + np.float32(0.7 * width))
    mesh = triangulate(far.landmarks, height, width)
    with pytest.raises(BadInputError, match="landmarks lie in it; leave the image out"):
        MeshField(mesh, np.zeros((height * width, 3), np.float32), face.pixels, "smooth")


def test_a_candidate_that_is_the_image_itself_is_refused(parts):
    face, mesh, _ = parts
    with pytest.raises(BadInputError) as caught:
        MeshField(mesh, face.pixels.reshape(-1, 3).astype(np.float32), face.pixels, "smooth")
    assert caught.value.code == "candidate-equal"
