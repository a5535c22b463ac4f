"""Triangles share out the face's pixels; a warp onto itself changes nothing."""

from __future__ import annotations

import numpy as np

from facepriv.imaging.triangulation import triangulate, warp_onto


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
