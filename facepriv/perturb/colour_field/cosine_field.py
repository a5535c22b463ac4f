"""Smooth fields over a face: cosines in the face's own coordinates, in one or more colour directions.

A field is a weighted sum of patterns ``mask(x, y) * cos(pi i u) * cos(pi j v) * a``, ``a`` a unit vector of RGB.
Only even ``i`` are used, so that a field is the same on both halves of the face: classifiers hardly tell left from
right, and half the patterns are half the evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.common.face_frame import FaceFrame, input_points
from facepriv.types import CropSpec, Image

AXES: dict[str, NDArray[np.float64]] = {
    "red-blue": np.array([1.0, 0.0, -1.0]) / math.sqrt(2),
    "green-magenta": np.array([1.0, -2.0, 1.0]) / math.sqrt(6),
    "brightness": np.array([1.0, 1.0, 1.0]) / math.sqrt(3),
}
"""Orthonormal directions of RGB: two of colour, one of brightness."""
GRAM_POINTS = 64
TABLE, TABLE_MARGIN = 128, 8
"""A field is summed on a table of this size and sampled from it; its margin serves points just outside the chip."""


@dataclass(frozen=True)
class Pattern:
    """One pattern of a field."""

    axis: str
    """A key of `AXES`."""
    i: int
    """Half waves across the face, even."""
    j: int
    """Half waves down the face."""


def patterns(axes: tuple[str, ...], low: float, high: float) -> list[Pattern]:
    """List the symmetric patterns of some axes with ``low <= hypot(i, j) <= high``."""
    top = math.floor(high) + 1
    return [
        Pattern(axis, i, j)
        for axis in axes
        for i in range(0, top, 2)
        for j in range(top)
        if low <= math.hypot(i, j) <= high
    ]


class InputField:
    """What patterns add to a classifier's input: waves, which patterns of several colours share."""

    def __init__(self, waves: NDArray[np.float32], which: NDArray[np.int64], axes: NDArray[np.float32]) -> None:
        self._waves = waves
        """``(waves, height, width)``, masked."""
        self._colours = np.zeros((len(which), 3, len(waves)), dtype=np.float32)
        """``(patterns, 3, waves)``: what a pattern adds to each channel of each wave."""
        self._colours[np.arange(len(which)), :, which] = axes

    def add(self, coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the sums ``(m, height, width, 3)`` of patterns with coefficients ``(m, patterns)``, in grey levels."""
        weights = np.tensordot(coefficients.astype(np.float32), self._colours, axes=1)
        planes = weights.reshape(-1, len(self._waves)) @ self._waves.reshape(len(self._waves), -1)
        fields = planes.reshape(len(coefficients), 3, *self._waves.shape[1:])
        return np.ascontiguousarray(fields.transpose(0, 2, 3, 1))


class CosineField:
    """Patterns laid over one face; a field is given by one coefficient for each, in grey levels."""

    def __init__(self, frame: FaceFrame, used: list[Pattern]) -> None:
        self.frame = frame
        self.patterns = used
        self._i = np.array([p.i for p in used])
        self._j = np.array([p.j for p in used])
        self._axes = np.stack([AXES[p.axis] for p in used])
        self._top = int(max(self._i.max(), self._j.max())) + 1

    def _cosines(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return ``cos(pi i u)`` and ``cos(pi j v)`` for all patterns, ``(..., n)`` each."""
        waves = np.arange(self._top)
        return np.cos(np.pi * u[..., None] * waves)[..., self._i], np.cos(np.pi * v[..., None] * waves)[..., self._j]

    def gram(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        """Return the mean square change of the chip's area that coefficients make, as a matrix ``(n, n)``.

        A squared grey level of an axis counts for its weight; 1 where none is given.
        """
        line = (np.arange(GRAM_POINTS) + 0.5) / GRAM_POINTS
        u, v = np.meshgrid(line, line)
        mask = self.frame.mask_at(*self.frame.image_points(u, v))
        across, down = self._cosines(u, v)
        values = (across * down * mask[..., None]).reshape(-1, len(self.patterns))
        overlap = values.T @ values / len(values)
        weight = np.array([math.sqrt(weights.get(p.axis, 1.0)) for p in self.patterns])
        return overlap * (self._axes @ self._axes.T) * np.outer(weight, weight)

    def on_input(self, spec: CropSpec, chosen: NDArray[np.int64]) -> InputField:
        """Return what chosen patterns add to a classifier's input.

        Taken at the centres of the input's pixels, which for patterns many pixels long is what cropping gives.
        """
        x, y = input_points(spec)
        u, v = self.frame.coordinates(x, y)
        mask = self.frame.mask_at(x, y).astype(np.float32)
        waves, which = np.unique(np.stack([self._i, self._j], axis=1)[chosen], axis=0, return_inverse=True)
        planes = np.stack([np.cos(np.pi * i * u).astype(np.float32) for i in range(self._top)])[waves[:, 0]]
        planes *= np.stack([np.cos(np.pi * j * v).astype(np.float32) for j in range(self._top)])[waves[:, 1]]
        planes *= mask
        return InputField(planes, which.ravel(), self._axes[chosen].astype(np.float32))

    @cached_property
    def _places(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where in the table each pixel of the region looks."""
        rows, columns = self.frame.region
        x, y = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
        u, v = self.frame.coordinates(x.astype(np.float64), y.astype(np.float64))
        inner = TABLE - 2 * TABLE_MARGIN
        return (
            (u * inner + TABLE_MARGIN - 0.5).astype(np.float32),
            (v * inner + TABLE_MARGIN - 0.5).astype(np.float32),
        )

    def render(self, coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the field inside the frame's region, ``(rows, columns, 3)`` grey levels, masked."""
        inner = TABLE - 2 * TABLE_MARGIN
        line = (np.arange(TABLE) - TABLE_MARGIN + 0.5) / inner
        waves = np.cos(np.pi * np.outer(line, np.arange(self._top)))
        weights = np.zeros((self._top, self._top, 3))
        np.add.at(weights, (self._j, self._i), coefficients[:, None] * self._axes)
        table = np.einsum("yj,jic,xi->yxc", waves, weights, waves, optimize=True).astype(np.float32)
        x, y = self._places
        rows, columns = self.frame.region
        field = cv2.remap(table, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        return field * self.frame.mask[rows, columns, None]

    def apply(self, pixels: Image, coefficients: NDArray[np.float64]) -> Image:
        """Add the field to an image ``(h, w, 3)`` and round to what a file holds."""
        rows, columns = self.frame.region
        changed = pixels.copy()
        inside = pixels[rows, columns].astype(np.float32) + self.render(coefficients)
        changed[rows, columns] = np.clip(np.rint(inside), 0, 255).astype(np.uint8)
        return changed
