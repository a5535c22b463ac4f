"""How far a perturbed image is from its original, inside the face box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.types import Box, Image

GAIN = 8.0
"""How much a change is amplified for a person to look at."""
WINDOW = 11
"""Side of scikit-image's Gaussian window for sigma 1.5, pixels."""


def _inside(image: Image, box: Box) -> Image:
    left, top, right, bottom = box
    return image[max(top, 0) : bottom, max(left, 0) : right]


def psnr_db(before: Image, after: Image, box: Box) -> float:
    """Peak signal-to-noise ratio inside the box, in dB with peak 255; infinite where nothing changed.

    NaN where the box lies outside the image.
    """
    if _inside(before, box).size == 0:
        return float("nan")
    a = _inside(before, box).astype(np.float64)
    b = _inside(after, box).astype(np.float64)
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))


def ssim(before: Image, after: Image, box: Box) -> float:
    """Mean structural similarity inside the box, 1 = identical (Wang et al. 2004: Gaussian window, sigma 1.5).

    NaN where less of the box lies inside the image than one window of 11 x 11 pixels.
    """
    from skimage.metrics import structural_similarity

    if min(_inside(before, box).shape[:2]) < WINDOW:
        return float("nan")
    return float(
        structural_similarity(
            _inside(before, box),
            _inside(after, box),
            channel_axis=2,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def difference(before: Image, after: Image, gain: float = GAIN) -> NDArray[np.uint8]:
    """Show the change ``after - before``, multiplied by ``gain`` around mid-grey, for a person to look at."""
    change = after.astype(np.float32) - before.astype(np.float32)
    return np.clip(np.rint(128 + gain * change), 0, 255).astype(np.uint8)
