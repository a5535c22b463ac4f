"""Processes that begin at once, and a look at the tables, for tests of stores."""

from __future__ import annotations

import multiprocessing
from typing import Any

from sqlalchemy import text

from facepriv.config import Settings
from facepriv.store.engine import Database

SPAWN = multiprocessing.get_context("spawn")
_barriers: list[Any] = []


def hold_barrier(barrier: Any) -> None:
    """Keep what the processes of a pool wait at."""
    _barriers[:] = [barrier]


def wait_for_others() -> None:
    """Wait, in a process of the fixture ``pool``, until all four are here."""
    _barriers[0].wait(60)


def rows(settings: Settings, table: str) -> int:
    database = Database(settings.database_url)
    try:
        with database.reading() as session:
            return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    finally:
        database.close()
