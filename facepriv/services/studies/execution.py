"""Execute studies: try setting after setting on growing samples of people, then confirm what is recommended.

A step is a run and its audits, which are stored like any others and belong to the study; or a protection, judged on
templates. Each step is saved when it is done, so a study that was interrupted goes on with the next one, and with what
was done of a run that was under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from facepriv.audit.templates.judging import judge_protection
from facepriv.errors import BadInputError, CancelledError, FaceprivError
from facepriv.measures.compute import TEMPLATE, Measure
from facepriv.measures.loaded_models import get_matcher
from facepriv.measures.stored_faces import untouched_faces
from facepriv.perturb.registry import perturbers
from facepriv.policy.matches_lost import Threshold, find_threshold
from facepriv.policy.study_search import Search, run_search
from facepriv.presentation.study_verdict import outcome_verdict
from facepriv.protect.registry import make_protection
from facepriv.schemas.audits import SelectBy
from facepriv.schemas.requests import AuditRequest, RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.schemas.studies import (
    UNTOUCHED,
    StudyCandidate,
    StudyFigures,
    StudyProgress,
    StudyRung,
    StudySetting,
    StudySpec,
    StudyStep,
)
from facepriv.schemas.templates import TemplateAudit
from facepriv.services.audits.evidence import find_evidence
from facepriv.services.audits.execution import AuditExecution
from facepriv.services.audits.preparing import prepare_audit
from facepriv.services.datasets.sampling import sample_images
from facepriv.services.jobs.leased_job import Claim, LeasedJob, retry_while_busy
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.pool_process import Job, get_content
from facepriv.services.runs.execution import RunExecution
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.studies.figures import compare_pairs, image_figures, template_figures
from facepriv.services.studies.job import CONFIRMING, MEASURING, SEARCHING
from facepriv.services.studies.results import best_candidates, make_result
from facepriv.store import AuditRecord, AuditStore, RunRecord, RunStore, Store
from facepriv.types import Actor, Templates

MOST_FOR_THRESHOLD = 600
"""Images as they are from whose comparisons a matcher's threshold is set, at most."""
CONFIRMATION = -1
Part = TypeVar("Part", RunRecord, AuditRecord)
CONFIRMING_TAKES = 3.0
"""How many times as long a person takes in the confirmation, whose audit is a full one, as in the slowest step."""


class StudyExecution(LeasedJob):
    """A claimed study, executed to its end: complete, failed or cancelled."""

    noun = "study"

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self.study = claim.store.studies.of_job(claim.job.id)
        self.spec, self._done = self.study.spec, self.study.progress
        super().__init__(claim, self.study.id)
        self._search = Search(self.spec, self._done.steps)
        self._spent_before, self._begun = claim.job.spent, time.monotonic()
        self._actor = Actor(claim.job.actor, claim.job.origin)

    def work(self) -> None:
        """Search, confirm, sum up."""
        if self._done.ended is None:
            self._report(SEARCHING)
            ended = run_search(self._search, self._attempt, spent=self._spent, reserve=self._time_to_confirm)
            self._save(self._done.model_copy(update={"ended": ended}))
        for name in best_candidates(self._search).values():
            if all(step.candidate != name for step in self._done.confirmations):
                step = self._confirm(self.spec.candidate(name))
                self._save(self._done.model_copy(update={"confirmations": (*self._done.confirmations, step)}))
        result = self.run_in_thread(lambda check: make_result(self.spec, self._done, self._spent()))
        retry_while_busy(lambda: self.store.studies.finish(self.number, self.owner, result))

    def _spent(self) -> float:
        return self._spent_before + time.monotonic() - self._begun

    def _time_to_confirm(self) -> float:
        """Estimate the time for confirming, by the slowest step so far; it is kept from the search's."""
        steps = [step for step in self._done.steps if step.failed is None]
        each = max((step.seconds / self.spec.rungs[step.rung].people for step in steps), default=0.0)
        return min(CONFIRMING_TAKES * each * self.spec.confirmation_people, self.spec.seconds / 2)

    def _save(self, progress: StudyProgress) -> None:
        self._done = progress
        retry_while_busy(lambda: self.store.studies.save_progress(self.number, self.owner, progress))

    def _report(self, stage: str) -> None:
        """Tell how many steps are done, of those that the search takes at most, the confirmation included."""
        kinds = len({setting.released for setting in self.spec.settings})
        done = len(self._done.steps) + len(self._done.confirmations)
        left = 0 if self._done.ended is not None else self._search.steps_planned() - len(self._done.steps)
        confirmations = kinds - len(self._done.confirmations)
        self.heartbeat(stage, done, max(done + max(left, 0) + confirmations, 1))

    # Steps

    def _attempt(self, name: str, rung: int) -> StudyStep:
        """Try a setting on a rung, and save what came of it."""
        begun = time.monotonic()
        self._report(SEARCHING)
        setting, sample = self.spec.setting(name), self.spec.rungs[rung]
        candidates = self._search.to_try(name, rung)
        images = self.spec.image_ids[: sample.images]
        step = self._try(setting, candidates, images, sample, rung, full=False)
        step = step.model_copy(update={"seconds": time.monotonic() - begun})
        self._log(step, sample.people)
        self._save(self._done.model_copy(update={"steps": (*self._done.steps, step)}))
        return step

    def _confirm(self, candidate: StudyCandidate) -> StudyStep:
        """Try a candidate with all attackers on the people who had no part in the search."""
        begun = time.monotonic()
        self._report(CONFIRMING)
        last = self.spec.rungs[-1]
        sample = last.model_copy(update={"attackers": self.spec.attackers, "people": self.spec.confirmation_people})
        setting, images = self.spec.setting(candidate.setting), self.spec.confirmation_ids
        step = self._try(setting, [candidate], images, sample, CONFIRMATION, full=True)
        self._log(step, sample.people)
        return step.model_copy(update={"candidate": candidate.name, "seconds": time.monotonic() - begun})

    def _try(
        self,
        setting: StudySetting,
        candidates: Sequence[StudyCandidate],
        images: Sequence[int],
        sample: StudyRung,
        rung: int,
        *,
        full: bool,
    ) -> StudyStep:
        step = StudyStep(setting=setting.name, rung=rung)
        try:
            if setting.released == "templates":
                return step.model_copy(update={"figures": self._judge_templates(setting, candidates, images, rung)})
            run = self._run(setting, images)
            audits = [
                self._audit(run, select_by, [each.p for each in group], sample, full=full)
                for select_by, group in _by_selection(candidates).items()
            ]
            figures = self._figures_of(audits, candidates)
        except CancelledError:
            raise
        except FaceprivError as error:
            self._raise_if_unwanted()
            return step.model_copy(update={"failed": str(error)})
        return step.model_copy(
            update={"figures": figures, "run_id": run.id, "audit_ids": tuple(audit.id for audit in audits)}
        )

    def _log(self, step: StudyStep, people: int) -> None:
        """Add to the log of the study what a step came to."""
        where = "to confirm" if step.rung == CONFIRMATION else f"on {people:,} people"
        text = f"Could not try {step.setting} {where}: {step.failed}"
        if step.failed is None:
            best = min(
                (each for name, each in step.figures.items() if name != UNTOUCHED),
                key=lambda each: each.accuracy.value or 0.0,
                default=None,
            )
            text = f"Tried {step.setting} {where}."
            if best is not None:
                text += f" At best: {outcome_verdict(best, self.spec.goal).finding}"
        retry_while_busy(lambda: self.store.jobs.note(self.job_id, self.owner, text))

    # Images

    def _run(self, setting: StudySetting, image_ids: Sequence[int]) -> RunRecord:
        """Perturb images by a setting, as far as no earlier step has, and return the complete run."""
        request = RunRequest(
            dataset=self.spec.dataset.id,
            method=setting.method,
            parameters=setting.parameters,
            guides=setting.guides,
            classifiers=tuple(ref.name for ref in self.spec.classifiers),
            matchers=tuple(ref.name for ref in self.spec.matchers),
            panel=False,
            # Also where it is a key: nothing of a study is released, and it is to come out the same again.
            seed=self.spec.seed,
        )
        whole = prepare_run(self.store, request)
        sources = dict(zip(whole.image_ids, whole.image_sha256, strict=True))
        spec = whole.model_copy(
            update={"image_ids": tuple(image_ids), "image_sha256": tuple(sources[each] for each in image_ids)}
        )
        earlier = [self.store.runs.get(run.id) for run in self.store.runs.list(study_id=self.number, limit=1000)]
        number = next((run.id for run in earlier if run.spec == spec), None)
        if number is None:
            complete = [run for run in earlier if run.state == "complete"]
            larger = [run for run in complete if _is_part(run.spec, spec)]
            learned = [run for run in complete if _learns_alike(run.spec, spec)]
            number = self.store.runs.create(
                spec,
                request=request.model_dump_json(),
                actor=self._actor,
                study_id=self.number,
                learned_of=learned[0].id if learned else None,
                images_of=max(larger, key=lambda run: run.images).id if larger else None,
            )
        self._carry_out(self.store.runs, number, RunExecution)
        return _complete(self.store.runs.get(number))

    def _audit(
        self, run: RunRecord, select_by: SelectBy, proportions: Sequence[float], sample: StudyRung, *, full: bool
    ) -> AuditRecord:
        """Let the attackers of a rung loose on a run at some proportions, and return the complete audit."""
        request = AuditRequest(
            run=run.id,
            attackers=sample.attackers,
            classifiers=tuple(ref.name for ref in self.spec.classifiers),
            matchers=tuple(ref.name for ref in self.spec.matchers),
            p=max(proportions),
            select_by=select_by,
            draws=sample.draws,
            seed=self.spec.seed,
        )
        update = {"proportions": tuple(sorted(proportions)), "brief": not full, "resamples": self.spec.resamples}
        spec = prepare_audit(self.store, request).model_copy(update=update)
        earlier = [self.store.audits.get(audit.id) for audit in self.store.audits.list(run_id=run.id)]
        number = next((audit.id for audit in earlier if audit.spec == spec), None)
        if number is None:
            number = self.store.audits.create(spec, request=request.model_dump_json(), actor=self._actor, of_study=True)
        self._carry_out(self.store.audits, number, AuditExecution)
        return _complete(self.store.audits.get(number))

    def _carry_out(
        self, table: RunStore | AuditStore, number: int, execution: Callable[[Claim], RunExecution | AuditExecution]
    ) -> None:
        """Execute a run or an audit of this study, or what is left of it, under this worker's lease."""
        jobs, job_id = self.store.jobs, table.job_id(number)
        if jobs.get(job_id).state == "cancelled":
            jobs.resume(job_id)
        while jobs.get(job_id).state in ("waiting", "running"):
            job = jobs.claim(self.owner, only=job_id)
            if job is None:
                # The worker that was at it is lost, and its lease has not ended yet.
                time.sleep(self.pool.pace.heartbeat_seconds)
                self.heartbeat(*self._progress)
                continue
            part = Claim(self.store, self.settings, job, self.owner, self.pool, self._on_part)
            execution(part).execute()
        self._raise_if_unwanted()

    def _on_part(self, number: int, stage: str, done: int, total: int) -> None:
        """Keep this study's own lease while a part of it is under way; a wish to stop it ends the part, too."""
        self.heartbeat(*self._progress)

    def _raise_if_unwanted(self) -> None:
        """Raise CancelledError if somebody wants the study stopped; a part that heard of it has ended as cancelled."""
        if self.store.jobs.get(self.job_id).cancel_requested:
            raise CancelledError("It was cancelled.")

    def _figures_of(
        self, audits: Sequence[AuditRecord], candidates: Sequence[StudyCandidate]
    ) -> dict[str, StudyFigures]:
        thresholds = self._thresholds

        def compute() -> dict[str, StudyFigures]:
            figures: dict[str, StudyFigures] = {}
            for audit in audits:
                assert audit.result is not None
                evidence, _ = find_evidence(self.store, audit.spec)
                pairs = compare_pairs(evidence, list(thresholds), self.spec.seed)
                known = {name: threshold for name, threshold in thresholds.items() if name in pairs}
                mine = {each.name: each.p for each in candidates if each.select_by == audit.spec.select_by}
                for name, p in (mine if UNTOUCHED in figures else {UNTOUCHED: 0.0, **mine}).items():
                    figures[name] = image_figures(
                        audit.result, audit.spec, evidence, pairs, known, p, self.spec.goal.fmr
                    )
            return figures

        return self.run_in_thread(lambda check: compute())

    @cached_property
    def _thresholds(self) -> dict[str, Threshold]:
        """The threshold of each matcher at the operating point, set on images as they are, of anybody."""
        images = self.store.datasets.images(self.spec.dataset.id, failed=False)
        images = sample_images(images, MOST_FOR_THRESHOLD)
        files = untouched_faces(self.store, self.spec.dataset.id, images)
        measures = [Measure(TEMPLATE, ref) for ref in self.spec.matchers]
        stage = self._progress
        vectors = self.compute_measures(files, measures, MEASURING, skip_damaged=True)
        thresholds = {}
        for measure in measures:
            rows = vectors[measure.name]
            known = [image for image in images if image.id in rows]
            if not known:
                continue
            templates = np.stack([rows[image.id] for image in known]).astype(np.float32)
            compare = get_matcher(measure.model.name).compare
            subjects = [image.subject for image in known]
            threshold = find_threshold(templates, subjects, compare, self.spec.goal.fmr, seed=self.spec.seed)
            if threshold is not None:
                thresholds[measure.model.name] = threshold
                if not threshold.supported:
                    self.note(
                        f"There are too few impostor comparisons for {measure.model.name} to tell its threshold at "
                        "that false match rate exactly."
                    )
        self.heartbeat(*stage)
        return thresholds

    # Templates

    def _judge_templates(
        self, setting: StudySetting, candidates: Sequence[StudyCandidate], image_ids: Sequence[int], rung: int
    ) -> dict[str, StudyFigures]:
        """Judge a protection on the templates of the people of these images; templates as they are once on a rung."""
        images = self.store.datasets.images(self.spec.dataset.id, ids=image_ids)
        people = tuple(sorted({image.subject for image in images}))
        untouched = self._known_untouched(rung)
        methods = [setting.method] if untouched is not None else [setting.method, None]
        places = range(len(self.spec.template_sets))
        tasks = [TemplateTask(method, place, people) for method in methods for place in places]
        audits: dict[str | None, dict[str, TemplateAudit]] = {method: {} for method in methods}
        stage = self._progress
        for task, result in self.compute_in_pool(
            judge_in_process, load_templates, tasks, one_by_one=True, progress=lambda: stage
        ):
            if isinstance(result, Crashed):
                raise FaceprivError("Its process was lost each time, perhaps for lack of memory.")
            if isinstance(result, str):
                raise BadInputError(result)
            audits[task.method][self.spec.template_sets[task.place].name] = result
        (candidate,) = candidates
        fmr = self.spec.goal.fmr
        figures = {candidate.name: template_figures(audits[setting.method], fmr)}
        return figures | {UNTOUCHED: untouched or template_figures(audits[None], fmr)}

    def _known_untouched(self, rung: int) -> StudyFigures | None:
        """Return the figures of templates as they are, where an earlier step of this rung has them."""
        of_templates = {setting.name for setting in self.spec.settings if setting.released == "templates"}
        here = (step.figures for step in self._done.steps if step.rung == rung and step.setting in of_templates)
        return next((figures[UNTOUCHED] for figures in here if UNTOUCHED in figures), None)


def _complete(record: Part) -> Part:
    """Return a part of a study; raises FaceprivError with its reason if it came to no result."""
    if record.result is None:
        raise FaceprivError(record.error or f"A part of the study is {record.state}.")
    return record


def _by_selection(candidates: Iterable[StudyCandidate]) -> dict[SelectBy, list[StudyCandidate]]:
    groups: dict[SelectBy, list[StudyCandidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.select_by, []).append(candidate)
    return groups


def _is_part(spec: RunSpec, of: RunSpec) -> bool:
    """Return whether a run is the beginning of another one."""
    size = len(spec.image_ids)
    return spec == of.model_copy(update={"image_ids": of.image_ids[:size], "image_sha256": of.image_sha256[:size]})


def _learns_alike(spec: RunSpec, other: RunSpec) -> bool:
    """Return whether the methods of two runs of one data set learn the same, so that it need be learnt once."""
    if spec.learn_from is None or (spec.method, spec.learn_from) != (other.method, other.learn_from):
        return False
    names = perturbers.load(spec.method).learnt_by  # type: ignore[attr-defined]
    alike = ("guides", "guards", "seed", "landmarker")
    one, two = (
        each.parameters if names is None else {name: each.parameters[name] for name in names} for each in (spec, other)
    )
    return one == two and all(getattr(spec, name) == getattr(other, name) for name in alike)


@dataclass(frozen=True)
class TemplateTask:
    """A protection, or None for templates as they are, on one template set of some people."""

    method: str | None
    place: int
    people: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TemplateContent:
    """What a process needs to know of a study of templates."""

    spec: StudySpec
    sets: tuple[Templates, ...]


def load_templates(store: Store, number: int) -> TemplateContent:
    """Read what a process needs to know of a study of templates."""
    spec = store.studies.get(number).spec
    return TemplateContent(spec, tuple(store.template_sets.read(ref.id) for ref in spec.template_sets))


def judge_in_process(job: Job, tasks: Sequence[TemplateTask]) -> list[TemplateAudit | str]:
    """Judge protections in a worker's process; one that does not fit these templates gives its reason."""
    content: TemplateContent = get_content(job)
    results: list[TemplateAudit | str] = []
    for task in tasks:
        protection = None if task.method is None else make_protection(task.method)
        templates = _of_people(content.sets[task.place], task.people)
        try:
            results.append(
                judge_protection(
                    protection,
                    templates,
                    attackers=content.spec.template_attackers or None,
                    partings=1,
                    resamples=content.spec.resamples,
                    seed=content.spec.seed,
                )
            )
        except BadInputError as error:
            results.append(str(error))
    return results


def _of_people(templates: Templates, people: Sequence[str]) -> Templates:
    chosen = np.isin(templates.subjects, list(people))
    return replace(
        templates,
        rows=templates.rows[chosen],
        records=templates.records[chosen],
        subjects=templates.subjects[chosen],
        labels=templates.labels[chosen],
    )
