"""Mean faces of either gender in one shape, and what tells them apart, by band and region.

Faces are warped onto one mirror-symmetric shape and averaged over the subjects of a gender. The difference of two
means is split into light and colour, into bands by Gaussian blurs, and into soft regions, so that a method may weight
each by itself; the difference of the mean shapes is split by the same regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import delaunay

Floats = NDArray[np.float32]
Points = NDArray[np.float64]

WIDTH = 160
"""Width of the canonical face from one end of the jaw line to the other, pixels."""
BORDER = 8
"""Pixels around the canonical face."""
FOREHEAD = 0.22
"""How far the brows are raised to bound the face, in distances from chin to brows."""
FEATHER, SHIFT_FEATHER = 0.06, 0.22
"""Width of the soft edge of the face, in face widths, for what is added and for what is moved.

Points that move must come to rest so slowly that the image does not fold."""
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of ITU-R BT.601."""
REGIONS = ("forehead", "brows", "eyes", "nose", "cheeks", "mouth", "jaw")
SOFTNESS = 0.06
"""How far a region fades into its neighbours, in face widths."""

CHIN, BROWS = 8, slice(17, 27)
# Where each of the 68 landmarks goes in a mirror.
_MIRROR = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)),
    ]
)


def face_width(landmarks: NDArray[np.floating]) -> float:
    """Return the distance between both ends of the jaw line, pixels, of 68 landmarks ``(k, 2)``."""
    return float(np.hypot(*(landmarks[16] - landmarks[0]).astype(np.float64)))


def bounded(landmarks: NDArray[np.floating]) -> Points:
    """Add a forehead to 68 landmarks: the ten points of the brows, raised away from the chin, ``(78, 2)`` in all.

    Raises BadInputError with code ``landmark-count`` if there are not 68 landmarks, ``degenerate-landmarks`` if they
    span no face.
    """
    if landmarks.shape != (68, 2):
        raise BadInputError(
            f"68 landmarks of a face were expected, but {len(landmarks)} came; find the face with the detector of "
            "this program.",
            code="landmark-count",
        )
    points = landmarks.astype(np.float64)
    raised = points[BROWS] + FOREHEAD * (points[BROWS].mean(axis=0) - points[CHIN])
    both = np.concatenate([points, raised])
    check_span(both, landmarks)
    return both


def check_span(points: NDArray[np.floating], landmarks: NDArray[np.floating]) -> None:
    """Raise BadInputError with code ``degenerate-landmarks`` if points, or the face's 68 landmarks, span no face."""
    finite = np.isfinite(points).all() and np.isfinite(landmarks).all()
    if not finite or face_width(landmarks) < 1 or np.linalg.matrix_rank(points - points[0], tol=1.0) < 2:
        raise BadInputError(
            "Landmarks that span a face were expected, but these lie on one line or are not numbers; leave the image "
            "out.",
            code="degenerate-landmarks",
        )


def plane_of(points: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Return points ``(k, 2)`` as ``x + iy``, where a turn and scale is one factor."""
    return np.asarray(points, dtype=np.float64) @ np.array([1, 1j])


def points_of(plane: NDArray[np.complex128]) -> Points:
    """Return ``x + iy`` as points ``(k, 2)``."""
    return np.column_stack([plane.real, plane.imag])


def turn_onto(points: NDArray[np.floating], goal: NDArray[np.floating]) -> complex:
    """Return turn and scale that best take points ``(k, 2)`` to a goal ``(k, 2)``, both about their middle."""
    plane, target = plane_of(points), plane_of(goal)
    plane = plane - plane.mean()
    return complex(np.vdot(plane, target - target.mean()) / np.vdot(plane, plane))


def mean_shape(shapes: Sequence[NDArray[np.floating]]) -> Points:
    """Average landmarks ``(68, 2)`` of several faces, freed of place, size and turn, and made mirror-symmetric.

    Generalised Procrustes analysis (Gower 1975) with three passes. Return points ``(78, 2)`` with the forehead of
    `bounded`, upright, `WIDTH` pixels wide, `BORDER` pixels from the edges of the frame that `frame_size` gives.
    """
    centred = [plane - plane.mean() for plane in map(plane_of, shapes)]
    mean = centred[0]
    for _ in range(3):
        mean = np.mean([plane * (np.vdot(plane, mean) / np.vdot(plane, plane)) for plane in centred], axis=0)
    mean = mean * np.exp(-1j * np.angle(mean[16] - mean[0]))
    mean = (mean - mean.conj()[_MIRROR]) / 2
    mean = mean * (WIDTH / abs(mean[16] - mean[0]))
    points = bounded(points_of(mean))
    points[:, 1] -= points[:, 1].min() - BORDER
    # The axis of the mirror lies in the middle of a whole number of columns.
    points[:, 0] += (np.ceil(np.ptp(points[:, 0])) + 2 * BORDER) / 2
    return points


def frame_size(points: Points) -> tuple[int, int]:
    """Return height and width of the frame of a canonical shape from `mean_shape`."""
    width = int(np.ceil(np.ptp(points[:, 0]))) + 2 * BORDER + 1
    return int(np.ceil(points[:, 1].max())) + BORDER + 1, width


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where every pixel of a box of one frame lies in another, triangle by triangle; NaN-free, for `cv2.remap`."""

    left: int
    top: int
    there: Floats
    """``(h, w, 2)`` x, y in the other frame; far outside of it where the pixel is in no triangle."""

    def take(self, image: NDArray[np.generic]) -> Floats:
        """Sample an image ``(h, w, 3)`` of the other frame, bilinear, black outside: ``(h, w, 3)`` of this box."""
        return cv2.remap(
            np.ascontiguousarray(image, dtype=np.float32),
            self.there,
            None,
            interpolation=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(0.0, 0.0, 0.0),
        )

    @property
    def rows(self) -> slice:
        """Rows of the box in its own frame."""
        return slice(self.top, self.top + self.there.shape[0])

    @property
    def columns(self) -> slice:
        """Columns of the box in its own frame."""
        return slice(self.left, self.left + self.there.shape[1])


def correspond(here: Points, there: Points, height: int, width: int) -> Correspondence:
    """Map the pixels of a frame in which a face has the points ``here`` to a frame in which it has ``there``.

    Each triangle of the points has its own affine map (paper, section 2.2). Raises BadInputError with code
    ``outside-image`` if no point of the face lies in the frame, ``degenerate-landmarks`` if the points span no
    triangle.
    """
    left, top = np.maximum(np.floor(here.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(here.max(axis=0)) + 1, (width, height)).astype(int)
    if right <= left or bottom <= top:
        raise BadInputError(
            "Landmarks inside the image were expected, but they lie outside of it; find the face again.",
            code="outside-image",
        )
    mesh = delaunay(here)
    corners = np.concatenate([here[mesh.simplices], np.ones((len(mesh.simplices), 3, 1))], axis=2)
    # A triangle without area owns no pixel; the pseudo-inverse merely keeps it from stopping the rest.
    affine = np.linalg.pinv(corners) @ there[mesh.simplices]
    ys, xs = np.mgrid[top:bottom, left:right]
    pixels = np.column_stack([xs.ravel(), ys.ravel()]).astype(np.float64)
    owner = mesh.find_simplex(pixels)
    homogeneous = np.column_stack([pixels, np.ones(len(pixels))])
    mapped = np.einsum("ni,nij->nj", homogeneous, affine[owner])
    mapped[owner < 0] = -1e4
    return Correspondence(int(left), int(top), mapped.reshape(*xs.shape, 2).astype(np.float32))


def to_canonical(pixels: NDArray[np.generic], landmarks: NDArray[np.floating], points: Points) -> Floats:
    """Warp a face into the canonical shape ``points``, ``(h, w, 3)`` float32, black outside the face."""
    height, width = frame_size(points)
    whole = np.zeros((height, width, 3), dtype=np.float32)
    there = correspond(points, bounded(landmarks), height, width)
    whole[there.rows, there.columns] = there.take(pixels)
    return whole


class CanonicalFrame:
    """The canonical face of points ``(78, 2)`` from `mean_shape`: its mask, its regions and its blurs."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self.height, self.width = frame_size(points)

    @cached_property
    def hull(self) -> NDArray[np.bool_]:
        """``(h, w)``, true inside the face."""
        return self._filled(self.points)

    @cached_property
    def mask(self) -> Floats:
        """``(h, w)``, 1 inside, falling smoothly to 0 at the edge of the face over `FEATHER` of its width."""
        return self._faded(FEATHER)

    @cached_property
    def inner(self) -> Floats:
        """The same over `SHIFT_FEATHER`."""
        return self._faded(SHIFT_FEATHER)

    @cached_property
    def regions(self) -> Floats:
        """``(7, h, w)`` weights of `REGIONS`, each 0..1, together the mask."""
        p = self.points
        brow_middle = (p[17:27] + p[68:78]) / 2
        cheeks = [(p[[1, 2, 3, 4]] + p[[36, 36, 31, 48]]) / 2, (p[[15, 14, 13, 12]] + p[[45, 45, 35, 54]]) / 2]
        shapes = {
            "forehead": [np.concatenate([brow_middle, p[68:78][::-1]])],
            "brows": [p[17:22], p[22:27]],
            "eyes": [p[36:42], p[42:48]],
            "nose": [p[27:36]],
            "cheeks": cheeks,
            "mouth": [p[48:60], (p[48:55] + p[[31, 32, 32, 33, 34, 34, 35]]) / 2],
            "jaw": [np.concatenate([0.8 * p[4:13] + 0.2 * p[57], (0.3 * p[4:13] + 0.7 * p[57])[::-1]])],
        }
        weights = []
        for name in REGIONS:
            inside = np.zeros((self.height, self.width), dtype=bool)
            for shape in shapes[name]:
                inside |= self._filled(shape)
            away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
            weights.append(np.exp(-0.5 * (away / (SOFTNESS * WIDTH)) ** 2) + 1e-6)
        stack = np.stack(weights)
        return (stack / stack.sum(axis=0) * self.mask).astype(np.float32)

    @cached_property
    def lips(self) -> Floats:
        """``(h, w)``, 1 on the lips and what lies between them, falling smoothly to 0."""
        drawn = self._filled(self.points[48:60]).astype(np.float32)
        return cv2.GaussianBlur(cv2.dilate(drawn, np.ones((7, 7), np.uint8)), (0, 0), 3.0)

    def blur(self, field: Floats, sigma: float) -> Floats:
        """Blur a field ``(h, w, 3)`` by a Gaussian of ``sigma`` face widths, without what lies outside the face."""
        inside = self.hull.astype(np.float32)
        weight = cv2.GaussianBlur(inside, (0, 0), sigma * WIDTH)
        smooth = cv2.GaussianBlur(field * inside[..., None], (0, 0), sigma * WIDTH)
        return (smooth / np.maximum(weight, 1e-6)[..., None] * inside[..., None]).astype(np.float32)

    def light(self, field: Floats, sigma: float) -> Floats:
        """Return the grey part of a field ``(h, w, 3)`` less its Gaussian blur of ``sigma`` face widths."""
        grey = np.repeat((field @ LUMA)[..., None], 3, axis=2)
        return (grey - self.blur(grey, sigma)) * self.hull[..., None]

    def colour(self, field: Floats) -> Floats:
        """Return the part of a field ``(h, w, 3)`` that leaves luma as it is, all bands."""
        return (field - (field @ LUMA)[..., None]) * self.hull[..., None]

    def shift(self, change: Points) -> Floats:
        """Spread a change of the 68 landmarks ``(68, 2)`` over the face, ``(h, w, 2)`` in canonical pixels.

        Every pixel moves as the landmarks near it (Gaussian weights of `SOFTNESS`), and less far from all of them.
        """
        ys, xs = np.mgrid[: self.height, : self.width].astype(np.float64)
        away = (xs[..., None] - self.points[:68, 0]) ** 2 + (ys[..., None] - self.points[:68, 1]) ** 2
        near = np.exp(-away / (2 * (SOFTNESS * WIDTH) ** 2))
        return ((near @ change) / (near.sum(axis=2, keepdims=True) + 1e-3)).astype(np.float32)

    def by_region(self, field: Floats, mask: Floats | None = None) -> Floats:
        """Split a field ``(h, w, c)`` by region, ``(7, h, w, c)``; the sum is the field times the mask.

        With another ``mask`` ``(h, w)`` inside the frame's own, it is the field times that one.
        """
        split: Floats = self.regions[..., None] * field
        if mask is not None:
            split *= (mask / np.maximum(self.mask, 1e-6))[..., None]
        return split

    def _faded(self, width: float) -> Floats:
        inward = cv2.distanceTransform(self.hull.astype(np.uint8), cv2.DIST_L2, 5) - 1
        ramp = np.clip(inward / (width * WIDTH), 0, 1)
        return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)

    def _filled(self, corners: Points) -> NDArray[np.bool_]:
        drawn = np.zeros((self.height, self.width), dtype=np.uint8)
        cv2.fillConvexPoly(drawn, cv2.convexHull(np.rint(corners).astype(np.int32)), 1)
        return drawn.astype(bool)


def mean_faces(textures: Sequence[Floats], labels: Sequence[int], subjects: Sequence[str]) -> dict[int, Floats]:
    """Average faces of `to_canonical` by label, every subject counting the same, and with their mirror images."""
    means = _subject_means(textures, labels, subjects)
    return {label: ((mean + mean[:, ::-1]) / 2).astype(np.float32) for label, mean in means.items()}


def mean_landmarks(
    shapes: Sequence[NDArray[np.floating]], labels: Sequence[int], subjects: Sequence[str], points: Points
) -> dict[int, Points]:
    """Average landmarks ``(68, 2)`` by label in the canonical frame, every subject counting the same.

    Each is first turned, scaled and moved onto the canonical shape ``points``; the means are mirror-symmetric.
    """
    middle = plane_of(points[:68]).mean()
    planes = []
    for shape in shapes:
        plane = plane_of(shape)
        planes.append((plane - plane.mean()) * turn_onto(shape, points[:68]))
    means = _subject_means(planes, labels, subjects)
    return {label: points_of((mean - mean.conj()[_MIRROR]) / 2 + middle) for label, mean in means.items()}


def _subject_means(
    values: Sequence[NDArray[Any]], labels: Sequence[int], subjects: Sequence[str]
) -> dict[int, NDArray[Any]]:
    """Average values by label, every subject counting the same."""
    means = {}
    for label in sorted(set(labels)):
        by_subject: dict[str, list[NDArray[Any]]] = {}
        for value, own, subject in zip(values, labels, subjects, strict=True):
            if own == label:
                by_subject.setdefault(subject, []).append(value)
        means[label] = np.mean([np.mean(group, axis=0) for group in by_subject.values()], axis=0)
    return means
