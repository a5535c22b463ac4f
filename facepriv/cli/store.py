"""The store that a command works on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    from facepriv.scratch import spooling_into
    from facepriv.store import open_store

    settings = get_settings()
    with open_store(settings) as store, spooling_into(settings.temporary):
        yield store, settings


def private_scratch(*, make: bool = False) -> AbstractContextManager[None]:
    """Keep temporary files of a command that opens no store in the data folder, if there is one or it may be made."""
    from facepriv.scratch import spooling_into

    settings = get_settings()
    return spooling_into(settings.temporary) if make or settings.home.is_dir() else nullcontext()
