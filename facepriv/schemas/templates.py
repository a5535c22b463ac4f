"""Result of an audit of templates under one protection, ``facepriv.templates/1``.

Rates are fractions 0..1; accuracies are at equal priors, so that 0.5 is guessing. Intervals are of 95 % and take people
as drawn at random.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from facepriv.schemas.base import Frozen
from facepriv.schemas.figures import Interval

KnowledgeState = Literal["unaware", "aware", "other-people"]
"""What an attacker on templates has learnt from: unprotected templates of all people whose labels he knows, knowing of
no protection; protected templates of people of the attacked database whose labels he knows; labelled templates of
another database of the same matcher, which he protects himself with the published map and a key of his own."""
KNOWLEDGE_TITLES: dict[KnowledgeState, str] = {
    "unaware": "does not know of the protection",
    "aware": "knows labels of other protected people",
    "other-people": "has another database and the map, not the key",
}
Comparison = Literal["against-untouched", "among-protected"]
"""Protected templates compared with untouched probes, or with each other."""


class TemplateAttack(Frozen):
    """What one attacker in one state of knowledge learns of people that he knows nothing of."""

    attacker: str
    knowledge: KnowledgeState
    people: float
    """People learnt from; the mean over turns."""
    accuracy: Interval
    """Balanced accuracy of the attacker's guesses."""
    reversed_accuracy: Interval
    """``max(accuracy, 1 - accuracy)``: of the guesses, or of the opposite ones where these are right more often."""
    auc: Interval
    """Of the guesses as they are."""
    bits: Interval
    """Bits learnt at least, by the guesses or by the opposite ones, whichever are right more often."""


class Chance(Frozen):
    """What the worst of all attackers seems to reach where there is nothing to learn.

    The labels of the tested people are shuffled, the guesses stay as they are: the best of many attackers is right in
    more than half of the cases by luck alone, the more so the fewer people are tested.
    """

    mean: float
    high: float
    """Exceeded in 5 % of the shuffles."""
    as_high: float
    """Share of the shuffles that reach what the worst attacker reached."""


class TemplateLearning(Frozen):
    """Accuracy of an attacker by number of people learnt from; whether guesses are turned round is chosen with all."""

    attacker: str
    knowledge: KnowledgeState
    part: float
    """Part of the people at hand, 0..1."""
    people: int
    accuracy: Interval


class ErrorsAt(Frozen):
    """FNMR at one target FMR, as it was and as it is with a protection."""

    target_fmr: float
    supported: bool
    """Whether there are enough non-mated comparisons to say anything at that FMR: by the rule of three 3 / target."""
    threshold: float | None
    """Lowest score at which untouched templates keep the target; distances are negative scores."""
    untouched: Interval
    """FNMR of untouched templates at that threshold."""
    fnmr: dict[Comparison, Interval]
    """FNMR of protected templates at the threshold of the untouched ones, as of a system that goes on with its own."""
    fmr: dict[Comparison, float | None]
    """FMR of protected templates at that threshold."""
    fnmr_change: dict[Comparison, Interval]
    """``fnmr`` less ``untouched``; a paired interval."""
    own_fnmr: dict[Comparison, Interval]
    """FNMR of protected templates at a threshold of their own, at which their own FMR is at most the target."""
    own_threshold: dict[Comparison, float | None] = Field(default_factory=dict)
    """That threshold, over all partings' maps together; one that is fitted on more people has a slightly different
    one."""

    def loss(self, comparison: Comparison) -> float | None:
        """Return how far FNMR is above the untouched one, each at a threshold of its own where FMR is at the target."""
        before, after = self.untouched.value, self.own_fnmr[comparison].value
        return None if before is None or after is None else after - before


class TemplateMatching(Frozen):
    """How well people are recognised by protected templates."""

    mated: int
    non_mated: int
    """Comparisons of untouched templates, each pair once."""
    partings: int
    """Random partings whose protected templates are compared: all, or fewer where there are many templates."""
    errors: list[ErrorsAt]
    rank_one: dict[Literal["untouched"] | Comparison, Interval]
    """Share of probes whose person comes first among all people, one enrolled template each."""
    unlinkability: float | None
    """``D_sys`` of two releases with different keys, 0 = unlinkable, 1 = fully linkable; null without a key."""

    def errors_at(self, target_fmr: float) -> ErrorsAt | None:
        """Return the figures at a target FMR; None where there are none."""
        return next((errors for errors in self.errors if errors.target_fmr == target_fmr), None)


class TemplateAudit(Frozen):
    """What an audit of templates under one protection found."""

    schema_: Literal["facepriv.templates/1"] = Field(default="facepriv.templates/1", alias="schema")
    protection: str
    """Name of the protection; ``none`` for templates as they are."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    wrong_guesses: float = 0.0
    """Share of people who were enrolled with the wrong label, where the protection asks for one."""
    matcher: str
    version: str
    metric: str
    templates: int
    people: int
    men: int
    women: int
    left_out: dict[str, int]
    """Templates left out, by reason."""
    fitted_on: float
    """People a map was fitted on; the mean over turns."""
    partings: int
    """Random partings of the people, in each of which everybody is attacked once."""
    seed: int
    attacks: list[TemplateAttack]
    picked: list[TemplateAttack]
    """By state of knowledge the attacker that did best on people held out of his own: no figure here is the best of
    many tries."""
    worst: TemplateAttack
    """The attack with the greatest reversed accuracy."""
    upper: float
    """The greatest upper bound of any attack."""
    chance: Chance
    learning: list[TemplateLearning]
    """By number of people, for the strongest attacker in each state who learns from protected templates."""
    matching: TemplateMatching
    seconds: float = 0.0

    @property
    def fnmr_loss(self) -> float | None:
        """Return the greater loss of FNMR at FMR 0.1 %, protected against untouched and among protected ones."""
        errors = self.matching.errors_at(0.001)
        losses = [] if errors is None else [errors.loss("against-untouched"), errors.loss("among-protected")]
        known = [loss for loss in losses if loss is not None]
        return max(known) if known else None

    def attack(self, attacker: str, knowledge: KnowledgeState) -> TemplateAttack | None:
        """Return the figures of one attacker in one state; None where it was not tried."""
        return next((one for one in self.attacks if (one.attacker, one.knowledge) == (attacker, knowledge)), None)
