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

from facepriv.imaging.acquire import find_again
from facepriv.imaging.versions import make_version
from facepriv.perturb.algorithm1.triangle_inputs import View
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.types import AttributeClassifier, Face, Image

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

    def __call__(self, face: Face) -> Face:
        """Move the landmarks and the box of a face."""
        points = face.landmarks.astype(np.float64)
        middle, width = points.mean(axis=0), float(np.ptp(points[:, 0]))
        cos, sin = self.scale * np.cos(self.turn), self.scale * np.sin(self.turn)
        matrix = np.array([[cos, sin], [-sin, cos]])

        def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
            return (points - middle) @ matrix + middle + np.multiply(self.shift, width)

        left, top, right, bottom = face.box
        (x, y) = move(np.array([[(left + right) / 2, (top + bottom) / 2]]))[0]
        half_x, half_y = (right - left) * self.scale / 2, (bottom - top) * self.scale / 2
        box = (round(x - half_x), round(y - half_y), round(x + half_x), round(y + half_y))
        return replace(face, landmarks=move(points).astype(np.float32), box=box)


def draw_jitters(count: int, rng: np.random.Generator) -> list[Jitter]:
    """Draw small similarities."""
    draws = rng.normal(size=(count, 4))
    return [Jitter((SHIFT * float(x), SHIFT * float(y)), 1 + SCALE * float(s), TURN * float(t)) for x, y, s, t in draws]


def mapped_back(face: Face, pixels: Image) -> Face:
    """Return a face found in a shrunk or enlarged version with the places that it has in the image itself."""
    sizes = np.array([[pixels.shape[1], pixels.shape[0]], [face.pixels.shape[1], face.pixels.shape[0]]])
    ratio = sizes[0] / sizes[1]
    landmarks = ((face.landmarks + 0.5) * ratio - 0.5).astype(np.float32)
    left, top, right, bottom = (round(float(side)) for side in np.multiply(face.box, np.tile(ratio, 2)))
    return replace(face, pixels=pixels, landmarks=landmarks, box=(left, top, right, bottom))


@dataclass(frozen=True, eq=False)
class VersionScore:
    """The guide's input and score of a version of the file, and the face found again in it."""

    version: str
    anchor: Face
    """The face with its places in the image itself."""
    crop: NDArray[np.float32]
    """The guide's input, ``(height, width, 3)``."""
    score: float


def score_versions(
    face: Face, stored: Image, versions: Sequence[str], guide: AttributeClassifier
) -> list[VersionScore]:
    """Find the face again in versions of a stored image and score it there; a version without a face is left out."""
    scores = []
    for version in versions:
        version_face = find_again(face, make_version(stored, version))
        if version_face is None:
            continue
        crop = AnchoredCrop(guide, version_face).take(version_face.pixels)
        score = float(guide.score(crop[None])[0])
        scores.append(VersionScore(version, mapped_back(version_face, stored), crop, score))
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
    views += [View(AnchoredCrop(guide, jitter(anchor))) for jitter in jitters]
    views += [View(AnchoredCrop(guide, version.anchor), version.crop) for version in versions]
    return views
