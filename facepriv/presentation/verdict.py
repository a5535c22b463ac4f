"""The one sentence that says whether gender is protected and what that cost, wherever a person asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from facepriv.presentation.attackers import attacker_in_words, template_attacker_in_words
from facepriv.presentation.audit_tables import worst_loss
from facepriv.presentation.glossary import link, term_for, with_links
from facepriv.presentation.protection_findings import FMR, NOT_TRIED
from facepriv.schemas.audits import AuditResult, ConditionName
from facepriv.schemas.figures import GUESSING, MatchingPhases
from facepriv.schemas.protections import ProtectionResult, ProtectionSpec
from facepriv.schemas.runs import RunResult
from facepriv.schemas.templates import TemplateAudit
from facepriv.wording import one_in, times_in_100

Level = Literal["protected", "costly", "uncertain", "exposed", "unknown"]
WORDS: dict[Level, str] = {
    "protected": "Protected",
    "costly": "Protected, but at too high a cost",
    "uncertain": "Uncertain",
    "exposed": "Not protected",
    "unknown": "Not attacked yet",
}
SYMBOLS: dict[Level, str] = {"protected": "✓", "costly": "!", "uncertain": "?", "exposed": "✗", "unknown": "–"}
"""Shown before the word; colour is added where there is any, and never stands alone."""
GOAL = 0.7
"""How often the strongest attacker may be right at most, as long as nobody states a goal.

Guessing is right 50 times in 100, a classifier on untouched photographs 95 times or more. Who believes an attacker that
is right 70 times is wrong about 3 people in 10, and an eighth of the 1 bit is learnt. Audits of some dozens of people
have intervals of about 10 points to either side: what reveals nothing can keep this goal there, and could not keep 60.
"""
SHORT = {
    "attackers who have learned from labelled images of more than": "attackers who learned from more people",
    "a person": "people who look at the images",
    "large networks": "large networks trained on thousands of changed images",
    "generative restoration": "generative restoration",
    "commercial gender": "commercial services",
    "an attacker who knows which images were perturbed": "whoever knows which images were changed",
    "names, clothes": "names, clothes and dates",
}
"""Attackers that were not tried, by how their sentences begin, in a few words for a verdict."""
NEAR_GOAL = 0.1
"""How near to the goal an attacker must be before a verdict of *not protected* states it."""
NO_MATCHER = "Cost: not known, because no matcher was measured."
TOO_FEW_PAIRS = "Cost: not known, because there are too few pairs of images to compare."
ACROSS = "between untouched and changed images"
NOBODY_YET = "nobody has attacked these {}, so it is not known whether gender is protected."


@dataclass(frozen=True)
class Verdict:
    """Whether gender is protected, and what that cost."""

    level: Level
    finding: str
    """What follows the word: what the strongest attacker reached; a sentence without its beginning."""
    cost: str = ""
    """Sentence on the genuine matches lost; empty where nothing was changed."""
    not_tried: tuple[str, ...] = ()
    """Attackers that no figure covers, in a few words each."""
    accuracy: float | None = None
    """How often the strongest attacker tried is right, 0..1; None where nobody attacked."""

    @property
    def right(self) -> str:
        """How often the strongest attacker tried is right, in words; empty where nobody attacked."""
        if self.accuracy is None:
            return ""
        return f"the strongest attacker tried is right {times_in_100(self.accuracy)} times in 100"

    @property
    def word(self) -> str:
        """What the verdict is in one or a few words."""
        return WORDS[self.level]

    @property
    def symbol(self) -> str:
        """Sign that stands before the word."""
        return SYMBOLS[self.level]

    @property
    def short(self) -> str:
        """The verdict in a cell of a table."""
        return f"{self.symbol} {self.word}"

    @property
    def sentence(self) -> str:
        """The verdict with its cost: one sentence or two."""
        return " ".join(filter(None, [f"{self.word}: {self.finding}", self.cost]))

    @property
    def limits(self) -> str:
        """Sentence on what was not tried; empty where nobody attacked at all."""
        return f"Not tried: {'; '.join(self.not_tried)}." if self.not_tried else ""

    @property
    def lines(self) -> list[str]:
        """The verdict with its symbol, then what was not tried, for a terminal."""
        return [line for line in (f"{self.symbol} {self.sentence}", self.limits) if line]


def judge(
    accuracy: float,
    at_most: float,
    attacker: str,
    *,
    loss: float | None = None,
    cost: str = "",
    goal: float = GOAL,
    most_loss: float | None = None,
    when: str = "",
    not_tried: Sequence[str] = (),
) -> Verdict:
    """Return the verdict on what the strongest attacker reached.

    *Protected* is what keeps the goal even at the upper end of the interval; *not protected* what misses it by the
    figure itself; between them it is uncertain, because too few people were attacked to tell.

    Parameters
    ----------
    accuracy : how often the strongest attacker is right, 0..1; men and women count one half each, so that 0.5 is
        guessing whatever the balance of the data.
    at_most : upper end of the 95 % interval of any attacker, 0..1.
    attacker : what the strongest attacker has or does, in words that follow "attacker".
    loss : share of genuine matches lost in addition, 0..1 (negative if fewer); None where it is not known.
    cost : sentence to use instead of the one that follows from ``loss``; without either, nothing is said of cost.
    goal : greatest ``at_most`` that counts as protected.
    most_loss : greatest ``loss`` that is not too high a cost; None for any.
    when : what was released, in words that end the sentence, such as "when all images are changed".
    not_tried : attackers that no figure covers.
    """
    upper = max(at_most, accuracy, GUESSING)
    level: Level = "protected" if upper <= goal else "exposed" if accuracy > goal else "uncertain"
    if level == "protected" and loss is not None and most_loss is not None and loss > most_loss:
        level = "costly"
    limit = f"the goal is {100 * goal:.0f}"
    more = {
        "protected": f", at most {times_in_100(upper, up=True)} allowing for chance; {limit}",
        "costly": f", at most {times_in_100(upper, up=True)} allowing for chance; {limit}",
        "uncertain": f", but up to {times_in_100(upper, up=True)} allowing for chance; {limit}",
        "exposed": f"; {limit}" if accuracy <= goal + NEAR_GOAL else "",
        "unknown": "",
    }[level]
    finding = (
        f"the strongest attacker tried ({attacker}) is right {times_in_100(accuracy)} times in 100"
        f"{f' {when}' if when else ''} (guessing is {100 * GUESSING:.0f}){more}."
    )
    if level == "costly" and loss is not None:
        cost = cost_in_words(loss, limit=most_loss)
    elif not cost and loss is not None:
        cost = cost_in_words(loss)
    return Verdict(level, finding, cost, tuple(not_tried), accuracy)


def cost_in_words(loss: float, *, limit: float | None = None, between: str = "", sure: bool = True) -> str:
    """Return what protection cost, e.g. ``Cost: 1 in 20 genuine matches lost.``

    Parameters
    ----------
    limit : what is allowed, to be said where it is broken.
    between : what is compared, where it is not images of the release with each other.
    sure : whether there are enough comparisons to be sure.
    """
    caveat = "" if sure else " (from few comparisons)"
    if loss <= 0:
        return f"Cost: no more genuine matches lost than before{caveat}."
    allowed = "" if limit is None else f"; allowed: {one_in(limit) if limit > 0 else 'none'}"
    return f"Cost: {one_in(loss)} genuine matches lost{f' {between}' if between else ''}{caveat}{allowed}."


def not_attacked(what: str = "images", *, cost: str = "") -> Verdict:
    """Return the verdict on images or templates that nobody has attacked."""
    return Verdict("unknown", NOBODY_YET.format(what), cost)


def run_verdict(result: RunResult) -> Verdict:
    """Return the verdict on a run without an audit, with what it cost."""
    lost = _lost_across(result.matching)
    if lost is None:
        return not_attacked(cost=TOO_FEW_PAIRS if result.matching else NO_MATCHER)
    return not_attacked(cost=cost_in_words(lost[0], between=ACROSS, sure=lost[1]))


def _lost_across(matching: Mapping[str, MatchingPhases]) -> tuple[float, bool] | None:
    """Return how many more genuine matches of untouched with changed images are lost, by the worst matcher.

    And whether there are enough comparisons to be sure; None where it is not known.
    """
    changes = [
        (
            phases.cross.fmr1000 - phases.before.fmr1000,
            all(point.supported for point in phases.cross.operating_points if point.target_fmr == FMR),
        )
        for phases in matching.values()
        if phases.cross.fmr1000 is not None and phases.before.fmr1000 is not None
    ]
    return max(changes, default=None)


def matches_lost(
    matching: Mapping[str, MatchingPhases], audit: AuditResult | None = None, p: float = 1.0
) -> float | None:
    """Return the share of genuine matches lost that a verdict's cost is said of; None where it is not known.

    Of a run by itself that of untouched with changed images; of an audit's release of a proportion ``p``, 0..1, the
    greater of that and of the images of the release with each other. ``matching`` as for `audit_verdict`.
    """
    across = _lost_across(matching)
    worst = None if audit is None else worst_loss(audit, p)
    losses = [*([] if across is None else [p * across[0]]), *([] if worst is None else [worst[1]])]
    return max(losses, default=None)


def audit_verdict(
    result: AuditResult,
    *,
    most_loss: float | None = None,
    of: ConditionName | None = None,
    matching: Mapping[str, MatchingPhases] | None = None,
) -> Verdict:
    """Return the verdict on what an audit judged, or on one of its releases.

    Of a run, that is the release that the policy makes, or all images changed where it would change none; of a data set
    as it is, its untouched images.

    Parameters
    ----------
    most_loss : loss of genuine matches that the audit's policy allows, 0..1; None for any.
    of : the release, where another one is meant.
    matching : of the audited run, its matchers: an untouched photograph compared with changed ones may lose more than
        the images of the release with each other.
    """
    strongest = {line.condition: line for line in result.headlines}
    condition = of or released(result)
    if condition not in strongest:
        return not_attacked()
    p = {"untouched": 0.0, "perturbed": 1.0, "mix": result.policy.p if result.policy else 0.0}[condition]
    loss, cost = None, ""
    if condition != "untouched":
        worst = worst_loss(result, p)
        loss = None if worst is None else worst[1]
        cost = _cost_of_release(result, p, worst, _lost_across(matching or {}))
    when = {
        "untouched": "",
        "perturbed": "when all images are changed",
        "mix": f"when {times_in_100(p)} in 100 images are changed",
    }[condition]
    line = strongest[condition]
    return judge(
        line.accuracy,
        line.at_most,
        attacker_in_words(line.attacker),
        loss=loss,
        cost=cost,
        most_loss=most_loss,
        when=when,
        not_tried=[shorten(each) for each in result.not_tried],
    )


def release_verdict(
    audit: AuditResult | None,
    p: float,
    *,
    most_loss: float | None = None,
    matching: Mapping[str, MatchingPhases] | None = None,
) -> Verdict:
    """Return the verdict on a run's images of which a proportion ``p``, 0..1, is changed.

    It is that of the audit that judged this very mix; without one, nobody has attacked what would be released.
    ``most_loss`` and ``matching`` are as for `audit_verdict`.
    """
    of: ConditionName = "perturbed" if p == 1 else "mix"
    judged = audit is not None and any(line.condition == of for line in audit.headlines)
    if audit is None or not judged or (of == "mix" and (audit.policy is None or audit.policy.p != p)):
        return not_attacked(f"images with {times_in_100(p)} in 100 of them changed")
    return audit_verdict(audit, most_loss=most_loss, of=of, matching=matching)


def _cost_of_release(
    result: AuditResult, p: float, worst: tuple[str, float] | None, across: tuple[float, bool] | None
) -> str:
    """Return the greater cost: of the images of the release with each other, or with untouched photographs."""
    if across is not None and (worst is None or p * across[0] > worst[1]):
        # Of a photograph's genuine images in the release, the share p is changed.
        return cost_in_words(p * across[0], between=ACROSS, sure=across[1])
    if worst is None:
        return TOO_FEW_PAIRS if result.utility else NO_MATCHER
    matcher, loss = worst
    sure = all(point.fmr1000.supported for point in result.utility if (point.matcher, point.p) == (matcher, p))
    return cost_in_words(loss, sure=sure)


def released(result: AuditResult) -> ConditionName:
    """Return which release of an audit its verdict is on."""
    names = {line.condition for line in result.headlines}
    if result.policy is not None and result.policy.p > 0 and "mix" in names:
        return "mix"
    return "perturbed" if "perturbed" in names else "untouched"


def template_verdict(audit: TemplateAudit, *, goal: float, most_loss: float) -> Verdict:
    """Return the verdict on templates under a protection, whose limits are the goal."""
    worst = audit.worst
    accuracy = worst.reversed_accuracy.value
    if accuracy is None:
        return not_attacked("templates")
    return judge(
        accuracy,
        audit.upper,
        template_attacker_in_words(worst),
        loss=audit.fnmr_loss,
        cost=TOO_FEW_PAIRS,
        goal=goal,
        most_loss=most_loss,
        not_tried=NOT_TRIED,
    )


def trial_verdict(result: ProtectionResult, spec: ProtectionSpec) -> Verdict:
    """Return the verdict on the protection that a trial was asked for, by the limits that were set."""
    return template_verdict(result.chosen, goal=spec.most_accuracy, most_loss=spec.most_fnmr_loss)


def shorten(attacker: str) -> str:
    """Say in a few words who was not tried: known ones as in `SHORT`, others without what stands in brackets."""
    known = (short for beginning, short in SHORT.items() if attacker.startswith(beginning))
    return next(known, re.sub(r" \([^()]*\)", "", attacker))


def to_html(verdict: Verdict, lead: str = "", *, with_limits: bool = True) -> str:
    """Return the verdict as a block of HTML, whose style each page has.

    ``lead`` says what it is about; without ``with_limits``, what was not tried is left to another verdict beside it.
    """
    about = f'<p class="about">{escape(lead)}</p>' if lead else ""
    limits = f'<p class="limits">{with_links(verdict.limits)}</p>' if verdict.limits and with_limits else ""
    rest = " ".join(filter(None, [verdict.finding, verdict.cost]))
    word = link(term_for(verdict.word), f"<strong>{escape(verdict.word)}:</strong>")
    return (
        f'<div class="facepriv-verdict {verdict.level}" role="group" aria-label="Verdict">{about}'
        f'<p class="outcome"><span class="symbol" aria-hidden="true">{verdict.symbol}</span> '
        f"{word} {with_links(rest)}</p>{limits}</div>"
    )


def recommendation(verdict: Verdict, what: str, *, changed: bool = True, audit_with: str = "") -> str:
    """Return what to do about it.

    Parameters
    ----------
    what : what would be released, "images" or "templates".
    changed : whether they were changed to hide gender; untouched ones are not for release.
    audit_with : how to let the attackers try, where nobody has.
    """
    if verdict.level == "unknown":
        how = f": {audit_with}" if audit_with else ""
        return f"Do not release these {what} before attackers have tried{how}."
    if not changed:
        if verdict.level == "protected":
            return f"The {what} reveal little about gender as they are. Audit them again when more are added."
        return f"Do not give these {what} to anybody who may recognise people but not learn their gender; protect them."
    if verdict.level == "protected":
        return f"The {what} can be released as audited, as far as the attackers that were not tried are acceptable."
    if verdict.level == "costly":
        return f"Do not release these {what}: too many matches are lost. Look for a protection that loses fewer."
    if verdict.level == "uncertain":
        return f"Do not rely on this protection yet: repeat the audit with more people, or protect the {what} better."
    return f"Do not release these {what} as protected. Look for a protection that works, and audit it again."
