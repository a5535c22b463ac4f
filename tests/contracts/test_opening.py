"""Opening a store: its tables, its revision, several processes at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from operator import itemgetter
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import (
    Store,
    migrate,
    open_store,
)
from facepriv.store.engine import Database
from facepriv.store.inspection import inspect_database
from facepriv.store.rows import Base
from tests.actors import TEST
from tests.contracts.processes import wait_for_others
from tests.store.tampering import add_foreign_table, set_revision
from tests.store_examples import (
    add_dataset,
)


def test_migrations_make_the_tables_of_the_models(store: Store, settings: Settings) -> None:
    database = Database(settings.database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def shape(database: Database) -> dict[str, Any]:
    """Everything an inspector sees of the tables, check constraints included, which Alembic does not compare."""
    inspector = inspect(database.engine)
    tables = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    seen: dict[str, Any] = {}
    for table in tables:
        seen[f"{table} columns"] = sorted(repr(column) for column in inspector.get_columns(table))
        seen[f"{table} primary key"] = inspector.get_pk_constraint(table)
        for kind in ("foreign_keys", "unique_constraints", "check_constraints", "indexes"):
            found = getattr(inspector, f"get_{kind}")(table)
            seen[f"{table} {kind}"] = [json.dumps(one, default=str) for one in sorted(found, key=itemgetter("name"))]
    return seen


def test_migrations_make_the_constraints_of_the_models(
    store: Store, settings: Settings, new_settings: Callable[..., Settings]
) -> None:
    migrated = Database(settings.database_url)
    created = Database(new_settings().database_url)
    with created.migrating() as connection:
        Base.metadata.create_all(connection)
    assert shape(migrated) == shape(created)
    migrated.close()
    created.close()


def test_reopening_changes_nothing(settings: Settings) -> None:
    with open_store(settings) as store:
        dataset = add_dataset(store)
    with open_store(settings) as store:
        assert store.datasets.list() == (dataset,)
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        assert store.datasets.list() == (dataset,)


def test_newer_revision_is_refused_and_left_alone(settings: Settings) -> None:
    with open_store(settings) as store:
        add_dataset(store)
    set_revision(settings, "9999")
    for use in (lambda: open_store(settings), lambda: migrate.upgrade(settings.database_url)):
        with pytest.raises(StoreError, match="revision 9999") as caught:
            use()
        assert str(caught.value).count("\n") == 0
        assert "newer one" in str(caught.value)
    set_revision(settings, migrate.head())
    with open_store(settings) as store:
        assert [one.name for one in store.datasets.list()] == ["studio"]


def test_empty_database_is_refused_by_the_check_alone(settings: Settings) -> None:
    database = Database(settings.database_url)
    with pytest.raises(StoreError, match="is empty") as caught:
        inspect_database(database)
    database.close()
    assert migrate.UPGRADE_COMMAND in str(caught.value)


def test_foreign_database_is_refused(settings: Settings) -> None:
    add_foreign_table(settings)
    for use in (lambda: open_store(settings), lambda: migrate.upgrade(settings.database_url)):
        with pytest.raises(StoreError, match="not facepriv's"):
            use()


def open_and_add(settings: Settings, number: int) -> str:
    wait_for_others()
    with open_store(settings) as store:
        return add_dataset(store, f"set {number}").name


def test_four_processes_may_open_a_new_database_at_once(settings: Settings, pool: ProcessPoolExecutor) -> None:
    opened = [pool.submit(open_and_add, settings, number) for number in range(4)]
    names = sorted(one.result(timeout=120) for one in opened)
    with open_store(settings) as store:
        assert [one.name for one in store.datasets.list()] == names == [f"set {number}" for number in range(4)]


@pytest.mark.slow
def test_store_survives_a_fork(store: Store) -> None:
    add_dataset(store)
    pid = os.fork()
    if pid == 0:  # the child must not touch the parent's connections
        try:
            store.access.record(TEST, "fork-tried")
            os._exit(0 if len(store.datasets.list()) == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [line.actor for line in store.access.list()] == ["test"]
