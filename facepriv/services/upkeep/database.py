"""Look after the database: check it, back it up, restore it; the last two leave a line in the access log."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from facepriv.config import Settings
from facepriv.store import migrate, open_store
from facepriv.store.access import AccessLog
from facepriv.store.backup import artifacts_needed, back_up, restore
from facepriv.store.engine import Database
from facepriv.store.inspection import inspect_database
from facepriv.types import Actor
from facepriv.wording import count, listed

KNOWS_AN_ID = "0005"
"""Revision from which a database, and so a backup, has an id."""


def check_database(settings: Settings) -> str:
    """Check revision and integrity of the database, and give a sentence on both and on what it holds.

    Raises StoreError if it is damaged, cannot be used or is of another revision; an older one names the command.
    """
    with closing(Database(settings.database_url)) as database:
        held = inspect_database(database)
        holds = [
            f"{count(held.datasets, 'data set')} with {count(held.images, 'image')}",
            count(held.runs, "run"),
            count(held.audits, "audit"),
            count(held.template_sets, "template set"),
        ]
        sound = "sound, " if database.kind == "sqlite" else ""  # a server looks after its own files
        return f"The database {database.where} is {sound}at revision {migrate.head()} and holds {listed(holds)}."


def back_up_database(settings: Settings, file: Path, *, actor: Actor) -> str:
    """Write the database to a new file (`facepriv.store.backup`), and say what has to be copied besides."""
    with closing(Database(settings.database_url)) as database:
        artifacts = back_up(database, file)
        AccessLog(database).record(actor, "database-backed-up", detail=file.name)
    return (
        f"The database is backed up to {file}. It refers to {count(artifacts, 'artifact file')}, which are not in it: "
        f"copy the folder {settings.artifacts} now, with any program, since no file in it ever changes."
    )


def restore_database(settings: Settings, file: Path, *, actor: Actor) -> str:
    """Fill a new database with a backup, and say how many artifact files are missing."""
    with closing(Database(settings.database_url, foreign_keys=False)) as database:
        revision = restore(file, database)
        with database.reading() as session:
            needed = artifacts_needed(session.connection())
        where = database.where
    with open_store(settings) as store:
        if revision < KNOWS_AN_ID:
            store.ownership.take_over()
        store.access.record(actor, "database-restored", detail=file.name)
        missing = needed.difference(sha256 for sha256, _ in store.artifacts.list())
    upgraded = "" if revision == migrate.head() else f", upgraded from revision {revision} to {migrate.head()}"
    lacks = {0: "none is missing", 1: "1 is missing; copy it there"}.get(
        len(missing), f"{len(missing):,} are missing; copy them there"
    )
    return (
        f"The database {where} now holds what {file} does{upgraded}. Of {count(len(needed), 'artifact file')} that it "
        f"refers to in {settings.artifacts}, {lacks}."
    )
