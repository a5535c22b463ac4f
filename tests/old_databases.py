"""Databases as earlier revisions left them, stored as SQL, with rows in every table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parent / "store" / "fixtures"
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")


def write_old_database(file: Path, revision: str) -> Path:
    """Make a SQLite file, and its folder, of a revision."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((FOLDER / f"revision_{revision}.sql").read_text(encoding="utf-8"))
    return file
