"""Versions that a stored file is turned into by whoever passes it on: a flip that none survives is worth little."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facepriv.types import Image

JPEG_QUALITY = 90
SCALE = 0.75


def jpeg(pixels: Image, quality: int = JPEG_QUALITY) -> Image:
    """Compress as JPEG (4:2:0, as libjpeg does by default) and decompress."""
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)


def resize(pixels: Image, scale: float = SCALE) -> Image:
    """Shrink by averaging over areas; at least one pixel is left in either direction."""
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    smaller: Image = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA)
    return smaller


def grey(pixels: Image) -> Image:
    """Take the colour away: luma of ITU-R BT.601 in all three channels."""
    luma = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return np.repeat(luma[..., None], 3, axis=2)


VERSIONS: dict[str, Callable[[Image], Image]] = {"jpeg90": jpeg, "resize75": resize, "grey": grey}
"""By name: JPEG quality 90, 75 % of the size, greyscale."""


def make_version(pixels: Image, name: str) -> Image:
    """Turn an image ``(h, w, 3)`` RGB uint8 into the version called ``name``, a key of `VERSIONS`."""
    return VERSIONS[name](pixels)
