"""Images as this program stores them: PNG files that it writes and reads itself, pixel for pixel."""

from __future__ import annotations

import io
import sys

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.decode import decode
from facepriv.types import Image


def encode_png(image: Image) -> bytes:
    """Encode ``(h, w, 3)`` uint8 RGB pixels losslessly as PNG without any metadata.

    The same pixels give the same bytes with the same version of Pillow. Raises BadInputError with code ``bad-pixels``
    if the array is of another shape or type.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadInputError(
            f"An image to be saved must be (h, w, 3) uint8, but this one is {image.shape} {image.dtype}.",
            code="bad-pixels",
        )
    out = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(image)).save(out, format="PNG", compress_level=6)
    return out.getvalue()


def encode_crops(crops: NDArray[np.float32]) -> list[bytes]:
    """Encode crops ``(n, h, w, 3)`` RGB 0..255 as one PNG file each, rounded to whole grey levels."""
    return [encode_png(crop) for crop in np.clip(np.rint(crops), 0, 255).astype(np.uint8)]


def decode_png(png: bytes) -> Image:
    """Decode a PNG written by `encode_png`: the very pixels, ``(h, w, 3)`` RGB uint8.

    Its size was checked when the original was imported.
    """
    return decode(png, name="A stored image", max_pixels=sys.maxsize // 16).pixels
