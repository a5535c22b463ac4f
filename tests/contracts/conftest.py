"""Stores over every back end: one is added by its name in ``BACKENDS`` and in ``settings``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.store import Store, open_store

BACKENDS = ["sqlite"]


@pytest.fixture(params=BACKENDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that lead to a database that does not exist yet."""
    assert request.param == "sqlite"
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as opened:
        yield opened
