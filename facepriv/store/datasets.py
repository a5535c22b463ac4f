"""Data sets and their images: imported whole or not at all."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, delete, exists, func, insert, or_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.store.access import PURGE_BEGUN, add_line
from facepriv.store.engine import Database
from facepriv.store.fields import record_of, select_fields, values_of
from facepriv.store.leftovers import Leftovers, doom
from facepriv.store.names import check_name
from facepriv.store.protections import delete_trials, trials_of
from facepriv.store.records import (
    Correction,
    DatasetCounts,
    DatasetRecord,
    FoundFace,
    Holdings,
    ImageOrigin,
    ImagePair,
    ImageRecord,
    NewDataset,
    NewImage,
    UnfinishedImport,
)
from facepriv.store.references import references
from facepriv.store.rows import (
    AuditRow,
    CorrectionRow,
    DatasetRow,
    ImageOriginRow,
    ImageRow,
    JobRow,
    LearningRow,
    LeftOutRow,
    ProblemRow,
    ProtectionRow,
    ProtocolPairRow,
    RunImageRow,
    RunRow,
    RunSourceRow,
    ShareRow,
    StudyRow,
    TemplateSetRow,
)
from facepriv.types import FEMALE, GENDER_NAMES, MALE, Actor, Problem, ProtocolPair
from facepriv.wording import some

_BATCH = 200
"""Rows written, or ids asked for, by one statement."""
_BATCH_SECONDS = 5.0
"""Longest time between two batches: what a kill costs an import that can go on."""
RESUMABLE_FOR = timedelta(days=7)
"""How long an interrupted import can go on, counted from the last that it wrote."""


class ImportSession:
    """One import under way: rows go to the database in batches but nobody sees them until it is finished.

    Made by `DatasetStore.importing`; used by one thread, which adds an image right after putting its artifact:
    `Leftovers` relies on that.
    """

    def __init__(self, database: Database, dataset_id: int, name: str, importer: str) -> None:
        self._database = database
        self.dataset_id = dataset_id
        self.name = name
        self._importer = importer
        self._images: list[NewImage] = []
        self._problems: list[Problem] = []
        self._final_problems: list[Problem] | None = None
        self._protocol: Sequence[ProtocolPair] = ()
        self._origins: Mapping[str, Mapping[str, str]] = {}
        self._left_out: Sequence[Problem] = ()
        self.unwritten: set[str | None] = set()
        """Hashes of the artifacts of images that no batch held yet, or that could not be written."""
        self._written_at = time.monotonic()
        self.on_written: Callable[[], None] | None = None
        """Called whenever a batch with images was written: what an interruption does not cost any more."""

    def earlier(self) -> tuple[tuple[ImageRecord, ...], tuple[Problem, ...]]:
        """Give the images and the problems that the import which this goes on with had written, each in their order."""
        with self._database.reading() as session:
            images = session.scalars(
                select(ImageRow).where(ImageRow.dataset_id == self.dataset_id).order_by(ImageRow.id)
            )
            return tuple(record_of(ImageRecord, row) for row in images), _problems(session, self.dataset_id)

    def add(self, image: NewImage) -> None:
        """Add an image; written with the next batch.

        Raises
        ------
        BadInputError
            If a batch holds a name that the data set already has (code ``duplicate-name``).
        StoreError
            If the import is finished, goes on elsewhere, or was collected as abandoned meanwhile.
        """
        self._images.append(image)
        self.unwritten.add(image.artifact_sha256)
        self._flush_when_due()

    def problem(self, problem: Problem) -> None:
        """Add something that was left out, or a notice; written with the next batch."""
        self._problems.append(problem)
        self._flush_when_due()

    def finish(
        self,
        problems: Iterable[Problem],
        protocol: Sequence[ProtocolPair] = (),
        *,
        origins: Mapping[str, Mapping[str, str]] | None = None,
        left_out: Sequence[Problem] = (),
    ) -> None:
        """Say what stands in the end: these problems instead of all that were added, and the published comparisons.

        Written together with the data set's becoming visible. Every comparison is of images that were added.

        Parameters
        ----------
        origins
            Where ``subject`` and ``label`` of an image come from, by its name.
        left_out
            Every file that was found and not taken, by name, with the reason.
        """
        self._final_problems = list(problems)
        self._protocol = protocol
        self._origins = origins or {}
        self._left_out = left_out

    def flush(self) -> None:
        """Write what was added so far, in one transaction."""
        has_images = bool(self._images)
        with self._database.writing() as session:
            self._write(session)
        self.unwritten.clear()
        if has_images and self.on_written is not None:
            self.on_written()

    def _flush_when_due(self) -> None:
        late = time.monotonic() - self._written_at >= _BATCH_SECONDS
        if late or len(self._images) >= _BATCH or len(self._problems) >= _BATCH:
            self.flush()

    def _write(self, session: Session) -> None:
        # The time of the last batch tells a slow import from an abandoned one.
        touched = session.scalar(
            update(DatasetRow)
            .where(DatasetRow.id == self.dataset_id, ~DatasetRow.ready, DatasetRow.importer == self._importer)
            .values(created_at=datetime.now(UTC))
            .returning(DatasetRow.id)
        )
        if touched is None:
            raise StoreError(
                f"The import of {self.name!r} is over: it was finished, goes on in another process, or was idle for so "
                "long that it was cleared away; start it again."
            )
        if self._images:
            self._refuse_duplicates(session)
            session.execute(
                insert(ImageRow), [values_of(NewImage, image, dataset_id=self.dataset_id) for image in self._images]
            )
        _write_problems(session, self.dataset_id, self._problems)
        self._images.clear()
        self._problems.clear()
        self._written_at = time.monotonic()

    def _refuse_duplicates(self, session: Session) -> None:
        names = [image.name for image in self._images]
        seen = set(
            session.scalars(
                select(ImageRow.name).where(ImageRow.dataset_id == self.dataset_id, ImageRow.name.in_(names))
            )
        )
        for name in names:
            if name in seen:
                raise BadInputError(
                    f"Every image of a data set needs its own name, but two are called {name!r}; rename one.",
                    code="duplicate-name",
                )
            seen.add(name)

    def _write_origins(self, session: Session) -> None:
        rows = [
            {"image_id": image_id, "subject": said.get("subject"), "label": said.get("label")}
            for name, image_id in self._ids(session).items()
            if (said := self._origins.get(name))
        ]
        if rows:
            session.execute(insert(ImageOriginRow), rows)
        if self._left_out:
            left_out = [values_of(Problem, each, dataset_id=self.dataset_id) for each in self._left_out]
            session.execute(insert(LeftOutRow), left_out)

    def _ids(self, session: Session) -> dict[str, int]:
        query = select(ImageRow.name, ImageRow.id).where(ImageRow.dataset_id == self.dataset_id)
        return {row.name: row.id for row in session.execute(query)}

    def _write_protocol(self, session: Session) -> None:
        if not self._protocol:
            return
        ids = self._ids(session)
        session.execute(
            insert(ProtocolPairRow),
            [
                {
                    "dataset_id": self.dataset_id,
                    "position": position,
                    "fold": pair.fold,
                    "first_image_id": ids[first],
                    "second_image_id": ids[second],
                    "mated": pair.mated,
                }
                for position, pair, first, second in _placed(self._protocol)
            ],
        )

    def _publish(self) -> None:
        with self._database.writing() as session:
            self._write(session)  # also makes sure that the rows are still there
            if self._final_problems is not None:
                session.execute(delete(ProblemRow).where(ProblemRow.dataset_id == self.dataset_id))
                _write_problems(session, self.dataset_id, self._final_problems)
            self._write_protocol(session)
            self._write_origins(session)
            session.execute(
                update(DatasetRow)
                .where(DatasetRow.id == self.dataset_id)
                .values(
                    ready=True,
                    created_at=datetime.now(UTC),
                    content_sha256=_content(session, self.dataset_id),
                    importer=None,
                )
            )


class DatasetStore:
    """Data sets of one database.

    Contract: a data set is listed, found and counted only once its import has finished; an import that was
    interrupted at any moment, by a kill too, leaves nothing that any method here shows but `unfinished`. A finished
    data set never changes but for how long it may be kept, its data sheet, its quality report, and what `correct`
    sets while nothing was computed from its labels. Records are detached values. Methods that take ``dataset_id``
    raise UnknownNameError if there is no such finished data set, and every method raises StoreError if the database
    cannot be used. Artifact files that only removed rows referred to go with them, see `Leftovers`.
    """

    def __init__(self, database: Database, leftovers: Leftovers) -> None:
        self._database = database
        self._leftovers = leftovers

    @contextmanager
    def importing(self, new: NewDataset, *, resume_key: str | None = None) -> Iterator[ImportSession]:
        """Import a data set: visible when the block ends, gone if the block raises.

        With a ``resume_key`` it is gone only if the block raises BadInputError; after anything else, and after a kill,
        what was written stays out of sight for `RESUMABLE_FOR`, and the next import of the same name and key goes on
        with it (`ImportSession.earlier`). A session that may still be writing it then fails at its next batch.

        Parameters
        ----------
        resume_key
            Hash of what is imported; imports of one key and ``detector_fingerprint`` must add the same images in the
            same order.

        Raises
        ------
        BadInputError
            If the name cannot be used (code ``bad-name``) or is taken (``name-taken``), at the start or, when
            another import of the same name finished first, at the end.
        StoreError
            If the artifacts are another database's.
        """
        check_name(new.name, "data set")
        self._leftovers.ownership.require()
        importer = secrets.token_hex(8)
        with self._database.writing() as session:
            _refuse_taken(session, new.name)
            row = None if resume_key is None else _interrupted(session, new, resume_key)
            if row is None:
                row = DatasetRow(ready=False, resume_key=resume_key)
                session.add(row)
            for column, value in values_of(NewDataset, new, created_at=datetime.now(UTC), importer=importer).items():
                setattr(row, column, value)
            session.flush()
            importing = ImportSession(self._database, row.id, new.name, importer)
        try:
            yield importing
            importing.flush()
            try:
                importing._publish()
            except IntegrityError as error:
                raise _name_taken(new.name) from error
        except BaseException as error:
            # Where even this fails the rows stay invisible, and `collect_abandoned` takes them later.
            with suppress(StoreError):
                if resume_key is None or isinstance(error, BadInputError):
                    self._discard(DatasetRow.id == importing.dataset_id, importing.unwritten)
                else:
                    importing.flush()
                    self._let_go(importer)
            raise

    def check_name(self, name: str) -> None:
        """Make sure that a data set can have this name; raises BadInputError as `importing` does."""
        check_name(name, "data set")
        with self._database.reading() as session:
            _refuse_taken(session, name)

    def unfinished(self) -> tuple[UnfinishedImport, ...]:
        """Return the imports that were interrupted and can go on, and those under way, by name."""
        images = select(func.count()).where(ImageRow.dataset_id == DatasetRow.id).scalar_subquery()
        times = {"written_at": DatasetRow.created_at, "written_by": DatasetRow.importer.is_not(None)}
        query = select_fields(UnfinishedImport, DatasetRow, images=images, **times)
        query = query.where(~DatasetRow.ready, DatasetRow.resume_key.is_not(None))
        with self._database.reading() as session:
            imports = [UnfinishedImport(**row._mapping) for row in session.execute(query)]
        return tuple(sorted(imports, key=lambda each: each.name))

    def finished(self, name: str, resume_key: str) -> DatasetRecord | None:
        """Give the data set that an import of this name and key became, None if it did not; it may be deleted since."""
        with self._database.reading() as session:
            row = session.scalar(
                select(DatasetRow).where(DatasetRow.ready, DatasetRow.name == name, DatasetRow.resume_key == resume_key)
            )
            return None if row is None else record_of(DatasetRecord, row)

    def discard(self, resume_key: str, name: str) -> int:
        """Remove what interrupted imports of this key and name have written, and give how many there were.

        A session that may still be writing one fails at its next batch.
        """
        return self._discard(and_(DatasetRow.resume_key == resume_key, DatasetRow.name == name))

    def list(self) -> tuple[DatasetRecord, ...]:
        """Return all data sets by name."""
        with self._database.reading() as session:
            rows = session.scalars(select(DatasetRow).where(DatasetRow.ready))
            # Sorted here: databases differ in how they order text.
            return tuple(sorted((record_of(DatasetRecord, row) for row in rows), key=lambda each: each.name))

    def get(self, key: int | str) -> DatasetRecord:
        """Find a data set by id, by name, or by an id in text; raises UnknownNameError, which lists those there are."""
        with self._database.reading() as session:
            return record_of(DatasetRecord, _find(session, key))

    def images(
        self,
        dataset_id: int,
        ids: Iterable[int] | None = None,
        *,
        failed: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[ImageRecord, ...]:
        """Return images, in the order they were imported or, if ``ids`` are given, in theirs.

        Parameters
        ----------
        ids
            Only these; ``failed``, ``limit`` and ``offset`` then do not apply.
        failed
            Only images without (True) or with (False) a usable face.
        limit, offset
            A page of the list, cut in SQL.

        Raises
        ------
        UnknownNameError
            If an id is not of this data set.
        """
        with self._database.reading() as session:
            _find(session, dataset_id)
            if ids is not None:
                return _images_by_id(session, dataset_id, list(ids))
            query = select(ImageRow).where(ImageRow.dataset_id == dataset_id)
            if failed is not None:
                query = query.where(ImageRow.failure.is_not(None) if failed else ImageRow.failure.is_(None))
            query = query.order_by(ImageRow.id).limit(limit).offset(offset)
            return tuple(record_of(ImageRecord, row) for row in session.scalars(query))

    def problems(self, dataset_id: int, *, limit: int | None = None, offset: int = 0) -> tuple[Problem, ...]:
        """Return what the import left out and its notices, in the order they came up."""
        with self._database.reading() as session:
            _find(session, dataset_id)
            return _problems(session, dataset_id, limit, offset)

    def left_out(self, dataset_id: int, *, limit: int | None = None, offset: int = 0) -> tuple[Problem, ...]:
        """Return the files that the import found and did not take, with the reason, in the order they came up."""
        query = select(LeftOutRow).where(LeftOutRow.dataset_id == dataset_id).order_by(LeftOutRow.id)
        with self._database.reading() as session:
            _find(session, dataset_id)
            return tuple(record_of(Problem, row) for row in session.scalars(query.limit(limit).offset(offset)))

    def origins(self, dataset_id: int) -> dict[int, ImageOrigin]:
        """Return where subject and label of each image come from, by its id; those of earlier versions are missing."""
        query = select(ImageOriginRow).join(ImageRow, ImageRow.id == ImageOriginRow.image_id)
        with self._database.reading() as session:
            _find(session, dataset_id)
            rows = session.scalars(query.where(ImageRow.dataset_id == dataset_id))
            return {row.image_id: record_of(ImageOrigin, row) for row in rows}

    def corrections(self, dataset_id: int) -> tuple[Correction, ...]:
        """Return what was corrected by hand, oldest first."""
        query = select(CorrectionRow).join(ImageRow, ImageRow.id == CorrectionRow.image_id)
        with self._database.reading() as session:
            _find(session, dataset_id)
            rows = session.scalars(query.where(ImageRow.dataset_id == dataset_id).order_by(CorrectionRow.id))
            return tuple(record_of(Correction, row) for row in rows)

    def correct(self, dataset_id: int, image_id: int, *, subject: str, label: int | None, by: str) -> int:
        """Set subject and label of an image, note who did, and return how many of the two that changed.

        The data set's hash follows, and its quality report, which was of what it held before, goes.

        Raises
        ------
        UnknownNameError
            If the data set has no such image.
        BadInputError
            With code ``dataset-in-use`` if a run, an audit or a template set was made from the labels as they are.
        """
        with self._database.writing(alone=True) as session:
            dataset = _find(session, dataset_id)
            (before,) = _images_by_id(session, dataset_id, [image_id])
            held = _holdings(session, dataset_id)
            users = [
                *(f"run {number}" for number in held.runs),
                *(f"audit {number}" for number in held.audits),
                *(f"study {number}" for number in held.studies),
                *(f"template set {name}" for name in held.template_sets),
            ]
            if users:
                raise BadInputError(
                    f"{held.dataset.name} is used by {some(users, 3)}, whose figures rest on its labels as they are; "
                    "delete them first, or import the images again with corrected labels.",
                    code="dataset-in-use",
                )
            changes: list[tuple[str, str | None, str | None]] = []
            if subject != before.subject:
                changes.append(("subject", before.subject, subject))
            if label != before.label:
                words = [None if each is None else GENDER_NAMES[each] for each in (before.label, label)]
                changes.append(("label", words[0], words[1]))
            for name, was, became in changes:
                session.add(
                    CorrectionRow(image_id=image_id, field=name, was=was, became=became, by=by, at=datetime.now(UTC))
                )
            if changes:
                session.execute(update(ImageRow).where(ImageRow.id == image_id).values(subject=subject, label=label))
                session.flush()
                dataset.content_sha256 = _content(session, dataset_id)
                dataset.quality = None
            return len(changes)

    def counts(self, dataset_id: int) -> DatasetCounts:
        """Count images, subjects, labels and failures, in SQL."""
        mine = ImageRow.dataset_id == dataset_id
        with self._database.reading() as session:
            _find(session, dataset_id)
            images, subjects = session.execute(
                select(func.count(), func.count(ImageRow.subject.distinct())).where(mine)
            ).one()
            return DatasetCounts(
                images=images,
                subjects=subjects,
                labels=_tally(session, ImageRow.label, mine),
                failures=_tally(session, ImageRow.failure, mine, ImageRow.failure.is_not(None)),
                problems=_tally(session, ProblemRow.code, ProblemRow.dataset_id == dataset_id),
            )

    def extent(self, dataset_id: int) -> tuple[int, float]:
        """Return how many images have a usable face, and how many pixels they have on average (0 without any)."""
        mine = ImageRow.dataset_id == dataset_id, ImageRow.failure.is_(None)
        query = select(func.count(), func.avg(ImageRow.width * ImageRow.height)).where(*mine)
        with self._database.reading() as session:
            images, pixels = session.execute(query).one()
            return images, float(pixels or 0.0)

    def labelled_people(self, dataset_id: int, *, run_id: int | None = None) -> tuple[int, int, int]:
        """Count subjects that have an image with a label and a usable face, those labelled male, and those female.

        With ``run_id`` only images of that run count.
        """
        mine = [ImageRow.dataset_id == dataset_id, ImageRow.failure.is_(None), ImageRow.label.is_not(None)]
        if run_id is not None:
            mine.append(ImageRow.id.in_(select(RunImageRow.image_id).where(RunImageRow.run_id == run_id)))
        subjects = select(func.count(ImageRow.subject.distinct()))
        with self._database.reading() as session:
            _find(session, dataset_id)
            return (
                session.scalar(subjects.where(*mine)) or 0,
                session.scalar(subjects.where(*mine, ImageRow.label == MALE)) or 0,
                session.scalar(subjects.where(*mine, ImageRow.label == FEMALE)) or 0,
            )

    def find_face(self, artifact_sha256: str, detector_fingerprint: str) -> FoundFace | None:
        """Return what this detector found in an image of this content when it was imported into a finished data set."""
        query = (
            select(ImageRow)
            .join(DatasetRow, DatasetRow.id == ImageRow.dataset_id)
            .where(
                ImageRow.artifact_sha256 == artifact_sha256,
                DatasetRow.detector_fingerprint == detector_fingerprint,
                DatasetRow.ready,
            )
            .limit(1)
        )
        with self._database.reading() as session:
            row = session.scalar(query)
            return None if row is None else record_of(FoundFace, row)

    def protocol(self, dataset_id: int) -> tuple[ImagePair, ...]:
        """Return the comparisons of the data set's published protocol, in its order; empty where it has none."""
        row = ProtocolPairRow
        query = select(row.position, row.fold, row.first_image_id, row.second_image_id, row.mated)
        with self._database.reading() as session:
            _find(session, dataset_id)
            rows = session.execute(query.where(row.dataset_id == dataset_id).order_by(row.position)).all()
        # Comparisons of single images count from 0, those of templates in steps from the first step.
        step = 1 if not rows or rows[0].position < TEMPLATE_STEP else TEMPLATE_STEP
        pairs = []
        for _, group in groupby(rows, key=lambda each: each.position // step):
            of_one = list(group)
            first, second = (
                tuple(dict.fromkeys(getattr(each, name) for each in of_one))
                for name in ("first_image_id", "second_image_id")
            )
            pairs.append(
                ImagePair(
                    fold=of_one[0].fold,
                    first=first[0],
                    second=second[0],
                    mated=of_one[0].mated,
                    first_more=first[1:],
                    second_more=second[1:],
                )
            )
        return tuple(pairs)

    def save_datasheet(self, dataset_id: int, datasheet: Mapping[str, Any]) -> None:
        """Replace a data set's data sheet."""
        with self._database.writing() as session:
            _find(session, dataset_id).datasheet = dict(datasheet)

    def save_quality(self, dataset_id: int, quality: Mapping[str, Any]) -> None:
        """Replace a data set's quality report."""
        with self._database.writing() as session:
            _find(session, dataset_id).quality = dict(quality)

    def save_retention(self, dataset_id: int, until: date | None) -> None:
        """Set the last day on which a data set may be kept, None for no such day; nothing is removed by it."""
        with self._database.writing() as session:
            _find(session, dataset_id).retain_until = until

    def holdings(self, dataset_id: int) -> Holdings:
        """Say what would go if the data set were deleted."""
        with self._database.reading() as session:
            return _holdings(session, dataset_id)

    def shared(self, holdings: Holdings) -> dict[str, frozenset[str]]:
        """Return those of the artifacts that stay, because others refer to them, by the names of data sets.

        A run's artifacts count as its data set's; an import under way counts by the name that it was given.
        """
        shared: dict[str, set[str]] = {}
        hashes = sorted(holdings.artifacts)
        every = references()
        others = select(every.c.name, every.c.artifact_sha256).where(
            every.c.dataset_id != holdings.dataset.id,
            or_(every.c.run_id.is_(None), every.c.run_id.not_in(holdings.runs)),
        )
        with self._database.reading() as session:
            for start in range(0, len(hashes), _BATCH):
                batch = hashes[start : start + _BATCH]
                for name, sha256 in session.execute(others.where(every.c.artifact_sha256.in_(batch))):
                    shared.setdefault(name, set()).add(sha256)
        return {name: frozenset(shared[name]) for name in sorted(shared)}

    def delete(self, dataset_id: int, *, purged_by: Actor | None = None) -> Holdings:
        """Remove a data set with all that `holdings` names, the problems of its import, and measures of its images.

        Who purges it is in the access log if and only if the rows are gone.

        Raises
        ------
        StoreError
            If a run or an audit on it is being worked on, or the artifacts are another database's. Also if a file
            cannot be removed, when the data set is gone already; `Store.collect` takes the file later.
        """
        self._leftovers.ownership.require()
        # Alone: no run or audit of it is created, and none is claimed, between looking and deleting.
        with self._database.writing(alone=True) as session:
            gone = _holdings(session, dataset_id)
            if gone.busy:
                raise StoreError(
                    f"The data set {gone.dataset.name!r} cannot be deleted while {some(gone.busy)} on it is being "
                    "worked on; cancel and try again."
                )
            going: tuple[tuple[Any, ColumnElement[bool]], ...] = (
                (AuditRow, _audits_of(dataset_id)),
                (RunRow, _runs_using(dataset_id)),
                (StudyRow, StudyRow.dataset_id == dataset_id),
            )
            for row, these in going:
                session.execute(delete(JobRow).where(JobRow.id.in_(select(row.job_id).where(these))))
            made = session.scalars(select(TemplateSetRow.id).where(TemplateSetRow.dataset_id == dataset_id)).all()
            delete_trials(session, *made)
            session.execute(delete(TemplateSetRow).where(TemplateSetRow.id.in_(made)))
            session.execute(delete(DatasetRow).where(DatasetRow.id == dataset_id))
            doom(session, gone.artifacts)
            if purged_by is not None:
                add_line(session, purged_by, PURGE_BEGUN, f"dataset {dataset_id}")
        self._leftovers.remove(gone.artifacts)
        return gone

    def collect_abandoned(
        self, older_than: timedelta = timedelta(hours=1), *, resumable_for: timedelta = RESUMABLE_FOR
    ) -> int:
        """Clear away imports that were interrupted, with their artifact files; return how many there were.

        One that can go on stays for longer, unless a data set has its name by now.

        Parameters
        ----------
        older_than
            How long an import must not have written anything to count as interrupted.
        resumable_for
            How long one that can go on must not have.
        """
        now = datetime.now(UTC)
        idle = DatasetRow.created_at < now - older_than
        can_go_on = DatasetRow.resume_key.is_not(None)
        finished = aliased(DatasetRow)
        overtaken = and_(
            DatasetRow.importer.is_(None), exists().where(finished.ready, finished.name == DatasetRow.name)
        )
        with self._database.writing(alone=True) as session:
            session.execute(update(DatasetRow).where(~DatasetRow.ready, can_go_on, idle).values(importer=None))
            given_up = or_(and_(~can_go_on, idle), DatasetRow.created_at < now - resumable_for, overtaken)
            gone = session.scalars(select(DatasetRow.id).where(~DatasetRow.ready, given_up)).all()
        return self._discard(DatasetRow.id.in_(gone))

    def _discard(self, these: ColumnElement[bool], unwritten: Iterable[str | None] = ()) -> int:
        """Remove unfinished imports with their artifact files, those of no row yet too; return how many there were."""
        unfinished = (~DatasetRow.ready, these)
        with self._database.writing(alone=True) as session:
            ids = select(DatasetRow.id).where(*unfinished)
            files = session.scalars(select(ImageRow.artifact_sha256).where(ImageRow.dataset_id.in_(ids))).all()
            gone = session.scalars(delete(DatasetRow).where(*unfinished).returning(DatasetRow.id)).all()
            doom(session, [*files, *unwritten])
        self._leftovers.remove({*files, *unwritten})
        return len(gone)

    def _let_go(self, importer: str) -> None:
        with self._database.writing() as session:
            session.execute(update(DatasetRow).where(DatasetRow.importer == importer).values(importer=None))


TEMPLATE_STEP = 1 << 12
"""Positions from one comparison of templates to the next, of which so many images of either side have one each."""


def _placed(protocol: Sequence[ProtocolPair]) -> Iterator[tuple[int, ProtocolPair, str, str]]:
    """Yield the rows of a protocol: position, comparison, an image of either side.

    A comparison of templates of several images takes a row for each image of the larger side, and the other's last
    image is repeated. Where there is any, comparisons are placed in steps.
    """
    if not any(pair.first_more or pair.second_more for pair in protocol):
        yield from ((position, pair, pair.first, pair.second) for position, pair in enumerate(protocol))
        return
    for number, pair in enumerate(protocol, start=1):
        first = (pair.first, *pair.first_more)[:TEMPLATE_STEP]
        second = (pair.second, *pair.second_more)[:TEMPLATE_STEP]
        for place in range(max(len(first), len(second))):
            yield (
                number * TEMPLATE_STEP + place,
                pair,
                first[min(place, len(first) - 1)],
                second[min(place, len(second) - 1)],
            )


def _interrupted(session: Session, new: NewDataset, resume_key: str) -> DatasetRow | None:
    """Find the import to go on with."""
    same = (
        DatasetRow.name == new.name,
        DatasetRow.resume_key == resume_key,
        DatasetRow.detector_fingerprint == new.detector_fingerprint,
    )
    query = select(DatasetRow).where(~DatasetRow.ready, *same).order_by(DatasetRow.id).limit(1)
    return session.scalar(query.with_for_update())


def _refuse_taken(session: Session, name: str) -> None:
    for row, noun in ((DatasetRow, "data set"), (TemplateSetRow, "template set")):
        if session.scalar(select(row.id).where(row.ready, row.name == name)) is not None:
            raise _name_taken(name, noun)


def _name_taken(name: str, noun: str = "data set") -> BadInputError:
    return BadInputError(
        f"There is already a {noun} called {name!r}; choose another name or delete that one first.",
        code="name-taken",
    )


def _find(session: Session, key: int | str) -> DatasetRow:
    is_id = isinstance(key, int) or (key.isdecimal() and len(key) < 10)
    this = DatasetRow.id == int(key) if is_id else DatasetRow.name == key
    row = session.scalar(select(DatasetRow).where(DatasetRow.ready, this))
    if row is None:
        names = sorted(session.scalars(select(DatasetRow.name).where(DatasetRow.ready)))
        exist = f"there are: {some(names)}." if names else "there is none yet; import one first."
        raise UnknownNameError(f"There is no data set {key!r}; {exist}")
    return row


def _write_problems(session: Session, dataset_id: int, problems: Sequence[Problem]) -> None:
    if problems:
        session.execute(insert(ProblemRow), [values_of(Problem, each, dataset_id=dataset_id) for each in problems])


def _problems(session: Session, dataset_id: int, limit: int | None = None, offset: int = 0) -> tuple[Problem, ...]:
    query = select(ProblemRow).where(ProblemRow.dataset_id == dataset_id).order_by(ProblemRow.id)
    return tuple(record_of(Problem, row) for row in session.scalars(query.limit(limit).offset(offset)))


def _tally(session: Session, column: InstrumentedAttribute[Any], *conditions: ColumnElement[bool]) -> dict[Any, int]:
    """Count rows by what they have in a column."""
    rows = session.execute(select(column, func.count()).where(*conditions).group_by(column).order_by(column))
    return dict(rows.all())


def _images_by_id(session: Session, dataset_id: int, ids: Sequence[int]) -> tuple[ImageRecord, ...]:
    images: dict[int, ImageRecord] = {}
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        rows = session.scalars(select(ImageRow).where(ImageRow.dataset_id == dataset_id, ImageRow.id.in_(batch)))
        images.update((row.id, record_of(ImageRecord, row)) for row in rows)
    missing = [image_id for image_id in ids if image_id not in images]
    if missing:
        raise UnknownNameError(f"The data set {dataset_id} has no image with id {some(missing)}; ask for its list.")
    return tuple(images[image_id] for image_id in ids)


def _runs_using(dataset_id: int) -> ColumnElement[bool]:
    images = select(ImageRow.id).where(ImageRow.dataset_id == dataset_id)
    lent = select(RunImageRow.run_id).where(RunImageRow.candidate_image_id.in_(images))
    taught = select(RunSourceRow.run_id).where(RunSourceRow.dataset_id == dataset_id)
    return or_(RunRow.dataset_id == dataset_id, RunRow.id.in_(lent), RunRow.id.in_(taught))


def _audits_of(dataset_id: int) -> ColumnElement[bool]:
    runs = select(RunRow.id).where(_runs_using(dataset_id))
    # A spec is written by `AuditSpec.model_dump_json`, in which quotes of a name are escaped.
    taught = type_coerce(AuditRow.spec, Text).contains(
        f'"learn_from":{{"dataset":{{"id":{dataset_id},', autoescape=True
    )
    return or_(AuditRow.dataset_id == dataset_id, AuditRow.run_id.in_(runs), taught)


def _holdings(session: Session, dataset_id: int) -> Holdings:
    record = record_of(DatasetRecord, _find(session, dataset_id))
    using, audited = _runs_using(dataset_id), _audits_of(dataset_id)
    runs, audits = select(RunRow.id).where(using), select(AuditRow.id).where(audited)
    mine = select(ImageRow.artifact_sha256, ImageRow.source_sha256).where(ImageRow.dataset_id == dataset_id)
    perturbed = select(RunImageRow.artifact_sha256).where(RunImageRow.run_id.in_(runs))
    learnt = select(LearningRow.artifact_sha256).where(LearningRow.run_id.in_(runs))
    images = session.execute(mine).all()
    made = session.execute(
        select(
            TemplateSetRow.id,
            TemplateSetRow.name,
            TemplateSetRow.ready,
            TemplateSetRow.rows_sha256,
            TemplateSetRow.records_sha256,
        )
        .where(TemplateSetRow.dataset_id == dataset_id)
        .order_by(TemplateSetRow.id)
    ).all()
    hashes = {*(image.artifact_sha256 for image in images), *session.scalars(perturbed), *session.scalars(learnt)}
    hashes |= {sha256 for each in made for sha256 in (each.rows_sha256, each.records_sha256)}
    tried = trials_of([each.id for each in made])
    studied = StudyRow.dataset_id == dataset_id
    shared = select(func.count()).where(or_(ShareRow.run_id.in_(runs), ShareRow.audit_id.in_(audits)))
    return Holdings(
        dataset=record,
        images=len(images),
        runs=tuple(session.scalars(runs.order_by(RunRow.id))),
        audits=tuple(session.scalars(audits.order_by(AuditRow.id))),
        shares=session.scalar(shared) or 0,
        template_sets=tuple(each.name for each in made if each.ready),
        protections=tuple(session.scalars(select(ProtectionRow.id).where(tried).order_by(ProtectionRow.id))),
        studies=tuple(session.scalars(select(StudyRow.id).where(studied).order_by(StudyRow.id))),
        artifacts=frozenset(sha256 for sha256 in hashes if sha256 is not None),
        sources=frozenset(image.source_sha256 for image in images),
        busy=(
            *_held(session, "run", RunRow, using),
            *_held(session, "audit", AuditRow, audited),
            *_held(session, "protection", ProtectionRow, tried),
            *_held(session, "study", StudyRow, studied),
        ),
    )


def _held(session: Session, noun: str, row: Any, these: ColumnElement[bool]) -> Iterator[str]:
    now = datetime.now(UTC)
    held = select(row.id).join(JobRow, JobRow.id == row.job_id).order_by(row.id)
    held = held.where(these, JobRow.state == "running", JobRow.lease_until >= now)
    return (f"{noun} {number}" for number in session.scalars(held))


def _content(session: Session, dataset_id: int) -> str:
    # Sorted by all that counts, so that neither the order of import nor the files' names matter.
    rows = session.execute(
        select(ImageRow.source_sha256, ImageRow.subject, ImageRow.label, ImageRow.attributes).where(
            ImageRow.dataset_id == dataset_id
        )
    )
    # Without attributes a line is what it was before there were any, so that specs of earlier runs still fit.
    lines = sorted(
        json.dumps([source, subject, label, *([attributes] if attributes else [])], sort_keys=True)
        for source, subject, label, attributes in rows
    )
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()
