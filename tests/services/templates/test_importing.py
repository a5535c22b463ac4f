"""Files of templates become template sets, by jobs or at once; nothing of an upload outlives them."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.datasets.templates.checking import CheckedChunk, Checker
from facepriv.datasets.templates.table import RawChunk
from facepriv.errors import BadInputError
from facepriv.schemas.requests import PathSource, TemplateColumns, TemplatesRequest
from facepriv.services.jobs import control
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.templates.importing import import_templates
from facepriv.services.templates.job import (
    KIND,
    TemplatesJob,
    close_job,
    get_job,
    imports_folder,
    list_jobs,
    submit_template_upload,
)
from facepriv.services.templates.sets import export_template_set, get_templates, list_template_sets
from facepriv.store import Store
from tests.actors import ADA
from tests.datasets.templates.tables import planted, write_as
from tests.waiting import wait_until


def do(store: Store, settings: Settings, job_id: int) -> TemplatesJob:
    run_worker(settings, kinds=KIND, job_id=job_id)
    return get_job(store, job_id)


def start(store: Store, settings: Settings, path: Path, name: str = "staff", **fields) -> int:
    return submit(store, settings, TemplatesRequest(name=name, source=PathSource(path=str(path)), **fields), ADA).id


def files_of(settings: Settings) -> list[Path]:
    return [file for file in imports_folder(settings).rglob("*") if file.is_file()]


def actions(store: Store) -> list[tuple[str, str]]:
    return [(line.action, line.subject) for line in reversed(store.access.list())]


def test_a_file_becomes_a_set(store: Store, settings: Settings, tmp_path: Path) -> None:
    there = planted()
    path = write_as("npz", tmp_path, there)
    job = do(
        store, settings, start(store, settings, path, matcher="arcface", version="r50", datasheet={"consent": "forms"})
    )
    assert job.record.state == "complete", job.record.error
    (record,) = list_template_sets(store)
    assert job.set_id == record.id
    assert (record.source, record.reader, record.matcher, record.version) == ("templates.npz", "npz", "arcface", "r50")
    assert record.datasheet == {"consent": "forms"}
    assert [problem["code"] for problem in record.problems] == ["metric-assumed"]
    assert record.quality is not None
    found = get_templates(store, "staff")
    np.testing.assert_array_equal(found.rows, there.rows)
    assert found.subjects.tolist() == there.subjects.tolist()
    assert actions(store) == [("templates-imported", f"template set {record.id}")]
    assert store.access.list()[0].actor == "ada"
    assert not [*settings.temporary.iterdir()]


def test_the_export_comes_back_the_same(store: Store, settings: Settings, tmp_path: Path) -> None:
    first = import_templates(store, settings, write_as("npz", tmp_path, planted()), name="first", metric="cosine")
    export_template_set(store, "first", tmp_path / "out.parquet", actor=ADA)
    again = import_templates(store, settings, tmp_path / "out.parquet", name="again")
    assert (again.rows_sha256, again.records_sha256) == (first.rows_sha256, first.records_sha256)
    assert again.problems == ()
    assert actions(store) == [("templates-exported", f"template set {first.id}")]


@pytest.mark.parametrize("labelled", [True, False])
def test_an_upload_is_gone_afterwards(store: Store, settings: Settings, tmp_path: Path, labelled: bool) -> None:
    there = planted()
    np.save(tmp_path / "rows.npy", there.rows)
    lines = [f"{s},{'female' if label < 0 else 'male'}" for s, label in zip(there.subjects, there.labels, strict=True)]
    table = ("who.csv", io.BytesIO("\n".join(["person,gender", *lines]).encode())) if labelled else None
    file = ("C:\\mine\\rows.npy", io.BytesIO((tmp_path / "rows.npy").read_bytes()))
    job = submit_template_upload(store, settings, file, ADA, name="staff", labels=table, metric="cosine")
    assert len(files_of(settings)) == 1 + labelled
    assert do(store, settings, job.id).record.state == "complete"
    assert files_of(settings) == []
    record = store.template_sets.get("staff")
    assert record.source == "rows.npy"
    assert (record.subjects, record.female) == ((6, 6) if labelled else (12, 0))


def test_what_cannot_be_used_fails_with_its_sentence(store: Store, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,gender\na.jpg,f\n")
    job = submit_template_upload(store, settings, ("a.csv", io.BytesIO(b"file,gender\na.jpg,f\n")), ADA, name="staff")
    ended = do(store, settings, job.id)
    assert ended.record.state == "failed"
    assert ended.record.error is not None
    assert ended.record.error.startswith("a.csv is not a table of templates")
    assert files_of(settings) == []
    assert list_template_sets(store) == ()
    assert actions(store) == []
    close_job(store, settings, job.id)
    assert list_jobs(store, settings) == ()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"source": PathSource(path="nowhere.npz")}, "unreadable"),
        ({"source": PathSource(path="here.txt")}, "unknown-format"),
        ({"name": "7"}, "bad-name"),
        ({"name": "folds"}, "bad-name"),
        ({"name": "taken"}, "name-taken"),
        ({"retain_until": "2001-01-01"}, "past-day"),
        ({"source": PathSource(path="here.npz", closed=True)}, "folder-not-allowed"),
    ],
)
def test_what_is_refused_before_it_is_queued(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_as("npz", tmp_path, planted()).rename("here.npz")
    Path("here.txt").touch()
    if code == "name-taken":
        import_templates(store, settings, path, name="taken")
    request = TemplatesRequest(**{"name": "staff", "source": PathSource(path=str(path)), **fields})
    with pytest.raises(BadInputError) as caught:
        submit(store, settings, request, ADA)
    assert caught.value.code == code
    assert store.jobs.list() == ()


def test_uploads_of_other_formats_are_refused(store: Store, settings: Settings) -> None:
    with pytest.raises(BadInputError) as caught:
        submit_template_upload(store, settings, ("a.pickle", io.BytesIO(b"x")), ADA, name="staff")
    assert caught.value.code == "unknown-format"
    with pytest.raises(BadInputError) as caught:
        submit_template_upload(store, settings, ("a.npz", io.BytesIO(b"x")), ADA, name="7")
    assert caught.value.code == "bad-name"
    assert files_of(settings) == []


def test_a_cancelled_one_leaves_nothing(store: Store, settings: Settings, tmp_path: Path) -> None:
    number = start(store, settings, write_as("npz", tmp_path, planted()))
    assert control.cancel(store, "templates", number, ADA) == "cancelled"
    assert run_worker(settings, kinds=KIND, job_id=number) == 0
    assert list_template_sets(store) == ()
    assert control.resume(store, "templates", number, ADA) == "waiting"
    assert do(store, settings, number).record.state == "complete"


def test_what_a_killed_worker_has_made_is_not_made_again(store: Store, settings: Settings, tmp_path: Path) -> None:
    """It was killed between saving the set and saying so."""
    path = write_as("npz", tmp_path, planted())
    number = start(store, settings, path, quality=False)
    assert store.jobs.claim("w1", lease_seconds=0, only=number) is not None
    made = import_templates(store, settings, path, name="staff")
    job = do(store, settings, number)
    assert job.record.state == "complete", job.record.error
    assert job.set_id == made.id
    assert actions(store) == [("templates-imported", f"template set {made.id}")]


def test_columns_may_be_named_of_either_file(store: Store, settings: Settings, tmp_path: Path) -> None:
    there = planted()
    np.savez(tmp_path / "a.npz", vec=there.rows, which=there.records)
    lines = [f"{record},{subject},f" for record, subject in zip(there.records, there.subjects, strict=True)]
    (tmp_path / "who.csv").write_text("\n".join(["file,owner,gender", *lines]))
    record = import_templates(
        store,
        settings,
        tmp_path / "a.npz",
        name="staff",
        labels=tmp_path / "who.csv",
        columns=TemplateColumns(template="vec", record="which", subject="owner"),
    )
    assert (record.subjects, record.female) == (6, 12)


def test_a_label_table_without_names_needs_templates_without_names(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", x=planted().rows, record=planted().records)
    (tmp_path / "who.csv").write_text("person,gender\na,f\n")
    with pytest.raises(BadInputError) as caught:
        import_templates(store, settings, tmp_path / "a.npz", name="staff", labels=tmp_path / "who.csv")
    assert caught.value.code == "missing-columns"


def test_one_that_is_cancelled_while_it_reads_leaves_nothing(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = start(store, settings, write_as("npz", tmp_path, planted()))
    check = Checker._check

    def cancel_and_wait(checker: Checker, raw: RawChunk) -> CheckedChunk:
        store.jobs.cancel(number)
        time.sleep(2.5)  # until the next heartbeat has told
        return check(checker, raw)

    monkeypatch.setattr(Checker, "_check", cancel_and_wait)
    assert do(store, settings, number).record.state == "cancelled"
    assert wait_until(lambda: not [*settings.temporary.iterdir()], 10)
    assert list_template_sets(store) == ()
    assert store.take_inventory().files == ()
