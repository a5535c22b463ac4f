"""FNMR and FMR at a fixed threshold, from the parts of `MatchBootstrap.fnmr_at_fmr`, to check each part alone."""

from __future__ import annotations

import numpy as np

from facepriv.metrics.estimates import Estimate, effective_number
from facepriv.metrics.resampling import weighted_sums


class OfPairs(Estimate):
    """An estimate of pairs of subjects, of which only half as many are independent."""

    @property
    def degrees_of_freedom(self):
        return max(super().degrees_of_freedom / 2, 3.0)


def fnmr(bootstrap, mated, threshold):
    scores, subject = bootstrap._compared(mated, bootstrap._mated, "mated")
    above, below = bootstrap._per_subject(subject, scores < threshold), bootstrap._per_subject(subject)
    value = above.sum() / below.sum()
    sums = weighted_sums(bootstrap.counts, np.stack([above, below], axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        replicates = sums[:, 0] / sums[:, 1]
    influence = (above - value * below) / below.sum()
    trials = int(np.sum(below > 0))
    least_trials = effective_number(below)
    return Estimate(float(value), replicates, "rate", influence, bootstrap._strata, trials, least_trials=least_trials)


def fmr(bootstrap, non_mated, threshold):
    scores, (first, second) = bootstrap._compared(non_mated, bootstrap._non_mated, "non-mated")
    rate = bootstrap._accepted(scores >= threshold, first, second)
    return OfPairs(
        rate.value,
        rate.replicates,
        "rate",
        rate.influence,
        bootstrap._strata,
        max(rate.subjects // 2, 1),
        error_factor=rate.factor,
    )
