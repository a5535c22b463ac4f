"""What a study found, from its spec and the steps it has done."""

from __future__ import annotations

from facepriv.policy.study_search import Search, frontier, recommend, surely_reaches
from facepriv.presentation.study_verdict import study_verdict
from facepriv.schemas.studies import (
    UNTOUCHED,
    CandidateState,
    Released,
    StudyCandidate,
    StudyConfirmation,
    StudyFigures,
    StudyOutcome,
    StudyProgress,
    StudyResult,
    StudySpec,
    StudyStep,
)

NO_TIME = "Left for lack of time."


def make_result(spec: StudySpec, progress: StudyProgress, seconds: float, *, stopped: bool = False) -> StudyResult:
    """Return what a study found so far, with its verdict.

    Parameters
    ----------
    seconds : spent on it.
    stopped : whether somebody stopped it, or it failed, before its search had ended.
    """
    search = Search(spec, progress.steps)
    best = best_candidates(search)
    finalists = {name: figures for released in best for name, figures in search.finalists(released).items()}
    untouched: dict[Released, StudyFigures] = {}
    on_frontier: set[str] = set()
    for released in dict.fromkeys(setting.released for setting in spec.settings):
        points = dict(search.finalists(released))
        as_it_is = search.untouched(released)
        if as_it_is is not None:
            untouched[released] = points[UNTOUCHED] = as_it_is
        on_frontier |= set(frontier(points))
    confirmations = [_confirmation(spec, step) for step in progress.confirmations]
    wanted: set[Released] = {setting.released for setting in spec.settings}
    result = StudyResult(
        goal=spec.goal,
        people=max((spec.rungs[step.rung].people for step in progress.steps if step.failed is None), default=0),
        untouched=untouched,
        outcomes=[
            _outcome(search, candidate, progress, candidate.name in on_frontier) for candidate in spec.candidates
        ],
        recommended=best,
        met=wanted == best.keys()
        and all(surely_reaches(spec.goal, finalists[name]) for name in best.values())
        and {each.candidate for each in confirmations if each.holds} >= set(best.values()),
        confirmations=confirmations,
        ended=progress.ended or ("stopped" if stopped else None),
        verdict="",
        seconds=seconds,
    )
    return result.model_copy(update={"verdict": study_verdict(result)})


def best_candidates(search: Search) -> dict[Released, str]:
    """Return the candidate to release of images, and of templates, as far as one helps at all."""
    released = dict.fromkeys(setting.released for setting in search.spec.settings)
    best = {each: recommend(search.spec.goal, search.contenders(each)) for each in released}
    return {each: name for each, name in best.items() if name is not None}


def _outcome(search: Search, candidate: StudyCandidate, progress: StudyProgress, on_frontier: bool) -> StudyOutcome:
    latest, spec = search.latest(candidate.name), search.spec
    state: CandidateState
    if candidate.setting in search.failed:
        state, reason = "failed", search.failed[candidate.setting]
    elif candidate.name in search.dropped:
        state, reason = "dropped", search.dropped[candidate.name].reason
    elif latest is not None and latest[0] == len(spec.rungs) - 1:
        state, reason = "compared", ""
    else:
        state, reason = "not-tried", NO_TIME if progress.ended == "time" else ""
    steps = [step for step in progress.steps if candidate.name in step.figures]
    last = steps[-1] if steps else None
    return StudyOutcome(
        candidate=candidate,
        setting=spec.setting(candidate.setting),
        state=state,
        reason=reason,
        rung=None if latest is None else latest[0],
        figures=None if latest is None else latest[1],
        on_frontier=on_frontier,
        run_id=None if last is None else last.run_id,
        audit_ids=() if last is None else last.audit_ids,
    )


def _confirmation(spec: StudySpec, step: StudyStep) -> StudyConfirmation:
    """A step of the confirmation has one candidate, besides what is untouched."""
    named = [name for name in step.figures if name != UNTOUCHED]
    figures = step.figures[named[0]] if named else None
    return StudyConfirmation(
        candidate=step.candidate or "",
        figures=figures,
        holds=figures is not None and surely_reaches(spec.goal, figures),
        failed=step.failed,
        run_id=step.run_id,
        audit_ids=step.audit_ids,
    )
