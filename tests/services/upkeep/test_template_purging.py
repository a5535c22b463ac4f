"""A purge of a template set is proven by a scan of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import UnknownNameError
from facepriv.schemas.requests import PathSource, TemplatesRequest
from facepriv.scratch import temporary_folder
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.templates.importing import import_templates
from facepriv.services.templates.job import KIND
from facepriv.services.upkeep.template_purging import purge_template_set
from facepriv.store import Store
from facepriv.store.artifacts import ArtifactStore
from tests.actors import ADA
from tests.datasets.templates.tables import planted, write_as


def test_nothing_is_left(store: Store, settings: Settings, tmp_path: Path) -> None:
    path = write_as("npz", tmp_path, planted())
    request = TemplatesRequest(name="Irene Adler", source=PathSource(path=str(path)))
    job = submit(store, settings, request, ADA)
    run_worker(settings, kinds=KIND, job_id=job.id)
    record = store.template_sets.get("Irene Adler")
    store.artifacts.put(b"what an interrupted import left", ".npy")
    report = purge_template_set(store, settings, record.id, actor=ADA)
    assert report.complete
    assert (report.files, report.remaining, report.unclaimed, report.shared) == (2, (), (), 0)
    assert [*store.artifacts.list()] == []
    assert store.jobs.list() == (), "the job names the file"
    line = store.access.list()[0]
    assert (line.action, line.subject) == ("templates-purged", f"template set {record.id}")
    assert line.detail == "12 templates; 0 files of 2 left"
    for file in settings.home.rglob("*"):
        if file.is_file():
            assert b"Irene Adler" not in file.read_bytes(), file
    with pytest.raises(UnknownNameError):
        purge_template_set(store, settings, record.id, actor=ADA)


def test_what_a_killed_release_left_goes_and_what_a_running_one_holds_is_told(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    record = import_templates(store, settings, write_as("npz", tmp_path, planted()), name="staff")
    left = settings.temporary / "release-killed" / "release" / "templates.npz"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"templates")
    with temporary_folder(settings.temporary, "release-") as folder:
        (folder / "templates.npz").write_bytes(b"templates")
        report = purge_template_set(store, settings, record.id, actor=ADA)
        assert report.unclaimed == (str(folder / "templates.npz"),)
    assert not report.complete
    assert not left.exists()


def test_what_another_set_has_too_stays(store: Store, settings: Settings, tmp_path: Path) -> None:
    there = planted()
    np.savez(tmp_path / "a.npz", x=there.rows, subject=there.subjects)
    np.savez(tmp_path / "b.npz", x=there.rows, subject=there.subjects[::-1])
    first, second = (import_templates(store, settings, tmp_path / f"{name}.npz", name=name) for name in "ab")
    assert first.rows_sha256 == second.rows_sha256
    report = purge_template_set(store, settings, first.id, actor=ADA)
    assert report.complete
    assert (report.files, report.shared) == (1, 1)
    np.testing.assert_array_equal(store.template_sets.read("b").rows, there.rows)


def test_a_file_that_stays_is_told(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = import_templates(store, settings, write_as("npz", tmp_path, planted()), name="staff")
    monkeypatch.setattr(ArtifactStore, "delete", lambda *_, **__: False)
    monkeypatch.setattr(type(store.artifacts), "sweep", lambda *_, **__: 0)
    report = purge_template_set(store, settings, record.id, actor=ADA)
    assert not report.complete
    assert len(report.remaining) == 2
    assert record.rows_sha256 + ".npy" in report.sentences[1]
