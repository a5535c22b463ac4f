"""Gender error, confusion matrix and score histograms of a gender classifier (the paper's section 3.1).

A score is a log-odds in nats, male positive. A score of exactly 0 predicts *male*: the threshold is 0 and a score
at the threshold is accepted, as everywhere in facepriv (``score >= threshold``). The histograms follow: 0 is the
left end of a bin, so no bin mixes the two predictions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from facepriv.errors import BadInputError
from facepriv.metrics.checks import Floats, Labels, as_labels, as_scores
from facepriv.schemas.figures import Confusion, GenderHistograms, Histogram, Rates
from facepriv.types import FEMALE, GENDERS, MALE, Flags, Floats64


def predicted_labels(scores: ArrayLike) -> Labels:
    """Return the label that each score predicts.

    Parameters
    ----------
    scores : (n,) log-odds in nats, male positive; NaN = failure to acquire.

    Returns
    -------
    (n,) +1 for scores >= 0, -1 for scores < 0, 0 for NaN.
    """
    f = as_scores(scores, "gender scores")
    return np.where(np.isnan(f), 0, np.where(f >= 0, MALE, FEMALE)).astype(np.int64)


def gender_error(scores: ArrayLike, labels: ArrayLike) -> Rates:
    """Compute the proportion of acquired, labelled images whose prediction differs from the label (Table 3).

    Parameters
    ----------
    scores : (n,) log-odds in nats, male positive; NaN = failure to acquire, left out.
    labels : (n,) +1 male, -1 female, 0 unlabelled (ignored).

    Returns
    -------
    Fractions 0..1, overall and by label; None where no image is left.

    Raises
    ------
    BadInputError
        If the shapes differ or a label is unknown.
    """
    g_hat = predicted_labels(scores)
    g = as_labels(labels, g_hat.size)
    acquired = (g_hat != 0) & (g != 0)
    return rates_by_gender((g_hat != g)[acquired], g[acquired])


def rates_by_gender(flags: Flags, labels: Labels) -> Rates:
    """Return the proportion of images ``(n,)`` with a flag, of all and by label; None where there is no image."""

    def rate(members: Flags) -> float | None:
        return float(flags[members].mean()) if members.any() else None

    return Rates(all=rate(np.ones(len(flags), dtype=bool)), male=rate(labels == MALE), female=rate(labels == FEMALE))


def confusion(scores: ArrayLike, labels: ArrayLike) -> Confusion:
    """Count predictions by label, failures to acquire included (Table 4).

    Parameters and errors are those of `gender_error`.
    """
    g_hat = predicted_labels(scores)
    g = as_labels(labels, g_hat.size)

    def row(label: int) -> dict[str, int]:
        predictions = g_hat[g == label]
        return {
            "male": int(np.sum(predictions == MALE)),
            "female": int(np.sum(predictions == FEMALE)),
            "failed": int(np.sum(predictions == 0)),
        }

    return Confusion.model_validate({name: row(label) for name, label in GENDERS.items()})


def score_histograms(
    before: ArrayLike, after: ArrayLike, labels: ArrayLike, *, bins: int | ArrayLike = 40
) -> GenderHistograms:
    """Count gender scores by label, before and after in the same bins (Figure 5).

    Parameters
    ----------
    before, after : (n,) log-odds in nats of the same images; NaN = failure to acquire, not counted.
    labels : (n,) +1 male, -1 female, 0 unlabelled (not counted).
    bins : number of equal bins over the finite scores of both phases, or increasing bin edges. A number is kept up to
        two, since 0 is always made an edge. Scores outside the edges, infinite ones too, count in the end bins.

    Returns
    -------
    Counts ``male`` and ``female``; bins are closed on the left, the last on both sides.

    Raises
    ------
    BadInputError
        If the shapes differ, a label is unknown or the bins make no sense.
    """
    scores = {"before": as_scores(before, "gender scores"), "after": as_scores(after, "gender scores")}
    if scores["before"].size != scores["after"].size:
        raise BadInputError(
            f"Expected scores of the same images before and after, got {scores['before'].size} and "
            f"{scores['after'].size}; give NaN where no face was found.",
            code="bad-shape",
        )
    g = as_labels(labels, scores["before"].size)
    edges = _edges(np.concatenate([f[g != 0] for f in scores.values()]), bins)
    return GenderHistograms(
        **{
            phase: Histogram(
                edges=edges.tolist(), counts={name: _counts(f[g == label], edges) for name, label in GENDERS.items()}
            )
            for phase, f in scores.items()
        }
    )


def _edges(scores: Floats, bins: int | ArrayLike) -> Floats64:
    array = np.asarray(bins)
    if array.ndim == 0:
        if array < 1:
            raise BadInputError(f"Expected at least one bin, got {array!s}.", code="bad-bins")
        finite = scores[np.isfinite(scores)]
        low, high = float(np.min(finite, initial=0.0)), float(np.max(finite, initial=0.0))
        if high - low < 1e-9:  # one value, or no image at all: bins that a person can read
            low, high = -1.0, 1.0
        width = (high - low) / int(array)
        # Whole multiples of the width, so that 0 is an edge exactly and not only nearly; a bin on either side of it.
        first, last = min(np.floor(low / width), -1.0), max(np.ceil(high / width), 1.0)
        return np.arange(first, last + 1) * width
    edges = array.astype(np.float64)
    if edges.ndim != 1 or edges.size < 2 or not np.all(np.isfinite(edges)) or not np.all(np.diff(edges) > 0):
        raise BadInputError("Expected bin edges as at least two finite, increasing numbers.", code="bad-bins")
    return edges


def _counts(scores: Floats, edges: Floats64) -> list[int]:
    acquired = scores[~np.isnan(scores)].astype(np.float64)
    counts, _ = np.histogram(np.clip(acquired, edges[0], edges[-1]), bins=edges)
    return [int(c) for c in counts]
