"""The one verdict: which it is, how it reads, and that it is the same as text and as HTML."""

from __future__ import annotations

import pytest

from facepriv.presentation.findings import not_tried
from facepriv.presentation.verdict import (
    GOAL,
    SYMBOLS,
    WORDS,
    audit_verdict,
    cost_in_words,
    judge,
    not_attacked,
    run_verdict,
    to_html,
)
from facepriv.schemas.audits import Headline, PolicyChoice, Utility
from facepriv.schemas.figures import MatchingPhases, OperatingPoint
from facepriv.wording import one_in, times_in_100
from tests.store_examples import audit_result, result_for


def line(condition: str, accuracy: float, upper: float, attacker: str = "template") -> Headline:
    return Headline(condition=condition, attacker=attacker, accuracy=accuracy, upper=upper, bits=0.1)  # type: ignore[arg-type]


def matched(p: float, fnmr: float | None) -> Utility:
    at = OperatingPoint(target_fmr=0.001, threshold=0.5, fmr=0.001, fnmr=fnmr, supported=True)
    return Utility(p=p, matcher="sface", fmr100=at, fmr1000=at, eer=0.01, auc=0.99)


def policy(p: float) -> PolicyChoice:
    return PolicyChoice(p=p, automatic=True, select_by="image", sign_p=None, sentence="So many.")


def test_it_reads_as_an_officer_would_say_it() -> None:
    found = judge(0.97, 0.99, "reads stored templates", loss=0.05, not_tried=["a person", "a large network"])
    assert found.sentence == (
        "Not protected: the strongest attacker tried (reads stored templates) is right 97 times in 100 (guessing is "
        "50). Cost: 1 in 20 genuine matches lost."
    )
    assert found.lines == [f"✗ {found.sentence}", "Not tried: a person; a large network."]


@pytest.mark.parametrize(
    ("accuracy", "at_most", "level"),
    [
        (0.5, 0.5, "protected"),
        (0.61, GOAL, "protected"),
        (0.61, GOAL + 0.001, "uncertain"),
        (GOAL, 0.8, "uncertain"),
        (GOAL + 0.001, 0.8, "exposed"),
        (1.0, 1.0, "exposed"),
        (0.3, 0.45, "protected"),
    ],
)
def test_the_upper_bound_decides_what_is_protected(accuracy: float, at_most: float, level: str) -> None:
    assert judge(accuracy, at_most, "guesses").level == level


def test_a_stricter_goal_is_stated_and_counts() -> None:
    found = judge(0.62, 0.68, "guesses", goal=0.6)
    assert found.level == "exposed"
    assert found.finding.endswith("the goal is 60.")
    assert "but up to 68 allowing for chance" in judge(0.58, 0.68, "guesses", goal=0.6).finding


def test_what_protects_at_too_high_a_cost_says_so() -> None:
    found = judge(0.55, 0.6, "guesses", loss=0.1, most_loss=0.01)
    assert found.level == "costly"
    assert found.cost == "Cost: 1 in 10 genuine matches lost; allowed: 1 in 100."
    assert judge(0.55, 0.6, "guesses", loss=0.01, most_loss=0.01).level == "protected"
    assert judge(0.9, 0.95, "guesses", loss=0.1, most_loss=0.01).level == "exposed", "the worse news comes first"


def test_every_verdict_has_a_word_and_a_sign_of_its_own() -> None:
    assert WORDS.keys() == SYMBOLS.keys()
    assert len(set(WORDS.values())) == len(set(SYMBOLS.values())) == len(WORDS)


def test_an_audit_of_a_run_is_judged_by_what_would_be_released() -> None:
    lines = [line("untouched", 0.97, 0.99), line("mix", 0.6, 0.66, "sign"), line("perturbed", 0.9, 0.95)]
    audit = audit_result(headlines=lines, policy=policy(0.45), utility=[matched(0.0, 0.02), matched(0.45, 0.07)])
    found = audit_verdict(audit)
    assert found.sentence == (
        "Protected: the strongest attacker tried (sees only a classifier's answer) is right 60 times in 100 when 45 in "
        "100 images are changed (guessing is 50), at most 66 allowing for chance; the goal is 70. Cost: 1 in 20 "
        "genuine matches lost."
    )
    assert found.not_tried == ("people who look at the images",)
    assert audit_verdict(audit, of="untouched").sentence.startswith("Not protected: ")
    assert audit_verdict(audit, of="untouched").cost == ""
    assert audit_verdict(audit, most_loss=0.01).level == "costly"


def phases(before: float | None, cross: float | None, *, supported: bool = True) -> MatchingPhases:
    (found,) = result_for(6).matching.values()
    points = [OperatingPoint(target_fmr=0.001, threshold=0.5, fmr=0.001, fnmr=cross, supported=supported)]
    return MatchingPhases(
        before=found.before.model_copy(update={"fmr1000": before}),
        after=found.after,
        cross=found.cross.model_copy(update={"fmr1000": cross, "operating_points": points}),
    )


def test_the_cost_is_the_greater_of_the_release_and_of_photographs_against_it() -> None:
    lines = [line("untouched", 0.97, 0.99), line("mix", 0.6, 0.66)]
    audit = audit_result(headlines=lines, policy=policy(0.5), utility=[matched(0.0, 0.02), matched(0.5, 0.04)])
    within = "Cost: 1 in 50 genuine matches lost."
    assert audit_verdict(audit, matching={"sface": phases(0.1, 0.1)}).cost == within
    across = audit_verdict(audit, matching={"sface": phases(0.0, 0.4), "dlib-resnet": phases(0.0, 0.1)})
    assert across.cost == "Cost: 1 in 5 genuine matches lost between untouched and changed images.", "half are changed"
    assert audit_verdict(audit, matching={"sface": phases(0.0, None)}).cost == within
    assert across.level == "protected", "the limit of the policy is on the release"


def test_a_cost_from_few_comparisons_says_so() -> None:
    result = result_for(6).model_copy(update={"matching": {"sface": phases(0.0, 0.1, supported=False)}})
    assert run_verdict(result).cost == (
        "Cost: 1 in 10 genuine matches lost between untouched and changed images (from few comparisons)."
    )


def test_where_the_policy_changes_nothing_all_images_changed_are_judged() -> None:
    audit = audit_result(
        headlines=[line("untouched", 1, 1), line("mix", 1, 1), line("perturbed", 0.9, 0.95)], policy=policy(0.0)
    )
    found = audit_verdict(audit)
    assert "right 90 times in 100 when all images are changed" in found.finding
    assert found.cost == "Cost: not known, because no matcher was measured."


def test_an_audit_of_images_as_they_are_costs_nothing() -> None:
    assert audit_verdict(audit_result()).sentence == (
        "Not protected: the strongest attacker tried (sees only a classifier's answer) is right 90 times in 100 "
        "(guessing is 50)."
    )


def test_a_run_without_an_audit_was_not_attacked() -> None:
    found = run_verdict(result_for(6))
    assert found.level == "unknown"
    assert found.sentence.startswith("Not attacked yet: nobody has attacked these images")
    assert "Cost: " in found.cost
    assert found.limits == "", "there is nothing tried of which anything could be left out"


def test_as_html_the_sign_is_decoration_and_names_cannot_break_out() -> None:
    found = judge(0.9, 0.95, "<b>reads</b>", not_tried=["a & b"])
    page = to_html(found, "few <script>")
    assert page.startswith('<div class="facepriv-verdict exposed" role="group" aria-label="Verdict">')
    assert '<span class="symbol" aria-hidden="true">✗</span> <a class="term" href="/help#not-protected"' in page
    assert "<strong>Not protected:</strong></a>" in page
    assert "&lt;b&gt;reads&lt;/b&gt;" in page
    assert "few &lt;script&gt;" in page
    assert "a &amp; b" in page
    assert "Not attacked yet" in to_html(not_attacked())


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.97, "97"), (0.996, "more than 99"), (1.0, "100"), (0.004, "fewer than 1"), (0.0, "0"), (0.495, "50")],
)
def test_rates_are_times_in_100(rate: float, words: str) -> None:
    assert times_in_100(rate) == words


def test_an_upper_bound_is_rounded_up() -> None:
    assert times_in_100(0.701, up=True) == "71"
    assert times_in_100(0.7, up=True) == "70"


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.05, "1 in 20"),
        (0.2, "1 in 5"),
        (0.25, "1 in 4"),
        (0.4, "2 in 5"),
        (0.37, "37 in 100"),
        (0.00123, "1 in 810"),
        (0.0001, "1 in 10,000"),
        (1.0, "all"),
    ],
)
def test_losses_are_one_in_so_many(rate: float, words: str) -> None:
    assert one_in(rate) == words


def test_no_loss_and_a_limit_of_none() -> None:
    assert cost_in_words(-0.01) == "Cost: no more genuine matches lost than before."
    assert cost_in_words(0.1, limit=0.0) == "Cost: 1 in 10 genuine matches lost; allowed: none."


def test_whom_no_audit_tries_is_named_in_a_few_words() -> None:
    tried = ("sign", "template")
    sentences = not_tried(tried, [*tried, "score"], ["dlib-gender"], most_people=48, more_people="He would do better.")
    audit = audit_result(not_tried=sentences)
    assert audit_verdict(audit).limits == (
        "Not tried: an attacker who sees a classifier's score; gender classifiers other than dlib-gender; attackers "
        "who learned from more people; people who look at the images; large networks trained on thousands of changed "
        "images; generative restoration; commercial services; whoever knows which images were changed; names, clothes "
        "and dates."
    )
