"""The five steps of a data set: when each is done, and which one thing is next."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from facepriv.presentation.journey import STATE_SYMBOLS, STEPS, DatasetFacts, Journey, Place, data_in_words, journey
from facepriv.presentation.verdict import Verdict, judge, not_attacked
from facepriv.services.studies.results import make_result
from facepriv.store import AuditSummary, DatasetRecord, ReleaseRecord, RemarkRecord, StudySummary
from facepriv.store.activity import ImageCounts, Work
from facepriv.store.records import RUN_STATES
from tests.study_examples import progress_of, spec_of

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
EXPOSED = judge(0.97, 0.99, "reads stored templates", loss=0.05)
KEPT = judge(0.6, 0.66, "reads stored templates", loss=0.05)
COSTLY = judge(0.6, 0.66, "reads stored templates", loss=0.05, most_loss=0.01)
FORTY = ImageCounts(images=40, subjects=20, women=20, men=20, unlabelled=0, failed=2, women_seen=10, men_seen=10)
PROGRESS: dict[str, Any] = {
    **dict.fromkeys(("started_at", "owner", "lease_until", "error", "stage_since")),
    **dict.fromkeys(("attempts", "done", "total", "losses", "stage_from"), 0),
    "created_at": NOON,
    "finished_at": NOON,
    "state": "complete",
    "cancel_requested": False,
    "stage": "",
    "spent": 0.0,
    "dataset_id": 1,
    "dataset_name": "staff",
}


def audit(number: int, run_id: int | None = None, images: int = 38) -> AuditSummary:
    return AuditSummary(**PROGRESS, id=number, job_id=number, images=images, run_id=run_id)


def record(**changes: Any) -> DatasetRecord:
    return DatasetRecord(
        **{"id": 1, "name": "staff", "source": "", "reader": "", "created_at": NOON, "content_sha256": "0", **changes}
    )


def facts(**known: Any) -> DatasetFacts:
    start: dict[str, Any] = {
        "record": record(),
        "images": FORTY,
        "untouched": not_attacked(),
        "today": date(2026, 11, 30),
    }
    return DatasetFacts(**{**start, **known})


MEASURED: dict[str, Any] = {"untouched": EXPOSED, "audit": audit(2), "judged": True}


def protected(verdict: Verdict = KEPT, **more: Any) -> dict[str, Any]:
    return {**MEASURED, "best": verdict, "best_run": 3, "best_audit": 4, **more}


def states(found: Journey) -> list[str]:
    return [step.state for step in found.steps]


def signed(decision: str = "accepted", **changes: Any) -> RemarkRecord:
    return RemarkRecord(
        **{
            "id": 1,
            "run_id": 3,
            "audit_id": 4,
            "about": "run 3, audit 4",
            "author": "otto",
            "at": NOON,
            "decision": decision,
            "text": "",
            "sha256": "0" * 64,
            **changes,
        }
    )


RELEASED = ReleaseRecord(
    id=1,
    dataset_id=1,
    template_set_id=None,
    about="run 3",
    policy="",
    items=40,
    manifest_sha256="ab12" + 56 * "0" + "cd34",
    verdict=KEPT.sentence,
    released_by="ada",
    at=NOON,
)


def test_a_fresh_data_set_has_data_only_and_is_to_be_attacked() -> None:
    found = journey(facts())
    assert states(found) == ["done", "to do", "not needed yet", "not needed yet", "not needed yet"]
    assert found.steps[0].sentence == "40 images of 20 people, 2 without a usable face."
    assert found.next is not None
    assert (found.next.step, found.next.starts_audit) == ("measure", True)
    assert found.next.why.endswith("how much gender these images reveal.")
    assert found.reached == "step 2 of 5, Measure: to do"


def test_each_step_follows_from_the_one_before() -> None:
    known: dict[str, Any] = dict(MEASURED)
    found = journey(facts(**known))
    assert found.step("measure").sentence == (
        "Audited on 2026-11-30 (audit 2): the strongest attacker tried is right 97 times in 100."
    )
    assert states(found) == ["done", "done", "to do", "not needed yet", "not needed yet"]
    assert found.next is not None
    assert found.next.place == Place("studies")
    assert "97 times in 100, where guessing is 50" in found.next.why
    known = protected()
    found = journey(facts(**known))
    assert states(found) == ["done", "done", "done", "to do", "to do"]
    assert found.step("protect").sentence == (
        "Run 3 (audit 4): protected; the strongest attacker tried is right 60 times in 100. "
        "Cost: 1 in 20 genuine matches lost."
    )
    assert found.next is not None
    assert (found.next.step, found.next.place) == ("release", Place("release", 3))
    known["releases"] = (RELEASED,)
    found = journey(facts(**known))
    assert found.step("release").sentence == (
        "Released on 2026-11-30 by ada: 40 images of run 3, SHA-256 of the manifest ab12…cd34. Verdict then: protected."
    )
    assert found.next is not None
    assert (found.next.step, found.next.place) == ("sign-off", Place("audit", 4))
    known["waits_for"] = ("otto",)
    found = journey(facts(**known))
    assert found.step("sign-off").state == "under way"
    assert found.step("sign-off").sentence == "Shared with otto; not signed yet."
    known |= {"sign_off": signed(), "signed_as_they_are": True}
    found = journey(facts(**known))
    assert states(found) == 5 * ["done"]
    assert found.step("sign-off").sentence == (
        "Signed by otto on 2026-11-30 for exactly these results (run 3, audit 4)."
    )
    assert found.next is None
    assert found.reached == "all 5 steps done"


@pytest.mark.parametrize(
    "known",
    [
        {},
        MEASURED,
        protected(),
        protected(EXPOSED),
        protected(releases=(RELEASED,)),
        protected(sign_off=signed("rejected"), signed_as_they_are=True),
        {"images": ImageCounts(**{**FORTY.__dict__, "failed": 40, "women_seen": 0, "men_seen": 0})},
        {"work": {("audit", "running"): Work(number=1, newest=9)}},
    ],
)
def test_exactly_one_step_has_the_next_thing_and_it_is_not_done(known: dict[str, Any]) -> None:
    found = journey(facts(**known))
    assert [step.name for step in found.steps] == list(STEPS)
    assert found.next is not None
    assert found.step(found.next.step).state != "done"
    assert found.next.call
    assert found.next.why.endswith(".")
    for step in found.steps:
        assert step.sentence.endswith(".")
        assert step.symbol == STATE_SYMBOLS[step.state]


def test_an_audit_that_no_classifier_judged_is_no_measurement() -> None:
    found = journey(facts(**{**MEASURED, "judged": False}))
    assert found.step("measure").state == "needs attention"
    assert found.next is not None
    assert found.next.starts_audit


def test_an_audit_of_some_images_says_so() -> None:
    found = journey(facts(**{**MEASURED, "audit": audit(2, run_id=5, images=20)}))
    assert "(audit 2 of run 5, with 20 of 38 images)" in found.step("measure").sentence


@pytest.mark.parametrize("kind", ["audit", "run-audit"])
def test_an_audit_under_way_is_watched(kind: str) -> None:
    found = journey(facts(work={(kind, "waiting"): Work(number=1, newest=9)}))
    assert found.step("measure").state == "under way"
    assert found.next is not None
    assert (found.next.call, found.next.place) == ("Watch audit 9", Place("audit", 9))


def test_too_few_people_and_no_labels_are_said_before_an_audit_is_offered() -> None:
    few = ImageCounts(**{**FORTY.__dict__, "women_seen": 4, "men_seen": 1})
    found = journey(facts(images=few))
    assert found.step("measure").state == "needs attention"
    assert "(1 male, 4 female)" in found.step("measure").sentence
    assert found.next is not None
    assert found.next.place == Place("import")
    assert not found.next.starts_audit
    none = ImageCounts(**{**FORTY.__dict__, "unlabelled": 40, "women_seen": 0, "men_seen": 0})
    assert "needs gender labels" in journey(facts(images=none)).step("measure").sentence


@pytest.mark.parametrize("verdict", [EXPOSED, COSTLY, judge(0.6, 0.8, "guesses")])
def test_a_run_that_misses_its_goal_does_not_protect(verdict: Verdict) -> None:
    found = journey(facts(**protected(verdict)))
    assert states(found) == ["done", "done", "needs attention", "not needed yet", "not needed yet"]
    assert found.next is not None
    assert found.next.place == Place("studies")


def test_a_run_that_nobody_attacked_does_not_protect() -> None:
    found = journey(facts(**MEASURED, work={("run", "complete"): Work(number=2, newest=6)}))
    assert found.step("protect").state == "needs attention"
    assert found.next is not None
    assert (found.next.call, found.next.place) == ("Audit run 6", Place("run", 6))


def test_a_study_protects_only_where_its_goal_was_reached_and_confirmed() -> None:
    study = StudySummary(**PROGRESS, id=3, job_id=3)
    met = make_result(spec_of(3, rungs=2), progress_of(), 60.0)
    found = journey(facts(**MEASURED, study=study, study_result=met))
    assert found.step("protect").state == "done"
    assert found.step("protect").sentence == (
        "Study 3: goal reached by s0, 100%, where the strongest attacker is right 66 times in 100, and confirmed on "
        "other people."
    )
    assert found.next is not None
    assert (found.next.call, found.next.place) == ("Apply what study 3 found", Place("study", 3))
    applying = {("run", "running"): Work(number=1, newest=8)}
    found = journey(facts(**MEASURED, study=study, study_result=met, work=applying))
    assert found.step("release").state == "under way"
    assert found.next is not None
    assert (found.next.call, found.next.place) == ("Watch run 8", Place("run", 8))
    found = journey(facts(**protected(EXPOSED), study=study, study_result=met, tried_since=True))
    assert found.step("protect").state == "needs attention", "on everybody it does not hold"
    found = journey(facts(**protected(), study=study, study_result=met, tried_since=True))
    assert found.step("release").place == Place("release", 3), "what was made of it is released"
    missed = make_result(spec_of(3, rungs=2), progress_of(confirmed=(0.8, 0.02)), 60.0)
    found = journey(facts(**MEASURED, study=study, study_result=missed))
    assert found.step("protect").state == "needs attention"
    assert "goal not reached; the best is s0, 100%" in found.step("protect").sentence


def test_what_keeps_its_goal_counts_whatever_else_does_not() -> None:
    found = journey(facts(**protected(EXPOSED), trial=7, trial_verdict=KEPT))
    assert found.step("protect").state == "done"
    assert found.step("protect").sentence.startswith("Protection 7 of templates: protected;")
    assert found.step("release").place == Place("trial", 7)
    under_way = {("study", "running"): Work(number=1, newest=8)}
    found = journey(facts(**protected(EXPOSED), work=under_way))
    assert found.next is not None
    assert (found.next.call, found.next.place) == ("Watch study 8", Place("study", 8))


def test_a_sign_off_of_results_that_changed_is_none() -> None:
    found = journey(facts(**protected(), sign_off=signed()))
    step = found.step("sign-off")
    assert step.state == "needs attention"
    assert step.sentence == "Results have changed since otto signed run 3, audit 4 on 2026-11-30."
    rejected = journey(facts(**protected(), sign_off=signed("rejected"), signed_as_they_are=True)).step("sign-off")
    assert rejected.sentence.startswith("Rejected by otto")


def test_where_a_sign_off_is_demanded_it_comes_before_the_release() -> None:
    found = journey(facts(**protected(), sign_off_first=True))
    assert found.next is not None
    assert found.next.step == "sign-off"
    assert "only what an officer has accepted" in found.next.why


def test_images_that_reveal_little_need_no_protection() -> None:
    found = journey(facts(**{**MEASURED, "untouched": KEPT}))
    assert found.step("protect").state == "not needed yet"
    assert found.next is not None
    assert found.next.step == "sign-off"


def test_a_retention_day_that_passed_comes_first() -> None:
    found = journey(facts(**protected(), record=record(retain_until=date(2026, 11, 1))))
    assert found.step("data").state == "needs attention"
    assert found.next is not None
    assert found.next.step == "data"


def test_jobs_are_counted_by_kind_and_state() -> None:
    work = {("run", "complete"): Work(number=3, newest=9), ("run", "failed"): Work(number=1, newest=4)}
    known = facts(work=work)
    assert known.count("run", states=RUN_STATES) == 4
    assert known.newest("study", "run", states=("failed",)) == ("run", 4)
    assert data_in_words(ImageCounts(**{**FORTY.__dict__, "images": 1, "subjects": 1, "failed": 0})) == (
        "1 image of 1 person"
    )
