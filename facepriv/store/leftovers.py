"""Artifacts against the rows that refer to them: what is missing, and what is left over and can be removed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.orm import Session

from facepriv.errors import StoreError
from facepriv.store.artifacts import SUFFIXES, ArtifactStore
from facepriv.store.engine import Database, put_rows
from facepriv.store.jobs import STUDY_PART
from facepriv.store.ownership import Ownership
from facepriv.store.references import references, referred_to
from facepriv.store.rows import DatasetRow, DoomedFileRow, ImageRow, JobRow, MeasureRow, RunImageRow, TemplateSetRow

UNCOMMITTED_SECONDS = 1800.0
"""How long a file may be there before the row that refers to it is committed. A worker with results in hand waits ten
minutes for an artifact store that is away and then ten for a database that is; the rest is for computing, and for
clocks that disagree."""
_BATCH = 50
"""Files removed in one writing transaction, during which others wait: each costs an object store two requests."""


class Leftovers:
    """What rows that are gone have left in the artifact store.

    Contract. A file that any row refers to stays. Measures of its content go with the last row that refers to it. A
    file that no row refers to yet, because an import or a run has put it and has not committed its row, stays as well:
    imports, runs and template sets enter the database (as a data set that a session writes, as a running run, as a set
    that is not ready) before their first file, and putting a file renews its time. So while one of them is under way,
    files put since `UNCOMMITTED_SECONDS` before its last sign of life stay, and `Store.collect` takes them later; while
    none is, all others go at once. Removing happens inside a writing transaction that is alone: none of them can begin
    meanwhile. Nothing goes where the artifacts are another database's, see `Ownership`.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self._artifacts = artifacts
        self.ownership = Ownership(database, artifacts)

    def remove(self, hashes: Iterable[str | None]) -> int:
        """Remove the files of these hashes that nobody else needs, and give how many; the rows must be gone already.

        Raises
        ------
        StoreError
            If a file cannot be removed, once all others are gone; those left are taken by `Store.collect`. If the
            artifacts are another database's, when nothing is removed.
        """
        names = sorted({sha256 for sha256 in hashes if sha256 is not None})
        if names:
            self.ownership.require()
        removed = 0
        refused: StoreError | None = None
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            with self._database.writing(alone=True) as session:
                until = _committed_before(session)
                kept = referred_to(session, batch)
                gone = [sha256 for sha256 in batch if sha256 not in kept]
                session.execute(delete(MeasureRow).where(MeasureRow.artifact_sha256.in_(gone)))
                done = [*kept]
                for sha256 in gone:
                    try:
                        is_removed = any(self._artifacts.delete(sha256, end, put_before=until) for end in SUFFIXES)
                    except StoreError as error:
                        refused = refused or error
                        continue
                    removed += is_removed
                    if is_removed or until == math.inf:
                        done.append(sha256)
                session.execute(delete(DoomedFileRow).where(DoomedFileRow.sha256.in_(done)))
        if refused is not None:
            raise refused
        return removed

    def finish(self) -> int:
        """Remove the files that interrupted deletions have left, as `remove` does."""
        with self._database.reading() as session:
            doomed = session.scalars(select(DoomedFileRow.sha256)).all()
        return self.remove(doomed)

    def unclaimed_before(self) -> float:
        """Return the time, in seconds since 1970, such that files put before it and without a row belong to nobody."""
        with self._database.writing(alone=True) as session:
            until = min(_committed_before(session), time.time())
            # None can begin before this is over, so no file of later work bears an earlier time.
            time.sleep(self._artifacts.LAG_SECONDS)
        return until

    def forget_measures(self) -> int:
        """Remove all measures of content that no image of a data set or a run has any more; return how many."""
        sha256 = MeasureRow.artifact_sha256
        used = or_(*(exists().where(row.artifact_sha256 == sha256) for row in (ImageRow, RunImageRow)))
        with self._database.writing(alone=True) as session:
            return len(session.scalars(delete(MeasureRow).where(~used).returning(sha256)).all())


def doom(session: Session, hashes: Iterable[str | None]) -> None:
    """Note, in the transaction that deletes rows, which files are to go with them, so that no kill lets one stay."""
    put_rows(session, DoomedFileRow, [{"sha256": sha256} for sha256 in {*hashes} if sha256 is not None])


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Artifacts that are there, and how they fit the rows."""

    files: tuple[tuple[str, str], ...]
    """Hash and suffix of every file."""
    orphans: tuple[tuple[str, str], ...]
    """Those that no row refers to: left behind, or put by work under way that has not written its row yet."""
    half_written: tuple[str, ...]
    """Names of what writes under way, or interrupted ones, have put aside."""
    missing: Mapping[str, frozenset[str]]
    """Hashes that rows refer to without a file, by the name of the data set."""


def take_inventory(database: Database, artifacts: ArtifactStore) -> Inventory:
    """Compare rows and files, by names alone; others may go on writing meanwhile."""
    # Files first: what is put from now on cannot look like an orphan.
    files = tuple(artifacts.list())
    every = references()
    rows = select(every.c.artifact_sha256, every.c.name).where(every.c.artifact_sha256.is_not(None)).distinct()
    with database.reading() as session:
        references_by_name = session.execute(rows).all()
    wanted = {sha256 for sha256, _ in references_by_name}
    lacking = wanted - {sha256 for sha256, _ in files}
    if lacking:
        lacking -= {sha256 for sha256, _ in artifacts.list()}
    missing: dict[str, set[str]] = {}
    for sha256, name in references_by_name:
        if sha256 in lacking:
            missing.setdefault(name, set()).add(sha256)
    return Inventory(
        files=files,
        orphans=tuple(file for file in files if file[0] not in wanted),
        half_written=tuple(artifacts.half_written()),
        missing={name: frozenset(missing[name]) for name in sorted(missing)},
    )


def _committed_before(session: Session) -> float:
    """Return the time, in seconds since 1970, such that all rows of files put before it have been committed."""
    signs: list[float] = []
    under_way = (~DatasetRow.ready, DatasetRow.importer.is_not(None))
    batch = session.scalar(select(func.min(DatasetRow.created_at)).where(*under_way))
    saved = session.scalar(select(func.min(TemplateSetRow.created_at)).where(~TemplateSetRow.ready))
    signs += [begun.timestamp() for begun in (batch, saved) if begun is not None]
    if session.scalar(select(exists().where(JobRow.kind.in_(("run", STUDY_PART + "run")), JobRow.state == "running"))):
        signs.append(time.time())
    return min(signs) - UNCOMMITTED_SECONDS if signs else math.inf
