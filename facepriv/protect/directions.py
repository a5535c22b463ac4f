"""Directions of template space: lengths of one, bases, what is removed along them."""

from __future__ import annotations

import numpy as np

from facepriv.types import Floats64


def orthonormal(columns: Floats64) -> Floats64:
    """Return an orthonormal basis ``(d, k)`` of the columns ``(d, m)``; columns that add nothing are left out."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, sizes > 1e-9 * max(float(sizes.max(initial=0.0)), 1e-300)])


def without(rows: Floats64, basis: Floats64, middle: Floats64) -> Floats64:
    """Return rows ``(n, d)`` with their coordinates along a basis ``(d, k)`` replaced by those of ``middle (d,)``."""
    result: Floats64 = rows - ((rows - middle) @ basis) @ basis.T
    return result
