"""Sentences on what more people to learn from would bring an attacker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facepriv.schemas.audits import Condition, LearningGain

RELEASED = ("mix", "perturbed", "untouched")
"""Releases by how much they matter, first the one that a policy makes."""


def say_more_people(gains: Iterable[LearningGain], conditions: Sequence[Condition]) -> str:
    """Return a sentence if more people to learn from would probably help an attacker; empty if none.

    It is about the release that matters most among those with such an attacker, and there about the attacker who is
    right most often.
    """
    accuracy = {
        (condition.name, attack.attacker): attack.accuracy.value or 0.0
        for condition in conditions
        for attack in condition.attacks
    }
    likely = [gain for gain in gains if gain.likely and (gain.condition, gain.attacker) in accuracy]
    if not likely:
        return ""
    release = min((gain.condition for gain in likely), key=RELEASED.index)
    return gain_sentence(
        max(
            (gain for gain in likely if gain.condition == release),
            key=lambda gain: accuracy[release, gain.attacker],
        )
    )


def gain_sentence(gain: LearningGain) -> str:
    """Return what an attacker would probably gain by more people, and why we think so."""
    return (
        f"With more people to learn from, the attacker {gain.attacker} would probably do better: from "
        f"{gain.from_subjects:,} to {gain.to_subjects:,} people he gained {points(gain.accuracy.value)}."
    )


def points(difference: float | None) -> str:
    """Write a difference of rates in percentage points."""
    return "–" if difference is None else f"{100 * difference:.1f} points"
