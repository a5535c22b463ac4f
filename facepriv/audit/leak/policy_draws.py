"""Random draws of the policy: which images a release at proportion ``p`` has perturbed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.evidence import Evidence
from facepriv.schemas.audits import SelectBy

GRID = tuple(i / 10 for i in range(11))
"""Proportions at which attackers are followed."""


def draw_perturbed(evidence: Evidence, p: float, *, by: SelectBy, draw: int, seed: int) -> NDArray[np.bool_]:
    """Draw the images that a release has perturbed.

    Each image, or each subject, has one uniform number a draw, so a greater ``p`` only adds images, as the keyed
    selection of a real release does.

    Parameters
    ----------
    by
        Whether each image is drawn for itself or all of a subject together.
    draw
        Number of the draw.

    Returns
    -------
    ndarray
        ``(n,)``; never an image of which there is no perturbed file.
    """
    rng = np.random.default_rng([seed, draw])
    subjects = evidence.untouched.subjects
    if by == "subject":
        _, member = np.unique(subjects, return_inverse=True)
        uniform = rng.random(member.max(initial=0) + 1)[member]
    else:
        uniform = rng.random(len(subjects))
    drawn: NDArray[np.bool_] = (uniform < p) & evidence.can_be_perturbed
    return drawn


def number_of_draws(p: float, draws: int) -> int:
    """Return how many draws there are at ``p``: where nothing or everything is perturbed, all would be alike."""
    return 1 if p in (0.0, 1.0) else draws
