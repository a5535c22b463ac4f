"""Stores over every back end: one is added by its name in ``BACKENDS`` and in ``new_settings``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.store import Store, open_store

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(params=BACKENDS)
def new_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Settings]:
    """Make settings that lead to an empty database of their own, and on PostgreSQL to a ``migrated`` one if asked."""
    homes = (tmp_path / f"home{number}" for number in itertools.count())
    if request.param == "sqlite":
        return lambda *, migrated=False: Settings(home=next(homes))
    new_postgresql = request.getfixturevalue("new_postgresql")
    return lambda *, migrated=False: Settings(home=next(homes), database=new_postgresql(migrated=migrated))


@pytest.fixture
def settings(request: pytest.FixtureRequest, new_settings: Callable[..., Settings]) -> Settings:
    """Settings that lead to an empty database; where the store is asked for as well, its tables may be there already.

    PostgreSQL copies a migrated database in a tenth of the time that migrating takes.
    """
    return new_settings(migrated="store" in request.fixturenames)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as opened:
        yield opened
