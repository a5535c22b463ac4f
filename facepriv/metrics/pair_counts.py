"""Number of comparisons of every pair of subjects, and their weight in resamples of the subjects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.metrics.resampling import BLOCK, weighted_sums
from facepriv.types import Floats64, Integers

_DENSE = 2048  # subjects up to which a table of all pairs is multiplied faster than a sparse one


class PairCounts:
    """Symmetric table of the number of comparisons of each pair of subjects."""

    def __init__(self, first: Integers, second: Integers, subjects: int) -> None:
        ones = np.ones(first.size)
        half = sparse.coo_array((ones, (first, second)), shape=(subjects, subjects)).tocsr()
        self.table = (half + half.T).tocsr()
        self.subjects = int(np.sum(np.asarray(self.table.sum(axis=1)).ravel() > 0))

    def weights(self, counts: NDArray[np.uint16]) -> Floats64:
        """Sum ``w_a w_b`` over the comparisons of each of B resamples of ``(S, B)`` counts: ``(B,)``."""
        factors = self._factors()
        if factors is not None:
            sums = weighted_sums(counts, factors[:, None])[:, 0]
            squares = weighted_sums(counts, factors**2, power=2)
            return np.asarray((sums**2 - squares) / 2)
        table = self.table.toarray() if self.table.shape[0] <= _DENSE else self.table
        blocks = []
        for start in range(0, counts.shape[1], BLOCK):
            w = counts[:, start : start + BLOCK].astype(np.float64)
            blocks.append(np.einsum("sb,sb->b", w, table @ w) / 2)
        return np.concatenate(blocks)

    def _factors(self) -> Floats64 | None:
        """Return factors ``r`` with ``table[a, b] = r[a] r[b]`` off the diagonal; None unless all were compared."""
        size = self.table.shape[0]
        if size < 3 or self.table.nnz != size * (size - 1):
            return None
        row, other = self.table[[0]].toarray().ravel(), self.table[[1]].toarray().ravel()
        # r[0]^2 = t[0, 1] t[0, 2] / t[1, 2], and the rest by division.
        root = float(np.sqrt(row[1] * row[2] / other[2]))
        factors = row / root
        factors[0] = root
        table = self.table.tocoo()
        fits = np.allclose(table.data, factors[table.row] * factors[table.col], rtol=1e-9)
        return factors if fits else None
