"""Template sets of images: nothing computed twice, failures counted, gone with the data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facepriv.config import Settings
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.measures import compute as computing
from facepriv.schemas.requests import DatasetSource, TemplatesRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.templates.job import KIND, get_job
from facepriv.services.templates.making import make_templates
from facepriv.services.upkeep.purging import plan_purge, purge
from facepriv.store import DatasetRecord, Store
from tests.actors import ADA
from tests.finished_run import labelled_demo
from tests.store_examples import contents_of


@pytest.fixture
def faces(store: Store, settings: Settings, tmp_path: Path) -> DatasetRecord:
    """Two images of a woman, one of a man, and one that shows nobody."""
    folder = labelled_demo(tmp_path / "faces", ("s001_1", "s001_2", "s003_1"))
    Image.new("RGB", (100, 100), "grey").save(folder / "s003_9.png")
    with (folder / "labels.csv").open("a") as table:
        table.write("s003_9.png,s003,male\n")
    return import_dataset(store, settings, folder, name="faces", datasheet={"consent": "forms"}).dataset


def test_a_set_is_made_once(
    store: Store, settings: Settings, faces: DatasetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_templates(store, "faces", "sface", "first")
    assert (made.templates, made.subjects, made.female, made.male, made.width) == (3, 2, 2, 1, 128)
    assert (made.matcher, made.metric, made.dataset_id) == ("sface", "cosine", faces.id)
    assert made.datasheet == {"consent": "forms"}
    assert [(problem["code"], problem["count"]) for problem in made.problems] == [("no-usable-face", 1)]
    templates = store.template_sets.read("first")
    assert templates.records.tolist() == ["s001_1.jpg", "s001_2.jpg", "s003_1.jpg"]
    np.testing.assert_allclose(np.linalg.norm(templates.rows, axis=1), 1, atol=1e-6)
    monkeypatch.setattr(computing, "compute_task", lambda *_: pytest.fail("it is known"))
    assert make_templates(store, "faces", "sface", "second").rows_sha256 == made.rows_sha256


@pytest.mark.slow
def test_a_job_makes_the_same(store: Store, settings: Settings, faces: DatasetRecord) -> None:
    request = TemplatesRequest(name="made", source=DatasetSource(dataset="faces", matcher="sface"), quality=False)
    number = submit(store, settings, request, ADA).id
    run_worker(settings, kinds=KIND, job_id=number)
    job = get_job(store, number)
    assert job.record.state == "complete", job.record.error
    record = store.template_sets.get("made")
    assert record.rows_sha256 == make_templates(store, "faces", "sface", "again").rows_sha256
    (line,) = store.access.list(action="templates-made")
    assert (line.subject, line.detail) == (f"template set {record.id}", f"dataset {faces.id}, by sface")


def test_a_purge_of_the_images_takes_the_templates(store: Store, settings: Settings, faces: DatasetRecord) -> None:
    make_templates(store, "faces", "sface", "made")
    assert plan_purge(store, faces.id).template_sets == ("made",)
    report = purge(store, settings, faces.id, actor=ADA)
    assert report.complete
    assert report.template_sets == ("made",)
    assert store.template_sets.list() == ()
    assert contents_of(store) == set()


def test_what_cannot_be_made(store: Store, settings: Settings, faces: DatasetRecord, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        make_templates(store, "nobody", "sface", "made")
    with pytest.raises(UnknownNameError):
        make_templates(store, "faces", "oracle", "made")
    with pytest.raises(BadInputError) as caught:
        make_templates(store, "faces", "sface", "faces")
    assert caught.value.code == "name-taken"
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (100, 100), "grey").save(tmp_path / "empty" / "a_1.png")
    import_dataset(store, settings, tmp_path / "empty", name="empty")
    with pytest.raises(BadInputError) as caught:
        make_templates(store, "empty", "sface", "made")
    assert caught.value.code == "no-templates"
