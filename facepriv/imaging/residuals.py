"""Features by which a detector tells perturbed images from untouched ones.

All are taken in an upright crop of the face, so that neither the size of the photo nor the place of the face matters.
Most measure what a difference of neighbours leaves: the noise of a camera and of rounding, which a change that is
rounded again does not leave as it was. Steganalysis finds messages so (Pevny et al. 2010, "Steganalysis by subtractive
pixel adjacency matrix"; Fridrich and Kodovsky 2012, "Rich models for steganalysis of digital images"); this is a far
smaller set of the same kind. The rest measure where smooth fields live: bands of the cosine transform of brightness and
of two colour differences, apart for patterns that are the same on both halves of the face and for those that are
opposite.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.appearance import upright
from facepriv.types import Face

SIZE = 128
"""Side of the crop, pixels."""
SIGMAS = (1.0, 2.0, 4.0)
"""Standard deviations, pixels of the crop, of the Gaussians between which the bands of noise lie."""
RINGS = (2.0, 4.0, 6.0, 8.0, 10.5, 13.0, 17.0)
"""Limits of the bands of the cosine transform, half waves across the crop."""
FADE = 0.12
"""Share of the crop over which its borders fade out before the transform."""
STEPS = (0.25, 0.5)
"""Steps, grey levels, in which residuals are counted; below the step of the file, since the crop averages pixels."""
TRUNCATE = 2
"""Residuals are counted up to so many steps."""
FLOOR = 1e-2
"""Variance, square grey levels, below which it counts as nothing: an eighth of what rounding alone leaves."""

CHANNELS = np.array([[0.299, 0.587, 0.114], [1, -1, 0], [0.5, 0.5, -1]], dtype=np.float32)
"""Brightness (ITU-R BT.601), red less green, yellow less blue."""
_SECOND_DIFFERENCE = np.array([[0.5, -1, 0.5]], dtype=np.float32)


def _pair_classes() -> NDArray[np.int64]:
    """Number the pairs of steps ``(2 t + 1, 2 t + 1)`` so that their order and common sign do not matter."""
    steps = range(-TRUNCATE, TRUNCATE + 1)
    least = [[min((a, b), (b, a), (-a, -b), (-b, -a)) for b in steps] for a in steps]
    known = sorted({pair for row in least for pair in row})
    return np.array([[known.index(pair) for pair in row] for row in least])


_PAIRS = _pair_classes()
_CLASSES = int(_PAIRS.max()) + 1
_RINGS = len(RINGS) - 1
_WAVES = int(RINGS[-1]) + 1
_ACROSS = np.arange(_WAVES)[None, :].repeat(_WAVES, axis=0)
_RING_OF = np.digitize(np.hypot(_ACROSS, _ACROSS.T), RINGS) - 1
COUNT = 3 * (len(SIGMAS) + 2 * _RINGS + len(STEPS) * _CLASSES)
"""Number of features."""


def residual_features(face: Face) -> NDArray[np.float64]:
    """Measure what perturbing leaves behind.

    Return ``(COUNT,)`` finite numbers, the same for the same pixels and landmarks. For brightness, then for red less
    green, then for yellow less blue: log10 of the variance of the bands of noise, finest first; log10 of the mean
    square of the rings of the cosine transform, slowest first, of patterns even across the face, then of odd ones;
    for each of `STEPS` the shares of pairs of neighbouring residuals, by class, which sum to 1.
    """
    channels = upright(face, size=SIZE) @ CHANNELS.T
    features = []
    for channel in map(np.ascontiguousarray, np.moveaxis(channels, -1, 0)):
        features += [_bands(channel), _rings(channel), *(_pairs(channel, step) for step in STEPS)]
    return np.concatenate(features)


def _bands(channel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return log10 of the variance between each Gaussian and the next finer one."""
    smooth = [channel, *(cv2.GaussianBlur(channel, (0, 0), sigma) for sigma in SIGMAS)]
    variances = [(fine - coarse).var(dtype=np.float64) for fine, coarse in pairwise(smooth)]
    return np.log10(np.array(variances) + FLOOR)


def _window() -> NDArray[np.float32]:
    line = np.arange(SIZE) + 0.5
    edge = np.minimum(np.minimum(line, SIZE - line) / (FADE * SIZE), 1)
    slope = np.sin(np.pi / 2 * edge) ** 2
    return np.outer(slope, slope).astype(np.float32)


_FADED = _window()


def _rings(channel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return log10 of the mean square of each ring, ``(2 * rings,)``: even patterns, then odd ones."""
    mean = float((channel * _FADED).sum() / _FADED.sum())
    # Orthonormal: a coefficient's square over the number of pixels is its share of the mean square in the crop.
    power = cv2.dct((channel - np.float32(mean)) * _FADED)[:_WAVES, :_WAVES].astype(np.float64) ** 2 / SIZE**2
    inside = (_RING_OF >= 0) & (_RING_OF < _RINGS)
    odd = _ACROSS % 2 > 0
    sums = [np.bincount(_RING_OF[chosen], power[chosen], minlength=_RINGS) for chosen in (inside & ~odd, inside & odd)]
    return np.log10(np.concatenate(sums) + FLOOR)


def _pairs(channel: NDArray[np.float32], step: float) -> NDArray[np.float64]:
    """Return the shares of pairs of second differences, side by side and one above the other, by class.

    Differences across and down are counted together.
    """
    counts = np.zeros(_CLASSES)
    for kernel in (_SECOND_DIFFERENCE, _SECOND_DIFFERENCE.T):
        residual = cv2.filter2D(channel, -1, kernel, borderType=cv2.BORDER_REFLECT)
        steps = np.clip(np.rint(residual / step), -TRUNCATE, TRUNCATE).astype(np.int64) + TRUNCATE
        for first, second in ((steps[:, :-1], steps[:, 1:]), (steps[:-1], steps[1:])):
            counts += np.bincount(_PAIRS[first, second].ravel(), minlength=_CLASSES)
    return counts / counts.sum()
