"""What was released: kept for good, since copies cannot be called back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select

from facepriv.store.engine import Database, add_row
from facepriv.store.fields import matching, record_of
from facepriv.store.records import ReleaseRecord
from facepriv.store.rows import ReleaseRow


class ReleaseStore:
    """Releases are added and never changed; they stay when what they were made of is deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        dataset_id: int | None = None,
        template_set_id: int | None = None,
        about: str,
        policy: str,
        items: int,
        manifest_sha256: str,
        verdict: str,
        released_by: str,
    ) -> ReleaseRecord:
        """Keep that something was released, with the present time; fields as those of `ReleaseRecord`."""
        row = ReleaseRow(
            dataset_id=dataset_id,
            template_set_id=template_set_id,
            about=about,
            policy=policy,
            items=items,
            manifest_sha256=manifest_sha256,
            verdict=verdict,
            released_by=released_by,
            at=datetime.now(UTC),
        )
        return add_row(self._database, ReleaseRecord, row)

    def list(
        self, *, dataset_id: int | None = None, template_set_id: int | None = None, limit: int = 50
    ) -> Sequence[ReleaseRecord]:
        """Return releases, newest first, of one data set or template set if asked for."""
        conditions = matching(ReleaseRow, dataset_id=dataset_id, template_set_id=template_set_id)
        query = select(ReleaseRow).where(*conditions).order_by(ReleaseRow.id.desc()).limit(limit)
        with self._database.reading() as session:
            return tuple(record_of(ReleaseRecord, row) for row in session.scalars(query))
