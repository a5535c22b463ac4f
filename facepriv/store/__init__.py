"""Everything that is kept: data sets, runs and the access log in SQL, images and arrays as artifacts by content."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.request import url2pathname

from facepriv.config import Settings
from facepriv.errors import StorageFullError, StoreError
from facepriv.store import migrate, reserve
from facepriv.store.access import AccessLog
from facepriv.store.activity import ActivityStore
from facepriv.store.artifacts import MANY, ArtifactStore
from facepriv.store.attempts import AttemptStore
from facepriv.store.audits import AuditStore
from facepriv.store.datasets import DatasetStore
from facepriv.store.engine import Database
from facepriv.store.folder_artifacts import FolderArtifacts
from facepriv.store.job_notes import JobFiguresStore, JobNoteStore
from facepriv.store.job_plans import JobPlanStore
from facepriv.store.jobs import MAX_LOSSES, JobStore, LeaseLostError
from facepriv.store.leftovers import Inventory, Leftovers, take_inventory
from facepriv.store.measures import MeasureStore
from facepriv.store.protections import ProtectionStore
from facepriv.store.records import (
    ROLES,
    AccessRecord,
    AuditRecord,
    AuditSummary,
    DatasetCounts,
    DatasetRecord,
    Deleted,
    Holdings,
    ImageRecord,
    JobNotes,
    JobRecord,
    JobState,
    Learning,
    LogLine,
    NewImage,
    ProtectionRecord,
    ProtectionSummary,
    ReleaseRecord,
    RemarkRecord,
    RequestRecord,
    Role,
    RunImage,
    RunRecord,
    RunSummary,
    ShareRecord,
    StudyRecord,
    StudySummary,
    TemplateSetRecord,
    UserRecord,
)
from facepriv.store.references import referred_to
from facepriv.store.releases import ReleaseStore
from facepriv.store.remote_artifacts import RemoteArtifacts
from facepriv.store.requests import RequestStore
from facepriv.store.rows import Base
from facepriv.store.runs import RunStore
from facepriv.store.sessions import SessionStore
from facepriv.store.shares import RemarkStore, ShareStore
from facepriv.store.speeds import SpeedStore
from facepriv.store.studies import StudyStore
from facepriv.store.template_sets import TemplateSetStore
from facepriv.store.users import UserStore

__all__ = [
    "MAX_LOSSES",
    "ROLES",
    "AccessRecord",
    "ArtifactStore",
    "AuditRecord",
    "AuditStore",
    "AuditSummary",
    "DatasetCounts",
    "DatasetRecord",
    "Deleted",
    "Holdings",
    "ImageRecord",
    "Inventory",
    "JobNotes",
    "JobRecord",
    "JobState",
    "JobStore",
    "Learning",
    "LeaseLostError",
    "LogLine",
    "NewImage",
    "ProtectionRecord",
    "ProtectionStore",
    "ProtectionSummary",
    "ReleaseRecord",
    "RemarkRecord",
    "RequestRecord",
    "Role",
    "RunImage",
    "RunRecord",
    "RunStore",
    "RunSummary",
    "ShareRecord",
    "Store",
    "StudyRecord",
    "StudyStore",
    "StudySummary",
    "TemplateSetRecord",
    "UserRecord",
    "open_artifacts",
    "open_store",
]


class Store:
    """The stores of one installation, over one database and one artifact store.

    Made by `open_store`. May be shared by threads and survives a fork; every process may also open its own.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self.artifacts = artifacts
        self._leftovers = Leftovers(database, artifacts)
        self.ownership = self._leftovers.ownership
        self.datasets = DatasetStore(database, self._leftovers)
        self.jobs = JobStore(database)
        self.notes = JobNoteStore(database)
        self.figures = JobFiguresStore(database)
        self.job_plans = JobPlanStore(database)
        self.speeds = SpeedStore(database)
        self.template_sets = TemplateSetStore(database, artifacts, self._leftovers)
        self.runs = RunStore(database, self._leftovers)
        self.audits = AuditStore(database)
        self.protections = ProtectionStore(database)
        self.studies = StudyStore(database, self._leftovers)
        self.measures = MeasureStore(database)
        self.access = AccessLog(database)
        self.users = UserStore(database)
        self.sessions = SessionStore(database)
        self.attempts = AttemptStore(database)
        self.shares = ShareStore(database)
        self.remarks = RemarkStore(database)
        self.requests = RequestStore(database)
        self.releases = ReleaseStore(database)
        self.activity = ActivityStore(database)

    def collect(
        self, *, imports_older_than: timedelta = timedelta(hours=1), files_older_than: timedelta = timedelta(hours=2)
    ) -> int:
        """Clear away interrupted imports, and files that no row refers to; return how many of these.

        Parameters
        ----------
        imports_older_than
            How long an import must not have written a batch to count as interrupted.
        files_older_than
            How long ago a file must have been put. A writer puts a file before it commits the row that refers to it,
            so this must be longer than a batch of an import or an image of a run takes.

        Raises
        ------
        TooManyUnusedError
            If more than `MANY` files were unused; none of them is removed then.
        StoreError
            If the artifacts are another database's; nothing is cleared away then.
        """
        self.ownership.require()
        removed = self._leftovers.finish()
        put_before = time.time() - files_older_than.total_seconds()
        self.datasets.collect_abandoned(imports_older_than)
        self.template_sets.collect_abandoned(imports_older_than)
        return removed + self._collect(put_before)

    def collect_now(self, *, many: bool = False) -> int:
        """Clear away what `collect` does, but files of any age that belong to no work under way, see `Leftovers`.

        Raises as `collect` does; ``many`` says that any number may go.
        """
        self.ownership.require()
        removed = self._leftovers.finish()
        self.datasets.collect_abandoned()
        return removed + self._collect(self._leftovers.unclaimed_before(), many=many)

    def take_inventory(self) -> Inventory:
        """Compare what rows refer to with the files that are there."""
        return take_inventory(self._database, self.artifacts)

    def erase_deleted(self) -> str:
        """Make what was deleted unreadable in the database's files, and return a sentence on what that covers.

        SQLite also empties its journal. PostgreSQL rewrites every table (``VACUUM FULL``), which keeps others waiting
        meanwhile; its journal and its backups are the server's. Raises StoreError if that cannot be done now, for
        instance because another process keeps the database open and reads.
        """
        with self._database.outside_transactions() as connection:
            if self._database.kind == "postgresql":
                connection.autocommit = True
                for table in Base.metadata.sorted_tables:
                    connection.execute(f"VACUUM FULL {table.name}")
                return (
                    "The tables of the database were rewritten; the server's write-ahead log and its backups may "
                    "hold what was deleted for a while and are in its administrator's hands."
                )
            connection.execute("VACUUM")
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(
                f"The journal of the database {self._database.where} could not be emptied, because another process is "
                "reading; end that process or wait for it, then run: facepriv collect"
            )
        return "The database file was rewritten and its journal emptied, so nothing deleted can be read there."

    def _collect(self, put_before: float, *, many: bool = False) -> int:
        self._leftovers.forget_measures()
        with self._database.reading() as session:
            return self.artifacts.sweep(
                lambda hashes: referred_to(session, hashes), put_before=put_before, most=math.inf if many else MANY
            )

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(settings: Settings) -> Store:
    """Open the stores; what does not exist yet is made: the data folder with mode 0700, the database, its tables.

    Raises
    ------
    StoreError
        If the folder cannot be made, or the database is of another revision, damaged, or not facepriv's.
    BadInputError
        With code ``bad-setting`` if the URL of the artifacts cannot be used.
    """
    artifacts = open_artifacts(settings)
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The data folder {settings.home} cannot be made ({error.strerror}); "
            "set FACEPRIV_HOME to a folder that you may write to."
        ) from error
    return Store(_open_database(settings), artifacts)


def _open_database(settings: Settings) -> Database:
    file = database_file(settings)
    try:
        database = _prepared(settings)
    except StoreError as error:
        if file is None or not reserve.is_full(file):
            raise
        if not reserve.give_up(file):
            raise StorageFullError(
                f"There is no space left on the disk of {file}, so the database cannot even be read; free some "
                "megabytes and try again."
            ) from error
        return _prepared(settings)
    if file is not None:
        reserve.set_aside(file, settings.reserve_bytes)
    return database


def _prepared(settings: Settings) -> Database:
    database = Database(settings.database_url)
    try:
        migrate.prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def database_file(settings: Settings) -> Path | None:
    """Return the SQLite file; None if the database is on a server."""
    url = settings.database_url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def open_artifacts(settings: Settings) -> ArtifactStore:
    """Return the store of images and arrays: a folder, or what `Settings.artifacts_url` names.

    A ``file://`` URL is a folder too, such as one that several machines share. Nothing is read, written or reached yet.

    Raises
    ------
    BadInputError
        With code ``bad-setting`` if the URL cannot be used.
    """
    url = settings.artifacts_url
    if not url:
        return FolderArtifacts(settings.artifacts)
    if url.startswith("file:///"):
        return FolderArtifacts(Path(url2pathname(url.removeprefix("file://"))))
    return RemoteArtifacts(url)
