"""Lay fields of the canonical face onto an image in parts, each with a strength of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.common.mean_faces import (
    LUMA,
    REGIONS,
    CanonicalFrame,
    Floats,
    Points,
    bounded,
    correspond,
    face_width,
    to_canonical,
    turn_onto,
)
from facepriv.types import Face, Image

KINDS = ("light", "colour", "shape")
LIKENESS = ("brows", "mouth", "jaw")
"""Regions that may be drawn towards the other gender's mean face itself, as where a beard is to go."""
PARTS = (*((kind, region) for kind in KINDS for region in REGIONS), *(("likeness", region) for region in LIKENESS))
"""Kind and region of every part, in the order of the strengths."""
GAIN = (0.35, 1.25)
"""Least and greatest factor by which a face's own brightness scales what is added to it."""
BROW_SHIFT, BROW_LIKENESS = 5, 0.5
"""Most canonical pixels by which brows are moved to meet the face's own, and the correlation needed to do so."""
CEILING, CEILING_REACH = 4.0, 0.03
"""How far, in grey levels, added light may pass the brightest spot within so many face widths."""
SMOOTH = 0.15
"""Gaussian sigma of what counts as a face's brightness, in face widths."""
TINT, TINT_RANGE = 0.03, (0.4, 1.8)
"""Gaussian sigma, in face widths, of the colour that added light takes on, and the range of a channel's share."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What takes one gender's mean face to the other's, in the canonical frame."""

    frame: CanonicalFrame
    own: Floats
    """``(h, w, 3)`` mean face of the gender to leave."""
    other: Floats
    """``(h, w, 3)`` mean face of the gender to come near."""
    light: Floats
    """``(h, w, 3)``, equal channels."""
    colour: Floats
    """``(h, w, 3)`` without luma."""
    shift: Floats
    """``(h, w, 2)`` canonical pixels by which the face's points move."""

    @classmethod
    def between(
        cls, frame: CanonicalFrame, own: Floats, other: Floats, own_shape: Points, other_shape: Points, coarse: float
    ) -> Difference:
        """Take the difference of two mean faces and shapes; light coarser than ``coarse`` face widths is left out."""
        change = other - own
        return cls(
            frame=frame,
            own=own,
            other=other,
            light=frame.light(change, coarse),
            colour=frame.colour(change),
            shift=frame.shift(other_shape - own_shape),
        )


class Overlay:
    """A difference of mean faces, fitted to one image."""

    def __init__(self, face: Face, difference: Difference) -> None:
        frame = difference.frame
        self._face = face
        turn = turn_onto(frame.points[:68], face.landmarks)
        self._turn = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]], dtype=np.float32)
        self._map = correspond(bounded(face.landmarks), frame.points, *face.pixels.shape[:2])
        canonical = to_canonical(face.pixels, face.landmarks, frame.points)
        gain = _brightness(frame, canonical) / np.maximum(_brightness(frame, difference.own), 1.0)
        gain = np.clip(gain, *GAIN)[..., None].astype(np.float32)
        light = frame.by_region(difference.light)
        light[REGIONS.index("brows")] = (
            _move_brows(frame, difference.own, canonical, difference.light)
            * frame.regions[REGIONS.index("brows")][..., None]
        )
        self.light: Floats = (light * gain).astype(np.float32)
        """``(7, h, w, 3)`` canonical."""
        self.colour: Floats = (frame.by_region(difference.colour) * gain).astype(np.float32)
        """``(7, h, w, 3)`` canonical."""
        self.shift: Floats = frame.by_region(difference.shift, frame.inner)
        """``(7, h, w, 2)`` canonical."""
        self.likeness: Floats = _likeness(frame, difference, canonical)
        """``(3, h, w, 3)`` canonical: what is missing to the other gender's mean face, in the tone of this face."""
        box = np.ascontiguousarray(face.pixels[self._map.rows, self._map.columns]).astype(np.float32)
        reach = max(1, round(CEILING_REACH * face_width(face.landmarks)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        self._box = box
        near = cv2.GaussianBlur(box, (0, 0), max(0.5, TINT * face_width(face.landmarks)))
        # Light on skin has the skin's colour; equal channels would turn it grey.
        self._tint = np.clip(near / np.maximum(near @ LUMA, 1.0)[..., None], *TINT_RANGE).astype(np.float32)
        self._ceiling = np.maximum(box, cv2.dilate(cv2.GaussianBlur(box, (0, 0), 1.0), kernel) + np.float32(CEILING))

    def mean_square(self, pixels: Image) -> float:
        """Return the mean square error of a version of the image inside the face box, as a share of 255 squared."""
        return float(np.mean(self._difference(pixels) ** 2))

    def squares(
        self,
        at_start: Image,
        raised: Sequence[Image],
        parts: Sequence[int],
        steps: NDArray[np.float64],
        start: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return the mean square error inside the face box as ``x G x + 2 l x + c`` of strengths ``x``.

        Parameters
        ----------
        at_start, raised
            What was rendered with the strengths ``start``, and with each of ``parts`` raised by its step.

        Returns
        -------
        tuple
            ``(p, p)``, ``(p,)`` and a number, for all `PARTS`; nothing for those that were not raised.
        """
        moved = self._difference(at_start)
        effects = np.zeros((len(PARTS), len(moved)), dtype=np.float32)
        for part, pixels in zip(parts, raised, strict=True):
            effects[part] = (self._difference(pixels) - moved) / steps[part]
        offset = moved - start.astype(np.float32) @ effects
        count = len(moved)
        return (
            (effects @ effects.T).astype(np.float64) / count,
            (effects @ offset).astype(np.float64) / count,
            float(offset @ offset) / count,
        )

    def _difference(self, pixels: Image) -> Floats:
        """Return what changed inside the face box, flat, as a share of 255."""
        left, top, right, bottom = self._face.box
        box = slice(max(0, top), bottom), slice(max(0, left), right)
        changed = pixels[box].astype(np.float32) - self._face.pixels[box].astype(np.float32)
        return changed.ravel() / np.float32(255)

    def render(self, strengths: NDArray[np.floating]) -> Image:
        """Lay the parts on the image with strengths ``(24,)``, ordered as `PARTS`.

        Added light never passes what is brightest near by, so that skin where the mean face has a brow's edge gets no
        halo. Colour may fade to grey, as where a beard was shaved, but not past it to blue.
        """
        strengths = np.asarray(strengths, dtype=np.float32)
        amount = strengths[: len(KINDS) * len(REGIONS)].reshape(len(KINDS), len(REGIONS))
        likeness = strengths[len(KINDS) * len(REGIONS) :]
        nearer = self._box
        if likeness.any():
            nearer = nearer + self._map.take(_mix(likeness, self.likeness))
        lit = nearer + self._tint * self._map.take(_mix(amount[0], self.light))
        lit = np.minimum(lit, np.maximum(self._ceiling, nearer))
        box = _no_bluer_than_grey(lit, lit + self._map.take(_mix(amount[1], self.colour)))
        image = self._face.pixels.astype(np.float32)
        image[self._map.rows, self._map.columns] = box
        if amount[2].any():
            image[self._map.rows, self._map.columns] = self._bent(image, amount[2])
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)

    def _bent(self, image: Floats, amount: Floats) -> Floats:
        """Move the points of the face's box; each pixel takes the value from where its point came."""
        shift = np.zeros((*self.shift.shape[1:3], 3), dtype=np.float32)
        shift[..., :2] = _mix(amount, self.shift)
        moved = self._map.take(shift)[..., :2] @ self._turn.T
        ys, xs = np.mgrid[self._map.rows, self._map.columns].astype(np.float32)
        there = xs - moved[..., 0], ys - moved[..., 1]
        return cv2.remap(image, *there, interpolation=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _no_bluer_than_grey(before: Floats, after: Floats) -> Floats:
    """Hold red from falling below luma and blue from rising above it, unless they were there before."""
    luma = after @ LUMA
    red = np.maximum(after[..., 0], np.minimum(before[..., 0], luma))
    blue = np.minimum(after[..., 2], np.maximum(before[..., 2], luma))
    return np.stack([red, after[..., 1], blue], axis=2)


def _likeness(frame: CanonicalFrame, difference: Difference, face: Floats) -> Floats:
    """Return what is missing to the other gender's mean face in the face's own tone, ``(3, h, w, 3)``.

    The tone is what cheeks, nose and forehead have of the mean's. Lips are left out, since an open mouth must not be
    mixed with a closed one.
    """
    skin = sum(frame.regions[REGIONS.index(name)] for name in ("cheeks", "nose", "forehead")) > 0.5
    tone = np.median(face[skin], axis=0) / np.maximum(np.median(difference.other[skin], axis=0), 1.0)
    missing = difference.other * np.clip(tone, 0.1, 3.0).astype(np.float32) - face
    weights = np.stack([frame.regions[REGIONS.index(name)] for name in LIKENESS])
    weights[1:] *= 1 - frame.lips
    return (weights[..., None] * missing).astype(np.float32)


def _mix(amounts: Floats, parts: Floats) -> Floats:
    return np.tensordot(amounts, parts, axes=1).astype(np.float32)


def _brightness(frame: CanonicalFrame, face: Floats) -> Floats:
    """Return the smooth luma of a canonical face, ``(h, w)``."""
    return frame.blur(np.repeat((face @ LUMA)[..., None], 3, axis=2), SMOOTH)[..., 0]


def _move_brows(frame: CanonicalFrame, own: Floats, face: Floats, light: Floats) -> Floats:
    """Move each half of a light field so that the mean face's brow lies on the face's own.

    Landmarks follow a brow's middle line only roughly. Where the face shows no brow that is like the mean's, nothing
    is moved.
    """
    middle = frame.width // 2
    moved = light.copy()
    for brow, half in ((slice(17, 22), slice(0, middle)), (slice(22, 27), slice(middle, frame.width))):
        points = frame.points[brow]
        left, top = np.floor(points.min(axis=0)).astype(int) - 4
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + 5
        left, right = max(left, BROW_SHIFT), min(right, frame.width - BROW_SHIFT)
        top, bottom = max(top, BROW_SHIFT), min(bottom, frame.height - BROW_SHIFT)
        wide = face[top - BROW_SHIFT : bottom + BROW_SHIFT, left - BROW_SHIFT : right + BROW_SHIFT] @ LUMA
        likeness = cv2.matchTemplate(wide, own[top:bottom, left:right] @ LUMA, cv2.TM_CCOEFF_NORMED)
        best = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        if likeness[best] < BROW_LIKENESS:
            continue
        down, across = int(best[0]) - BROW_SHIFT, int(best[1]) - BROW_SHIFT
        turn = np.array([[1, 0, across], [0, 1, down]], dtype=np.float64)
        whole = cv2.warpAffine(light, turn, (frame.width, frame.height), borderMode=cv2.BORDER_REPLICATE)
        moved[:, half] = whole[:, half]
    return moved
