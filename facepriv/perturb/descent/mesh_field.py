"""A candidate's face blended in by a few coefficients over the triangles of the landmarks."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import distance_transform_edt

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import Triangulation
from facepriv.types import Image

Seams = Literal["smooth", "fine", "sharp"]

FADE = 0.1
"""Share of the face's width over which a smooth field fades out towards the outline of the face."""


class MeshField:
    """Images ``X = X0 + c (W - X0)`` inside the face: ``W`` is the warped candidate, ``c`` a field over the mesh.

    Raises BadInputError with code ``landmarks-outside`` if fewer than half of the landmarks lie in the image,
    ``candidate-equal`` if the candidate differs nowhere from the source.

    Parameters
    ----------
    mesh, warped
        Triangles of the landmarks of the source ``pixels``, and the candidate warped onto them, ``(h * w, 3)``.
    seams
        ``sharp``: ``c`` is constant in a triangle, as in Algorithm 1; one coefficient a triangle. ``smooth``: ``c`` is
        linear in a triangle, continuous across its edges, and fades out towards the outline of the face, so that no
        edge shows; one coefficient a landmark. ``fine``: the same with a further coefficient for the middle of every
        triangle.
    """

    def __init__(self, mesh: Triangulation, warped: NDArray[np.float32], pixels: Image, seams: Seams) -> None:
        self._pixels = pixels
        self.inside: NDArray[np.int64] = np.flatnonzero(mesh.owner.ravel() >= 0)
        """``(n,)`` flat indices of the pixels in triangles."""
        _check(mesh, *self.image_shape)
        self.original: NDArray[np.float32] = pixels.reshape(-1, 3)[self.inside].astype(np.float32)
        """``(n, 3)``."""
        self.direction: NDArray[np.float32] = warped[self.inside] - self.original
        """``(n, 3)``: what a field of 1 adds."""
        weights = _constant(mesh, self.inside) if seams == "sharp" else _linear(mesh, self.inside, seams == "fine")
        # A coefficient that moves no pixel (of a triangle smaller than one) is no unknown.
        moved = np.asarray(weights.T @ np.abs(self.direction).sum(axis=1)).ravel() > 0
        if not moved.any():
            raise BadInputError(
                "A candidate that differs from the image was expected, but inside the face it is the same; choose "
                "candidates of another gender, or add images of other subjects.",
                code="candidate-equal",
            )
        self.weights: sparse.csr_array = weights.tocsc()[:, np.flatnonzero(moved)].tocsr()
        """``(n, k)``: what a coefficient of 1 adds to the field at a pixel."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self._pixels.shape[0], self._pixels.shape[1]

    @property
    def size(self) -> int:
        """Number of coefficients ``k``."""
        return int(self.weights.shape[1])

    def gram(self) -> NDArray[np.float64]:
        """Return ``M`` ``(k, k)``: ``a' M a`` is the sum of squared changes of the image, unclipped."""
        energy = (self.direction.astype(np.float64) ** 2).sum(axis=1)
        return (self.weights.T @ sparse.diags_array(energy) @ self.weights).toarray()

    def values(self, coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the pixels ``(n, 3)`` of `inside` for coefficients ``(k,)`` as a file holds them: clipped, rounded."""
        field = (self.weights @ coefficients).astype(np.float32)
        return np.rint(np.clip(self.original + field[:, None] * self.direction, 0, 255))

    def image(self, coefficients: NDArray[np.float64]) -> Image:
        """Return the whole image ``(h, w, 3)`` uint8 for coefficients ``(k,)``."""
        return self.placed(self.values(coefficients)).astype(np.uint8)

    def placed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put pixels ``(n, 3)`` of `inside` into the whole image, ``(h, w, 3)`` float32."""
        whole = self._pixels.reshape(-1, 3).astype(np.float32)
        whole[self.inside] = values
        return whole.reshape(self._pixels.shape)


def _check(mesh: Triangulation, height: int, width: int) -> None:
    x, y = mesh.points.T
    within = int(((x >= 0) & (x < width) & (y >= 0) & (y < height)).sum())
    if 2 * within < len(mesh.points):
        raise BadInputError(
            f"A face inside the image was expected, but only {within} of {len(mesh.points)} landmarks lie in it; "
            "leave the image out.",
            code="landmarks-outside",
        )


def _constant(mesh: Triangulation, inside: NDArray[np.int64]) -> sparse.csr_array:
    owner = mesh.owner.ravel()[inside]
    entries = (np.ones(len(inside), np.float32), (np.arange(len(inside)), owner))
    return sparse.csr_array(entries, shape=(len(inside), len(mesh.triangles)))


def _linear(mesh: Triangulation, inside: NDArray[np.int64], middles: bool) -> sparse.csr_array:
    width = mesh.owner.shape[1]
    owner = mesh.owner.ravel()[inside]
    # Barycentric coordinates: a point times the inverse of the triangle's corners, both homogeneous.
    corners = mesh.points[mesh.triangles]
    inverse = np.linalg.pinv(np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2))
    here = np.column_stack([inside % width, inside // width, np.ones(len(inside))])
    shares = np.clip(np.einsum("ni,nij->nj", here, inverse[owner]), 0, 1)
    columns = mesh.triangles[owner].astype(np.int64)
    k = len(mesh.points)
    if middles:
        # A tent over the triangle, 1 at its middle and 0 on its edges, taken from what the corners have there.
        tent = 3 * shares.min(axis=1)
        shares = np.column_stack([shares - tent[:, None] / 3, tent])
        columns = np.column_stack([columns, k + owner])
        k += len(mesh.triangles)
    fade = np.clip(_depth(mesh.owner, inside) / max(FADE * float(np.ptp(mesh.points[:, 0])), 1.0), 0, 1)
    entries = (shares * fade[:, None]).astype(np.float32).ravel()
    rows = np.repeat(np.arange(len(inside)), shares.shape[1])
    return sparse.csr_array((entries, (rows, columns.ravel())), shape=(len(inside), k))


def _depth(owner: NDArray[np.int32], inside: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distance of the pixels ``inside`` to the nearest one outside the triangles, in pixels.

    The image's own edge is no outline of the face: outside it there is nothing to differ from. In a face that fills the
    image all distances are infinite.
    """
    y, x = np.divmod(inside, owner.shape[1])
    # No nearest pixel lies further out than one beyond the triangles; an image may be many times larger than its face.
    top, left = max(int(y.min()) - 1, 0), max(int(x.min()) - 1, 0)
    within = np.pad(owner[top : int(y.max()) + 2, left : int(x.max()) + 2] >= 0, 1, mode="edge")
    if within.all():
        return np.full(len(inside), np.inf)
    return distance_transform_edt(within)[y - top + 1, x - left + 1]
