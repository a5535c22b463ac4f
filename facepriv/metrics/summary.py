"""Mean, standard error and range of a number over images (the paper's section 3.2: "1084.5 (± 20)")."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from facepriv.metrics.checks import as_finite, as_labels
from facepriv.schemas.figures import Groups, Summary
from facepriv.types import FEMALE, MALE


def summarise(values: ArrayLike) -> Summary:
    """Summarise one number over images.

    Parameters
    ----------
    values : (n,) finite numbers; n may be 0.

    Returns
    -------
    Mean, standard error of the mean ``s / sqrt(n)`` with ``s`` over ``n - 1``, median, least and greatest; all None
    for n = 0, and no standard error for n = 1.

    Raises
    ------
    BadInputError
        If a value is NaN or infinite: leave those images out, or they would spoil every figure unseen.
    """
    x = as_finite(values, "values").astype(np.float64)
    if not x.size:
        return Summary(n=0, mean=None, standard_error=None, median=None, minimum=None, maximum=None)
    return Summary(
        n=x.size,
        mean=float(x.mean()),
        standard_error=float(x.std(ddof=1) / np.sqrt(x.size)) if x.size > 1 else None,
        median=float(np.median(x)),
        minimum=float(x.min()),
        maximum=float(x.max()),
    )


def summarise_by_gender(values: ArrayLike, labels: ArrayLike) -> Groups:
    """Summarise one number over all images and by label.

    Parameters
    ----------
    values : (n,) finite numbers.
    labels : (n,) +1 male, -1 female, 0 unlabelled; unlabelled images count in ``all`` only.

    Raises
    ------
    BadInputError
        If a value is not finite, the shapes differ or a label is unknown.
    """
    x = as_finite(values, "values")
    g = as_labels(labels, x.size)
    return Groups(all=summarise(x), male=summarise(x[g == MALE]), female=summarise(x[g == FEMALE]))
