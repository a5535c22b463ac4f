"""Age as a binary attribute: at least so many years, or younger.

A network that gives every age or band of ages a logit tells the log-odds of the two groups exactly:
``log sum exp`` of the logits of the older classes minus that of the younger ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from facepriv.errors import BadInputError

BOUNDARY = 40
"""Years from which on a face counts as older, where no other boundary is given."""


def check_boundary(boundary: object, least: int, most: int, name: str) -> int:
    """Return a boundary as whole years.

    Raises
    ------
    BadInputError
        With code ``bad-boundary`` if it is no whole number from ``least`` to ``most``.
    """
    if isinstance(boundary, int) and not isinstance(boundary, bool) and least <= boundary <= most:
        return boundary
    raise BadInputError(
        f"The boundary of {name} must be a whole number of years from {least} to {most}, but {boundary!r} came; write "
        f"for instance {name}@{BOUNDARY}.",
        code="bad-boundary",
    )


def log_odds(logits: NDArray[np.float64], older: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds ``(n,)`` in nats that a face is at least as old as the boundary.

    Parameters
    ----------
    logits
        ``(n, classes)``.
    older
        ``(classes,)`` share of each class that lies at or above the boundary, 0..1; some of all above 0, and below 1.
    """
    up, down = older > 0, older < 1
    above = logsumexp(logits[:, up], axis=1, b=older[up])
    below = logsumexp(logits[:, down], axis=1, b=1 - older[down])
    odds: NDArray[np.float64] = above - below
    return odds
