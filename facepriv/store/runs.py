"""Runs: what jobs of that kind perturb, and what they found, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.runs import RunResult, RunSpec
from facepriv.store.engine import Database
from facepriv.store.fields import matching, record_of, values_of
from facepriv.store.job_details import JobDetails
from facepriv.store.jobs import complete, delete_job, hold, set_held
from facepriv.store.leftovers import Leftovers, doom
from facepriv.store.measures import Measured, save_measured
from facepriv.store.records import JobState, Learning, RunImage, RunRecord, RunSummary
from facepriv.store.rows import (
    AuditRow,
    DatasetRow,
    ImageRow,
    JobRow,
    LearningRow,
    RunImageRow,
    RunRow,
    RunSourceRow,
    StudyRunRow,
)
from facepriv.types import UNNAMED, Actor


class RunStore(JobDetails[RunSummary, RunRecord]):
    """Runs of one database; what becomes of their jobs is `JobStore`'s matter.

    Contract. What `save_image` has written stays over any kill, so the next worker goes on with the rest. Methods that
    take ``owner`` do nothing but raise LeaseLostError unless the run's job is running and that owner's. The spec never
    changes. Records are detached values.
    """

    _row, _noun = RunRow, "run"
    _summary, _record = RunSummary, RunRecord

    def __init__(self, database: Database, leftovers: Leftovers) -> None:
        super().__init__(database)
        self._leftovers = leftovers

    # Creating and looking

    def create(
        self,
        spec: RunSpec,
        *,
        request: str = "{}",
        actor: Actor = UNNAMED,
        study_id: int | None = None,
        learned_of: int | None = None,
        images_of: int | None = None,
    ) -> int:
        """Put a run into the queue and return its number; ``request`` and ``actor`` as for `JobStore.create`.

        Parameters
        ----------
        study_id
            The study that it belongs to, which alone takes it up.
        learned_of
            A run that has learnt just what this one would; that is not learnt again.
        images_of
            A run whose images this one would change to the same files, where it has them in the same places; those are
            not changed again.

        Raises
        ------
        UnknownNameError
            If the data set or one of its images does not exist.
        BadInputError
            If the spec has no image, names one twice, or means other content than the data set has.
        """
        if not spec.image_ids:
            raise BadInputError("A run needs at least one image, but its spec has none; choose some.")
        if len(set(spec.image_ids)) != len(spec.image_ids):
            raise BadInputError("A run takes each image once, but its spec names one several times; remove the others.")
        with self._database.writing() as session:
            self._check_dataset(session, spec)
            teacher = None if spec.learn_from is None else spec.learn_from.dataset
            if teacher is not None:
                self._dataset(session, teacher)
            of_study = study_id is not None
            run_id = self._add(
                session, spec, request, actor, of_study=of_study, method=spec.method, guide=spec.guide.name
            )
            if teacher is not None:
                session.add(RunSourceRow(run_id=run_id, dataset_id=teacher.id))
            if of_study:
                session.add(StudyRunRow(run_id=run_id, study_id=study_id))
            if learned_of is not None:
                _copy(session, LearningRow, learned_of, run_id)
            if images_of is not None:
                places = dict(enumerate(spec.image_ids))
                _copy(session, RunImageRow, images_of, run_id, lambda row: places.get(row.position) == row.image_id)
            return run_id

    def _check_dataset(self, session: Session, spec: RunSpec) -> None:
        dataset = self._dataset(session, spec.dataset)
        known = set(session.scalars(select(ImageRow.id).where(ImageRow.dataset_id == dataset.id)))
        unknown = [image_id for image_id in spec.image_ids if image_id not in known]
        if unknown:
            raise UnknownNameError(
                f"The data set {spec.dataset.name!r} has no image with id {unknown[0]}"
                + (f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else "")
                + "; ask for its list."
            )

    @staticmethod
    def _dataset(session: Session, ref: DatasetRef) -> DatasetRow:
        dataset = session.scalar(select(DatasetRow).where(DatasetRow.id == ref.id, DatasetRow.ready))
        if dataset is None:
            raise UnknownNameError(f"There is no data set with id {ref.id}; import it first.")
        if dataset.content_sha256 != ref.content_sha256:
            raise BadInputError(
                f"The data set {ref.id} has other content than the run's spec was made for; "
                "make the spec from the data set as it is."
            )
        return dataset

    def list(
        self,
        *,
        dataset_id: int | None = None,
        states: Iterable[JobState] = (),
        method: str | None = None,
        study_id: int | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[RunSummary, ...]:
        """Return runs on a data set, in one of these states and with a method, if asked for, without specs and results.

        Newest first, a page at a time. Those of a study are returned only where that study is asked for.
        """
        conditions = [*matching(RunRow, dataset_id=dataset_id, method=method), _of_study(study_id)]
        return self._list(conditions, states, limit, offset)

    def count(
        self,
        *,
        dataset_id: int | None = None,
        states: Iterable[JobState] = (),
        method: str | None = None,
        study_id: int | None = None,
    ) -> int:
        """Count the runs that `list` would return without a limit."""
        return self._count([*matching(RunRow, dataset_id=dataset_id, method=method), _of_study(study_id)], states)

    def images_done(self, run_id: int) -> frozenset[int]:
        """Return the ids of the images that need not be done again, failed ones included."""
        with self._database.reading() as session:
            self._require(session, run_id)
            return frozenset(session.scalars(select(RunImageRow.image_id).where(RunImageRow.run_id == run_id)))

    def run_images(self, run_id: int, *, limit: int | None = None, offset: int = 0) -> tuple[RunImage, ...]:
        """Return the images done so far, in the order of the spec."""
        with self._database.reading() as session:
            self._require(session, run_id)
            rows = session.scalars(_images_of(run_id).limit(limit).offset(offset))
            return tuple(record_of(RunImage, row) for row in rows)

    def outcomes(self, run_id: int) -> tuple[RunImage, ...]:
        """Return all images done so far as `run_images` does, but without trajectories, which may be long."""
        with self._database.reading() as session:
            self._require(session, run_id)
            rows = session.scalars(_images_of(run_id).options(defer(RunImageRow.trajectory)))
            return tuple(record_of(RunImage, row, trajectory=None) for row in rows)

    def run_image(self, run_id: int, image_id: int) -> RunImage:
        """Return one image of a run; raises UnknownNameError if it is not done or not of the run."""
        with self._database.reading() as session:
            self._require(session, run_id)
            row = session.get(RunImageRow, (run_id, image_id))
            if row is None:
                raise UnknownNameError(f"Run {run_id} has no finished image with id {image_id}; ask for its list.")
            return record_of(RunImage, row)

    def learnings(self, run_id: int) -> tuple[Learning, ...]:
        """Return what the run's method has learnt so far, by part."""
        query = select(LearningRow).where(LearningRow.run_id == run_id).order_by(LearningRow.part)
        with self._database.reading() as session:
            self._require(session, run_id)
            return tuple(record_of(Learning, row) for row in session.scalars(query))

    # For the worker

    def save_image(self, run_id: int, owner: str, image: RunImage, measured: Iterable[Measured] = ()) -> None:
        """Save one image's outcome and measures in one short transaction; its artifact must have been put before.

        May be called again with the same, as after a connection that was lost before it answered. Raises StoreError if
        the image is done already, or it or its position is not of the run's spec's data set.
        """
        try:
            with self._database.writing() as session:
                set_held(session, self._job(run_id), owner, losses=0)
                session.execute(insert(RunImageRow).values(values_of(RunImage, image, run_id=run_id)))
                save_measured(session, measured)
        except IntegrityError as error:
            if self._is_saved(run_id, image):
                return
            raise StoreError(
                f"Image {image.image_id} of run {run_id} cannot be saved: it or its position {image.position} is "
                "there already, or an image it names does not exist."
            ) from error

    def _is_saved(self, run_id: int, image: RunImage) -> bool:
        with self._database.reading() as session:
            row = session.get(RunImageRow, (run_id, image.image_id))
            saved = ("position", "artifact_sha256", "seconds", "failure")
            return row is not None and all(getattr(row, name) == getattr(image, name) for name in saved)

    def save_learning(self, run_id: int, owner: str, learning: Learning) -> None:
        """Keep what the run's method has learnt, after its artifact; raises StoreError if that part is there."""
        try:
            with self._database.writing() as session:
                set_held(session, self._job(run_id), owner, losses=0)
                session.execute(insert(LearningRow).values(values_of(Learning, learning, run_id=run_id)))
        except IntegrityError as error:
            raise StoreError(f"Part {learning.part} of what run {run_id} learns is there already.") from error

    def finish(self, run_id: int, owner: str, result: RunResult) -> None:
        """Make the run complete with its result; a cancel that came too late is ignored.

        Raises StoreError if images of the spec were not saved: failed ones need a row as well, so that none is dropped.
        """
        with self._database.writing() as session:
            hold(session, self._job(run_id), owner)
            images = session.scalar(select(RunRow.images).where(RunRow.id == run_id))
            saved = session.scalar(select(func.count()).select_from(RunImageRow).where(RunImageRow.run_id == run_id))
            if saved != images:
                raise StoreError(
                    f"Run {run_id} cannot be complete with {saved} of its {images} images saved; "
                    "save every one, with its failure if it failed."
                )
            session.execute(update(RunRow).where(RunRow.id == run_id).values(result=result))
            complete(session, self._job(run_id), owner)

    def delete(self, run_id: int) -> None:
        """Remove a run with its images, their measures, what it learnt and their artifact files, see `Leftovers`.

        One that was deleted and may be restored goes as well; it cannot be restored any more.

        Raises
        ------
        StoreError
            If a worker is at it, or the artifacts are another database's. Also if a file cannot be removed, when the
            run is gone already; `Store.collect` takes the file later.
        """
        self._leftovers.ownership.require()
        images = select(RunImageRow.artifact_sha256).where(RunImageRow.run_id == run_id)
        learnt = select(LearningRow.artifact_sha256).where(LearningRow.run_id == run_id)
        with self._database.writing(alone=True) as session:
            job_id = self._require(session, run_id, deleted=True)
            files = [*session.scalars(images), *session.scalars(learnt)]
            audits = select(AuditRow.job_id).where(AuditRow.run_id == run_id)
            session.execute(delete(JobRow).where(JobRow.id.in_(audits)))
            delete_job(session, job_id, f"Run {run_id}")
            doom(session, files)
        self._leftovers.remove(files)

    def _parts(self, session: Session, number: int) -> Sequence[int]:
        return session.scalars(select(AuditRow.job_id).where(AuditRow.run_id == number)).all()


def _images_of(run_id: int) -> Select[RunImageRow]:
    return select(RunImageRow).where(RunImageRow.run_id == run_id).order_by(RunImageRow.position)


def _of_study(study_id: int | None) -> ColumnElement[bool]:
    """Return the condition that a run belongs to a study, or to none."""
    if study_id is None:
        return RunRow.id.not_in(select(StudyRunRow.run_id))
    return RunRow.id.in_(select(StudyRunRow.run_id).where(StudyRunRow.study_id == study_id))


def _copy(session: Session, table: Any, run_id: int, to: int, wanted: Callable[[Any], bool] = lambda row: True) -> None:
    """Copy what a run has of a table to another run."""
    columns = [column.key for column in inspect(table).column_attrs]
    rows = session.scalars(select(table).where(table.run_id == run_id))
    values = [{name: getattr(row, name) for name in columns} | {"run_id": to} for row in rows if wanted(row)]
    if values:
        session.execute(insert(table), values)
