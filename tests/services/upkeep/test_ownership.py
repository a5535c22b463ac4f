"""An emptied or a wrong database deletes nothing of the artifacts beside it, and takes in nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from facepriv.config import Settings
from facepriv.errors import StoreError, TooManyUnusedError
from facepriv.schemas.requests import ImportRequest, UploadSource
from facepriv.services.datasets import import_jobs
from facepriv.services.jobs.left_behind import remove_left_behind
from facepriv.services.jobs.submit import submit
from facepriv.services.upkeep.database import back_up_database, restore_database
from facepriv.services.upkeep.doctor import check_orphans, check_ownership
from facepriv.services.upkeep.orphans import collect_orphans
from facepriv.services.upkeep.purging import purge
from facepriv.store import Store, open_store
from facepriv.store.artifacts import MANY
from facepriv.store.records import NewTemplateSet
from facepriv.store.rows import InstallationRow
from tests.actors import ADA
from tests.store.tampering import set_columns
from tests.store_examples import contents_of, create, put_images, template_rows

FOREIGN = "belong to another database"


def fill(settings: Settings, number: int = 3) -> set[bytes]:
    """Import a data set; return the contents of its artifacts."""
    contents = {f"face {index}".encode() for index in range(number)}
    with open_store(settings) as store:
        store.ownership.require()
        create(store, "mine", put_images(store, *sorted(contents)))
    return contents


def elsewhere(settings: Settings) -> Settings:
    """The same data folder with a database of other data, as of a wrong ``FACEPRIV_DATABASE_URL``."""
    other = Settings(home=settings.home.parent / "other")
    with open_store(other) as store:
        create(store, "theirs", put_images(store, b"theirs"))
    database = SecretStr(f"sqlite:///{other.home / 'facepriv.sqlite'}")
    return Settings(home=settings.home, database=database)


def emptied(settings: Settings) -> Settings:
    for file in settings.home.glob("facepriv.sqlite*"):
        file.unlink()
    return settings


def imports(store: Store, settings: Settings) -> None:
    create(store, "new", [])


def imports_templates(store: Store, settings: Settings) -> None:
    store.template_sets.save(NewTemplateSet(name="new", source="", reader=""), template_rows())


def collects(store: Store, settings: Settings) -> None:
    collect_orphans(store, settings, many=True)


def collects_as_a_worker(store: Store, settings: Settings) -> None:
    store.collect()


def purges(store: Store, settings: Settings) -> None:
    (record,) = store.datasets.list()
    purge(store, settings, record.id, actor=ADA)


@pytest.mark.parametrize(
    ("wrong", "action"),
    [
        (emptied, imports),
        (emptied, collects),
        (emptied, collects_as_a_worker),
        (elsewhere, imports_templates),
        (elsewhere, collects),
        (elsewhere, purges),
    ],
)
def test_a_database_touches_no_artifacts_but_its_own(
    settings: Settings, wrong: Callable[[Settings], Settings], action: Callable[[Store, Settings], None]
):
    contents = fill(settings)
    theirs = wrong(settings)
    with open_store(theirs) as store:
        before = [record.name for record in store.datasets.list()]
        with pytest.raises(StoreError, match=FOREIGN):
            action(store, theirs)
        assert contents_of(store) == contents
        assert [record.name for record in store.datasets.list()] == before
        assert check_ownership(store)[0] == "problem"


def test_uploads_of_jobs_of_another_database_stay(settings: Settings):
    fill(settings)
    with open_store(settings) as store, import_jobs.new_folder(settings) as folder:
        (folder / "face.jpg").touch()
        request = ImportRequest(name="next", source=UploadSource(files=("a.jpg",)), folder=folder.name)
        submit(store, settings, request, ADA)
    with open_store(emptied(settings)) as store:
        assert remove_left_behind(store, settings) == 0
    assert (folder / "face.jpg").exists()


def test_artifacts_of_an_earlier_version_get_the_id_of_their_database(settings: Settings):
    fill(settings, MANY + 1)
    (settings.artifacts / "installation-id").unlink()
    with open_store(settings) as store:
        assert check_ownership(store)[0] == "ok"
        assert collect_orphans(store, settings).removed == 0
    assert (settings.artifacts / "installation-id").stat().st_mode & 0o777 == 0o600
    (settings.artifacts / "installation-id").unlink()
    with open_store(emptied(settings)) as store, pytest.raises(StoreError, match=FOREIGN):
        collect_orphans(store, settings)


def test_many_unused_files_need_a_word_of_their_own(store: Store, settings: Settings):
    create(store, "mine", put_images(store, b"mine"))
    for index in range(MANY + 1):
        store.artifacts.put(f"nobody's {index}".encode())
    status, sentence = check_orphans(store.take_inventory())
    assert status == "problem"
    assert "101 unused files of 102" in sentence
    with pytest.raises(TooManyUnusedError, match="facepriv collect --many"):
        collect_orphans(store, settings)
    with pytest.raises(TooManyUnusedError):
        store.collect(files_older_than=timedelta(seconds=-1))
    report = purge(store, settings, store.datasets.get("mine").id, actor=ADA)
    assert (report.removed, report.collected, report.complete) == (1, 0, False)
    assert len(report.unclaimed) == MANY + 1
    assert "facepriv collect --many" in " ".join(report.sentences)
    assert collect_orphans(store, settings, many=True).removed == MANY + 1


def test_a_restored_backup_keeps_the_id(settings: Settings, tmp_path: Path):
    contents = fill(settings)
    back_up_database(settings, tmp_path / "backup.sqlite", actor=ADA)
    restore_database(emptied(settings), tmp_path / "backup.sqlite", actor=ADA)
    with open_store(settings) as store:
        assert check_ownership(store)[0] == "ok"
        assert contents_of(store) == contents


def test_a_restored_backup_without_an_id_takes_that_of_its_artifacts(settings: Settings):
    """As one of an earlier version, whose migration makes another id."""
    fill(settings)
    set_columns(settings, InstallationRow, identity="0" * 32)
    with open_store(settings) as store:
        assert check_ownership(store)[0] == "problem"
        store.ownership.take_over()
        assert check_ownership(store)[0] == "ok"
    with open_store(emptied(settings)) as store:
        store.ownership.take_over()
        assert check_ownership(store)[0] == "problem", "none of the files is its own"
