"""The trial of a protection in one paragraph, under its verdict, and what no protection of templates covers."""

from __future__ import annotations

from facepriv.schemas.requests import MOST_FNMR_LOSS
from facepriv.schemas.templates import KNOWLEDGE_TITLES, Comparison, ErrorsAt, TemplateAttack, TemplateAudit
from facepriv.wording import listed, percent

FMR = 0.001
"""FMR at which losses of matching are told."""
TOO_MANY = 2
"""How many times that FMR protected templates may have at the old threshold before a new one is asked for."""
NEAR = 0.01
"""Scores from which on two thresholds are told apart."""
_COMPARED: dict[Comparison, str] = {
    "against-untouched": "for new probes",
    "among-protected": "for protected templates with each other",
}
NOT_COVERED = (
    "images: whoever has one can compute an unprotected template from it",
    "other attributes, such as age or ethnicity, which may be as readable as before",
    "the owner, and whoever holds the key or the unprotected templates",
    "names and whatever else is stored beside a template",
    "attackers other than those tried, or who have learned from more people",
)
"""What no figure of a trial covers."""
NOT_TRIED = (
    "whoever has the images",
    "whoever holds the key or the unprotected templates",
    "other attackers, and those who have learned from more people",
)
"""Whom of them no trial lets attack, in a few words each."""


def keeps_limits(audit: TemplateAudit, most_accuracy: float, most_fnmr_loss: float) -> bool:
    """Return whether a protection keeps to both limits; not where the loss of matching cannot be told."""
    accuracy, loss = audit.worst.reversed_accuracy.value, audit.fnmr_loss
    return accuracy is not None and loss is not None and accuracy <= most_accuracy and loss <= most_fnmr_loss


def protection_findings(untouched: TemplateAudit, protected: TemplateAudit) -> str:
    """Return the figures under the verdict on a protection: attackers, chance, recognition, the threshold needed."""
    worst, loss = protected.worst, protected.fnmr_loss
    learnt = (
        f"The strongest attacker tried ({worst.attacker}, who {KNOWLEDGE_TITLES[worst.knowledge]}) is right "
        f"in {percent(worst.reversed_accuracy.value)} of cases (up to {percent(worst.reversed_accuracy.high)} allowing "
        f"for chance; 50 % is guessing). From templates as they are, the strongest was right in "
        f"{right(untouched.worst)}."
    )
    chance = (
        f"With the {protected.people:,} people here, the best of so many attackers would seem to be right in "
        f"{percent(protected.chance.mean)} of cases by luck if there were nothing to learn."
    )
    return " ".join(filter(None, [learnt, chance, _lost(loss), new_threshold(protected)]))


def new_threshold(audit: TemplateAudit) -> str:
    """Return which threshold protected templates need; nothing where the old one will do.

    It will not where at the old one many impostors pass, or many more genuine comparisons fail than at a new one.
    """
    errors = audit.matching.errors_at(FMR)
    if errors is None or errors.threshold is None:
        return ""
    passing = max((rate for rate in errors.fmr.values() if rate is not None), default=0.0)
    failing = {
        which: old.value - (errors.own_fnmr[which].value or 0.0) for which, old in errors.fnmr.items() if old.value
    }
    why = [f"{percent(passing)} of impostors would be accepted"] if passing > TOO_MANY * FMR else []
    if max(failing.values(), default=0.0) > MOST_FNMR_LOSS:
        worst = max(failing, key=failing.__getitem__)
        why.append(f"{percent(errors.fnmr[worst].value)} of genuine comparisons would fail")
    if not why or not any(value is not None for value in errors.own_threshold.values()):
        return ""
    return (
        f"Set the matcher's threshold anew, {_own_thresholds(errors)} instead of {errors.threshold:.3f}: at the old "
        f"one, {listed(why)}."
    )


def _own_thresholds(errors: ErrorsAt) -> str:
    """Write the new threshold, or one for each kind of comparison where they are far apart."""
    new = {which: value for which, value in errors.own_threshold.items() if value is not None}
    if max(new.values()) - min(new.values()) < NEAR:
        return f"to about {max(new.values()):.3f}"
    return "to about " + listed([f"{value:.3f} {_COMPARED[which]}" for which, value in new.items()])


def right(attack: TemplateAttack) -> str:
    """Return how often an attacker is right, or his opposite."""
    return percent(attack.reversed_accuracy.value)


def _lost(loss: float | None) -> str:
    if loss is None:
        return "It cannot be told whether recognition still works: the people have too few templates each."
    if loss <= 0:
        return "No more genuine comparisons are lost than before when 0.1 % of impostors are accepted."
    return f"Of genuine comparisons, {_points(loss)} more are lost than before when 0.1 % of impostors are accepted."


def _points(rate: float) -> str:
    return f"{100 * rate:.2f} percentage points"
