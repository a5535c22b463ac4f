"""Claim runs and execute them: perturb in a pool of processes, embed, compare, store the result.

A worker writes the database alone; its processes only compute. Every image is kept as soon as it is done, so a run that
was interrupted goes on where it stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.run_result import JudgedImage, Templates, run_result
from facepriv.config import Settings
from facepriv.errors import FaceprivError
from facepriv.imaging.landmarkers.failures import no_landmarks
from facepriv.imaging.landmarkers.registry import DEFAULT_LANDMARKER
from facepriv.measures.audit_measures import SCORE, TEMPLATE
from facepriv.measures.fingerprint import fingerprint, found_by
from facepriv.measures.landmarks import known_points, save_points
from facepriv.measures.loaded_models import (
    check_versions,
    get_classifier,
    get_landmarker,
    get_matcher,
    make_detector_reference,
    make_reference,
)
from facepriv.measures.stored_faces import perturbed_face, stored_face
from facepriv.perturb.parameters import make_method
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import PHASES, FailureItem, LearnedItem, Phase, RunResult
from facepriv.services.jobs.leased_job import LeasedJob, Report, execute_leased, retry_while_busy
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.pool_process import JobRef
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.services.models.probe_people import find_overlaps
from facepriv.services.runs import learning
from facepriv.services.runs.attributes import classes_of, side_labels
from facepriv.services.runs.perturbing import (
    FAULTS,
    EmbedTask,
    LocateTask,
    PerturbTask,
    embed_in_process,
    learn_in_process,
    load_nothing,
    load_run,
    locate_in_process,
    lost_image,
    perturb_in_process,
)
from facepriv.store import Store
from facepriv.store.measures import Vector
from facepriv.store.records import GenderScore, ImageRecord, RunImage, RunImageRecord, RunRecord
from facepriv.types import GENDER

LOCATING, LEARNING, PERTURBING = "finding landmarks", "learning", "perturbing"
EMBEDDING, SUMMING_UP = "embedding", "comparing"
SAVE_EVERY = 64
"""Templates of one matcher, or points of one landmarker, that are kept at a time."""
_log = logging.getLogger(__name__)


def execute(
    store: Store,
    settings: Settings,
    run: RunRecord,
    owner: str,
    *,
    pool: WorkerPool,
    on_progress: Report | None = None,
) -> None:
    """Execute a claimed run to its end: complete, failed or cancelled."""

    def work() -> None:
        result = _Execution(store, settings, run, owner, pool, on_progress).result()
        retry_while_busy(lambda: store.runs.finish(run.id, owner, result))

    execute_leased(store.jobs, run.job_id, owner, f"run {run.id}", work)


class _Execution(LeasedJob):
    def __init__(
        self, store: Store, settings: Settings, run: RunRecord, owner: str, pool: WorkerPool, on_progress: Report | None
    ) -> None:
        super().__init__(store, settings, run.job_id, run.id, owner, pool, on_progress)
        self.run = run
        self.job = JobRef(load_run, run.id, owner, run.attempts)

    def result(self) -> RunResult:
        """Do what is left of the run and sum it up."""
        self._check_models()
        images = self.store.datasets.images(self.run.dataset_id, ids=self.run.spec.image_ids)
        self._note_unusable(images)
        try:
            self._locate(images)
            learned = self._learn(images)
            self._perturb(images, learned)
            templates = self._embed(images)
        except BaseException:
            self.pool.end(at_once=True)
            raise
        self.heartbeat(SUMMING_UP, 0, 1)
        judged, learned_items = self.run_in_thread(lambda check: self._judged(images)), self._learned_items()

        def sum_up(check: Callable[[], None]) -> RunResult:
            return run_result(
                judged,
                templates,
                classifiers=[ref.name for ref in self.run.spec.classifiers],
                seconds=0.0,
                guides=[ref.name for ref in self.run.spec.guides],
                guards=[ref.name for ref in self.run.spec.guards],
                kind=self._method.kind,
                learned=learned_items,
                attribute=self.run.spec.attribute,
                others={name: classes_of(one) for name, one in self._others.items()},
                keep=[ref.name for ref in self.run.spec.keep],
                check=check,
            )

        found = self.run_in_thread(sum_up)
        self.heartbeat(SUMMING_UP, 1, 1)
        known = find_overlaps([ref.name for ref in self.run.spec.classifiers], images)
        notes = {**found.notes, **{one.sentence: one.images or len(images) for one in known}}
        return found.model_copy(update={"seconds": self.store.runs.summary(self.run.id).spent, "notes": notes})

    def _check_models(self) -> None:
        spec = self.run.spec
        self._method = make_method(spec.method, spec.parameters)
        check_versions(spec.detector, make_detector_reference())
        if spec.landmarker is not None:
            check_versions(spec.landmarker, make_reference(get_landmarker(spec.landmarker.name)))
        judges = {ref: get_classifier(ref.name) for ref in (*spec.guides, *spec.keep, *spec.classifiers)}
        for ref, made in judges.items():
            check_versions(ref, make_reference(made))
        self._others = {made.name: made for made in judges.values() if made.attribute != GENDER}
        for ref in dict.fromkeys((*spec.guards, *spec.matchers)):
            check_versions(ref, make_reference(get_matcher(ref.name)))

    def _save(self, image: RunImage, scores: Sequence[GenderScore] = ()) -> None:
        retry_while_busy(lambda: self.store.runs.save_image(self.run.id, self.owner, image, scores))

    def _note_unusable(self, images: Sequence[ImageRecord]) -> None:
        done = self.store.runs.images_done(self.run.id)
        for position, image in enumerate(images):
            if image.failure is not None and image.id not in done:
                self.heartbeat(PERTURBING, 0, len(images))
                self._save(
                    RunImage(
                        image_id=image.id,
                        position=position,
                        failure=image.failure,
                        failure_stage="acquire-before",
                        failure_sentence=image.failure_sentence,
                    )
                )

    def _locate(self, images: Sequence[ImageRecord]) -> None:
        """Have the run's landmarker, if it has one, look at every image that may be perturbed or be a candidate.

        Raises
        ------
        FaceprivError
            If faults left nothing at all.
        """
        spec = self.run.spec
        if spec.landmarker is None:
            return
        name = spec.landmarker.name
        known = self.run_in_thread(lambda check: known_points(self.store, spec))
        gallery = self.store.datasets.images(self.run.dataset_id, failed=False)
        wanted = [
            LocateTask(name, image.id, stored)
            for image in gallery
            if image.id not in known and (stored := stored_face(image)) is not None
        ]
        self.heartbeat(LOCATING, 0, len(wanted))
        fresh: dict[int, Vector] = {}
        found = 0
        # These processes need to know nothing of the run, which they read once all points are kept.
        job = JobRef(load_nothing, self.run.id, self.owner, self.run.attempts)
        for finished, (item, vector) in enumerate(self.compute_in_pool(locate_in_process, job, wanted), start=1):
            if isinstance(vector, Crashed):
                self.note(f"{name} took its process down at image {item.image_id}, which has no points now.")
            elif vector is not None:
                fresh[item.image_id] = vector
                found += 1
                if len(fresh) >= SAVE_EVERY:
                    self._keep_points(fresh)
                    fresh.clear()
            self.heartbeat(LOCATING, finished, len(wanted))
        self._keep_points(fresh)
        if wanted and not found and not known:
            raise FaceprivError(
                f"The landmarker {name} could look at none of {len(wanted)} images; look at what the worker logged, or "
                f"start the run with {DEFAULT_LANDMARKER}."
            )
        self._note_without_points(images)

    def _keep_points(self, vectors: Mapping[int, Vector]) -> None:
        retry_while_busy(lambda: save_points(self.store, self.run.spec, vectors))
        retry_while_busy(lambda: self.store.jobs.progressed(self.job_id, self.owner))

    def _note_without_points(self, images: Sequence[ImageRecord]) -> None:
        """Write down the failure of every image in which the landmarker finds nothing."""
        spec = self.run.spec
        assert spec.landmarker is not None
        known, done = known_points(self.store, spec), self.store.runs.images_done(self.run.id)
        missing = no_landmarks(spec.landmarker.name)
        for position, image in enumerate(images):
            if image.id in known and known[image.id] is None and image.id not in done:
                self.heartbeat(PERTURBING, 0, len(images))
                self._save(
                    RunImage(
                        image_id=image.id,
                        position=position,
                        failure=missing.code,
                        failure_stage="acquire-before",
                        failure_sentence=str(missing),
                    )
                )

    def _learn(self, images: Sequence[ImageRecord]) -> dict[str, str]:
        """Let the method learn what it has not learnt yet; return the hash of what serves each subject.

        Raises
        ------
        FaceprivError
            If it cannot learn.
        """
        spec = self.run.spec
        if not self._method.learns:
            return {}
        if spec.learn_from is None:
            raise FaceprivError(
                f"The method {spec.method} with these parameters must learn first, but the run's spec does not say "
                "from whom; start a new run."
            )
        gallery = self.store.datasets.images(self.run.dataset_id, failed=False)
        source = spec.learn_from.dataset
        teachers = () if source is None else self.store.datasets.images(source.id, failed=False)
        known = {one.part: one for one in self.store.runs.learnings(self.run.id)}
        wanted = learning.lessons(spec.learn_from, images, gallery, teachers, spec.seed)
        left = [lesson for lesson in wanted if lesson.part not in known]
        self.pool.reset_steps()
        if left:
            self.heartbeat(LEARNING, 0, 0)
        lessons = self.compute_in_pool(
            learn_in_process, self.job, left, one_by_one=True, progress=lambda: (LEARNING, *self.pool.steps())
        )
        for lesson, learnt in lessons:
            if isinstance(learnt, str):
                raise FaceprivError(learnt)
            if isinstance(learnt, Crashed):
                raise FaceprivError(
                    "The process in which the method learnt was lost again and again, perhaps for lack of memory; "
                    "learn from fewer people, or allow fewer processes (FACEPRIV_WORKERS=1), and resume."
                )
            retry_while_busy(lambda learnt=learnt: self.store.runs.save_learning(self.run.id, self.owner, learnt))  # type: ignore[misc]
            known[lesson.part] = learnt
        served = learning.lesson_of(spec.learn_from, gallery, spec.seed)
        return {subject: known[part].artifact_sha256 for subject, part in served.items() if part in known}

    def _learned_items(self) -> list[LearnedItem]:
        spec = self.run.spec
        if spec.learn_from is None:
            return []
        source = spec.learn_from
        return [
            LearnedItem(
                source=one.source,
                dataset=learning.teacher_name(source, spec.dataset),
                fold=one.part if one.source == learning.FOLDS else None,
                subjects=one.subjects,
                images=one.images,
                evaluations=one.evaluations,
                sha256=one.artifact_sha256,
            )
            for one in self.store.runs.learnings(self.run.id)
        ]

    def _perturb(self, images: Sequence[ImageRecord], learned: Mapping[str, str]) -> None:
        done = self.store.runs.images_done(self.run.id)
        left = [(position, image) for position, image in enumerate(images) if image.id not in done]
        finished = len(images) - len(left)
        self.heartbeat(PERTURBING, finished, len(images))
        kept = self._first_scores()
        items = [
            PerturbTask(
                image_id=image.id,
                position=position,
                learned=learned.get(image.subject),
                known={name: float(scores[image.id][0]) for name, scores in kept.items() if image.id in scores},
            )
            for position, image in left
        ]
        for item, outcome in self.compute_in_pool(perturb_in_process, self.job, items):
            if isinstance(outcome, Crashed):
                self._save(lost_image(item))
            else:
                self._save(*outcome)
            finished += 1
            self.heartbeat(PERTURBING, finished, len(images))
        self.run_in_thread(lambda check: self._keep_scores(kept))
        self._refuse_faults_throughout()

    def _first_scores(self) -> dict[str, dict[int, Vector]]:
        """Return what is known of the untouched images, by classifier and image."""
        return {
            ref.name: self.store.measures.of_images(
                self.run.dataset_id, f"{SCORE}:{ref.name}", self._maker(ref, "before")
            )
            for ref in self.run.spec.classifiers
        }

    def _keep_scores(self, kept: Mapping[str, Mapping[int, Vector]]) -> None:
        """Keep the scores of images, untouched and as stored, for other runs and audits: all that this run has.

        Parameters
        ----------
        kept
            What was known of the untouched images before, by classifier and image.
        """
        fresh: dict[tuple[str, Phase], dict[int, Vector]] = {}
        for one in self.store.runs.gender_scores(self.run.id):
            if one.score is not None and (one.phase == "after" or one.image_id not in kept[one.classifier]):
                fresh.setdefault((one.classifier, one.phase), {})[one.image_id] = np.array([one.score])
        for ref in self.run.spec.classifiers:
            for phase in PHASES:
                self._keep(f"{SCORE}:{ref.name}", self._maker(ref, phase), phase, fresh.get((ref.name, phase), {}))

    def _keep(self, name: str, made_by: str, phase: Phase, vectors: Mapping[int, Vector]) -> None:
        measures = self.store.measures
        if phase == "before":
            retry_while_busy(lambda: measures.save_of_images(name, made_by, vectors))
        else:
            retry_while_busy(lambda: measures.save_of_run(self.run.id, name, made_by, vectors))

    def _refuse_faults_throughout(self) -> None:
        """Fail the run if every image that was tried met a fault: no result could be told from a broken set-up."""
        tried = [one for one in self.store.runs.outcomes(self.run.id) if one.failure_stage != "acquire-before"]
        if tried and all(one.failure in FAULTS for one in tried):
            raise FaceprivError(
                f"None of {len(tried)} images could be perturbed. The first: {tried[0].failure_sentence}"
            )

    def _embed(self, images: Sequence[ImageRecord]) -> dict[str, Templates]:
        """Embed all images before and after with every matcher; what a matcher could not embed is as if not found.

        Raises
        ------
        FaceprivError
            If a matcher could embed none.
        """
        known = self.run_in_thread(lambda check: {ref.name: self._templates(ref) for ref in self.run.spec.matchers})
        wanted = self.run_in_thread(lambda check: self._to_embed(images, known))
        fresh: dict[tuple[str, Phase], dict[int, Vector]] = {}
        self.heartbeat(EMBEDDING, 0, len(wanted))
        embedded = self.compute_in_pool(embed_in_process, self.job, wanted)
        for finished, (item, vector) in enumerate(embedded, start=1):
            if isinstance(vector, Crashed):
                self.note(f"{item.matcher} took its process down at image {item.image_id}, which has no template now.")
            elif vector is not None:
                known[item.matcher][item.phase][item.image_id] = vector
                some = fresh.setdefault((item.matcher, item.phase), {})
                some[item.image_id] = vector
                if len(some) >= SAVE_EVERY:
                    self._keep_templates(item.matcher, item.phase, some)
                    some.clear()
            self.heartbeat(EMBEDDING, finished, len(wanted))
        for (name, phase), some in fresh.items():
            self._keep_templates(name, phase, some)
        for name, templates in known.items():
            tried = sum(item.matcher == name for item in wanted)
            if tried and not any(templates.values()):
                raise FaceprivError(
                    f"The matcher {name} could embed none of {tried} images; look at what the worker logged, or "
                    "start the run without it."
                )
        return {
            name: Templates(
                before=_rows(templates["before"], images),
                after=_rows(templates["after"], images),
                compare=get_matcher(name).compare,
            )
            for name, templates in known.items()
        }

    def _templates(self, ref: ModelRef) -> dict[Phase, dict[int, Vector]]:
        """Return the templates that are kept already, by phase and image."""
        name = f"{TEMPLATE}:{ref.name}"
        return {
            "before": self.store.measures.of_images(self.run.dataset_id, name, self._maker(ref, "before")),
            "after": self.store.measures.of_run(self.run.id, name, self._maker(ref, "after")),
        }

    def _keep_templates(self, matcher_name: str, phase: Phase, vectors: Mapping[int, Vector]) -> None:
        (ref,) = (one for one in self.run.spec.matchers if one.name == matcher_name)
        self._keep(f"{TEMPLATE}:{matcher_name}", self._maker(ref, phase), phase, vectors)
        retry_while_busy(lambda: self.store.jobs.progressed(self.job_id, self.owner))

    def _maker(self, ref: ModelRef, phase: Phase) -> str:
        if phase == "before":
            return fingerprint(ref, found_by(self.store, self.run.dataset_id))
        return fingerprint(ref, fingerprint(self.run.spec.detector))

    def _to_embed(
        self, images: Sequence[ImageRecord], known: Mapping[str, Mapping[Phase, Mapping[int, Vector]]]
    ) -> list[EmbedTask]:
        outcome = {record.image_id: record for record in self.store.runs.outcomes(self.run.id)}
        wanted = []
        for name, templates in known.items():
            for phase in PHASES:
                for image in images:
                    stored = stored_face(image) if phase == "before" else perturbed_face(outcome[image.id])
                    if stored is not None and image.id not in templates[phase]:
                        wanted.append(EmbedTask(name, phase, image.id, stored))
        return wanted

    def _judged(self, images: Sequence[ImageRecord]) -> list[JudgedImage]:
        outcome = {record.image_id: record for record in self.store.runs.outcomes(self.run.id)}
        scores: dict[int, dict[tuple[str, Phase], float]] = {image.id: {} for image in images}
        for item in self.store.runs.gender_scores(self.run.id):
            if item.score is not None:
                scores[item.image_id][item.classifier, item.phase] = item.score
        return [
            _judged_image(image, outcome[image.id], scores[image.id], side_labels(self._others, image))
            for image in images
        ]


def _rows(vectors: Mapping[int, Vector], images: Sequence[ImageRecord]) -> NDArray[np.float32]:
    """Lay templates out as rows in the order of the images; a row of NaN where there is none."""
    width = len(next(iter(vectors.values()), np.empty(1)))
    rows = np.full((len(images), width), np.nan, dtype=np.float32)
    for row, image in enumerate(images):
        if image.id in vectors:
            rows[row] = vectors[image.id]
    return rows


def _judged_image(
    image: ImageRecord, record: RunImageRecord, scores: dict[tuple[str, Phase], float], labels: dict[str, int]
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
        scores=scores,
        failure=failure,
        fixed_score=float("nan") if record.fixed_score is None else record.fixed_score,
        survived=record.survived,
        stop=record.stop,
        notes=record.notes,
        labels=labels,
    )
