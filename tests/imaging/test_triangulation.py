"""Triangles share out the face's pixels; a warp onto itself changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangle_edges, triangulate, warp_onto


def test_every_pixel_belongs_to_one_triangle_or_none(faces):
    face = faces[0]
    height, width = face.pixels.shape[:2]
    mesh = triangulate(face.landmarks, height, width)
    together = np.concatenate(mesh.pixels)
    assert len(together) == len(np.unique(together)) == int((mesh.owner >= 0).sum())
    for number, pixels in enumerate(mesh.pixels):
        assert (mesh.owner.ravel()[pixels] == number).all()
        assert (np.diff(pixels) > 0).all()


def test_pixels_lie_inside_their_triangle(faces):
    face = faces[0]
    height, width = face.pixels.shape[:2]
    mesh = triangulate(face.landmarks, height, width)
    for number in range(0, len(mesh.triangles), 7):
        corners = np.column_stack([mesh.points[mesh.triangles[number]], np.ones(3)])
        flat = mesh.pixels[number]
        weights = np.column_stack([flat % width, flat // width, np.ones(len(flat))]) @ np.linalg.inv(corners)
        assert (weights >= -1e-9).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_triangles_are_visited_from_top_to_bottom(faces):
    mesh = triangulate(faces[0].landmarks, *faces[0].pixels.shape[:2])
    heights = mesh.points[mesh.triangles].mean(axis=1)[:, 1]
    assert (np.diff(heights) >= 0).all()


def test_warping_a_face_onto_itself_gives_it_back(faces):
    face = faces[0]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    warped = warp_onto(mesh, face.pixels, face.landmarks)
    inside = mesh.owner.ravel() >= 0
    np.testing.assert_allclose(warped[inside], face.pixels.reshape(-1, 3)[inside], atol=1e-3)
    assert not warped[~inside].any()


def test_warping_a_moved_and_scaled_face_gives_it_back(faces):
    face = faces[0]
    doubled = face.pixels.repeat(2, axis=0).repeat(2, axis=1)
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    # The centre of pixel (x, y) is that of the 2 x 2 block around (2x + 0.5, 2y + 0.5).
    warped = warp_onto(mesh, doubled, face.landmarks * 2 + 0.5)
    inside = mesh.owner.ravel() >= 0
    np.testing.assert_allclose(warped[inside], face.pixels.reshape(-1, 3)[inside], atol=1e-3)


def test_owners_are_those_of_exact_arithmetic(faces):
    """Every pixel's owner contains its centre, edges included; a pixel without an owner lies in no triangle."""
    face = faces[1]
    height, width = face.pixels.shape[:2]
    mesh = triangulate(face.landmarks, height, width)
    corners = face.landmarks.astype(int)[mesh.triangles]
    ys, xs = np.mgrid[0:height, 0:width]
    inside = np.zeros((len(corners), height, width), dtype=bool)
    for number, triangle in enumerate(corners):
        sides = []
        for (ax, ay), (bx, by) in zip(triangle, np.roll(triangle, -1, axis=0), strict=True):
            sides.append((bx - ax) * (ys - ay) - (by - ay) * (xs - ax))
        inside[number] = np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0)
    owned = mesh.owner >= 0
    np.testing.assert_array_equal(owned, inside.any(axis=0))
    assert inside[mesh.owner[owned], ys[owned], xs[owned]].all()


def test_landmarks_outside_the_image_are_cut_off(faces):
    face = faces[0]
    left, top = face.landmarks.min(axis=0).astype(int) + 20
    cut = face.pixels[top : top + 60, left : left + 70]
    mesh = triangulate(face.landmarks - [left, top], *cut.shape[:2])
    whole = triangulate(face.landmarks, *face.pixels.shape[:2])
    moved = whole.owner[top : top + 60, left : left + 70]
    # Pixels exactly on a shared edge may go to either neighbour.
    assert (mesh.owner == moved).mean() > 0.9
    assert ((mesh.owner >= 0) == (moved >= 0)).all()


def test_landmarks_on_a_line_are_refused():
    with pytest.raises(BadInputError, match="leave the image out") as caught:
        triangulate(np.column_stack([np.arange(68), np.arange(68)]).astype(np.float32), 100, 100)
    assert caught.value.code == "degenerate-landmarks"


def test_edges_are_those_of_the_triangles_each_once(faces):
    mesh = triangulate(faces[0].landmarks, *faces[0].pixels.shape[:2])
    expected = {tuple(sorted((int(t[a]), int(t[b])))) for t in mesh.triangles for a, b in ((0, 1), (1, 2), (2, 0))}
    found = [tuple(edge) for edge in triangle_edges(faces[0].landmarks).tolist()]
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.parametrize("away", [(-900, 0), (900, 0), (0, -900), (-900, 900)])
def test_landmarks_wholly_outside_the_image_are_refused(faces, away):
    face = faces[0]
    height, width = face.pixels.shape[:2]
    with pytest.raises(BadInputError, match=f"{width} x {height} pixels") as caught:
        triangulate(face.landmarks + np.float32(away), height, width)
    assert caught.value.code == "outside-image"


def test_a_face_smaller_than_a_pixel_is_refused(faces):
    face = faces[0]
    dot = 50.2 + 0.3 * (face.landmarks - face.landmarks.min()) / np.ptp(face.landmarks)
    with pytest.raises(BadInputError, match="nowhere around a pixel") as caught:
        triangulate(dot.astype(np.float32), *face.pixels.shape[:2])
    assert caught.value.code == "outside-image"


def test_a_triangle_without_an_area_is_none():
    just_beside = np.nextafter(np.float32(10), np.float32(11))
    points = np.array([[10, 10], [just_beside, 20], [10, 30], [60, 20]], dtype=np.float32)
    mesh = triangulate(points, 50, 80)
    assert sorted(sorted(triangle) for triangle in mesh.triangles.tolist()) == [[0, 1, 3], [1, 2, 3]], "not 0, 1, 2"
    warped = warp_onto(mesh, np.full((50, 80, 3), 77, np.uint8), points)
    assert (mesh.owner >= 0).sum() > 400
    np.testing.assert_allclose(warped[mesh.owner.ravel() >= 0], 77, atol=1e-3)


def test_a_candidate_s_triangle_that_is_a_line_takes_the_colours_along_it():
    points = np.array([[0, 0], [40, 0], [0, 40]], dtype=np.float32)
    candidate = np.zeros((50, 50, 3), np.uint8)
    candidate[7] = np.arange(50)[:, None]
    mesh = triangulate(points, 50, 50)
    warped = warp_onto(mesh, candidate, np.array([[0, 7], [40, 7], [0, 7]], dtype=np.float32))
    x = np.arange(50 * 50) % 50
    inside = mesh.owner.ravel() >= 0
    np.testing.assert_allclose(warped[inside], np.repeat(x[inside][:, None], 3, axis=1), atol=1e-3)


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((68, 2), np.nan)])
def test_a_candidate_without_the_same_finite_landmarks_is_refused(faces, landmarks):
    face = faces[0]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    with pytest.raises(BadInputError, match="68 finite landmarks") as caught:
        warp_onto(mesh, face.pixels, landmarks.astype(np.float32))
    assert caught.value.code == "degenerate-candidate"
