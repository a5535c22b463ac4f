"""Execute runs: find landmarks, learn, perturb, measure what is not known yet, and sum up.

A worker alone writes the database; its processes only compute. Every image is saved as soon as it is done, so a run
that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from functools import cache, cached_property, partial
from typing import TypeVar

import numpy as np

from facepriv.audit.run_result import JudgedImage, RunSetup, Templates, run_result
from facepriv.errors import FaceprivError
from facepriv.imaging.landmarkers.registry import DEFAULT_LANDMARKER, no_landmarks
from facepriv.measures.compute import LANDMARKS, TEMPLATE, Measure, find_known
from facepriv.measures.fingerprint import fingerprint
from facepriv.measures.landmarks import unpack_points
from facepriv.measures.loaded_models import (
    DETECTOR,
    check_versions,
    get_classifier,
    get_landmarker,
    get_matcher,
    load_models,
)
from facepriv.measures.stored_faces import StoredFace, faces_by_phase, perturbed_faces, untouched_faces, vector_rows
from facepriv.perturb.registry import make_method
from facepriv.schemas.requests import AuditRequest
from facepriv.schemas.runs import PHASES, FailureItem, LearnedItem, Phase, RunResult
from facepriv.services.jobs.leased_job import Claim, LeasedJob, LeasedPool, retry_while_busy
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.submit import submit
from facepriv.services.models.probe_people import find_overlaps
from facepriv.services.runs import learning
from facepriv.services.runs.attributes import classes_of, side_labels
from facepriv.services.runs.job import LEARNING, LOCATING, PERTURBING, SUMMING_UP
from facepriv.services.runs.list_figures import keep_figures
from facepriv.services.runs.perturbing import (
    FAULTS,
    PerturbedImage,
    PerturbTask,
    list_measures,
    lost_image,
    perturb_in_process,
)
from facepriv.services.runs.process import load_run
from facepriv.services.runs.scores import Scores, compute_scores
from facepriv.store.measures import Measured
from facepriv.store.records import ImageRecord, RunImage
from facepriv.types import GENDER, Actor

EMBEDDING = "embedding"
_K = TypeVar("_K", bound=Hashable)


class RunExecution(LeasedJob):
    """A claimed run, executed to its end: complete, failed or cancelled."""

    noun = "run"

    def __init__(self, claim: Claim) -> None:
        self.run = claim.store.runs.of_job(claim.job.id)
        self.spec = self.run.spec
        super().__init__(claim, self.run.id)
        self._detector_fingerprint = fingerprint(self.spec.detector)
        self._fingerprint = cache(Measure.fingerprint)

    @property
    def work_and_size(self) -> tuple[str, float]:
        """A run, and its images."""
        return self.noun, len(self.spec.image_ids)

    def work(self) -> None:
        """Do what remains of the run, stage by stage, and sum it up."""
        self._check_models()
        self._images = self.store.datasets.images(self.run.dataset_id, ids=self.spec.image_ids)
        self._save_unusable({i.id: (i.failure, i.failure_sentence) for i in self._images if i.failure is not None})
        try:
            self._find_landmarks()
            learned = self._learn()
            self._perturb(learned)
            templates, scores = self._measure()
        except BaseException:
            self.pool.end(at_once=True)
            raise
        result = self._sum_up(templates, scores)
        retry_while_busy(lambda: self.store.runs.finish(self.run.id, self.owner, result))
        keep_figures(self.store, "run", self.run.id)
        self._ask_for_audit()

    def _ask_for_audit(self) -> None:
        """Put the audit into the queue that was asked for together with the run, if one was."""
        asked = json.loads(self.job.request)
        if asked.get("audit") is None:
            return
        request = AuditRequest(
            run=self.run.id,
            p=asked["audit"],
            select_by=asked["audit_select_by"],
            classifiers=asked["classifiers"],
            matchers=asked["matchers"],
        )
        try:
            submit(self.store, self.settings, request, Actor(self.job.actor, self.job.origin), once=True)
        except FaceprivError as error:
            # The run is complete all the same; what the audit lacks is told where people look for it.
            self.store.jobs.add_line(self.job_id, f"The audit that was asked for cannot be made: {error}")

    @cached_property
    def _gallery(self) -> Sequence[ImageRecord]:
        return self.store.datasets.images(self.run.dataset_id, failed=False)

    def _check_models(self) -> None:
        spec = self.spec
        self._method = make_method(spec.method, spec.parameters)
        check_versions(spec.detector, DETECTOR)
        if spec.landmarker is not None:
            check_versions(spec.landmarker, get_landmarker(spec.landmarker.name))
        classifiers = load_models(get_classifier, (*spec.guides, *spec.keep, *spec.classifiers))
        self._others = {each.name: each for each in classifiers.values() if each.attribute != GENDER}
        load_models(get_matcher, (*spec.guards, *spec.matchers))

    def _save(self, image: RunImage, measured: Sequence[Measured] = ()) -> None:
        retry_while_busy(lambda: self.store.runs.save_image(self.run.id, self.owner, image, measured))

    def _save_unusable(self, failures: Mapping[int, tuple[str, str | None]]) -> None:
        """Save code and sentence of images that cannot be perturbed, unless that was done before."""
        done = self.store.runs.images_done(self.run.id)
        for position, image in enumerate(self._images):
            if image.id in failures and image.id not in done:
                code, sentence = failures[image.id]
                self.heartbeat(PERTURBING, 0, len(self._images))
                self._save(
                    RunImage(
                        image_id=image.id,
                        position=position,
                        failure=code,
                        failure_stage="acquire-before",
                        failure_sentence=sentence,
                    )
                )

    def _find_landmarks(self) -> None:
        """Have the run's landmarker, if it has one, look at every image that may be perturbed or be a candidate."""
        landmarker = self.spec.landmarker
        if landmarker is None:
            return
        measure = Measure(LANDMARKS, landmarker)
        files = untouched_faces(self.store, self.run.dataset_id, self._gallery)
        vectors = self.compute_measures(files, [measure], LOCATING, skip_damaged=True)[measure.name]
        if files and not vectors:
            raise FaceprivError(
                f"The landmarker {landmarker.name} could look at none of {len(files)} images; look at what the worker "
                f"logged, or start the run with {DEFAULT_LANDMARKER}."
            )
        missing = no_landmarks(landmarker.name)
        without = [image_id for image_id, points in unpack_points(vectors).items() if points is None]
        self._save_unusable(dict.fromkeys(without, (missing.code, str(missing))))

    def _learn(self) -> dict[str, str]:
        """Let the method learn what it has not learnt yet; return the hash of what serves each subject."""
        spec = self.spec
        if not self._method.learns:
            return {}
        if spec.learn_from is None:
            raise FaceprivError(
                f"The method {spec.method} with these parameters must learn first, but the run's spec does not say "
                "from whom; start a new run."
            )
        source = spec.learn_from.dataset
        teachers = () if source is None else self.store.datasets.images(source.id, failed=False)
        learnings = {each.part: each for each in self.store.runs.learnings(self.run.id)}
        lessons = [
            lesson
            for lesson in learning.lessons(spec.learn_from, self._images, self._gallery, teachers, spec.seed)
            if lesson.part not in learnings
        ]
        self.pool.reset_steps()
        if lessons:
            self.heartbeat(LEARNING, 0, 0)
        results = self.compute_in_pool(
            learning.learn_in_process,
            load_run,
            lessons,
            one_by_one=True,
            progress=lambda: (LEARNING, *self.pool.steps()),
        )
        for lesson, learnt in results:
            if isinstance(learnt, str):
                raise FaceprivError(learnt)
            if isinstance(learnt, Crashed):
                raise FaceprivError(
                    "The process in which the method learnt was lost again and again, perhaps for lack of memory; "
                    "learn from fewer people, or allow fewer processes (FACEPRIV_WORKERS=1), and resume."
                )
            retry_while_busy(partial(self.store.runs.save_learning, self.run.id, self.owner, learnt))
            learnings[lesson.part] = learnt
        parts = learning.lesson_of(spec.learn_from, self._gallery, spec.seed)
        return {subject: learnings[part].artifact_sha256 for subject, part in parts.items() if part in learnings}

    def _learned_items(self) -> list[LearnedItem]:
        source = self.spec.learn_from
        if source is None:
            return []
        return [
            LearnedItem(
                source=each.source,
                dataset=learning.teacher_name(source, self.spec.dataset),
                fold=each.part if each.source == learning.FOLDS else None,
                subjects=each.subjects,
                images=each.images,
                evaluations=each.evaluations,
                sha256=each.artifact_sha256,
            )
            for each in self.store.runs.learnings(self.run.id)
        ]

    def _perturb(self, learned: Mapping[str, str]) -> None:
        """Perturb what is not done yet; every image is saved with its measures as soon as it is done."""
        images = self._images
        done = self.store.runs.images_done(self.run.id)
        finished = len(done)
        self.heartbeat(PERTURBING, finished, len(images))
        remaining = {image.id: image for image in images if image.id not in done}
        before = untouched_faces(self.store, self.run.dataset_id, remaining.values())
        measures = list_measures(self.spec)
        known = self.run_in_thread(lambda check: find_known(self.store, before, measures))
        tasks = [
            PerturbTask(
                image_id=image.id,
                position=position,
                learned=learned.get(image.subject),
                unknown=tuple(measure for measure in measures if image.id not in known[measure.name]),
            )
            for position, image in enumerate(images)
            if image.id in remaining
        ]
        for task, perturbed in self.compute_in_pool(perturb_in_process, load_run, tasks):
            if isinstance(perturbed, Crashed):
                self._save(lost_image(task))
            else:
                self._save_perturbed(perturbed, before)
            finished += 1
            self.heartbeat(PERTURBING, finished, len(images))
        self._refuse_faults_throughout()

    def _save_perturbed(self, perturbed: PerturbedImage, before: Mapping[int, StoredFace]) -> None:
        image_id = perturbed.image.image_id
        files = {
            "before": before[image_id],
            "after": perturbed_faces([perturbed.image], self._detector_fingerprint).get(image_id),
        }
        measured = [
            Measured(
                face.sha256, measure.name, self._fingerprint(measure, face.detector_fingerprint), vectors[measure.name]
            )
            for phase, vectors in perturbed.measures.items()
            if (face := files[phase]) is not None
            for measure in list_measures(self.spec)
            if measure.name in vectors
        ]
        self._save(perturbed.image, measured)

    def _refuse_faults_throughout(self) -> None:
        """Fail the run if every image that was tried met a fault: a broken set-up would look like a result."""
        tried = [each for each in self.store.runs.outcomes(self.run.id) if each.failure_stage != "acquire-before"]
        if tried and all(each.failure in FAULTS for each in tried):
            raise FaceprivError(
                f"None of {len(tried)} images could be perturbed. The first: {tried[0].failure_sentence}"
            )

    def _measure(self) -> tuple[dict[str, Templates], Scores]:
        """Return all templates and scores; what perturbing has left unknown is computed."""
        images = self._images
        files = self.run_in_thread(lambda check: faces_by_phase(self.store, self.run.dataset_id, images, self.run))
        measures = [measure for measure in list_measures(self.spec) if measure.kind == TEMPLATE]
        computed = self.compute_measures(files, measures, EMBEDDING, skip_damaged=True)
        templates = {}
        for measure in measures:
            name, vectors = measure.model.name, computed[measure.name]
            if files and not vectors:
                raise FaceprivError(
                    f"The matcher {name} could embed none of {len(files)} images; look at what the worker logged, or "
                    "start the run without it."
                )
            before, after = (vector_rows(vectors, phase, images).astype(np.float32) for phase in PHASES)
            templates[name] = Templates(before, after, get_matcher(name).compare)
        return templates, compute_scores(self.store, self.run, LeasedPool(self))

    def _sum_up(self, templates: Mapping[str, Templates], scores: Scores) -> RunResult:
        spec, images = self.spec, self._images
        self.heartbeat(SUMMING_UP, 0, 1)
        outcomes = {record.image_id: record for record in self.store.runs.outcomes(self.run.id)}
        judged = [
            _judged_image(image, outcomes[image.id], scores[image.id], side_labels(self._others, image))
            for image in images
        ]
        setup = RunSetup(
            classifiers=[ref.name for ref in spec.classifiers],
            guides=[ref.name for ref in spec.guides],
            guards=[ref.name for ref in spec.guards],
            kind=self._method.kind,
            attribute=spec.attribute,
            others={name: classes_of(classifier) for name, classifier in self._others.items()},
            keep=[ref.name for ref in spec.keep],
            jury=[ref.name for ref in spec.jury],
        )
        learned = self._learned_items()
        result = self.run_in_thread(
            lambda check: run_result(judged, templates, setup, seconds=0.0, learned=learned, check=check)
        )
        self.heartbeat(SUMMING_UP, 1, 1)
        overlaps = find_overlaps([ref.name for ref in spec.classifiers], images)
        notes = {**result.notes, **{each.sentence: each.images or len(images) for each in overlaps}}
        return result.model_copy(update={"seconds": self.store.runs.summary(self.run.id).spent, "notes": notes})


def _judged_image(
    image: ImageRecord, record: RunImage, scores: Mapping[tuple[str, Phase], float], labels: dict[str, int]
) -> JudgedImage:
    failure = None
    if record.failure is not None:
        assert record.failure_stage is not None
        assert record.failure_sentence is not None
        failure = FailureItem(
            image_id=image.id,
            name=image.name,
            stage=record.failure_stage,
            reason=record.failure,
            sentence=record.failure_sentence,
        )
    return JudgedImage(
        image_id=image.id,
        name=image.name,
        subject=image.subject,
        label=image.label,
        perturbed=record.artifact_sha256 is not None,
        success=bool(record.success),
        updates=record.updates or 0,
        evaluations=record.evaluations or 0,
        psnr_db=float("nan") if record.psnr_db is None else record.psnr_db,
        ssim=float("nan") if record.ssim is None else record.ssim,
        scores=dict(scores),
        failure=failure,
        fixed_score=float("nan") if record.fixed_score is None else record.fixed_score,
        survived=record.survived,
        stop=record.stop,
        notes=record.notes,
        labels=labels,
    )
