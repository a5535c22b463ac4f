"""An image of which one triangle changes at a time, towards or away from a warped candidate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.triangulation import Triangulation
from facepriv.types import Image

BLACK, WHITE = np.float32(0), np.float32(255)


class TriangleImage:
    """The pixels of all triangles, those of one triangle side by side, so that an update touches no others.

    The original is read, never written; its pixels outside the triangles of the mesh stay as they are. ``warped``
    ``(h * w, 3)`` is the candidate warped onto the triangles.
    """

    def __init__(self, original: Image, mesh: Triangulation, warped: NDArray[np.float32]) -> None:
        self.original = original
        self.shape = (original.shape[0], original.shape[1])
        self.inside = np.concatenate(mesh.pixels)
        """``(n,)`` flat indices ``y * w + x`` of the triangles' pixels, triangle by triangle."""
        ends = np.cumsum([0, *(len(pixels) for pixels in mesh.pixels)]).tolist()
        self.spans = [slice(a, b) for a, b in pairwise(ends)]
        """Where in ``inside`` each triangle's pixels stand."""
        self.values = original.reshape(-1, 3)[self.inside].astype(np.float32)
        """``(n, 3)`` the current values, 0..255, not rounded."""
        self._warped = warped[self.inside]

    @property
    def owners(self) -> NDArray[np.int64]:
        """Number of the triangle of each of the pixels ``inside``, ascending."""
        return np.repeat(np.arange(len(self.spans)), [span.stop - span.start for span in self.spans])

    def blend(self, triangle: int, eps: float, out: NDArray[np.float32]) -> None:
        """Blend a triangle's ``m`` pixels by ``eps`` towards the candidate, and away from it (equation 3).

        ``out`` ``(m, 2, 3)`` is given what they become: first towards, then away, clipped to 0..255. The image itself
        does not change.
        """
        span = self.spans[triangle]
        values = self.values[span]
        step = self._warped[span] - values
        step *= np.float32(eps)
        np.add(values, step, out=out[:, 0])
        np.subtract(values, step, out=out[:, 1])
        np.maximum(out, BLACK, out=out)
        np.minimum(out, WHITE, out=out)

    def exact(self) -> NDArray[np.float32]:
        """Return the image as it is, ``(h, w, 3)`` float32."""
        whole = self.original.reshape(-1, 3).astype(np.float32)
        whole[self.inside] = self.values
        return whole.reshape(*self.shape, 3)

    def stored(self) -> Image:
        """Round to what a file holds, ``(h, w, 3)`` uint8."""
        whole = self.original.copy()
        whole.reshape(-1, 3)[self.inside] = np.rint(self.values).astype(np.uint8)
        return whole
