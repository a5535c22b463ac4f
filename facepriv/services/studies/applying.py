"""Apply a candidate of a study to the whole data set: change all images and audit them, or protect all templates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.perturb.registry import make_method
from facepriv.policy.study_search import Search
from facepriv.schemas.requests import AuditRequest, ProtectionRequest, RunRequest
from facepriv.schemas.studies import StudyCandidate, StudySetting, StudySpec
from facepriv.services.jobs.submit import submit
from facepriv.services.protections.keeping import keep_protected
from facepriv.services.runs.judges import choose_images
from facepriv.services.studies.results import best_candidates
from facepriv.store import AuditRecord, JobState, ProtectionRecord, RunRecord, Store, StudyRecord
from facepriv.types import Actor
from facepriv.wording import listed

HAS_RESULT_OR_WILL: tuple[JobState, ...] = ("waiting", "running", "complete")
LOOK_BACK = 10
"""Runs by one method, and audits of one run, that are looked at for what applies a candidate."""


@dataclass(frozen=True)
class Applied:
    """What has applied a candidate to the whole data set, or is to do it, the newest of each."""

    run: RunRecord | None = None
    audit: AuditRecord | None = None
    """Audit of that run at the candidate's proportion."""
    protections: tuple[ProtectionRecord, ...] = ()
    """One for each template set, as far as there are any."""

    @property
    def jobs(self) -> list[tuple[str, int]]:
        """Return kind and number of the run, or of the protections."""
        runs = [] if self.run is None else [("run", self.run.id)]
        return [*runs, *(("protection", trial.id) for trial in self.protections)]


def choose_candidates(study: StudyRecord, named: str | None = None) -> list[StudyCandidate]:
    """Return the candidate of a name or, for none, what a study recommends.

    Raises BadInputError with code ``no-candidate`` if there is none of that name, or none is recommended.
    """
    spec = study.spec
    if named is not None:
        chosen = [each for each in spec.candidates if each.name == named]
        if not chosen:
            names = [each.name for each in spec.candidates]
            raise BadInputError(
                f"Study {study.id} has no candidate {named!r}; choose among {listed(names, 'or')}.", code="no-candidate"
            )
        return chosen
    best = best_candidates(Search(spec, study.progress.steps))
    if not best:
        raise BadInputError(
            f"Study {study.id} recommends nothing: all that was tried is no better than leaving everything as it is; "
            "name a candidate, or give it more time.",
            code="no-candidate",
        )
    return [spec.candidate(name) for name in best.values()]


def apply_candidate(
    store: Store, settings: Settings, spec: StudySpec, candidate: StudyCandidate, actor: Actor
) -> Applied:
    """Put into the queue what applies a candidate to all images or templates, and judges it there.

    Images are changed under a new key where sides are drawn by one, and audited at the candidate's proportion once
    that is done. Templates are protected set by set. What has applied it before, or is at it, is returned as it is.

    Raises as `submit` does.
    """
    setting, before = spec.setting(candidate.setting), find_applied(store, spec, candidate)
    if before.run is not None and before.audit is None and before.run.state == "complete":
        at = AuditRequest(run=before.run.id, p=candidate.p, select_by=candidate.select_by)
        submit(store, settings, at, actor)
    elif before.jobs:
        return before
    elif setting.released == "images":
        submit(store, settings, run_request(spec, candidate), actor)
    else:
        for request in _protection_requests(spec, setting):
            submit(store, settings, request, actor)
    return find_applied(store, spec, candidate)


def run_request(spec: StudySpec, candidate: StudyCandidate) -> RunRequest:
    """Return the request that changes all images by a candidate's setting and audits them at its proportion."""
    setting = spec.setting(candidate.setting)
    return RunRequest(
        dataset=spec.dataset.id,
        method=setting.method,
        parameters=setting.parameters,
        guides=setting.guides,
        classifiers=tuple(ref.name for ref in spec.classifiers),
        matchers=tuple(ref.name for ref in spec.matchers),
        audit=candidate.p,
        audit_select_by=candidate.select_by,
    )


def find_applied(store: Store, spec: StudySpec, candidate: StudyCandidate) -> Applied:
    """Find the newest run of all images by a candidate's setting, with its audit, or the protections by it.

    Those that failed or were cancelled count as not there.
    """
    setting = spec.setting(candidate.setting)
    if setting.released == "templates":
        return Applied(protections=tuple(_find_protections(store, spec, setting)))
    run = _find_run(store, spec, setting)
    if run is None:
        return Applied()
    for summary in store.audits.list(run_id=run.id, states=HAS_RESULT_OR_WILL, limit=LOOK_BACK):
        audit = store.audits.get(summary.id)
        is_same = audit.spec.p == candidate.p and (candidate.p == 1.0 or audit.spec.select_by == candidate.select_by)
        if is_same and not audit.spec.with_templates:
            return Applied(run, audit)
    return Applied(run)


def attack_together(
    store: Store, settings: Settings, images: Applied, templates: Applied, candidate: StudyCandidate, actor: Actor
) -> AuditRecord:
    """Put an audit into the queue whose attackers hold the images and the protected templates of the same people.

    The protected templates are kept as template sets for it, under keys that nobody has.

    Raises BadInputError as `keep_protected` and `submit` do, with code ``not-applied`` where either is not complete.
    """
    trials = [trial for trial in templates.protections if trial.result is not None]
    if images.run is None or images.run.result is None or not trials or len(trials) < len(templates.protections):
        raise BadInputError(
            "Images and templates can be attacked together once both are changed; wait for their end, or apply both.",
            code="not-applied",
        )
    names = {each.name for each in store.template_sets.list(dataset_id=images.run.dataset_id)}
    kept = [f"{trial.template_set_name}-protected-{trial.id}" for trial in trials]
    for trial, name in zip(trials, kept, strict=True):
        if name not in names:
            keep_protected(store, trial.id, name, actor=actor)
    request = AuditRequest(run=images.run.id, p=candidate.p, select_by=candidate.select_by, with_templates=tuple(kept))
    return submit(store, settings, request, actor, once=True)


def find_together(store: Store, images: Applied, candidate: StudyCandidate) -> AuditRecord | None:
    """Find the newest audit of a candidate's run whose attackers held protected templates, too."""
    if images.run is None:
        return None
    for summary in store.audits.list(run_id=images.run.id, states=HAS_RESULT_OR_WILL, limit=LOOK_BACK):
        audit = store.audits.get(summary.id)
        if audit.spec.with_templates and audit.spec.p == candidate.p:
            return audit
    return None


def _find_run(store: Store, spec: StudySpec, setting: StudySetting) -> RunRecord | None:
    parameters = make_method(setting.method, setting.parameters).parameters.model_dump(mode="json")
    wanted = set(setting.guides or ())
    for summary in store.runs.list(
        dataset_id=spec.dataset.id, method=setting.method, states=HAS_RESULT_OR_WILL, limit=LOOK_BACK
    ):
        run = store.runs.get(summary.id)
        guides = {ref.name for ref in run.spec.guides}
        if run.spec.parameters != parameters or guides != wanted:
            continue
        images = choose_images(store, store.datasets.get(spec.dataset.id), None)
        if run.spec.image_ids == tuple(image.id for image in images):
            return run
    return None


def _protection_requests(spec: StudySpec, setting: StudySetting) -> Iterator[ProtectionRequest]:
    for ref in spec.template_sets:
        yield ProtectionRequest(
            templates=ref.id,
            method=setting.method,
            parameters=setting.parameters,
            most_accuracy=spec.goal.attacker_at_most,
            most_fnmr_loss=spec.goal.matches_lost,
        )


def _find_protections(store: Store, spec: StudySpec, setting: StudySetting) -> Iterator[ProtectionRecord]:
    for ref in spec.template_sets:
        tried = store.protections.list(template_set_id=ref.id, states=HAS_RESULT_OR_WILL, limit=LOOK_BACK)
        found = next((each for each in tried if each.method == setting.method), None)
        if found is not None:
            yield store.protections.get(found.id)
