"""Views of an image that a flip should outlast: crops moved a little, and crops of versions of the stored file.

Finding the face again moves the landmarks, and whoever passes a file on compresses or shrinks it. Making a JPEG for
every step would cost more than the network, so the difference between the input that a version gives and the input that
the image itself gives in the same place is frozen, and measured again with every check of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.acquire import look_again
from facepriv.imaging.moved_crop import move_crop
from facepriv.imaging.versions import make_version
from facepriv.perturb.algorithm1.triangle_inputs import View
from facepriv.perturb.base import score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.types import AttributeClassifier, CropFunction, Face, Image

SHIFT, SCALE, TURN = 0.015, 0.015, 0.015
"""Standard deviations of the jitter: of the face's width, of its size, and in radians."""


@dataclass(frozen=True)
class Jitter:
    """A small similarity: turn and scale about the face's middle, then shift."""

    shift: tuple[float, float]
    """x, y in widths of the face."""
    scale: float
    turn: float
    """Radians."""

    def similarity(self, face: Face) -> NDArray[np.float64]:
        """Return the similarity ``(2, 3)`` of the image that moves a face so."""
        points = face.landmarks.astype(np.float64)
        middle, width = points.mean(axis=0), float(np.ptp(points[:, 0]))
        cos, sin = self.scale * np.cos(self.turn), self.scale * np.sin(self.turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([linear, middle + np.multiply(self.shift, width) - linear @ middle])


def draw_jitters(count: int, rng: np.random.Generator) -> list[Jitter]:
    """Draw small similarities."""
    draws = rng.normal(size=(count, 4))
    return [Jitter((SHIFT * float(x), SHIFT * float(y)), 1 + SCALE * float(s), TURN * float(t)) for x, y, s, t in draws]


def moved_crop(guide: AttributeClassifier, face: Face, similarity: NDArray[np.float64], image: Image) -> AnchoredCrop:
    """Return the guide's crop of a face after a similarity ``(2, 3)`` that takes it into an image."""
    spec = guide.crop(face)
    if isinstance(spec, CropFunction):
        spec = guide.crop(move_face(face, similarity, image))
    else:
        spec = move_crop(spec, similarity)
    return AnchoredCrop(guide, spec, image.shape)


def move_face(face: Face, similarity: NDArray[np.float64], image: Image) -> Face:
    """Return a face in an image to which a similarity ``(2, 3)`` takes its landmarks and its box."""
    left, top, right, bottom = face.box
    scale = np.hypot(*similarity[:, 0])
    x, y = similarity[:, :2] @ [(left + right) / 2, (top + bottom) / 2] + similarity[:, 2]
    half_x, half_y = (right - left) * scale / 2, (bottom - top) * scale / 2
    box = (round(x - half_x), round(y - half_y), round(x + half_x), round(y + half_y))
    landmarks = face.landmarks @ similarity[:, :2].T + similarity[:, 2]
    return replace(face, pixels=image, landmarks=landmarks.astype(np.float32), box=box)


def size_change(version: Image, image: Image) -> NDArray[np.float64]:
    """Return the similarity ``(2, 3)`` from a shrunk or enlarged version of an image to the image itself."""
    ratio = float(np.mean(np.divide(image.shape[:2], version.shape[:2])))
    # Pixel centres have whole coordinates, so the edge of an image lies half a pixel outside of them.
    return np.array([[ratio, 0.0, (ratio - 1) / 2], [0.0, ratio, (ratio - 1) / 2]])


@dataclass(frozen=True, eq=False)
class VersionScore:
    """The guide's input and score of a version of the file, with the face found in the version."""

    version: str
    place: AnchoredCrop
    """The crop of the same part of the image itself."""
    crop: NDArray[np.float32]
    """The guide's input, ``(height, width, 3)``."""
    score: float


def score_versions(
    face: Face, stored: Image, versions: Sequence[str], guide: AttributeClassifier
) -> list[VersionScore]:
    """Find the face in versions of a stored image and score it there; a version without a face is left out."""
    scores = []
    for version in versions:
        version_face = look_again(face, make_version(stored, version))
        if version_face is None:
            continue
        place = moved_crop(guide, version_face, size_change(version_face.pixels, stored), stored)
        crop = AnchoredCrop.of(guide, version_face).take(version_face.pixels)
        scores.append(VersionScore(version, place, crop, score_face(guide, version_face)))
    return scores


def make_views(
    guide: AttributeClassifier,
    anchor: Face,
    crop: AnchoredCrop,
    jitters: Sequence[Jitter],
    versions: Sequence[VersionScore],
) -> list[View]:
    """Return the views: the crop anchored on the face, the same moved, and one for each version scored."""
    views = [View(crop)]
    views += [View(moved_crop(guide, anchor, jitter.similarity(anchor), anchor.pixels)) for jitter in jitters]
    views += [View(version.place, version.crop) for version in versions]
    return views
