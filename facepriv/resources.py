"""Where the dashboard's and the migrations' files are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from facepriv.errors import StoreError


def root() -> Path:
    """Return the folder that holds ``app.py``, ``pages/`` and ``db/``."""
    package = Path(__file__).parent
    for folder in (package / "_bundle", package.parent):
        if (folder / "db" / "alembic.ini").is_file():
            return folder
    raise StoreError("This installation of facepriv lacks its db/ folder; install it again from its source.")
