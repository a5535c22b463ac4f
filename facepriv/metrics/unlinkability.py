"""Unlinkability of protected templates (Gomez-Barrero et al. 2018, IEEE TIFS 13:1406; ISO/IEC 24745).

Two releases of one database are protected with different keys. Scores between the releases are *mated* where both
templates are of one person, *non-mated* where they are of two. Whoever can tell the two kinds apart links the releases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_finite
from facepriv.types import Floats64

MOST_BINS, SCORES_A_BIN = 100, 10
"""Bins of the scores, and mated scores a bin, as in the authors' own implementation."""


@dataclass(frozen=True, eq=False)
class Unlinkability:
    """Linkability by score, and of the system as a whole."""

    edges: Floats64
    """``(b + 1,)`` edges of the bins of scores."""
    local: Floats64
    """``(b,)`` the local measure ``D(s)``, 0..1: how much more probable it is than not that a score of that bin is a
    mated one."""
    system: float
    """The global measure ``D_sys``, 0..1: mean of ``D(s)`` over mated scores; 0 = unlinkable, 1 = fully linkable."""


def unlinkability(
    mated: ArrayLike, non_mated: ArrayLike, *, prior_ratio: float = 1.0, bins: int | None = None
) -> Unlinkability | None:
    """Compute how well two releases of one database, protected with different keys, can be linked.

    ``D(s) = p(mated | s) - p(non-mated | s) = 2 w LR(s) / (1 + w LR(s)) - 1`` where that is positive, else 0, with
    the likelihood ratio ``LR`` of the two histograms; 1 where only mated scores fall. ``D_sys`` is its mean over the
    mated scores.

    Few scores make histograms of few bins, which hide how linkable the releases are, and ragged ones, which overstate
    it; compare only figures of as many scores.

    Parameters
    ----------
    mated, non_mated : (m,), (n,) scores between templates that were protected with different keys.
    prior_ratio : ``w``, how much more probable mated pairs are than others beforehand.
    bins : number of equal bins between the least and the greatest score; by default one for ten mated scores, at least
        2 and at most 100.

    Returns
    -------
    The measures; None if either array is empty.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite, the ratio is not above 0, or there is no bin.
    """
    same, other = (as_finite(s, what) for s, what in ((mated, "mated scores"), (non_mated, "non-mated scores")))
    if not prior_ratio > 0:
        raise BadInputError(f"Expected a ratio of priors above 0, got {prior_ratio:g}.", code="out-of-range")
    if bins is not None and bins < 1:
        raise BadInputError(f"Expected at least one bin, got {bins}.", code="bad-bins")
    if not same.size or not other.size:
        return None
    number = bins or int(np.clip(same.size // SCORES_A_BIN, 2, MOST_BINS))
    low, high = (float(end(np.concatenate([same, other]))) for end in (np.min, np.max))
    edges = np.linspace(low, high if high > low else low + 1.0, number + 1)
    of_mated, of_others = (
        np.histogram(scores.astype(np.float64), bins=edges)[0] / scores.size for scores in (same, other)
    )
    odds = prior_ratio * np.divide(of_mated, of_others, out=np.zeros(number), where=of_others > 0)
    local = np.where(of_others > 0, np.maximum(2 * odds / (1 + odds) - 1, 0.0), (of_mated > 0).astype(np.float64))
    return Unlinkability(edges, local, float(local @ of_mated))
