"""Front ends that an attacker puts before a classifier, to undo what was done to the classifier's disadvantage.

Each takes and gives the neighbourhood of one face, as `surroundings` cuts it: the widths of filters are shares of its
longer side. That transformations of the input undo adversarial changes was shown by Guo et al. (2018, "Countering
adversarial images using input transformations"), Xu et al. (2018, "Feature squeezing": few levels, median, non-local
means) and Xie et al. (2018, "Mitigating adversarial effects through randomization": a changed geometry). What to expect
of each is measured by ``benchmarks/restoring_fronts.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.acquire import find_again
from facepriv.imaging.versions import grey, jpeg, mirror
from facepriv.types import Face, Image

MARGIN = 0.5
"""How far the neighbourhood of a face reaches past its box on every side, in the box's longer sides."""
LONGEST = 300
"""Longer side of a neighbourhood, pixels, to which a larger one is reduced: denoising a whole photo takes seconds."""
SMOOTH_CHROMA = 0.08
"""Standard deviation of the Gaussian by which colour is smoothed, in longer sides of the neighbourhood."""
BLUR = 0.012
"""Standard deviation of the Gaussian by which all is blurred, likewise."""
JPEG_QUALITY = 50
MEDIAN = 5
"""Side of the median filter, pixels."""
DENOISE_BRIGHTNESS, DENOISE_COLOUR = 8.0, 20.0
"""Strength of non-local means, grey levels."""
DENOISE_PATCH, DENOISE_WINDOW = 5, 11
"""Sides of the patches compared and of the window searched, pixels."""
LEVEL = 32
"""Grey levels that are taken for one."""
SHEAR = 0.15
"""How far a sheared image moves sideways, in pixels a row."""


def _with_chroma(pixels: Image, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Image:
    """Change only the two colour differences ``(h, w, 2)``, zero where there is no colour."""
    planes = cv2.cvtColor(np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255), cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] = change(planes[..., 1:] - np.float32(0.5)) + np.float32(0.5)
    back = cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB)
    return np.clip(np.rint(back * 255), 0, 255).astype(np.uint8)


def _gaussian(planes: NDArray[np.generic], share: float) -> NDArray[np.float32]:
    sigma = max(share * max(planes.shape[:2]), 1e-3)
    return cv2.GaussianBlur(planes, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def smooth_colour(pixels: Image) -> Image:
    """Smooth colour strongly and leave brightness as it is."""
    return _with_chroma(pixels, lambda chroma: _gaussian(chroma, SMOOTH_CHROMA))


def flatten_colour(pixels: Image) -> Image:
    """Return the whole image one tint, the mean of its middle, and leave brightness as it is.

    A smooth colour field is too slow for `smooth_colour` in part, but has no mean. Unlike `grey` this leaves skin
    the colour of skin, which is what classifiers of colour images have learnt from.
    """
    height, width = pixels.shape[:2]
    rows, columns = slice(height // 4, height - height // 4), slice(width // 4, width - width // 4)
    return _with_chroma(pixels, lambda chroma: np.broadcast_to(chroma[rows, columns].mean(axis=(0, 1)), chroma.shape))


def coarse_jpeg(pixels: Image) -> Image:
    """Compress as JPEG of quality 50 and decompress."""
    return jpeg(pixels, JPEG_QUALITY)


def blur(pixels: Image) -> Image:
    """Blur by a Gaussian."""
    return _gaussian(np.ascontiguousarray(pixels), BLUR).astype(np.uint8)


def median(pixels: Image) -> Image:
    """Take the median of small squares, channel by channel."""
    return cv2.medianBlur(np.ascontiguousarray(pixels), MEDIAN)


def denoise(pixels: Image) -> Image:
    """Denoise by non-local means in CIELAB (Buades et al. 2005), colour more than brightness."""
    return cv2.fastNlMeansDenoisingColored(
        np.ascontiguousarray(pixels), None, DENOISE_BRIGHTNESS, DENOISE_COLOUR, DENOISE_PATCH, DENOISE_WINDOW
    )


def levels(pixels: Image) -> Image:
    """Leave eight levels of every channel."""
    return pixels // LEVEL * LEVEL + LEVEL // 2


def sheared(pixels: Image) -> Image:
    """Swap left and right and shear sideways about the middle, which no upright alignment of the face takes back."""
    height, width = pixels.shape[:2]
    matrix = np.array([[1, SHEAR, -SHEAR * (height - 1) / 2], [0, 1, 0]], dtype=np.float64)
    return cv2.warpAffine(mirror(pixels), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def sheared_levels(pixels: Image) -> Image:
    """Apply `sheared` and then `levels`, against changes that are smooth and symmetric."""
    return levels(sheared(pixels))


RESTORERS: dict[str, Callable[[Image], Image]] = {
    "grey": grey,
    "smooth-colour": smooth_colour,
    "flatten-colour": flatten_colour,
    "jpeg50": coarse_jpeg,
    "blur": blur,
    "median": median,
    "denoise": denoise,
    "levels": levels,
    "mirror": mirror,
    "sheared": sheared,
    "sheared-levels": sheared_levels,
}
"""By name, in the order of `restored_faces`: RGB uint8 ``(h, w, 3)`` to the same shape; the input is not changed."""


def surroundings(face: Face) -> Image:
    """Cut a face with a margin out of its image, ``(h, w, 3)``, reduced to at most `LONGEST` pixels.

    Empty where the face's box lies outside the image.
    """
    left, top, right, bottom = face.box
    margin = round(MARGIN * max(right - left, bottom - top))
    height, width = face.pixels.shape[:2]
    rows = slice(max(top - margin, 0), min(max(bottom + margin, 0), height))
    columns = slice(max(left - margin, 0), min(max(right + margin, 0), width))
    cut = np.ascontiguousarray(face.pixels[rows, columns])
    scale = LONGEST / max(*cut.shape[:2], 1)
    if cut.size == 0 or scale >= 1:
        return cut.copy()
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    return cv2.resize(cut, size, interpolation=cv2.INTER_AREA)


def restored_faces(face: Face) -> list[Face | None]:
    """Put a face through every front end and find it again, as an attacker would.

    Return one entry for each of `RESTORERS`, in its order: the front end's image of the face's `surroundings`, with box
    and landmarks found in it; None where no face is found any more.
    """
    cut = surroundings(face)
    return [None if cut.size == 0 else find_again(face, restore(cut)) for restore in RESTORERS.values()]
