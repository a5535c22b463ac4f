"""Databases of earlier revisions: refused until they are upgraded, and then as they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, delete, select
from sqlalchemy.exc import DBAPIError

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import migrate, open_store
from facepriv.store.backup import copy_rows, describe_tables
from facepriv.store.engine import Database
from facepriv.store.rows import AccessRow
from facepriv.types import Terms
from tests.old_databases import REVISIONS, write_old_database

CACHES = {"embeddings", "first_scores", "image_measures", "run_measures"}
"""Tables of what can be measured again, which a later revision may take away."""


@pytest.fixture(params=["sqlite", "postgresql"])
def make_old(
    request: pytest.FixtureRequest, settings_for: Callable[..., Settings], tmp_path: Path
) -> Callable[[str], Settings]:
    """Make settings that lead to a database as a revision left it; on PostgreSQL its migrations make the tables."""

    def make(revision: str) -> Settings:
        settings = settings_for(request.param)
        if request.param == "sqlite":
            write_old_database(settings.home / "facepriv.sqlite", revision)
            return settings
        file = write_old_database(tmp_path / "old.sqlite", revision)
        stored = Database(URL.create("sqlite", database=str(file)))
        made = Database(settings.database_url)
        with stored.reading() as session, made.migrating() as connection:
            migrate.run(connection, revision)
            copy_rows(session.connection(), connection)
        stored.close()
        made.close()
        return settings

    return make


def everything(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in the order of the primary keys."""
    database = Database(settings.database_url)
    with database.reading() as session:
        tables = describe_tables(session.connection())
        found = {
            table.name: [dict(row) for row in session.execute(select(table).order_by(*table.primary_key)).mappings()]
            for table in tables.sorted_tables
        }
    database.close()
    return found


@pytest.mark.parametrize("revision", REVISIONS)
def test_stored_databases_have_rows_in_every_table(make_old: Callable[[str], Settings], revision: str) -> None:
    rows = everything(make_old(revision))
    assert {"datasets", "images", "problems", "runs", "run_images", "gender_scores", "access_log"} <= rows.keys()
    assert [table for table in rows if not rows[table]] == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_upgrading_loses_nothing(make_old: Callable[[str], Settings], revision: str) -> None:
    settings = make_old(revision)
    before = everything(settings)
    migrate.upgrade(settings.database_url)
    after = everything(settings)
    for table in before.keys() - CACHES:
        columns = before[table][0].keys()
        assert [{column: row[column] for column in columns} for row in after[table]] == before[table], table


@pytest.mark.parametrize("revision", [one for one in REVISIONS if one != migrate.head()])
def test_an_older_database_is_refused_until_it_is_upgraded(make_old: Callable[[str], Settings], revision: str) -> None:
    settings = make_old(revision)
    needs = rf"has revision {revision}, but this facepriv needs revision .*facepriv db upgrade"
    with pytest.raises(StoreError, match=needs):
        open_store(settings)
    migrate.upgrade(settings.database_url)
    open_store(settings).close()


def test_what_revision_0001_did_not_measure_is_not_made_up(make_old: Callable[[str], Settings]) -> None:
    settings = make_old("0001")
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        complete, waiting = store.runs.get(1), store.runs.get(2)
        assert (complete.state, waiting.state) == ("complete", "waiting")
        result = complete.result
        assert result is not None
        assert (result.survival, result.flipped_fixed, result.kind, result.learned) == ({}, None, None, [])
        assert (complete.spec.guides, complete.spec.guards) == ((complete.spec.guide,), ())
        assert complete.spec.learn_from is None
        image = store.runs.run_image(1, complete.spec.image_ids[0])
        assert (image.fixed_score, dict(image.survived), image.notes) == (None, {}, ())
        assert image.trajectory is not None
        assert image.trajectory.shape == (32,)


def test_an_upgraded_database_can_be_read(make_old: Callable[[str], Settings]) -> None:
    settings = make_old("0004")
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        assert [one.name for one in store.datasets.list()] == ["school", "studio"]
        complete = store.runs.get(1)
        assert complete.result is not None
        assert complete.spec.learn_from is not None
        assert [one.psnr_db for one in store.runs.run_images(1)] == [34.25] * 4 + [float("inf"), None]
        assert [one.source for one in store.runs.learnings(1)] == ["dataset"]
        assert [store.runs.get(number).state for number in range(1, 6)] == [
            "complete",
            "failed",
            "running",
            "cancelled",
            "waiting",
        ]
        audit = store.audits.get(1)
        assert audit.result is not None
        assert audit.result.headlines[0].attacker == "sign"
        assert [line.action for line in store.access.list()] == ["face-seen", "run-exported"]


def test_what_data_sets_say_of_themselves_stays(make_old: Callable[[str], Settings]) -> None:
    settings = make_old("0005")
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        school, studio = store.datasets.list()
        assert (school.identities, school.terms, school.datasheet, school.quality) == ("none", None, None, None)
        assert studio.identities == "groups"
        assert studio.terms == Terms("Only one of them may be shown.", frozenset(["s0"]))
        assert studio.datasheet == {"consent": "signed forms", "keep_until": "2031-01-31"}
        assert studio.quality == {"schema": "facepriv.quality/1"}
        assert store.datasets.images(studio.id)[0].attributes == {"age": 30.5, "race": "White"}
        assert [pair.mated for pair in store.datasets.protocol(studio.id)] == [True, False, True]
        (interrupted,) = store.datasets.unfinished()
        assert (interrupted.name, interrupted.written_by) == ("broken off", True)


@pytest.mark.parametrize(("revision", "lines"), [("0005", 2), ("0006", 4)])
def test_the_access_log_is_one_chain_that_goes_on(
    make_old: Callable[[str], Settings], revision: str, lines: int
) -> None:
    settings = make_old(revision)
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        before = store.access.verify()
        assert (before.lines, before.broken_at) == (lines, None)
        store.access.record("ada", "looked")
        after = store.access.verify(expected=before.last)
        assert (after.lines, after.broken_at, after.expected_at) == (lines + 1, None, lines)
    database = Database(settings.database_url)
    with pytest.raises((StoreError, DBAPIError), match="never changed or removed"), database.writing() as session:
        session.execute(delete(AccessRow))
    database.close()


def test_nobody_may_sign_in_to_an_upgraded_database_yet(make_old: Callable[[str], Settings]) -> None:
    settings = make_old("0006")
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        assert store.users.list() == store.shares.list() == store.remarks.list() == ()
        user = store.users.add("ada", "officer")
        token = store.sessions.open(user.id)
        assert store.sessions.holder(token) is not None
        shared, _ = store.shares.add(
            run_id=1, audit_id=1, expires_at=datetime(2100, 1, 1, tzinfo=UTC), made_by="cli", officer_id=user.id
        )
        assert store.shares.list(run_id=1) == (shared,)


@pytest.mark.parametrize(("revision", "next_run"), [("0001", 3), *((one, 7) for one in REVISIONS[1:])])
def test_an_upgraded_database_can_be_worked_with(
    make_old: Callable[[str], Settings], revision: str, next_run: int
) -> None:
    """Run 6 of the later ones was deleted before: no id is given twice."""
    settings = make_old(revision)
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        claimed = store.runs.claim("w1")
        assert claimed is not None
        assert claimed.id == {"0001": 2}.get(revision, 3), "the oldest that waits or was lost"
        store.runs.release(claimed.id, "w1")
        assert store.runs.create(store.runs.get(1).spec) == next_run
        for dataset in store.datasets.list():
            store.datasets.delete(dataset.id)
        assert store.runs.count() == store.audits.count() == 0
