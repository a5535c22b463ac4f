"""Closed-set identification: how often a probe's own person comes first (ISO/IEC 19795-1, rank-1 identification)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.types import Floats64


def rank_one(scores: NDArray[np.floating], gallery: NDArray[np.str_], probes: NDArray[np.str_]) -> Floats64:
    """Return of each probe whether its person comes first: 1 or 0, NaN where the gallery does not hold that person.

    A person scores as their most similar template does. Where another person scores the same, the probe is not
    identified.

    Parameters
    ----------
    scores : (g, p) similarities, higher = more similar; NaN = not compared, which comes last.
    gallery, probes : (g,), (p,) subjects.

    Raises
    ------
    BadInputError
        ``bad-shape`` if the shapes do not fit.
    """
    if scores.shape != (len(gallery), len(probes)):
        raise BadInputError(
            f"Expected scores of {len(gallery)} gallery templates and {len(probes)} probes, got shape {scores.shape}.",
            code="bad-shape",
        )
    compared = np.where(np.isnan(scores), -np.inf, scores)
    own = np.asarray(gallery)[:, None] == np.asarray(probes)[None, :]
    best = np.where(own, compared, -np.inf).max(axis=0, initial=-np.inf)
    others = np.where(own, -np.inf, compared).max(axis=0, initial=-np.inf)
    return np.where(own.any(axis=0), (best > others).astype(np.float64), np.nan)
