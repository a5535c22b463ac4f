"""Template sets: many rows of numbers in one file that is mapped into memory, and of whom they are in another."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.store.access import PURGE_BEGUN, add_line
from facepriv.store.artifacts import RECORDS, TEMPLATES, ArtifactStore
from facepriv.store.engine import Database
from facepriv.store.fields import record_of, values_of
from facepriv.store.leftovers import Leftovers, doom
from facepriv.store.names import check_name
from facepriv.store.protections import delete_trials
from facepriv.store.records import NewTemplateSet, TemplateSetRecord
from facepriv.store.rows import DatasetRow, TemplateSetRow
from facepriv.types import FEMALE, MALE, Actor, Metric, Templates
from facepriv.wording import some

_PART_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class TemplateRows:
    """What is to be kept: the numbers, in memory or in a file, and of whom they are."""

    rows: NDArray[np.float32] | Path
    """``(n, d)`` float32, or an ``.npy`` file of them."""
    records: Sequence[str]
    """Distinct names of one printable line."""
    subjects: Sequence[str]
    labels: NDArray[np.int8]
    metric: Metric
    matcher: str = ""
    version: str = ""


class TemplateSetStore:
    """Template sets of one database.

    Contract. A set is listed and found only once all of it is there; one whose saving was interrupted at any moment, by
    a kill too, leaves nothing that any method here shows. A set never changes but for how long it may be kept, its data
    sheet and its quality report. Names are unique among template sets and data sets together. A set that was made from
    a data set goes with it (`DatasetStore.delete`), one that was made from another set with that one. Methods that take
    ``set_id`` raise UnknownNameError if there is no such set, and every method raises StoreError if the database cannot
    be used.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore, leftovers: Leftovers) -> None:
        self._database, self._artifacts, self._leftovers = database, artifacts, leftovers

    def check_name(self, name: str) -> None:
        """Make sure that a set can have this name.

        Raises BadInputError with code ``bad-name``, or ``name-taken`` if a template set or a data set has it.
        """
        check_name(name, "template set")
        with self._database.reading() as session:
            _refuse_taken(session, name)

    def save(self, new: NewTemplateSet, content: TemplateRows) -> TemplateSetRecord:
        """Keep a set: its row first, then its files, so that nobody takes these for leftovers.

        Raises
        ------
        BadInputError
            With code ``bad-name`` or ``name-taken`` as `check_name`, or ``bad-templates`` if the parts do not fit
            together.
        UnknownNameError
            If what it was made from is gone.
        StoreError
            If the artifacts are another database's.
        """
        self._leftovers.ownership.require()
        number, width = _check_content(content)
        check_name(new.name, "template set")
        labels = np.asarray(content.labels)
        values = values_of(
            NewTemplateSet,
            new,
            ready=False,
            created_at=datetime.now(UTC),
            metric=content.metric,
            matcher=content.matcher,
            version=content.version,
            templates=number,
            width=width,
            subjects=len(set(content.subjects)),
            male=int((labels == MALE).sum()),
            female=int((labels == FEMALE).sum()),
        )
        try:
            with self._database.writing() as session:
                _refuse_taken(session, new.name)
                set_id = session.scalar(insert(TemplateSetRow).values(**values).returning(TemplateSetRow.id))
        except IntegrityError as error:
            raise UnknownNameError(f"What {new.name!r} was made from is gone.") from error
        assert set_id is not None
        files: list[str] = []
        try:
            files.append(self._artifacts.put_parts(_npy_parts(content.rows), TEMPLATES))
            files.append(self._artifacts.put(pack_records(content.records, content.subjects, labels), RECORDS))
            self._publish(set_id, new.name, *files)
        except BaseException:
            # Where even this fails the row stays invisible, and `collect_abandoned` takes it later.
            with suppress(StoreError):
                self._remove(set_id)
                self._leftovers.remove(files)
            raise
        return self.get(set_id)

    def _publish(self, set_id: int, name: str, rows_sha256: str, records_sha256: str) -> None:
        finished = {"rows_sha256": rows_sha256, "records_sha256": records_sha256, "created_at": datetime.now(UTC)}
        try:
            with self._database.writing() as session:
                there = session.scalar(
                    update(TemplateSetRow)
                    .where(TemplateSetRow.id == set_id, ~TemplateSetRow.ready)
                    .values(ready=True, **finished)
                    .returning(TemplateSetRow.id)
                )
        except IntegrityError as error:
            raise _name_taken(name) from error
        if there is None:
            raise StoreError(
                f"The template set {name!r} could not be kept: what it was made from was purged, or saving took so "
                "long that it was cleared away; start it again."
            )

    def list(self, *, dataset_id: int | None = None) -> tuple[TemplateSetRecord, ...]:
        """Return all sets by name, or those made from a data set."""
        query = select(TemplateSetRow).where(TemplateSetRow.ready)
        if dataset_id is not None:
            query = query.where(TemplateSetRow.dataset_id == dataset_id)
        with self._database.reading() as session:
            records = [record_of(TemplateSetRecord, row) for row in session.scalars(query)]
        return tuple(sorted(records, key=lambda each: each.name))

    def get(self, key: int | str) -> TemplateSetRecord:
        """Find a set by id, by name, or by an id in text; raises UnknownNameError, which lists those there are."""
        with self._database.reading() as session:
            return record_of(TemplateSetRecord, _find(session, key))

    def read(self, key: int | str) -> Templates:
        """Return the templates of a set; the numbers are mapped into memory and cannot be written to.

        Raises StoreError if a file is missing or damaged.
        """
        record = self.get(key)
        with self._artifacts.open(record.rows_sha256, TEMPLATES) as file:
            rows = map_rows(file)
        records, subjects, labels = self.read_records(key)
        return Templates(
            rows=rows,
            records=records,
            subjects=subjects,
            labels=labels,
            metric=record.metric,
            matcher=record.matcher,
            version=record.version,
        )

    def read_records(self, key: int | str) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.int8]]:
        """Return records, subjects and labels of a set, ``(n,)`` each; raises as `read`."""
        return unpack_records(self._artifacts.get(self.get(key).records_sha256, RECORDS))

    def read_rows(self, key: int | str, places: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the templates ``(k, d)`` at some places, for which the others need no memory; raises as `read`."""
        record = self.get(key)
        rows = np.empty((len(places), record.width), np.float32)
        with self._artifacts.open(record.rows_sha256, TEMPLATES) as file:
            _read_header(file)
            start = file.tell()
            for row, place in zip(rows, places.tolist(), strict=True):
                file.seek(start + place * 4 * record.width)
                file.readinto(row.data)
        return rows

    def save_datasheet(self, set_id: int, datasheet: Mapping[str, Any]) -> None:
        """Replace a set's data sheet."""
        with self._database.writing() as session:
            _find(session, set_id).datasheet = dict(datasheet)

    def save_quality(self, set_id: int, quality: Mapping[str, Any]) -> None:
        """Replace a set's quality report."""
        with self._database.writing() as session:
            _find(session, set_id).quality = dict(quality)

    def save_retention(self, set_id: int, until: date | None) -> None:
        """Set the last day on which a set may be kept, None for no such day; nothing is removed by it."""
        with self._database.writing() as session:
            _find(session, set_id).retain_until = until

    def made_from(self, set_id: int) -> tuple[TemplateSetRecord, ...]:
        """Return the sets that were made from a set, directly or from such a one, in the order of their ids."""
        with self._database.reading() as session:
            ids = _with_made_from(session, set_id)[1:]
            rows = session.scalars(select(TemplateSetRow).where(TemplateSetRow.id.in_(ids), TemplateSetRow.ready))
            return tuple(sorted((record_of(TemplateSetRecord, row) for row in rows), key=lambda each: each.id))

    def delete(self, set_id: int, *, purged_by: Actor | None = None) -> TemplateSetRecord:
        """Remove a set, and those that were made from it, with their files and the trials of protections on them.

        Who purges it is in the access log if and only if the rows are gone.

        Raises StoreError if a worker is at such a trial or the artifacts are another database's, or if a file cannot be
        removed, when they are gone already.
        """
        self._leftovers.ownership.require()
        record = self.get(set_id)
        hashes = self._remove(record.id, purged_by)
        self._leftovers.remove(hashes)
        return record

    def collect_abandoned(self, older_than: timedelta = timedelta(hours=1)) -> int:
        """Clear away sets whose saving was interrupted; return how many there were. Their files are `Store.collect`'s.

        Parameters
        ----------
        older_than
            How long ago saving one must have begun to count as interrupted.
        """
        begun = TemplateSetRow.created_at < datetime.now(UTC) - older_than
        with self._database.writing(alone=True) as session:
            gone = delete(TemplateSetRow).where(~TemplateSetRow.ready, begun).returning(TemplateSetRow.id)
            return len(session.scalars(gone).all())

    def _remove(self, set_id: int, purged_by: Actor | None = None) -> tuple[str, ...]:
        """Remove the rows of a set and of those made from it; return the hashes of their files."""
        with self._database.writing(alone=True) as session:
            ids = _with_made_from(session, set_id)
            delete_trials(session, *ids)
            columns = (TemplateSetRow.rows_sha256, TemplateSetRow.records_sha256)
            hashes = [
                sha256
                for pair in session.execute(select(*columns).where(TemplateSetRow.id.in_(ids))).all()
                for sha256 in pair
                if sha256 is not None
            ]
            session.execute(delete(TemplateSetRow).where(TemplateSetRow.id.in_(ids)))
            doom(session, hashes)
            if purged_by is not None:
                add_line(session, purged_by, PURGE_BEGUN, f"template set {set_id}")
            return tuple(hashes)


def _with_made_from(session: Session, set_id: int) -> list[int]:
    """Return the id of a set, and those of all sets that were made from it or from such a one."""
    ids, newest = [set_id], [set_id]
    while newest:
        newest = list(session.scalars(select(TemplateSetRow.id).where(TemplateSetRow.origin_id.in_(newest))))
        ids += newest
    return ids


def map_rows(file: IO[bytes]) -> NDArray[np.float32]:
    """Map the array of an ``.npy`` file into memory, read-only; the file may be closed afterwards."""
    shape, _, dtype = _read_header(file)
    # A file of which nothing is left but its header cannot be mapped.
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(file, dtype=dtype, mode="r", offset=file.tell(), shape=shape).view(np.ndarray)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    npy.read_magic(file)
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    return shape, fortran, dtype


def pack_records(records: Sequence[str], subjects: Sequence[str], labels: NDArray[Any]) -> bytes:
    """Return of whom templates are, as the bytes of an ``.npz`` file.

    Names are kept as lines of UTF-8: as fixed-width text, one long name would make all of them long.
    """
    buffer = io.BytesIO()
    np.savez(buffer, records=_lines(records), subjects=_lines(subjects), labels=np.asarray(labels, np.int8))
    return buffer.getvalue()


def unpack_records(data: bytes) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.int8]]:
    """Return records, subjects and labels, ``(n,)`` each."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        labels: NDArray[np.int8] = arrays["labels"]
        records, subjects = (arrays[name].tobytes().decode().split("\n") for name in ("records", "subjects"))
    return np.array(records, dtype=np.str_), np.array(subjects, dtype=np.str_), labels


def _lines(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(map(str, texts)).encode(), dtype=np.uint8)


def _npy_parts(rows: NDArray[np.float32] | Path) -> Iterator[bytes | memoryview]:
    """Yield the bytes of an ``.npy`` file."""
    if isinstance(rows, Path):
        with rows.open("rb") as file:
            while part := file.read(_PART_BYTES):
                yield part
        return
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": rows.shape})
    yield header.getvalue()
    step = max(1, _PART_BYTES // (4 * rows.shape[1]))
    for start in range(0, len(rows), step):
        yield np.ascontiguousarray(rows[start : start + step], dtype="<f4").tobytes()


def _check_content(content: TemplateRows) -> tuple[int, int]:
    """Return how many templates of how many numbers there are."""
    if isinstance(content.rows, Path):
        with content.rows.open("rb") as file:
            shape, fortran, dtype = _read_header(file)
    else:
        shape, fortran, dtype = content.rows.shape, False, content.rows.dtype
    fits = len(shape) == 2 and min(shape) > 0 and not fortran and dtype == np.float32
    lengths = {len(content.records), len(content.subjects), len(content.labels)}
    if not fits or lengths != {shape[0]} or len(set(content.records)) != shape[0]:
        raise BadInputError(
            f"Templates must be rows of float32 with a record of its own, a subject and a label each, but rows of "
            f"shape {shape} and type {dtype} came with {len(set(content.records)):,} records, "
            f"{len(content.subjects):,} subjects and {len(content.labels):,} labels.",
            code="bad-templates",
        )
    for text in (*content.records, *content.subjects):
        if not text or "\n" in text:
            raise BadInputError(
                f"A record or subject must be one line of text, but {text[:40]!r} came; rename it.",
                code="bad-templates",
            )
    return shape[0], shape[1]


def _refuse_taken(session: Session, name: str) -> None:
    for row in (TemplateSetRow, DatasetRow):
        if session.scalar(select(row.id).where(row.ready, row.name == name)) is not None:
            raise _name_taken(name)


def _name_taken(name: str) -> BadInputError:
    return BadInputError(
        f"There is already a template set or a data set called {name!r}; choose another name or delete that one first.",
        code="name-taken",
    )


def _find(session: Session, key: int | str) -> TemplateSetRow:
    is_id = isinstance(key, int) or (key.isdecimal() and len(key) < 10)
    this = TemplateSetRow.id == int(key) if is_id else TemplateSetRow.name == key
    row = session.scalar(select(TemplateSetRow).where(TemplateSetRow.ready, this))
    if row is None:
        names = sorted(session.scalars(select(TemplateSetRow.name).where(TemplateSetRow.ready)))
        exist = f"there are: {some(names)}." if names else "there is none yet; import or make one first."
        raise UnknownNameError(f"There is no template set {key!r}; {exist}")
    return row
