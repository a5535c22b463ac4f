"""What pieces of work have taken on this installation, of which estimates are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select

from facepriv.store.engine import Database, put_rows
from facepriv.store.rows import SpeedRow

MOST_STEPS = 2000.0
"""Steps for which what was measured before counts at most, so that a faster or busier machine is soon noticed."""


class Speed(NamedTuple):
    """What steps of one kind have taken together."""

    steps: float
    seconds: float
    expected: float
    """Seconds that they would have taken at the reference speed."""


class SpeedStore:
    """Speeds by what was done; they name models and methods, no data set and no image, and outlive all of these."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Speed]:
        """Return all that was measured."""
        with self._database.reading() as session:
            rows = session.scalars(select(SpeedRow))
            return {row.what: Speed(row.steps, row.seconds, row.expected) for row in rows}

    def add(self, measured: Mapping[str, Speed]) -> None:
        """Add what was measured to what is known."""
        with self._database.writing() as session:
            wanted = select(SpeedRow).where(SpeedRow.what.in_(measured)).with_for_update()
            known = {row.what: row for row in session.scalars(wanted)}
            rows = []
            for what, new in sorted(measured.items()):
                old = known.get(what)
                share = 0.0 if old is None else min(1.0, MOST_STEPS / max(old.steps, 1.0))
                values = {
                    name: getattr(new, name) + (0.0 if old is None else share * getattr(old, name))
                    for name in Speed._fields
                }
                rows.append({"what": what, **values})
            put_rows(session, SpeedRow, rows)
