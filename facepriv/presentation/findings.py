"""What an audit found in one paragraph, under its verdict, and what it did not try."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.presentation.attackers import attacker_in_words
from facepriv.schemas.audits import AuditResult, ClassifierBaseline, Condition, ConditionName, Headline, PolicyChoice
from facepriv.schemas.figures import GUESSING
from facepriv.wording import listed, percent

NOT_TRIED = (
    "a person who looks at the images",
    "large networks trained or tuned end to end on thousands of processed images (the retrained attacker learns from "
    "templates and image features of some dozens of people)",
    "generative restoration, such as diffusion or super-resolution models",
    "commercial gender and face services",
    "an attacker who knows which images were perturbed, or has some of the originals",
    "names, clothes, file dates and whatever else comes with the images",
)
"""Attackers that no audit of this package tries."""


def not_tried(
    tried: Sequence[str],
    known: Sequence[str],
    classifiers: Sequence[str],
    *,
    most_people: int | None = None,
    more_people: str = "",
) -> list[str]:
    """Return attackers that were not tried: those known ones left out of this audit, and those that no audit tries.

    Parameters
    ----------
    classifiers : those whose scores the attackers had.
    most_people : people that any attacker learnt from; None where that is not known.
    more_people : sentence on an attacker whom more people would help, if any.
    """
    left_out = [f"an attacker who {attacker_in_words(name)}" for name in known if name not in tried]
    learned = (
        []
        if most_people is None
        else [
            f"attackers who have learned from labelled images of more than {most_people:,} people"
            + (f" ({more_people.removesuffix('.')})" if more_people else "")
        ]
    )
    return [*left_out, f"gender classifiers other than {listed(classifiers)}", *learned, *NOT_TRIED]


def findings(
    baseline: Sequence[ClassifierBaseline],
    conditions: Sequence[Condition],
    headlines: Sequence[Headline],
    policy: PolicyChoice | None,
) -> str:
    """Return one paragraph on what attackers learn: from the release first, then from the untouched images."""
    by_name: dict[ConditionName, Condition] = {condition.name: condition for condition in conditions}
    strongest = {headline.condition: headline for headline in headlines}
    parts = []
    if policy is not None and policy.p == 0:
        parts.append(policy.sentence)
    elif "mix" in strongest and policy is not None:
        changed = f"With {percent(by_name['mix'].perturbed if 'mix' in by_name else policy.p)} of the images changed"
        parts.append(_measured(changed, strongest["mix"]))
    if "perturbed" in strongest:
        every = strongest["perturbed"]
        parts.append(
            f"With all images changed, the strongest attacker ({every.attacker}) is right in {percent(every.accuracy)} "
            f"of cases (up to {percent(every.at_most)} allowing for chance)."
        )
    parts.append(_measured("With no image changed", strongest["untouched"]))
    attacks = by_name["untouched"].attacks if "untouched" in by_name else []
    templates = next((attack for attack in attacks if attack.attacker == "template"), None)
    if templates is not None:
        parts.append(
            f"An attacker who has only their stored templates is right in {percent(templates.accuracy.value)} of cases."
        )
    if baseline:
        errors = "; ".join(
            f"{error.classifier} for {percent(error.female.value)} of the images labelled female and "
            f"{percent(error.male.value)} of those labelled male"
            for error in baseline
        )
        parts.append(f"On unchanged images, classifiers are wrong as follows: {errors}.")
    return " ".join(parts)


def findings_of(result: AuditResult) -> str:
    """Return the paragraph on a stored audit, with whether more people to learn from would help an attacker."""
    found = findings(result.baseline, result.conditions, result.headlines, result.policy)
    return " ".join(filter(None, [found, result.more_people]))


def _measured(images: str, strongest: Headline) -> str:
    """Return how often the strongest attacker is right about these images."""
    return (
        f"{images}, the strongest attacker tried ({strongest.attacker}) is right in {percent(strongest.accuracy)} of "
        f"cases (up to {percent(strongest.at_most)} allowing for chance; {percent(GUESSING, 0)} is guessing)."
    )
