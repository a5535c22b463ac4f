"""The store that a command works on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facepriv.config import Settings, get_settings

if TYPE_CHECKING:
    from facepriv.store import Store
    from facepriv.types import Actor


def get_actor() -> Actor:
    """Return who gives a command: the operating system's user."""
    import getpass

    from facepriv.types import Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        name = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return Actor(name, "command line")


@contextmanager
def opened_store() -> Iterator[tuple[Store, Settings]]:
    """Open the store of the data folder, yield it with the settings, and close it at the end."""
    from facepriv.store import open_store

    settings = get_settings()
    with open_store(settings) as store:
        yield store, settings
