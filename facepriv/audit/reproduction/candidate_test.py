"""Test whether candidates of the opposite label take fewer updates than those of the same (section 3.1)."""

from __future__ import annotations

import numpy as np
from scipy.stats import wilcoxon

from facepriv.audit.reproduction.experiments import ExperimentRun, ImageOutcome
from facepriv.schemas.reproductions import CandidateTest
from facepriv.types import Floats64
from facepriv.wording import count

LEVEL = 0.05
"""Significance level."""
ENOUGH_SUBJECTS = 50
"""Subjects below which a test is said to see large differences only."""


def compare_candidates(opposite: ExperimentRun, same: ExperimentRun) -> CandidateTest:
    """Test whether candidates of the opposite label take another number of updates than those of the same.

    Only images that both runs flipped and that took updates in both are compared. The Wilcoxon signed-rank test is
    two-sided; differences of 0 are left out, as Wilcoxon did.
    """

    def flipped(run: ExperimentRun) -> dict[int, ImageOutcome]:
        return {image.image_id: image for image in run.images if image.success and image.updates > 0}

    with_opposite, with_same = flipped(opposite), flipped(same)
    both = [image_id for image_id in with_opposite if image_id in with_same]
    a = np.array([with_opposite[i].updates for i in both], dtype=np.float64)
    b = np.array([with_same[i].updates for i in both], dtype=np.float64)
    by_subject: dict[str, list[float]] = {}
    for image_id, difference in zip(both, a - b, strict=True):
        by_subject.setdefault(with_opposite[image_id].subject, []).append(float(difference))
    subject_means = np.array([np.mean(values) for values in by_subject.values()], dtype=np.float64)
    p_subjects = signed_rank_p(subject_means)
    return CandidateTest(
        experiment=opposite.experiment,
        guide=opposite.guide,
        images=len(both),
        subjects=len(by_subject),
        mean_opposite=float(a.mean()) if len(both) else None,
        mean_same=float(b.mean()) if len(both) else None,
        opposite_fewer=float((a < b).mean()) if len(both) else None,
        p_images=signed_rank_p(a - b),
        p_subjects=p_subjects,
        remark=_candidates_remark(int((subject_means != 0).sum()), p_subjects, a, b),
    )


def signed_rank_p(differences: Floats64) -> float | None:
    """Return the two-sided p of Wilcoxon's signed-rank test, zeros left out; None where nothing differs."""
    nonzero = differences[differences != 0]
    return float(wilcoxon(nonzero).pvalue) if nonzero.size else None


def _candidates_remark(pairs: int, p: float | None, opposite: Floats64, same: Floats64) -> str:
    if p is None:
        return "Nothing differs, or there is nothing to compare."
    least = 2.0 ** (1 - pairs)
    if least > LEVEL:
        return (
            f"{count(pairs, 'subject')} cannot show a difference at the {LEVEL:g} level whatever they do "
            f"(least p {least:.2g}); take more images."
        )
    fewer = "opposite-label" if opposite.mean() < same.mean() else "same-label"
    if p < LEVEL:
        return (
            f"Unlike the paper, the difference is significant (p = {p:.2g}): {fewer} candidates take fewer updates, "
            f"{min(opposite.mean(), same.mean()):,.0f} against {max(opposite.mean(), same.mean()):,.0f}."
        )
    sentence = f"As in the paper, no significant difference (p = {p:.2g}), with fewer updates for {fewer} candidates"
    return sentence + (f"; {pairs} subjects would show a large one only." if pairs < ENOUGH_SUBJECTS else ".")
