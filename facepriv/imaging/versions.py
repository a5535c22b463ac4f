"""Versions that a stored file is turned into by whoever passes it on: a flip that none survives is worth little."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facepriv.types import Image

JPEG_QUALITY = 90
RESIZE_SCALE = 0.75
RESIZE_PERCENT = f"{100 * RESIZE_SCALE:.0f} %"
"""The same in words."""
VERSION_TITLES = {
    "jpeg90": f"JPEG, quality {JPEG_QUALITY}",
    "resize75": f"resized to {RESIZE_PERCENT}",
    "grey": "greyscale",
    "mirror": "mirrored",
}
"""What each of `VERSIONS` is called."""
VERSION_PHRASES = {
    "jpeg90": f"after JPEG compression (quality {JPEG_QUALITY})",
    "resize75": f"after a resize to {RESIZE_PERCENT}",
    "grey": "in greyscale",
    "mirror": "in the mirror",
}
"""The same at the end of a sentence."""


def jpeg(pixels: Image, quality: int = JPEG_QUALITY) -> Image:
    """Compress as JPEG (4:2:0, as libjpeg does by default) and decompress."""
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)


def resize(pixels: Image, scale: float = RESIZE_SCALE) -> Image:
    """Shrink by averaging over areas; at least one pixel is left in either direction."""
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA)


def grey(pixels: Image) -> Image:
    """Take the colour away: luma of ITU-R BT.601 in all three channels."""
    luma = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return np.repeat(luma[..., None], 3, axis=2)


def mirror(pixels: Image) -> Image:
    """Swap left and right."""
    return np.ascontiguousarray(pixels[:, ::-1])


VERSIONS: dict[str, Callable[[Image], Image]] = {
    "jpeg90": jpeg,
    "resize75": resize,
    "grey": grey,
    "mirror": mirror,
}
"""By name, in the order of `VERSION_TITLES`."""


def make_version(pixels: Image, name: str) -> Image:
    """Turn an image ``(h, w, 3)`` RGB uint8 into the version called ``name``, a key of `VERSIONS`."""
    return VERSIONS[name](pixels)
