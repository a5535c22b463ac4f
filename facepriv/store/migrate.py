"""Bring a database to the revision that this version of facepriv needs, and refuse what it cannot read.

A new, empty database is set up when it is first opened. Any other revision than ours is refused with one sentence:
an older one names the command that upgrades it, because data should not change without the owner's word.
"""

from __future__ import annotations

import threading
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect

from facepriv import resources
from facepriv.errors import StoreError
from facepriv.store.engine import Database

UPGRADE_COMMAND = "facepriv db upgrade"

Condition = Literal["empty", "current", "older", "newer", "foreign"]
MIGRATABLE: tuple[Condition, ...] = ("empty", "current", "older")

# Alembic keeps the environment of a running migration in module globals.
_one_at_a_time = threading.Lock()


def prepare(database: Database) -> None:
    """Set up the database if it is empty, then check it as `check` does; safe when several processes do so at once.

    Looks through the connection that will be used, every time: a page opens the stores at each rerun, and meanwhile
    another process may have upgraded the database or put another file in its place.
    """
    with database.reading() as session:
        kind, _ = require(session.connection(), database.where, "current", "empty")
    if kind == "empty":
        upgrade(database.url)
        with database.reading() as session:
            check(session.connection(), database.where)


def upgrade(url: str | URL) -> None:
    """Apply every missing migration in one transaction: all or nothing, and one process at a time.

    Raises StoreError if the database is newer than this facepriv or is not one of facepriv's.
    """
    with closing(Database(url, foreign_keys=False)) as database, database.migrating() as connection:
        require(connection, database.where, *MIGRATABLE)
        run(connection, "head")


def run(connection: Connection, revision: str) -> None:
    """Apply the migrations up to a revision, inside the transaction that the connection is in."""
    config = _config()
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, revision)


def check(connection: Connection, where: str) -> None:
    """Raise StoreError, which calls the database ``where``, unless it has the revision that this facepriv needs."""
    require(connection, where, "current")


def require(connection: Connection, where: str, *accepted: Condition) -> tuple[Condition, str]:
    """Return what `condition` does; raises StoreError, which says what to do, unless that is accepted."""
    kind, revision = condition(connection)
    if kind not in accepted:
        raise StoreError(_refusal(kind, where, revision))
    return kind, revision


def scripts() -> Path:
    """Return the folder of the migrations."""
    return resources.root() / "db"


def head() -> str:
    """Return the revision this facepriv needs."""
    return _head(scripts())


@cache
def _head(_: Path) -> str:
    # Loading the scripts takes longer than all else in opening a store, and they never change while a process lives.
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _config() -> Config:
    folder = scripts()
    config = Config(str(folder / "alembic.ini"))
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def condition(connection: Connection) -> tuple[Condition, str]:
    """Tell what the database is to this facepriv, and its revision if it has one."""
    revisions = MigrationContext.configure(connection).get_current_heads()
    if not revisions:
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        return ("foreign" if tables else "empty"), ""
    if revisions == (head(),):
        return "current", revisions[0]
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return ("older" if known.issuperset(revisions) else "newer"), ", ".join(revisions)


def _refusal(kind: Condition, where: str, revision: str) -> str:
    if kind == "newer":
        return (
            f"The database {where} has revision {revision}, which this facepriv (revision {head()}) does not know; "
            "install the facepriv that wrote it, or a newer one."
        )
    if kind == "foreign":
        return f"The database {where} holds tables that are not facepriv's; choose another database or FACEPRIV_HOME."
    has = f"has revision {revision}" if revision else "is empty"
    return f"The database {where} {has}, but this facepriv needs revision {head()}; run: {UPGRADE_COMMAND}"
