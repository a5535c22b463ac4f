"""Templates as unit rows, compared by cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale rows ``(n, d)`` to length 1; a row of length 0 becomes NaN (failure to acquire)."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, np.nan)).astype(np.float32)
    return rows


def cosine_similarity(gallery: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare unit rows ``(g, d)`` with ``(p, d)``: ``(g, p)`` in -1..1, higher = more similar, NaN where a row is."""
    similarity: NDArray[np.float32] = np.asarray(gallery, dtype=np.float32) @ np.asarray(probes, dtype=np.float32).T
    return similarity
