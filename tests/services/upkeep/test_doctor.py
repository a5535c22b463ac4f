"""The doctor finds every kind of trouble, goes on after each, and says what to do."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Literal

import pytest

from facepriv.config import Settings
from facepriv.services.jobs.presence import Presence
from facepriv.services.models.catalogue import list_models, status_of
from facepriv.services.upkeep.doctor import Check, check_disks, check_models, examine
from facepriv.store import DatasetRecord, Store, migrate, open_store
from facepriv.store.records import NewTemplateSet
from facepriv.store.rows import DatasetRow
from facepriv.types import ModelCard, WeightFile
from tests.actors import ADA
from tests.store import tampering
from tests.store_examples import create, put_images, spec_for, template_rows

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def studio(store: Store) -> DatasetRecord:
    return create(store, "studio", put_images(store, b"one", b"two"))


def found(settings: Settings, **options: Any) -> dict[str, Check]:
    """All checks by name."""
    return {check.name: check for check in examine(settings, least_free=0, **options)}


def troubles(settings: Settings, status: str = "problem") -> dict[str, str]:
    return {name: check.sentence for name, check in found(settings).items() if check.status == status}


@pytest.mark.usefixtures("studio")
def test_all_is_well(settings: Settings) -> None:
    steps: list[tuple[int, int]] = []
    checks = found(settings, on_progress=lambda *step: steps.append(step))
    assert {name for name, check in checks.items() if check.status == "problem"} == set()
    assert [name for name in checks if name != "models"] == [
        "database",
        "database content",
        "ownership",
        "artifact files",
        "orphans",
        "temporary files",
        "purges",
        "artifact contents",
        "workers",
        "retention",
        "access log",
        "disk",
        "permissions",
    ]
    assert checks["database"].sentence == f"Opens, at revision {migrate.head()}."
    assert checks["artifact contents"].sentence == "2 files read, all unchanged."
    assert steps == [(1, 2), (2, 2)]


@pytest.mark.usefixtures("studio")
def test_quick_reads_no_file(settings: Settings) -> None:
    def report(*_: int) -> None:
        raise AssertionError

    check = found(settings, quick=True, on_progress=report)["artifact contents"]
    assert check.status == "notice"
    assert "--quick" in check.sentence


def test_nothing_there_yet_is_no_problem_and_stays_so(settings: Settings) -> None:
    told = troubles(settings, "notice")
    assert "There is no database at" in told["database"]
    assert "There is no data folder" in told["permissions"]
    assert troubles(settings) == {}
    assert not settings.home.exists()


def test_missing_damaged_and_orphaned_files(settings: Settings, store: Store, studio: DatasetRecord) -> None:
    lost, damaged = (str(image.artifact_sha256) for image in store.datasets.images(studio.id))
    store.artifacts.path(lost).unlink()
    store.artifacts.path(damaged).write_bytes(b"other bytes")
    store.artifacts.put(b"nobody's")
    told = troubles(settings)
    assert set(told) == {"artifact files", "artifact contents"}
    assert told["artifact files"].startswith("1 file of studio missing.")
    assert f"({damaged[:12]}.png)" in told["artifact contents"]
    assert "1 unused file" in troubles(settings, "notice")["orphans"]


def damage_page(settings: Settings) -> None:
    """Overwrite what follows the first page: the header and the list of tables can be read."""
    with (settings.home / "facepriv.sqlite").open("r+b") as stream:
        stream.seek(4096)
        stream.write(os.urandom(40_000))


def damage_table(settings: Settings) -> None:
    tampering.damage_table(settings.home / "facepriv.sqlite", "datasets")


def no_database(settings: Settings) -> None:
    (settings.home / "facepriv.sqlite").write_bytes(b"no database at all " * 1000)


def lose_rows(settings: Settings) -> None:
    tampering.delete_rows(settings, DatasetRow)


def make_newer(settings: Settings) -> None:
    tampering.set_revision(settings, "9999")


@pytest.mark.parametrize(
    ("harm", "name", "sentence"),
    [
        (damage_page, "database content", "damaged"),
        (damage_table, "database content", "damaged"),
        (damage_table, "retention", "is damaged or no database at all; restore a backup"),
        (no_database, "database", "is damaged or no database at all; restore a backup"),
        (lose_rows, "database content", "2 rows lack the rows they refer to"),
        (make_newer, "database", "has revision 9999, which this facepriv"),
    ],
)
def test_a_harmed_database_hides_nothing_else(
    settings: Settings, harm: Callable[[Settings], None], name: str, sentence: str
) -> None:
    with open_store(settings) as store:
        create(store, "studio", images := put_images(store, b"one", b"two"))
        store.artifacts.path(str(images[0].artifact_sha256)).write_bytes(b"other bytes")
    harm(settings)
    settings.artifacts.chmod(0o755)
    told = troubles(settings)
    assert sentence in told[name]
    assert told["artifact contents"].startswith("1 file unreadable or changed")
    assert str(settings.artifacts) in told["permissions"]


def test_an_older_database_is_looked_through_all_the_same(settings: Settings, store: Store, next_revision: str) -> None:
    checks = found(settings)
    assert checks["database"].status == "problem"
    assert checks["database content"].status == "ok"
    assert "facepriv db upgrade" in checks["database"].sentence


@pytest.mark.parametrize("which", ["home", "database", "artifact", "folder", "log", "key"])
def test_what_others_may_read_is_named(settings: Settings, store: Store, studio: DatasetRecord, which: str) -> None:
    artifact = store.artifacts.path(str(store.datasets.images(studio.id)[0].artifact_sha256))
    path = {
        "home": settings.home,
        "database": settings.home / "facepriv.sqlite",
        "artifact": artifact,
        "folder": artifact.parent,
        "log": settings.home / "worker.log",
        "key": settings.home / "out.policy-key.json",
    }[which]
    if not path.exists():
        path.touch(mode=0o600)
    assert troubles(settings) == {}
    path.chmod(path.stat().st_mode | 0o044)
    told = troubles(settings)
    assert list(told) == ["permissions"]
    assert f"1 path ({path})" in told["permissions"]
    assert f"chmod -R go= {settings.home}" in told["permissions"]
    path.chmod(path.stat().st_mode & 0o700)
    assert troubles(settings) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_of_another_owner_are_named(settings: Settings, store: Store, studio: DatasetRecord) -> None:
    path = store.artifacts.path(str(store.datasets.images(studio.id)[0].artifact_sha256))
    os.chown(path, 12345, -1)
    assert f"1 path with another owner than the data folder ({path})" in troubles(settings)["permissions"]


def test_a_disk_with_little_room(settings: Settings) -> None:
    assert check_disks(settings, least_free=1)[0] == "ok"
    status, sentence = check_disks(settings, least_free=10**18)
    assert status == "problem"
    assert "at least 1,000,000,000.0 GB are needed" in sentence


def own_model(inside: str, kind: Literal["classifier", "matcher"] = "classifier") -> ModelCard:
    weights = WeightFile(name=inside, sha256="0" * 64, package="", inside=inside)
    return ModelCard(
        name="own",
        kind=kind,
        title="A model of one's own",
        licence="MIT",
        source="somebody",
        weights=(weights,),
        requirement="",
        notes="",
    )


def test_weights_that_were_changed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPRIV_HOME", str(settings.home))
    others = list_models()
    status, sentence = check_models([*others, status_of(own_model("weights.onnx"))])
    assert status == "notice"
    assert "own" in sentence
    settings.home.mkdir()
    (settings.home / "weights.onnx").write_bytes(b"other weights")
    status, sentence = check_models([*others, status_of(own_model("weights.onnx"))])
    assert status == "problem"
    assert "it was changed" in sentence
    without = [one for one in others if one.kind != "matcher"]
    status, sentence = check_models([*without, status_of(own_model("none.onnx", "matcher"))])
    assert status == "problem"
    assert sentence.startswith("No matcher is usable. The weights none.onnx were expected in the data folder")


def hold(settings: Settings, ready: Any) -> None:
    """Be a worker that has taken up a run and never ends."""
    with open_store(settings) as store, Presence(settings) as presence:
        assert store.jobs.claim(presence.owner) is not None
        ready.set()
        multiprocessing.Event().wait()


def test_what_waits_needs_a_worker(settings: Settings, store: Store, studio: DatasetRecord) -> None:
    run = store.runs.create(spec_for(store, studio))
    told = troubles(settings)
    assert told == {"workers": f"No worker is running, but run {run} waits. Start one with: facepriv worker"}
    with Presence(settings):
        assert found(settings)["workers"].sentence == "1 worker running on this machine, 1 job waiting."


@pytest.mark.fault
def test_a_killed_worker_is_found(settings: Settings, store: Store, studio: DatasetRecord) -> None:
    run = store.runs.create(spec_for(store, studio))
    ready = SPAWN.Event()
    worker = SPAWN.Process(target=hold, args=(settings, ready))
    worker.start()
    try:
        assert ready.wait(60)
        check = found(settings)["workers"]
        assert check.status == "ok"
        assert f"{store.runs.get(run).owner} works on run {run}" in check.sentence
    finally:
        worker.kill()
        worker.join()
    told = troubles(settings)
    assert told == {"workers": f"No worker is running, but run {run} lost its worker. Start one with: facepriv worker"}
    with Presence(settings):
        assert f"The worker of run {run} is gone" in troubles(settings, "notice")["workers"]


def test_a_lease_that_ran_out_is_found(settings: Settings, store: Store, studio: DatasetRecord) -> None:
    run = store.runs.create(spec_for(store, studio))
    assert store.jobs.claim("elsewhere:1:abc", 3600.0) is not None
    assert f"elsewhere:1:abc works on run {run}" in found(settings)["workers"].sentence
    store.jobs.heartbeat(store.runs.job_id(run), "elsewhere:1:abc", "perturbing", 0, 2, -1.0)
    assert f"run {run} lost its worker" in troubles(settings)["workers"]


def test_data_sets_past_their_day(settings: Settings, store: Store, studio: DatasetRecord) -> None:
    yesterday = date.today() - timedelta(days=1)
    store.datasets.save_retention(studio.id, yesterday)
    assert troubles(settings) == {
        "retention": f"Past their retention date: studio ({yesterday}). Delete with: facepriv purge --expired"
    }


def test_template_sets_are_looked_after(settings: Settings, store: Store) -> None:
    yesterday = date.today() - timedelta(days=1)
    new = NewTemplateSet(name="vault", source="", reader="", retain_until=yesterday)
    saved = store.template_sets.save(new, template_rows())
    past = f"Past their retention date: vault ({yesterday}). Delete with: facepriv purge --expired"
    assert troubles(settings) == {"retention": past}
    file = store.artifacts.path(saved.rows_sha256, ".npy")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert f"({saved.rows_sha256[:12]}.npy)" in troubles(settings)["artifact contents"]
    file.unlink()
    assert "1 file of vault missing" in troubles(settings)["artifact files"]


def test_a_tampered_access_log_is_a_problem(settings: Settings, store: Store) -> None:
    assert found(settings)["access log"].sentence == "No line yet."
    for number in range(3):
        store.access.record(ADA, "run-exported", f"run {number}")
    whole = found(settings)["access log"]
    assert whole.status == "ok"
    assert whole.sentence.split(";")[0] == "3 lines, none changed"
    assert store.access.list()[0].chain_sha256[:16] in whole.sentence
    tampering.change_access_line(settings, 2, actor="bob")
    assert troubles(settings)["access log"].startswith("Line 2 does not match the line before: ")
