"""Random draws of the images that a policy perturbs at proportion ``p``."""

from __future__ import annotations

import numpy as np

from facepriv.audit.evidence import Evidence
from facepriv.schemas.audits import SelectBy
from facepriv.types import Flags

PROPORTIONS = tuple(i / 10 for i in range(11))
"""Proportions ``p`` at which attackers are tried."""


def draw_perturbed(evidence: Evidence, p: float, *, select_by: SelectBy, draw: int, seed: int) -> Flags:
    """Draw the images that a release has perturbed.

    Each image, or each subject, has one uniform number a draw, so a greater ``p`` only adds images, as the keyed
    selection of a real release does.

    Parameters
    ----------
    select_by : whether each image is drawn for itself or all of a subject together.
    draw : number of the draw.

    Returns
    -------
    ``(n,)`` which images are perturbed; never an image without a perturbed file.
    """
    rng = np.random.default_rng([seed, draw])
    subjects = evidence.untouched.subjects
    if select_by == "subject":
        _, member = np.unique(subjects, return_inverse=True)
        uniform = rng.random(member.max(initial=0) + 1)[member]
    else:
        uniform = rng.random(len(subjects))
    perturbed: Flags = (uniform < p) & evidence.can_be_perturbed
    return perturbed


def number_of_draws(p: float, draws: int) -> int:
    """Return how many draws to make at ``p``: one if nothing or everything is perturbed, since all draws agree."""
    return 1 if p in (0.0, 1.0) else draws
