"""Sentences on what more people to learn from would bring an attacker."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.schemas.audits import Condition, ConditionName, LearningGain

RELEASED: tuple[ConditionName, ...] = ("mix", "perturbed", "untouched")
"""Releases by how much they matter, first the one that a policy makes."""
WORTH_A_SENTENCE = 0.01
"""Gain, and what is left to gain, from which on a sentence is said."""


def say_more_people(gains: Sequence[LearningGain], conditions: Sequence[Condition]) -> str:
    """Return a sentence on whether more people to learn from would help an attacker; empty where none is needed.

    It is about the release that matters most of those that the audit judged: about the attacker who is right most often
    of those whom more people would probably help, or else about the strongest one if that cannot be told. Where the
    strongest one is always right, there is nothing to add.
    """
    released = {condition.name: condition for condition in conditions}
    condition = next((released[name] for name in RELEASED if name in released), None)
    if condition is None:
        return ""
    accuracy = {attack.attacker: attack.accuracy.value or 0.0 for attack in condition.attacks}
    strongest = max(accuracy, key=accuracy.__getitem__, default="")
    mine = {gain.attacker: gain for gain in gains if gain.condition == condition.name and gain.attacker in accuracy}
    if strongest not in mine or accuracy[strongest] > 1 - WORTH_A_SENTENCE:
        return ""
    likely = [name for name, gain in mine.items() if gain.likely]
    if likely:
        return _would_help(mine[max(likely, key=accuracy.__getitem__)])
    return _cannot_be_told(mine[strongest]) if (mine[strongest].accuracy.value or 0.0) >= WORTH_A_SENTENCE else ""


def _would_help(gain: LearningGain) -> str:
    who = f"the attacker {gain.attacker}"
    return f"With more people to learn from, {who} would probably do better: {_gained(gain)} points."


def _cannot_be_told(gain: LearningGain) -> str:
    ends = gain.accuracy.low, gain.accuracy.high
    between = "" if None in ends else f" (95 % interval {' to '.join(f'{100 * (end or 0.0):.1f}' for end in ends)})"
    return (
        f"Whether more people to learn from would help the attacker {gain.attacker} cannot be told: {_gained(gain)} "
        f"points{between}."
    )


def _gained(gain: LearningGain) -> str:
    return (
        f"from {gain.from_subjects:,} to {gain.to_subjects:,} people he gained {100 * (gain.accuracy.value or 0.0):.1f}"
    )
