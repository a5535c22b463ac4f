"""Figures in the results of runs, audits and quality reports: rates, intervals, histograms, error rates of matchers."""

from __future__ import annotations

from typing import Literal

from facepriv.schemas.base import Frozen

Group = Literal["all", "male", "female"]
GROUPS: tuple[Group, ...] = ("all", "male", "female")

GUESSING = 0.5
"""How often a guess of the gender is right at equal priors."""


class Rates(Frozen):
    """A rate for all images and by gender label; null where there is no image."""

    all: float | None
    male: float | None
    female: float | None

    def by_gender(self) -> tuple[float, float] | None:
        """Return men's and women's rate; None where one of them is missing."""
        return None if self.male is None or self.female is None else (self.male, self.female)


class GenderError(Frozen):
    """Share of scored images whose ``sign(f)`` differs from the label (Table 3)."""

    before: Rates
    after: Rates

    def by_gender(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return men's and women's error before, and after; None where one of the four is missing."""
        before, after = self.before.by_gender(), self.after.by_gender()
        return None if before is None or after is None else (before, after)


class ClassRates(Frozen):
    """A rate for all images and by class of an attribute; null where there is no image."""

    all: float | None
    positive: float | None
    negative: float | None


class Interval(Frozen):
    """A figure with its 95 % interval; null where it cannot be computed.

    Subjects, never images, are what the interval takes as drawn at random.
    """

    value: float | None
    low: float | None
    high: float | None
    unseen: bool = False
    """Whether one end comes from the rule of three, since no error (or no success) was seen at all."""


class Confusion(Frozen):
    """Counts by label, then by prediction (Table 4); ``failed`` = no score: no face found, or not perturbed."""

    male: dict[Literal["male", "female", "failed"], int]
    female: dict[Literal["male", "female", "failed"], int]


class Confusions(Frozen):
    """Confusion matrices before and after."""

    before: Confusion
    after: Confusion


class Histogram(Frozen):
    """Counts of scores in bins; ``edges`` has one entry more than each list of counts."""

    edges: list[float]
    counts: dict[str, list[int]]


class GenderHistograms(Frozen):
    """Score histograms by label, before and after in the same bins (Figure 5)."""

    before: Histogram
    after: Histogram


class OperatingPoint(Frozen):
    """Lowest FNMR at which FMR is *at most* the target (never "nearest")."""

    target_fmr: float
    threshold: float | None
    fmr: float | None
    fnmr: float | None
    supported: bool
    """Whether there are enough non-mated comparisons to say anything at that FMR: by the rule of three 3 / target.

    Results of before this rule was kept asked for 1 / target only.
    """
    fmr_standard_error: float | None = None
    """Standard error of ``fmr`` from drawing comparisons at random; null where all of them were made."""
    fnmr_interval: Interval | None = None
    """``fnmr`` with its 95 % interval over subjects; null where it is not supported, for more than 1,000 images, and in
    results of before this was kept."""


class Curve(Frozen):
    """A DET / ROC curve thinned to at most some hundred points; rates at ``score >= threshold``."""

    threshold: list[float]
    fmr: list[float]
    fnmr: list[float]


class Matching(Frozen):
    """How a matcher fares in one phase (Figures 6 and 7).

    ``cross`` compares every image before with every other image after, the same image excluded.
    """

    mated: int
    non_mated: int
    """Non-mated comparisons made."""
    non_mated_taken: Literal["all", "sampled"] = "all"
    """Whether all non-mated comparisons were made, or some drawn at random; mated ones are all made."""
    non_mated_existing: int | None = None
    """Non-mated comparisons that could be made; null in results of before this was kept, which made all of them."""
    failed: int
    """Images without a template in this phase."""
    auc: float | None
    auc_error: float = 0.0
    """How much ``auc`` may be off because non-mated scores were counted in bins; 0 where none were."""
    eer: float | None
    eer_error: float = 0.0
    """The same of ``eer``."""
    fmr100: float | None
    """FNMR at FMR at most 1 %."""
    fmr1000: float | None
    """FNMR at FMR at most 0.1 %."""
    operating_points: list[OperatingPoint]
    curve: Curve
    histogram: Histogram
    """Counts ``mated`` and ``non_mated``."""

    def fnmr_interval(self, target: float) -> Interval | None:
        """Return FNMR at a target FMR with its interval; None where there is none."""
        return next((point.fnmr_interval for point in self.operating_points if point.target_fmr == target), None)


class MatchingPhases(Frozen):
    """A matcher before, after and across."""

    before: Matching
    after: Matching
    cross: Matching


class Summary(Frozen):
    """Mean and standard error over images."""

    n: int
    mean: float | None
    standard_error: float | None
    median: float | None
    minimum: float | None
    maximum: float | None


class Groups(Frozen):
    """A summary for all images and by gender label."""

    all: Summary
    male: Summary
    female: Summary
