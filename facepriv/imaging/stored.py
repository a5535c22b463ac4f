"""Images as this program stores them: PNG files that it wrote itself."""

from __future__ import annotations

import sys

from facepriv.imaging.decode import decode
from facepriv.types import Image


def decode_stored(png: bytes) -> Image:
    """Decode a PNG written by `facepriv.imaging.decode.encode_png`: the very pixels, ``(h, w, 3)`` RGB uint8.

    Its size was checked when the original was imported.
    """
    return decode(png, name="A stored image", max_pixels=sys.maxsize // 16).pixels
