"""Delaunay triangles of landmarks, and the candidate warped onto them (paper, section 2.2, equation 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import Delaunay, QhullError

from facepriv.errors import BadInputError

LEAST_AREA = 1e-3
"""Least doubled area of a triangle, square pixels; landmarks in whole pixels span none at all or at least 1."""


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Triangles of one image's landmarks; every pixel belongs to at most one of them."""

    points: NDArray[np.float64]
    """``(k, 2)`` landmarks x, y."""
    triangles: NDArray[np.int32]
    """``(t, 3)`` indices of landmarks, in the order in which Algorithm 1 visits them."""
    owner: NDArray[np.int32]
    """``(h, w)`` number of the triangle that a pixel's centre lies in, -1 outside the face."""

    @cached_property
    def pixels(self) -> list[NDArray[np.int64]]:
        """Flat indices ``y * w + x`` of each triangle's pixels, ascending."""
        flat = self.owner.ravel()
        inside = np.flatnonzero(flat >= 0)
        order = inside[np.argsort(flat[inside], kind="stable")]
        bounds = np.searchsorted(flat[order], np.arange(len(self.triangles) + 1))
        return [order[a:b] for a, b in pairwise(bounds)]


def triangulate(landmarks: NDArray[np.float32], height: int, width: int) -> Triangulation:
    """Triangulate landmarks ``(k, 2)`` and give every pixel of an image to one triangle.

    Triangles are visited from top to bottom, then left to right, by their centres, so that the order depends on the
    face and not on the library. Raises BadInputError with code ``degenerate-landmarks`` if the points span no triangle,
    ``outside-image`` if no pixel of the image lies in one.
    """
    points = landmarks.astype(np.float64)
    mesh = delaunay(points)
    centres = points[mesh.simplices].mean(axis=1)
    order = np.lexsort((centres[:, 0], centres[:, 1]))
    # Three landmarks next to one line: a triangle without an area has no affine map, and no pixel worth moving.
    order = order[_doubled_areas(points[mesh.simplices[order]]) > LEAST_AREA]
    rank = np.full(len(mesh.simplices), -1, dtype=np.int32)
    rank[order] = np.arange(len(order))
    owner = np.full((height, width), -1, dtype=np.int32)
    size = np.array([width, height])
    left, top = np.clip(np.floor(points.min(axis=0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0)) + 1, 0, size).astype(int)
    ys, xs = np.mgrid[top:bottom, left:right]
    simplex = mesh.find_simplex(np.column_stack([xs.ravel(), ys.ravel()]))
    owner[top:bottom, left:right] = np.where(simplex >= 0, rank[simplex], -1).reshape(xs.shape)
    if (owner < 0).all():
        raise BadInputError(
            f"Landmarks that mark a face in the image of {width} x {height} pixels were expected, but they lie outside "
            "of it or nowhere around a pixel; import the image again, or leave it out.",
            code="outside-image",
        )
    return Triangulation(points=points, triangles=mesh.simplices[order].astype(np.int32), owner=owner)


def _doubled_areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return twice the area of triangles ``(t, 3, 2)``, square pixels."""
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return np.abs(ax * by - ay * bx)


def triangle_edges(landmarks: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the edges of the triangles of landmarks ``(k, 2)``, each once, as pairs of indices ``(e, 2)``."""
    corners = delaunay(landmarks.astype(np.float64)).simplices
    sides = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    return np.unique(np.sort(sides, axis=1), axis=0).astype(np.int32)


def delaunay(points: NDArray[np.float64]) -> Delaunay:
    """Triangulate points ``(k, 2)``; raises BadInputError with code ``degenerate-landmarks``."""
    try:
        return Delaunay(points)
    except (QhullError, ValueError) as error:
        raise BadInputError(
            f"Landmarks that span a face were expected, but these {len(points)} lie on one line or are not numbers; "
            "leave the image out.",
            code="degenerate-landmarks",
        ) from error


def warp_onto(
    mesh: Triangulation, candidate: NDArray[np.uint8], candidate_landmarks: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Warp a candidate face onto a source's triangles, each by its own affine map.

    Raises BadInputError with code ``degenerate-candidate`` if the candidate's landmarks are not as many finite points
    as the source's.

    Parameters
    ----------
    mesh
        The source's triangles.
    candidate
        RGB ``(h, w, 3)``; its size may differ from the source's.
    candidate_landmarks
        ``(k, 2)``, the same points as the source's.

    Returns
    -------
    ndarray
        ``(height * width, 3)`` float32 of the source's size, bilinear; zero outside the triangles. A triangle that is
        a line or a point in the candidate takes the colours along it; outside the candidate's image those of its edge.
    """
    if candidate_landmarks.shape != mesh.points.shape or not np.isfinite(candidate_landmarks).all():
        raise BadInputError(
            f"A candidate with {len(mesh.points)} finite landmarks was expected, but landmarks of shape "
            f"{candidate_landmarks.shape} came, {int((~np.isfinite(candidate_landmarks)).sum())} of their numbers not "
            "finite; import the candidate's image again, or remove it.",
            code="degenerate-candidate",
        )
    height, width = mesh.owner.shape
    inside = np.flatnonzero(mesh.owner.ravel() >= 0)
    owner = mesh.owner.ravel()[inside]
    corners = mesh.points[mesh.triangles]
    # Affine map of triangle t: candidate = A_t source + b_t, solved from three pairs of corners.
    homogeneous = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)
    affine = np.linalg.solve(homogeneous, candidate_landmarks.astype(np.float64)[mesh.triangles])
    # Written out, since libraries that multiply matrices round differently from processor to processor.
    x, y = (inside % width)[:, None], (inside // width)[:, None]
    along_x, along_y, offset = affine[owner].swapaxes(0, 1)
    there = x * along_x + y * along_y + offset
    warped = np.stack(
        [
            map_coordinates(candidate[..., c].astype(np.float64), there[:, ::-1].T, order=1, mode="nearest")
            for c in range(3)
        ],
        axis=1,
    )
    full = np.zeros((height * width, 3), dtype=np.float32)
    full[inside] = warped
    return full
