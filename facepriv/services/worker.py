"""Claim runs and execute them: perturb in a pool of processes, embed, compare, store the result.

A worker writes the database alone; its processes only compute. Every image is kept as soon as it is done, so a run that
was interrupted goes on where it stopped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.run_result import JudgedImage, Templates, run_result
from facepriv.config import Settings
from facepriv.errors import FaceprivError
from facepriv.results import PHASES, FailureItem, LearnedItem, Phase, RunResult
from facepriv.services import learning
from facepriv.services.audit_work import execute_audit
from facepriv.services.crew import Crew, one_thread_each
from facepriv.services.judging import (
    FAULTS,
    MOST_LESSONS,
    Stored,
    embed_in_process,
    found_in,
    learn_in_process,
    left_by,
    perturb_in_process,
)
from facepriv.services.leased_work import LeasedWork, Report, carry_out, new_owner
from facepriv.services.models import (
    check_versions,
    classifier,
    detector_reference,
    matcher,
    reference,
)
from facepriv.services.provenance import maker
from facepriv.services.runs import make_method
from facepriv.store import Store, open_store
from facepriv.store.records import ImageRecord, RunImage, RunImageRecord, RunRecord

LEARNING, PERTURBING, EMBEDDING, SUMMING_UP = "learning", "perturbing", "embedding", "comparing"
POLL_SECONDS = 1.0
CHUNK = 8
COLLECT_SECONDS = 3600.0
"""How often a worker without a run looks for files that nobody needs any more."""
_log = logging.getLogger(__name__)


def run_worker(
    settings: Settings,
    *,
    run_id: int | None = None,
    audit_id: int | None = None,
    until_idle: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Report | None = None,
    crew: Crew | None = None,
) -> int:
    """Take up waiting runs and audits, one after the other, and clear away leftovers at the start and while none waits.

    Runs come first: an audit may be waiting for the images of one that is queued after it.

    Parameters
    ----------
    run_id, audit_id
        Take up this run or audit only.
    until_idle
        Return as soon as none waits, instead of asking again every second.
    should_stop
        Asked while nothing is under way.
    crew
        Processes to compute with, which stay; by default some of its own, which end while none waits.

    Returns
    -------
    int
        Number of runs and audits that were taken up.
    """
    owner = new_owner()
    taken = 0
    with open_store(settings) as store, ExitStack() as stack:
        working = crew if crew is not None else stack.enter_context(Crew(settings))
        collected = _collect(store)
        while True:
            run = store.runs.claim(owner, run_id=run_id) if audit_id is None else None
            audit = store.audits.claim(owner, audit_id=audit_id) if run is None and run_id is None else None
            if run is None and audit is None and crew is None:
                working.end()
            if run is not None:
                taken += 1
                execute(store, settings, run, owner, on_progress=on_progress, crew=working)
            elif audit is not None:
                taken += 1
                execute_audit(store, settings, audit, owner, on_progress=on_progress, crew=working)
            elif until_idle or run_id is not None or audit_id is not None or should_stop():
                return taken
            elif time.monotonic() - collected >= COLLECT_SECONDS:
                collected = _collect(store)
            else:
                time.sleep(POLL_SECONDS)


def _collect(store: Store) -> float:
    """Clear away what interrupted imports and runs have left; gives when."""
    try:
        store.collect()
    except FaceprivError as error:
        # Runs do not depend on it, and the next worker tries again.
        _log.warning("Leftovers could not be cleared away: %s", error)
    return time.monotonic()


def execute(
    store: Store,
    settings: Settings,
    run: RunRecord,
    owner: str,
    *,
    crew: Crew,
    on_progress: Report | None = None,
) -> None:
    """Execute a claimed run to its end: complete, failed or cancelled."""

    def work() -> None:
        store.runs.finish(run.id, owner, _Execution(store, settings, run, owner, crew, on_progress).result())

    carry_out(store.runs, run.id, owner, "run", work)


class _Execution(LeasedWork):
    def __init__(
        self, store: Store, settings: Settings, run: RunRecord, owner: str, crew: Crew, on_progress: Report | None
    ) -> None:
        super().__init__(store, settings, store.runs, run.id, owner, crew, on_progress)
        self.run = run

    def result(self) -> RunResult:
        """Do what is left of the run and sum it up."""
        start = time.perf_counter()
        self._check_models()
        images = self.store.datasets.images(self.run.dataset_id, ids=self.run.spec.image_ids)
        self._note_unusable(images)
        try:
            with one_thread_each():
                pool = self.crew.pool()
                learned = self._learn(pool, images)
                self._perturb(pool, images, learned)
                templates = self._embed(pool, images)
        except BaseException:
            self.crew.end(at_once=True)
            raise
        self.beat(SUMMING_UP, 0, 1)
        judged = self._judged(images)
        # In a thread, so that the lease is kept and a wish to cancel is heard while many scores are compared.
        with ThreadPoolExecutor(max_workers=1) as thread:
            future = thread.submit(
                run_result,
                judged,
                templates,
                classifiers=[ref.name for ref in self.run.spec.classifiers],
                seconds=time.perf_counter() - start,
                guides=[ref.name for ref in self.run.spec.guides],
                guards=[ref.name for ref in self.run.spec.guards],
                kind=self._method.kind,
                learned=self._learned_items(),
            )
            self.outlast(future)
        self.beat(SUMMING_UP, 1, 1)
        return future.result().model_copy(update={"seconds": time.perf_counter() - start})

    def _check_models(self) -> None:
        spec = self.run.spec
        self._method = make_method(spec.method, spec.parameters)
        check_versions(spec.detector, detector_reference())
        for ref in dict.fromkeys((*spec.guides, *spec.classifiers)):
            check_versions(ref, reference(classifier(ref.name)))
        for ref in dict.fromkeys((*spec.guards, *spec.matchers)):
            check_versions(ref, reference(matcher(ref.name)))

    def _note_unusable(self, images: Sequence[ImageRecord]) -> None:
        done = self.store.runs.images_done(self.run.id)
        for position, image in enumerate(images):
            if image.failure is not None and image.id not in done:
                failed = RunImage(
                    image_id=image.id,
                    position=position,
                    failure=image.failure,
                    failure_stage="acquire-before",
                    failure_sentence=image.failure_sentence,
                )
                self.store.runs.save_image(self.run.id, self.owner, failed)

    def _learn(self, pool: ProcessPoolExecutor, images: Sequence[ImageRecord]) -> dict[str, str]:
        """Let the method learn what it has not learnt yet; gives the hash of what serves each subject.

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
        self.crew.steps[:] = [0] * (2 * MOST_LESSONS)

        def steps() -> tuple[str, int, int]:
            done, total = self.crew.steps[::2], self.crew.steps[1::2]
            return LEARNING, sum(done), sum(total)

        calls = ((lesson.part, (learn_in_process, self.run.id, lesson)) for lesson in left)
        if left:
            self.beat(LEARNING, 0, 0)
        for part, learnt in self.in_windows(pool, calls, steps):
            if isinstance(learnt, str):
                raise FaceprivError(learnt)
            self.store.runs.save_learning(self.run.id, self.owner, learnt)
            known[part] = learnt
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

    def _perturb(self, pool: ProcessPoolExecutor, images: Sequence[ImageRecord], learned: Mapping[str, str]) -> None:
        done = self.store.runs.images_done(self.run.id)
        left = [(position, image) for position, image in enumerate(images) if image.id not in done]
        finished = len(images) - len(left)
        self.beat(PERTURBING, finished, len(images))
        made_by = {ref.name: maker(ref) for ref in self.run.spec.classifiers}
        kept = {name: self.store.datasets.first_scores(self.run.dataset_id, name, by) for name, by in made_by.items()}
        fresh: dict[str, dict[int, float]] = {name: {} for name in made_by}
        calls = (
            (image.id, (perturb_in_process, self.run.id, image.id, position, learned.get(image.subject), known))
            for position, image in left
            for known in [{name: scores[image.id] for name, scores in kept.items() if image.id in scores}]
        )
        for _, (image, scores) in self.in_windows(pool, calls):
            self.store.runs.save_image(self.run.id, self.owner, image, scores)
            for one in scores:
                if one.phase == "before" and one.score is not None and one.image_id not in kept[one.classifier]:
                    fresh[one.classifier][one.image_id] = one.score
            finished += 1
            self.beat(PERTURBING, finished, len(images))
        for name, by in made_by.items():
            self.store.datasets.keep_first_scores(name, by, fresh[name])
        self._refuse_faults_throughout()

    def _refuse_faults_throughout(self) -> None:
        """Fail the run if every image that was tried met a fault: no result could be told from a broken set-up."""
        tried = [one for one in self.store.runs.run_images(self.run.id) if one.failure_stage != "acquire-before"]
        if tried and all(one.failure in FAULTS for one in tried):
            raise FaceprivError(
                f"None of {len(tried)} images could be perturbed. The first: {tried[0].failure_sentence}"
            )

    def _embed(self, pool: ProcessPoolExecutor, images: Sequence[ImageRecord]) -> dict[str, Templates]:
        """Embed all images before and after with every matcher; what a matcher could not embed is as if not found.

        Raises
        ------
        FaceprivError
            If a matcher could embed none.
        """
        outcome = {record.image_id: record for record in self.store.runs.run_images(self.run.id)}
        names = [ref.name for ref in self.run.spec.matchers]
        made_by = {ref.name: maker(ref) for ref in self.run.spec.matchers}
        rows: dict[tuple[str, Phase], NDArray[np.float32]] = {}

        def put(name: str, phase: Phase, row: int, vector: NDArray[np.float32]) -> None:
            if (name, phase) not in rows:
                rows[name, phase] = np.full((len(images), len(vector)), np.nan, dtype=np.float32)
            rows[name, phase][row] = vector

        wanted: list[tuple[str, Phase, int, Stored]] = []
        chunks: list[list[tuple[str, Phase, int, Stored]]] = []
        for name in names:
            kept = self.store.datasets.embeddings(self.run.dataset_id, name, made_by[name])
            # Each phase in chunks of its own, so that what is kept of one does not change the other's.
            for phase in PHASES:
                some: list[tuple[str, Phase, int, Stored]] = []
                for row, image in enumerate(images):
                    if phase == "before" and image.id in kept:
                        put(name, phase, row, kept[image.id])
                        continue
                    record = outcome[image.id]
                    stored = found_in(image) if phase == "before" else left_by(record)
                    some += [(name, phase, row, stored)] if stored is not None else []
                chunks += [some[i : i + CHUNK] for i in range(0, len(some), CHUNK)]
                wanted += some
        calls = (
            (chunk, (embed_in_process, self.run.id, chunk[0][0], [stored for _, _, _, stored in chunk]))
            for chunk in chunks
        )
        finished = 0
        fresh: dict[str, dict[int, NDArray[np.float32]]] = {name: {} for name in names}
        self.beat(EMBEDDING, 0, len(wanted))
        for chunk, vectors in self.in_windows(pool, calls):
            for (name, phase, row, _), vector in zip(chunk, vectors, strict=True):
                if vector is None:
                    continue
                put(name, phase, row, vector)
                if phase == "before":
                    fresh[name][images[row].id] = vector
            finished += len(chunk)
            self.beat(EMBEDDING, finished, len(wanted))
        for name in names:
            self.store.datasets.keep_embeddings(name, made_by[name], fresh[name])
            tried = {row for other, _, row, _ in wanted if other == name}
            if tried and not any((name, phase) in rows for phase in PHASES):
                raise FaceprivError(
                    f"The matcher {name} could embed none of {len(tried)} images; look at what the worker logged, or "
                    "start the run without it."
                )
        nothing = np.full((len(images), 1), np.nan, dtype=np.float32)
        return {
            name: Templates(
                before=rows.get((name, "before"), nothing),
                after=rows.get((name, "after"), nothing),
                compare=matcher(name).compare,
            )
            for name in names
        }

    def _judged(self, images: Sequence[ImageRecord]) -> list[JudgedImage]:
        outcome = {record.image_id: record for record in self.store.runs.run_images(self.run.id)}
        scores: dict[int, dict[tuple[str, Phase], float]] = {image.id: {} for image in images}
        for item in self.store.runs.gender_scores(self.run.id):
            if item.score is not None:
                scores[item.image_id][item.classifier, item.phase] = item.score
        return [_judged_image(image, outcome[image.id], scores[image.id]) for image in images]


def _judged_image(image: ImageRecord, record: RunImageRecord, scores: dict[tuple[str, Phase], float]) -> JudgedImage:
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
    )
