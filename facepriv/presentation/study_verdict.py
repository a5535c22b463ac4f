"""What a study comes to, in a few sentences: whether its goal is reached, by what, and how sure that is."""

from __future__ import annotations

from facepriv.audit.attackers.registry import attackers
from facepriv.presentation import protection_findings
from facepriv.presentation.attackers import TEMPLATE_ATTACKER_WORDS, attacker_in_words
from facepriv.presentation.findings import not_tried
from facepriv.presentation.verdict import SYMBOLS, Verdict, judge
from facepriv.schemas.studies import Released, StudyConfirmation, StudyFigures, StudyGoal, StudyResult, StudySpec
from facepriv.wording import count, one_in, times_in_100

NOUNS: dict[Released, str] = {"images": "images", "templates": "templates"}
NOT_YET = "Nothing has been tried yet."
COST_NOT_KNOWN = "Cost: not known, because there are too few pairs of images to compare."
NOBODY_BETTER = "Nothing that was tried is better than leaving everything as it is."


def study_verdict(result: StudyResult) -> str:
    """Return whether the goal is reached, the recommended candidates with their figures, and what was confirmed."""
    return " ".join(study_sentences(result))


def study_sentences(result: StudyResult) -> list[str]:
    """Return the sentences of the verdict, the most important first."""
    if not any(outcome.figures is not None for outcome in result.outcomes):
        failed = next((outcome.reason for outcome in result.outcomes if outcome.state == "failed"), "")
        return [f"Nothing could be tried: {failed}" if failed else NOT_YET]
    if not result.recommended:
        return [_opening(result), NOBODY_BETTER, *_untouched(result), *_ended(result)]
    sentences = [_opening(result)]
    for released, name in result.recommended.items():
        figures = result.outcome(name).figures
        assert figures is not None, "what is recommended was tried"
        word = "Recommended" if result.met else "The best that was found"
        of = f" for {NOUNS[released]}" if len(result.recommended) > 1 else ""
        sentences.append(f"{word}{of}: {name}. {_figures(figures)}")
        confirmation = next((each for each in result.confirmations if each.candidate == name), None)
        if confirmation is not None:
            sentences.append(_confirmed(confirmation))
    return [*sentences, *_untouched(result), *_ended(result)]


def strongest_in_words(figures: StudyFigures) -> str:
    """Return what the strongest attacker on images or templates has or does."""
    return TEMPLATE_ATTACKER_WORDS.get(figures.attacker) or attacker_in_words(figures.attacker)


def study_limits(spec: StudySpec) -> str:
    """Return the sentence on attackers that a study did not try."""
    released = dict.fromkeys(setting.released for setting in spec.settings)
    limits: list[str] = []
    if "images" in released:
        classifiers = [ref.name for ref in spec.classifiers]
        limits += not_tried(spec.attackers, attackers.names(), classifiers, most_people=spec.rungs[-1].people)
    if "templates" in released:
        limits += protection_findings.NOT_TRIED
    if len(released) > 1:
        limits.append("in the search, an attacker who holds both the images and the templates of the same people")
    return f"Not tried: {'; '.join(dict.fromkeys(limits))}."


def study_symbol(result: StudyResult) -> str:
    """Return the sign that stands before the verdict; the words say the same."""
    if result.met:
        return SYMBOLS["protected"]
    return SYMBOLS["unknown" if result.ended is None else "exposed"]


def outcome_verdict(figures: StudyFigures, goal: StudyGoal, *, untouched: bool = False) -> Verdict:
    """Return the verdict on one candidate, with the study's own goal."""
    return judge(
        figures.accuracy.value or 0.0,
        round(figures.upper, 9),
        strongest_in_words(figures),
        loss=None if untouched else figures.lost.value,
        cost="" if untouched or figures.lost.value is not None else COST_NOT_KNOWN,
        goal=goal.attacker_at_most,
        most_loss=goal.matches_lost,
    )


def goal_in_words(goal: StudyGoal) -> str:
    """Return the goal, e.g. ``strongest attacker right at most 70 times in 100, at most 3 in 100 matches lost``."""
    lost = f"at most {one_in(goal.matches_lost)} genuine matches lost" if goal.matches_lost else "no genuine match lost"
    return f"strongest attacker right at most {times_in_100(goal.attacker_at_most)} times in 100, {lost}"


def _opening(result: StudyResult) -> str:
    goal = goal_in_words(result.goal)
    if result.met:
        return f"Goal reached ({goal})."
    if result.ended is None:
        return f"Goal not reached so far ({goal})."
    return f"Goal not reached ({goal})."


def _figures(figures: StudyFigures) -> str:
    accuracy = figures.accuracy.value
    right = "an unknown number of" if accuracy is None else times_in_100(accuracy)
    lost = figures.lost.value
    cost = "how many genuine matches are lost could not be measured"
    if lost is not None:
        cost = "no more genuine matches are lost than before" if lost <= 0 else f"{one_in(lost)} genuine matches lost"
    return (
        f"The strongest attacker ({strongest_in_words(figures)}) is right {right} times in 100 "
        f"(up to {times_in_100(figures.upper, up=True)} allowing for chance; guessing is 50); {cost}."
    )


def _confirmed(confirmation: StudyConfirmation) -> str:
    if confirmation.figures is None:
        return f"It could not be confirmed on other people: {confirmation.failed}"
    opening = "Confirmed" if confirmation.holds else "Not confirmed"
    people = f"{confirmation.figures.people:,} people who had no part in the search"
    return f"{opening} on {people}: {_lower(_figures(confirmation.figures))}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _untouched(result: StudyResult) -> list[str]:
    return [
        f"Left as they are, {NOUNS[released]} let the strongest attacker be right "
        f"{times_in_100(figures.accuracy.value or 0.0)} times in 100."
        for released, figures in result.untouched.items()
    ]


def _ended(result: StudyResult) -> list[str]:
    left = sum(outcome.state == "not-tried" for outcome in result.outcomes)
    if result.ended == "time" and left:
        return [f"Time was up with {count(left, 'candidate')} not tried to the end; more time may find a better one."]
    if result.ended == "stopped":
        return ["It was stopped before its end; what was found so far is kept, and it can be resumed."]
    return []
