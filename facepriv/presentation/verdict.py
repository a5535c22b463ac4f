"""An audit in one paragraph, and what it did not try."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.schemas.audits import ClassifierBaseline, Condition, ConditionName, Headline, PolicyChoice
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

CLEAR, SOME = 0.7, 0.55
"""Accuracy of the strongest attacker from which a release clearly reveals gender, and upper bound up to which it is
taken for guessing."""
NOTHING, CLEARLY, PERHAPS = (
    "do not reveal gender beyond guessing",
    "clearly reveal gender",
    "may reveal gender, or there are too few people to tell",
)


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
    left_out = [f"the “{name}” attacker" for name in known if name not in tried]
    learned = (
        []
        if most_people is None
        else [
            f"attackers who have learned from labelled images of more than {most_people:,} people"
            + (f" ({more_people.removesuffix('.')})" if more_people else "")
        ]
    )
    return [*left_out, f"gender classifiers other than {listed(classifiers)}", *learned, *NOT_TRIED]


def verdict(
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
        changed = f"With {percent(by_name['mix'].perturbed)} of the images changed, they"
        parts.append(_judged(changed, strongest["mix"]))
    if "perturbed" in strongest:
        every = strongest["perturbed"]
        parts.append(
            f"With all images changed, the strongest attacker ({every.attacker}) is right in {percent(every.accuracy)} "
            f"of cases (up to {percent(every.at_most)} allowing for chance)."
        )
    parts.append(_judged("Unchanged, the images", strongest["untouched"]))
    templates = next((attack for attack in by_name["untouched"].attacks if attack.attacker == "template"), None)
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


def _judged(images: str, strongest: Headline) -> str:
    """Return whether images reveal gender, with the figures that say so."""
    if strongest.low <= GUESSING and strongest.at_most <= SOME:
        outcome = NOTHING
    elif strongest.accuracy >= CLEAR and strongest.low > GUESSING:
        outcome = CLEARLY
    else:
        outcome = PERHAPS
    return (
        f"{images} {outcome}: the strongest attacker tried ({strongest.attacker}) is right in "
        f"{percent(strongest.accuracy)} of cases (up to {percent(strongest.at_most)} allowing for chance; 50 % is "
        "guessing)."
    )
