"""The store that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.store import Store


ACTOR = "cli"


@contextmanager
def opened_store() -> Iterator[tuple[Store, Settings]]:
    """Open the store of the data folder, yield it with the settings, and close it at the end."""
    from facepriv.config import get_settings
    from facepriv.store import open_store

    settings = get_settings()
    with open_store(settings) as store:
        yield store, settings
