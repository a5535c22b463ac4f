"""Templates as unit rows, compared by cosine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.weights.carded_model import CardedModel


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale rows ``(n, d)`` to length 1; a row of length 0 becomes NaN (failure to acquire)."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, np.nan)).astype(np.float32)
    return rows


def embed_in_passes(
    session: Any, crops: NDArray[Any], *, ends: tuple[str, str], width: int, most: int
) -> NDArray[np.float32]:
    """Embed crops ``(n, h, w, 3)`` as ``(n, width)`` unit rows, at most ``most`` in one pass of an ONNX session.

    ``ends`` are the names of the graph's input ``(n, 3, h, w)`` and of its output.
    """
    rows = np.empty((len(crops), width), dtype=np.float32)
    for start in range(0, len(crops), most):
        part = slice(start, start + most)
        batch = np.ascontiguousarray(crops[part].transpose(0, 3, 1, 2), dtype=np.float32)
        (rows[part],) = session.run([ends[1]], {ends[0]: batch})
    return unit_rows(rows)


def cosine_similarity(gallery: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare unit rows ``(g, d)`` with ``(p, d)`` as ``(g, p)`` cosines in -1..1, NaN where a row is NaN."""
    return np.asarray(gallery, np.float32) @ np.asarray(probes, np.float32).T


class CosineMatcher(CardedModel):
    """A matcher whose templates are compared by cosine."""

    compare = staticmethod(cosine_similarity)
