"""An audit in one paragraph, and what it did not try."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.schemas.audits import AttackResult, ClassifierBaseline, Condition, ConditionName, Headline, PolicyChoice
from facepriv.schemas.figures import Interval
from facepriv.wording import listed, percent

NOT_TRIED = (
    "a person who looks at the images",
    "large networks trained or tuned end to end on thousands of processed images (the retrained attacker learns from "
    "templates and image features of the audited people only)",
    "generative restoration, such as diffusion or super-resolution models",
    "commercial gender and face services",
    "an attacker who knows which images were perturbed, or who holds some of the originals",
    "names, clothes, file dates and whatever else comes with the images",
)
"""Attackers that no audit of this package tries."""

GUESSING = 0.5
CLEAR, SOME = 0.7, 0.55
"""Accuracy of the worst attacker from which on a release leaks clearly, and below which an upper bound speaks of
guessing."""


def not_tried(tried: Sequence[str], known: Sequence[str], classifiers: Sequence[str]) -> list[str]:
    """Name attackers that were not tried: those left out of this audit, and those that none tries.

    Parameters
    ----------
    tried, known
        Attackers of the audit, and all that are registered.
    classifiers
        Those whose scores the attackers had.
    """
    left_out = [f"the attacker “{name}”" for name in known if name not in tried]
    return [*left_out, f"gender classifiers other than {listed(classifiers)}", *NOT_TRIED]


def verdict(
    baseline: Sequence[ClassifierBaseline],
    conditions: Sequence[Condition],
    headlines: Sequence[Headline],
    policy: PolicyChoice | None,
) -> str:
    """Say in one paragraph what the attackers learn."""
    by_name: dict[ConditionName, Condition] = {one.name: one for one in conditions}
    worst = {one.condition: one for one in headlines}
    parts = [_of_untouched(baseline, by_name["untouched"], worst["untouched"])]
    if policy is not None and policy.p == 0:
        parts.append(policy.sentence)
    elif "mix" in worst and policy is not None:
        mix = worst["mix"]
        parts.append(
            f"With {percent(by_name['mix'].perturbed)} of the images perturbed, the worst attacker tried "
            f"({mix.attacker}) is right in {percent(mix.accuracy)} and at most {percent(mix.upper)} of cases "
            f"({mix.bits:.2f} bits); {_judged(mix)}."
        )
    if "perturbed" in worst:
        whole = worst["perturbed"]
        parts.append(
            f"With every image perturbed that can be it would be {percent(whole.accuracy)} ({whole.attacker}), "
            f"at most {percent(whole.upper)}."
        )
    return " ".join(parts)


def _of_untouched(baseline: Sequence[ClassifierBaseline], untouched: Condition, worst: Headline) -> str:
    errors = "; ".join(
        f"{one.classifier} errs in {percent(one.female.value)} of the images labelled female and "
        f"{percent(one.male.value)} of those labelled male"
        for one in baseline
    )
    templates = _find(untouched, "template")
    text = f"As the images are, {errors}. " if errors else ""
    text += (
        f"The worst attacker tried ({worst.attacker}) is right in {percent(worst.accuracy)} of cases, at most "
        f"{percent(worst.upper)}, and learns {worst.bits:.2f} of 1 bit; {_judged(worst)}."
    )
    if templates is not None:
        text += (
            f" From the stored templates alone gender is told in {percent(templates.accuracy.value)} of cases "
            f"({_range(templates.accuracy)})."
        )
    return text


def _find(found: Condition, attacker: str) -> AttackResult | None:
    return next((one for one in found.attacks if one.attacker == attacker), None)


def _judged(worst: Headline) -> str:
    if worst.low <= GUESSING and worst.upper <= SOME:
        return "that is no better than guessing"
    if worst.accuracy >= CLEAR and worst.low > GUESSING:
        return "that is a clear leak"
    return "that is more than guessing, or cannot be told from it with so few people"


def _range(interval: Interval) -> str:
    return f"95 % interval {percent(interval.low)} to {percent(interval.high)}"
