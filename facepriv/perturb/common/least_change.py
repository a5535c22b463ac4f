"""The least change that satisfies linear demands: the step that every gradient of the search is turned into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

RIDGE = 1e-4
"""Share of the metric's mean diagonal added to it: coefficients that change nothing must not become large."""


def least_change(
    metric: NDArray[np.float64], slopes: NDArray[np.float64], at_most: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the coefficients of least size that meet demands on linear functions of them.

    Solves ``min a' M a`` subject to ``slopes @ a <= at_most`` as a least-distance problem by non-negative least squares
    (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23). With one demand the answer is the closed form
    ``M^-1 g`` times a number; for a diagonal metric this is the step ``-g_T / ||d_T||^2``.

    Parameters
    ----------
    metric
        ``(k, k)`` symmetric, positive semi-definite.
    slopes
        ``(m, k)``, one row a demand.
    at_most
        ``(m,)``.

    Returns
    -------
    ndarray
        ``(k,)``. Where demands contradict each other, the coefficients that miss them least in the sense of the dual
        problem, which a line search along them then sorts out.
    """
    k, factor = len(metric), _factor(metric)
    # In z = factor' a the size is the plain length, and a demand g a <= b reads -(factor^-1 g) z >= -b.
    rows = -solve_triangular(factor, slopes.T, lower=True).T
    # Demands are brought to one size, which leaves them the same and the numbers well behaved.
    sizes = np.linalg.norm(rows, axis=1)
    kept = sizes > 0
    if not kept.any() or not (at_most[kept] < 0).any():
        return np.zeros(k)
    rows, bounds = rows[kept] / sizes[kept, None], -at_most[kept] / sizes[kept]
    largest = bounds.max()
    system = np.vstack([rows.T, bounds[None] / largest])
    wanted = np.zeros(k + 1)
    wanted[-1] = 1.0
    multipliers, _ = nnls(system, wanted)
    residual = system @ multipliers - wanted
    if abs(residual[-1]) < 1e-9:
        z = largest * np.linalg.lstsq(rows, bounds / largest, rcond=None)[0]
    else:
        z = -largest * residual[:-1] / residual[-1]
    return solve_triangular(factor, z, lower=True, trans="T")


def _factor(metric: NDArray[np.float64]) -> NDArray[np.float64]:
    k = len(metric)
    return cholesky(metric + RIDGE * max(np.trace(metric) / k, 1e-12) * np.eye(k), lower=True)


def exact_change(
    metric: NDArray[np.float64], slopes: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the coefficients of least size that change linear functions of them by just so much.

    Solves ``min a' M a`` subject to ``slopes @ a = wanted``. Of functions that all but contradict each other, what they
    have in common counts.

    Shapes are those of `least_change`.
    """
    factor = _factor(metric)
    rows = solve_triangular(factor, slopes.T, lower=True).T
    # In z = factor' a the size is the plain length, so the answer is the pseudo-inverse's.
    z = np.linalg.lstsq(rows, wanted, rcond=1e-3)[0]
    return solve_triangular(factor, z, lower=True, trans="T")
