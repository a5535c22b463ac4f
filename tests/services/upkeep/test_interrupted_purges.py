"""A purge that is killed once its rows are gone is in the log, and the next start does the rest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.services.jobs.interrupted_purges import find_interrupted, finish_purges, purging
from facepriv.services.jobs.worker import run_worker
from facepriv.services.upkeep.doctor import check_purges
from facepriv.services.upkeep.purging import purge
from facepriv.services.upkeep.template_purging import purge_template_set
from facepriv.store import Store, open_store
from facepriv.store.artifacts import MANY
from facepriv.store.records import NewTemplateSet
from tests.actors import ADA
from tests.store_examples import contents_of, create, put_images, template_rows

KILLED_AT = {
    "rows": "facepriv.store.leftovers.Leftovers.remove",
    "files": "facepriv.store.Store.collect_now",
    "pages": "facepriv.store.Store.erase_deleted",
}
PURGE = """
import importlib, os, sys
from pathlib import Path
from facepriv.config import Settings
from facepriv.services.upkeep.purging import purge
from facepriv.services.upkeep.template_purging import purge_template_set
from facepriv.store import open_store
from tests.actors import ADA

home, database, place, what = sys.argv[1:]
settings = Settings(home=Path(home), database=database or None)
with open_store(settings) as store:
    module, name, method = place.rsplit(".", 2)
    setattr(getattr(importlib.import_module(module), name), method, lambda *_, **__: os._exit(9))
    (purge if what == "dataset" else purge_template_set)(store, settings, 1, actor=ADA)
"""


def killed_purge(settings: Settings, place: str, what: str = "dataset") -> None:
    database = "" if settings.database is None else settings.database.get_secret_value()
    command = [sys.executable, "-c", PURGE, str(settings.home), database, KILLED_AT[place], what]
    assert subprocess.run(command, timeout=120, check=False).returncode == 9


def fill(store: Store) -> None:
    store.ownership.require()
    faces = [f"face {number}".encode() for number in range(MANY + 1)]
    create(store, "family album", put_images(store, *faces))


@pytest.mark.parametrize("place", list(KILLED_AT))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_next_start_finishes_what_was_begun(settings_for: Callable[..., Settings], kind: str, place: str):
    settings = settings_for(kind, migrated=True)
    with open_store(settings) as store:
        fill(store)
    killed_purge(settings, place)
    with open_store(settings) as store:
        (begun,) = find_interrupted(store)
        assert (begun.actor, begun.action, begun.subject) == (ADA.name, "purge-begun", "dataset 1")
        assert store.datasets.list() == ()
        assert len(contents_of(store)) == (MANY + 1 if place == "rows" else 0)
        status, sentence = check_purges(store)
        assert status == "notice"
        assert "dataset 1" in sentence
    run_worker(settings, until_idle=True)
    with open_store(settings) as store:
        assert contents_of(store) == set()
        assert find_interrupted(store) == ()
        done, _ = store.access.list()
        assert (done.actor, done.action, done.subject) == (ADA.name, "dataset-purged", "dataset 1")
        assert check_purges(store)[0] == "ok"
        assert store.access.verify().broken_at is None
    if kind == "sqlite":
        assert b"family album" not in b"".join(file.read_bytes() for file in settings.home.glob("facepriv.sqlite*"))


def test_a_killed_purge_of_templates_is_finished(store: Store, settings: Settings):
    store.template_sets.save(NewTemplateSet(name="staff", source="", reader=""), template_rows())
    killed_purge(settings, "rows", "templates")
    assert len(contents_of(store)) == 2
    assert finish_purges(store, settings) == 1
    assert contents_of(store) == set()
    assert store.access.list()[0].action == "templates-purged"


def test_a_purge_under_way_is_not_finished_by_others(store: Store, settings: Settings):
    fill(store)
    killed_purge(settings, "rows")
    with purging(settings):
        assert finish_purges(store, settings) == 0
    assert finish_purges(store, settings) == 1
    assert finish_purges(store, settings) == 0


def test_a_refused_purge_leaves_no_line_and_a_purge_two(store: Store, settings: Settings):
    create(store, "mine", put_images(store, b"one"))
    with pytest.raises(LookupError):
        purge(store, settings, 7, actor=ADA)
    assert store.access.list() == ()
    purge(store, settings, 1, actor=ADA)
    assert [line.action for line in store.access.list()] == ["dataset-purged", "purge-begun"]
    store.template_sets.save(NewTemplateSet(name="staff", source="", reader=""), template_rows())
    purge_template_set(store, settings, 1, actor=ADA)
    assert [line.action for line in store.access.list()[:2]] == ["templates-purged", "purge-begun"]


def test_a_purge_that_cannot_rewrite_the_database_counts_as_interrupted(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    def refuse(store: Store) -> str:
        raise StoreError("Another process is reading.")

    create(store, "mine", put_images(store, b"one"))
    with monkeypatch.context() as patched:
        patched.setattr(Store, "erase_deleted", refuse)
        assert not purge(store, settings, 1, actor=ADA).erased
    assert store.access.list()[0].action == "purge-unfinished"
    assert finish_purges(store, settings) == 1
    assert find_interrupted(store) == ()
