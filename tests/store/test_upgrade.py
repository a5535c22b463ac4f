"""Upgrading: a database of before is refused until it is upgraded, and then holds what it held."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, delete, insert
from sqlalchemy.exc import DBAPIError

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import migrate, open_store
from facepriv.store.backup import copy_rows, describe_tables
from facepriv.store.engine import Database
from facepriv.store.records import NewTemplateSet
from facepriv.store.rows import AccessRow
from facepriv.types import Terms
from tests.actors import ADA
from tests.store.old_databases import write_stored_database
from tests.store.tampering import every_row
from tests.store_examples import claim_run, template_rows

FIRST = "0001"


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, settings_for: Callable[..., Settings], tmp_path: Path) -> Settings:
    """Settings that lead to the stored database; on PostgreSQL its migration makes the tables."""
    settings: Settings = settings_for(request.param)
    if request.param == "sqlite":
        write_stored_database(settings.home / "facepriv.sqlite")
        return settings
    source = Database(URL.create("sqlite", database=str(write_stored_database(tmp_path / "stored.sqlite"))))
    made = Database(settings.database_url)
    with source.reading() as session, made.migrating() as connection:
        migrate.run(connection, FIRST)
        copy_rows(session.connection(), connection)
    source.close()
    made.close()
    return settings


def test_the_stored_database_has_rows_in_every_table(stored: Settings) -> None:
    assert [table for table, rows in every_row(stored).items() if not rows] == []


def test_upgrading_loses_nothing(stored: Settings, next_revision: str) -> None:
    before = every_row(stored)
    migrate.upgrade(stored.database_url)
    after = every_row(stored)
    assert sorted(after.keys() - before.keys()) == [
        "corrections",
        "doomed_files",
        "image_origins",
        "installation",
        "job_figures",
        "job_notes",
        "job_plans",
        "left_out",
        "protections",
        "releases",
        "request_reads",
        "requests",
        "speeds",
        "studies",
        "study_runs",
        "template_sets",
        "trash",
        "weights",
    ]
    for row in before["runs"]:
        row["method"] = "renamed"
    for row in before["users"]:
        row |= {"must_change": False, "removed_at": None}
    for row in before["log_lines"]:
        row["weight"] = 7
    for table, rows in before.items():
        if table != "alembic_version":
            assert after[table] == rows, table


def test_an_older_database_is_refused_until_it_is_upgraded(stored: Settings, next_revision: str) -> None:
    needs = rf"has revision {FIRST}, but this facepriv needs revision {next_revision}; run: facepriv db upgrade"
    with pytest.raises(StoreError, match=needs):
        open_store(stored)
    migrate.upgrade(stored.database_url)
    with open_store(stored) as store:
        assert store.runs.get(1).method == "renamed"


def test_the_stored_database_can_be_read(stored: Settings) -> None:
    migrate.upgrade(stored.database_url)
    with open_store(stored) as store:
        school, studio = store.datasets.list()
        assert studio.identities == "groups"
        assert studio.terms == Terms("Only one of them may be shown.", frozenset(["s0"]))
        assert studio.quality == {"schema": "facepriv.quality/1"}
        assert store.datasets.images(studio.id)[0].attributes == {"age": 30.5, "race": "White"}
        assert [pair.mated for pair in store.datasets.protocol(studio.id)] == [True]
        assert [one.name for one in store.datasets.unfinished()] == ["broken off"]
        complete = store.runs.get(1)
        assert complete.spec.learn_from is not None
        assert complete.spec.learn_from.dataset == school.ref
        assert complete.result is not None
        assert [one.failure for one in store.runs.run_images(1)] == [None] * 5 + ["no-face"]
        assert [one.source for one in store.runs.learnings(1)] == ["dataset"]
        states = [store.runs.get(number).state for number in range(1, 6)]
        assert states == ["complete", "failed", "running", "cancelled", "waiting"]
        audit = store.audits.get(1)
        assert audit.result is not None
        assert audit.result.headlines[0].attacker == "sign"
        (preview,) = store.jobs.list(kinds=["import"])
        assert preview.state == "previewed"
        assert preview.result == '{"images": 3}'
        assert store.template_sets.list() == ()
        assert [user.name for user in store.users.list()] == ["Ada", "bob"]
        assert [remark.decision for remark in store.remarks.list()] == [None, "accepted"]


def test_the_access_log_of_the_stored_database_goes_on(stored: Settings) -> None:
    migrate.upgrade(stored.database_url)
    with open_store(stored) as store:
        before = store.access.verify()
        assert before.lines == 2
        assert before.broken_at is None
        store.access.record(ADA, "looked")
        assert store.access.verify(expected=before.last).expected_at == 2
    database = Database(stored.database_url)
    with pytest.raises((StoreError, DBAPIError), match="never changed or removed"), database.writing() as session:
        session.execute(delete(AccessRow))
    database.close()


def test_the_stored_database_can_be_worked_with(stored: Settings) -> None:
    """Run 6 was deleted: no id is given twice."""
    migrate.upgrade(stored.database_url)
    with open_store(stored) as store:
        claimed = claim_run(store, "w1", gone=["w3"])
        assert claimed is not None
        assert claimed.id == 3, "the oldest that waits or was lost"
        store.jobs.release(claimed.job_id, "w1")
        assert store.runs.create(store.runs.get(1).spec) == 7
        for dataset in store.datasets.list():
            store.datasets.delete(dataset.id)
        assert store.runs.count() == 0
        assert store.audits.count() == 0
        assert len(store.jobs.list()) == 1, "the import that waits for its confirmation"


@pytest.mark.slow
def test_ids_of_deleted_template_sets_are_not_given_again_after_upgrading(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    database = Database(settings.database_url, foreign_keys=False)
    with database.migrating() as connection:
        migrate.run(connection, "0002")
        table = describe_tables(connection).tables["template_sets"]
        texts = dict.fromkeys(("source", "reader", "reader_reason", "metric", "matcher", "version"), "cosine")
        numbers = dict.fromkeys(("templates", "width", "subjects", "male", "female"), 1)
        whole = {"ready": True, "created_at": datetime(2027, 1, 1, tzinfo=UTC), "rows_sha256": "0" * 64}
        for name in ("kept", "deleted"):
            values = {"name": name, "records_sha256": "1" * 64, **texts, **numbers, **whole}
            connection.execute(insert(table).values(**values))
        connection.execute(delete(table).where(table.c.name == "deleted"))
    database.close()
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        (kept,) = store.template_sets.list()
        assert (kept.name, kept.origin_id) == ("kept", None)
        new = store.template_sets.save(NewTemplateSet(name="new", source="", reader=""), template_rows())
    assert new.id == 3
