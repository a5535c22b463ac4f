"""A classifier's inputs kept up to date while an image changes triangle by triangle.

Between two anchorings a crop is a fixed map. Where it is linear, a change of the pixels of one triangle alters only
the rows of the input that are fed from those pixels, so only these rows are computed again, each as the same sum in the
same order as in the full product: the input is bit for bit what cropping the whole changed image gives. Where it is
not linear, the box that it reads is cropped again, if pixels in it have changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.imaging.crop import apply_operator, call_crop
from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.types import CropFunction


@dataclass(frozen=True, eq=False)
class View:
    """One input made of the image: a crop, and what is added to it."""

    crop: AnchoredCrop
    version_crop: NDArray[np.float32] | None = None
    """The input ``(height, width, 3)`` that this view has of the image as it is now, where that is not the crop itself
    but the crop of a processed image; the difference to the crop is added until the next anchoring."""


class TriangleInputs(ABC):
    """The inputs of one or more views of a `TriangleImage`, all crops of one size; made with every anchoring.

    The image's values change by `accept` only.
    """

    def __init__(self, image: TriangleImage, views: Sequence[View]) -> None:
        spec = views[0].crop.spec
        self._image = image
        self._shape = (spec.height, spec.width, 3)
        self._each = spec.height * spec.width
        self._count = len(views)
        self._tried: list[NDArray[np.float32]]
        """For each triangle the place ``(m, 2, 3)`` of its pixels in either direction."""
        # The inputs of all views twice: once for either direction, equal between updates.
        self._pair = np.empty((2, self._count * self._each, 3), dtype=np.float32)

    @property
    def current(self) -> NDArray[np.float32]:
        """The inputs ``(views, height, width, 3)`` of the current image."""
        return self._pair[0].reshape(self._count, *self._shape)

    def try_pair(self, triangle: int, eps: float) -> NDArray[np.float32]:
        """Return the inputs ``(2 * views, height, width, 3)`` with a triangle blended towards, then away.

        The array is reused by the next call.
        """
        self._image.blend(triangle, eps, self._tried[triangle])
        self._fill(triangle)
        return self._pair.reshape(2 * self._count, *self._shape)

    def accept(self, triangle: int, direction: int) -> None:
        """Make the direction last tried, 0 towards or 1 away, that of the image."""
        tried = self._tried[triangle]
        self._image.values[self._image.spans[triangle]] = tried[:, direction]
        tried[:, 1 - direction] = tried[:, direction]
        self._accept_inputs(triangle, direction)

    @abstractmethod
    def _fill(self, triangle: int) -> None:
        """Compute the inputs of both directions for the blend last made."""

    @abstractmethod
    def _accept_inputs(self, triangle: int, direction: int) -> None:
        """Make the inputs of both directions those of ``direction``."""


def added(views: Sequence[View], inputs: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return what is to be added to the crops ``(views * rows, 3)``; None for nothing."""
    if all(view.version_crop is None for view in views):
        return None
    crops = inputs.reshape(len(views), -1, 3)
    rest = [
        np.zeros_like(crop) if view.version_crop is None else view.version_crop.reshape(-1, 3) - crop
        for view, crop in zip(views, crops, strict=True)
    ]
    return np.concatenate(rest)


class LinearInputs(TriangleInputs):
    """Inputs by linear crops: a step costs one small product."""

    def __init__(self, image: TriangleImage, views: Sequence[View]) -> None:
        super().__init__(image, views)
        operators = [view.crop.operator for view in views if view.crop.operator is not None]
        assert len(operators) == len(views), "linear crops"
        operator = operators[0] if len(operators) == 1 else sparse.vstack(operators, format="csr")
        lengths = np.diff(operator.indptr)
        row_of = np.repeat(np.arange(len(lengths)), lengths)

        # Pixels that feed the inputs: those of triangles, and after them those outside, which never change.
        size = image.shape[0] * image.shape[1]
        place = np.full(size, -1, dtype=np.int32)
        place[image.inside] = np.arange(len(image.inside), dtype=np.int32)
        read = np.zeros(size, dtype=bool)
        read[operator.indices] = True
        outside = np.flatnonzero(read & (place < 0))
        place[outside] = np.arange(len(image.inside), len(image.inside) + len(outside), dtype=np.int32)
        self._pixels = np.empty((len(image.inside) + len(outside), 2, 3), dtype=np.float32)
        self._pixels[: len(image.inside)] = image.values[:, None]
        self._pixels[len(image.inside) :] = image.original.reshape(-1, 3)[outside, None]
        self._tried = [self._pixels[span] for span in image.spans]
        self._flat = self._pixels.reshape(-1, 6)
        # The order of the sums stays that of the operator: only the columns' names change.
        columns = place[operator.indices]

        current = apply_operator(
            sparse.csr_array((operator.data, columns, operator.indptr), shape=(len(lengths), len(self._flat))),
            self._pixels[:, 0],
        )
        self._added = added(views, current)
        self._pair[:] = current if self._added is None else current + self._added

        # Rows fed from each triangle, triangle by triangle, with all their entries.
        owner = np.full(len(self._pixels), len(image.spans), dtype=np.int64)
        owner[: len(image.inside)] = image.owners
        fed = np.zeros((len(image.spans) + 1, len(lengths)), dtype=bool)
        fed.reshape(-1)[owner[columns] * len(lengths) + row_of] = True
        triangles, self._rows = np.nonzero(fed[:-1])
        self._bounds = np.searchsorted(triangles, np.arange(len(image.spans) + 1)).tolist()
        taken = lengths[self._rows]
        self._starts = np.concatenate([[0], np.cumsum(taken)]).astype(np.int32)
        entries = np.arange(self._starts[-1]) + np.repeat(operator.indptr[self._rows] - self._starts[:-1], taken)
        self._columns = columns[entries]
        self._data = operator.data[entries]
        self._parts: dict[int, tuple[NDArray[np.int64], sparse.csr_array]] = {}
        self._product: NDArray[np.float32]

    def _part(self, triangle: int) -> tuple[NDArray[np.int64], sparse.csr_array]:
        """Return the rows fed from a triangle, and the part of the crop that makes them."""
        if triangle not in self._parts:
            rows = slice(*self._bounds[triangle : triangle + 2])
            starts = self._starts[rows.start : rows.stop + 1]
            entries = slice(int(starts[0]), int(starts[-1]))
            part = sparse.csr_array(
                (self._data[entries], self._columns[entries], starts - starts[0]),
                shape=(len(starts) - 1, len(self._flat)),
            )
            self._parts[triangle] = (self._rows[rows], part)
        return self._parts[triangle]

    def _fill(self, triangle: int) -> None:
        rows, part = self._part(triangle)
        product = (part @ self._flat).reshape(-1, 2, 3).transpose(1, 0, 2)
        if self._added is not None:
            product += self._added[rows]
        self._pair[:, rows] = product
        self._product = product

    def _accept_inputs(self, triangle: int, direction: int) -> None:
        self._pair[1 - direction, self._part(triangle)[0]] = self._product[direction]


class RecroppedInputs(TriangleInputs):
    """Inputs by crops that are no linear maps: the box that a crop reads is cropped again for either direction."""

    def __init__(self, image: TriangleImage, views: Sequence[View]) -> None:
        super().__init__(image, views)
        self._specs = [view.crop.spec for view in views if isinstance(view.crop.spec, CropFunction)]
        assert len(self._specs) == len(views), "crops that are functions"
        whole = image.exact()
        self._tried = [np.empty((span.stop - span.start, 2, 3), dtype=np.float32) for span in image.spans]
        self._regions = []
        self._meeting: list[list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = []
        y, x = np.divmod(image.inside, image.shape[1])
        for spec in self._specs:
            left, top, right, bottom = spec.box
            region = np.ascontiguousarray(whole[top:bottom, left:right])
            self._regions.append(region)
            # For each triangle: which of its pixels lie in the box, and where there.
            met = (x >= left) & (x < right) & (y >= top) & (y < bottom)
            places = (y - top) * (right - left) + x - left
            self._meeting.append([(own := np.flatnonzero(met[span]), places[span][own]) for span in image.spans])
        current = np.concatenate([view.crop.take(whole).reshape(-1, 3) for view in views])
        self._added = added(views, current)
        self._pair[:] = current if self._added is None else current + self._added

    def _fill(self, triangle: int) -> None:
        for number, (spec, region) in enumerate(zip(self._specs, self._regions, strict=True)):
            own, places = self._meeting[number][triangle]
            if not len(own):
                continue
            rows = slice(number * self._each, (number + 1) * self._each)
            for direction in (0, 1):
                region.reshape(-1, 3)[places] = self._tried[triangle][own, direction]
                crop = call_crop(spec, region).reshape(-1, 3)
                self._pair[direction, rows] = crop if self._added is None else crop + self._added[rows]

    def _accept_inputs(self, triangle: int, direction: int) -> None:
        for number, region in enumerate(self._regions):
            own, places = self._meeting[number][triangle]
            if len(own):
                rows = slice(number * self._each, (number + 1) * self._each)
                region.reshape(-1, 3)[places] = self._tried[triangle][own, direction]
                self._pair[1 - direction, rows] = self._pair[direction, rows]


def make_inputs(image: TriangleImage, views: Sequence[View]) -> TriangleInputs:
    """Make the inputs of views by linear products, or by cropping again where a crop is not linear."""
    linear = all(view.crop.operator is not None for view in views)
    return (LinearInputs if linear else RecroppedInputs)(image, views)
