"""Everything that is kept: data sets, runs and the access log in SQL, images and arrays as files by content."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import exists, or_, select

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import migrate
from facepriv.store.access import AccessLog
from facepriv.store.artifacts import ArtifactStore
from facepriv.store.datasets import DatasetStore, ImportSession
from facepriv.store.engine import Database
from facepriv.store.models import ImageRow, RunImageRow
from facepriv.store.records import (
    AccessRecord,
    Box,
    DatasetCounts,
    DatasetRecord,
    FailureStage,
    GenderScore,
    ImageRecord,
    NewImage,
    RunImage,
    RunImageRecord,
    RunRecord,
    RunState,
    RunSummary,
)
from facepriv.store.runs import LEASE_SECONDS, MAX_ATTEMPTS, LeaseLostError, RunStore

__all__ = [
    "LEASE_SECONDS",
    "MAX_ATTEMPTS",
    "AccessLog",
    "AccessRecord",
    "ArtifactStore",
    "Box",
    "DatasetCounts",
    "DatasetRecord",
    "DatasetStore",
    "FailureStage",
    "GenderScore",
    "ImageRecord",
    "ImportSession",
    "LeaseLostError",
    "NewImage",
    "RunImage",
    "RunImageRecord",
    "RunRecord",
    "RunState",
    "RunStore",
    "RunSummary",
    "Store",
    "open_store",
]


class Store:
    """The stores of one installation, over one database and one artifact folder.

    Made by `open_store`. May be shared by threads and survives a fork; every process may also open its own.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore) -> None:
        self._database = database
        self.artifacts = artifacts
        self.datasets = DatasetStore(database)
        self.runs = RunStore(database)
        self.access = AccessLog(database)

    def collect(
        self, *, imports_older_than: timedelta = timedelta(hours=1), files_older_than: timedelta = timedelta(days=1)
    ) -> int:
        """Clear away interrupted imports, then artifact files that no row refers to; gives how many files went.

        A writer puts a file before it commits the row that refers to it, so ``files_older_than`` must be longer
        than any import takes that may be under way.
        """
        self.datasets.collect_abandoned(imports_older_than)
        with self._database.reading() as session:

            def wanted(sha256: str) -> bool:
                kept = exists().where(ImageRow.artifact_sha256 == sha256)
                made = exists().where(RunImageRow.artifact_sha256 == sha256)
                return bool(session.scalar(select(or_(kept, made))))

            return self.artifacts.sweep(wanted, older_than=files_older_than.total_seconds())

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(settings: Settings) -> Store:
    """Open the stores; what does not exist yet is made: folders with mode 0700, the database, its tables.

    Raises
    ------
    StoreError
        If the folder cannot be made, or the database is of another revision, damaged, or not facepriv's.
    """
    for folder in (settings.home, settings.artifacts):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The data folder {folder} cannot be made ({error.strerror}); "
                "set FACEPRIV_HOME to a folder that you may write to."
            ) from error
    migrate.prepare(settings.database_url)
    return Store(Database(settings.database_url), ArtifactStore(settings.artifacts))
