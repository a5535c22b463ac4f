"""Stores over every back end: one is added by its name in ``BACKENDS`` and in the fixture ``settings_for``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from facepriv.config import Settings
from facepriv.store import Store, open_store
from tests.contracts.processes import SPAWN, hold_barrier

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(params=BACKENDS)
def new_settings(request: pytest.FixtureRequest, settings_for: Callable[..., Settings]) -> Callable[..., Settings]:
    """Make settings that lead to an empty database of their own."""
    return partial(settings_for, request.param)


@pytest.fixture
def settings(request: pytest.FixtureRequest, new_settings: Callable[..., Settings]) -> Settings:
    """Settings that lead to an empty database; where a test takes the store too, its tables may be there already."""
    return new_settings(migrated="store" in request.fixturenames)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Four processes that can wait for each other, see `wait_for_others`."""
    with ProcessPoolExecutor(4, SPAWN, initializer=hold_barrier, initargs=(SPAWN.Barrier(4),)) as executor:
        yield executor
