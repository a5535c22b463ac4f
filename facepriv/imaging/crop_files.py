"""Crops as PNG files, for programs that read files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.decode import encode_png


def as_pngs(crops: NDArray[np.float32]) -> list[bytes]:
    """Write crops ``(n, h, w, 3)`` RGB 0..255 as PNG files, rounded to whole grey levels."""
    rounded = np.clip(np.rint(crops), 0, 255).astype(np.uint8)
    return [encode_png(one) for one in rounded]
