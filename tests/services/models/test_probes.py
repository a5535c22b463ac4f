"""Probes: trained with provenance, never unsaid about their own people, and gone with their data set."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from facepriv.classify.probe import IMAGES, SUBJECTS, arrays_of, crop_matcher
from facepriv.classify.registry import classifiers
from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError
from facepriv.match.registry import matchers
from facepriv.measures import compute
from facepriv.own_models.stored import list_own_names, read_own_model
from facepriv.perturb.base import score_face
from facepriv.perturb.registry import perturbers
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.datasets.quality import check_quality
from facepriv.services.jobs.worker import run_worker
from facepriv.services.models.catalogue import list_models
from facepriv.services.models.own_models import add_model
from facepriv.services.models.probe_people import find_overlaps, independent_classifiers
from facepriv.services.models.probes import train_probe
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.upkeep.purging import plan_purge, purge
from facepriv.store import open_store
from facepriv.types import PerturbResult
from tests.actors import TEST
from tests.finished_run import start_run
from tests.own_model_files import write_matcher, write_people


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def settings(home):
    return Settings(home=home, workers=1)


@pytest.fixture
def store(settings, tmp_path):
    """A store with the data sets ``many`` (4 women, 4 men) and ``two`` (a woman and a man of them)."""
    with open_store(settings) as opened:
        import_dataset(opened, settings, write_people(tmp_path / "many", subjects_each=4), name="many")
        import_dataset(opened, settings, write_people(tmp_path / "two", subjects_each=1), name="two")
        yield opened


def train(store, name="own-probe", **options):
    return train_probe(store, name, **{"matcher": "sface", "dataset": "many", "actor": TEST, **options})


def test_tells_what_it_was_trained_on_and_computes_templates_once(store, monkeypatch, faces):
    own = train(store)
    told = own.description.trained_on
    assert told.images == {"female": 4, "male": 4}
    assert told.subjects == {"female": 4, "male": 4}
    assert told.content_sha256 == store.datasets.get("many").ref.content_sha256
    assert told.folds == 4
    assert 0 <= told.accuracy <= 1
    assert 0 <= told.auc <= 1
    assert own.description.matcher_version == matchers.create("sface").version
    files = {path.name for path in own.folder.iterdir()}
    assert files == {"description.json", "probe.npz", "SHA256SUMS"}
    kept = dict(np.load(own.folder / "probe.npz", allow_pickle=False))
    assert kept["weights"].shape == (129,)
    assert not any(face.subject in str(kept) for face in faces), "names of people are kept as hashes"

    def not_again(*_):
        raise AssertionError("templates are kept")

    monkeypatch.setattr(compute, "compute_task", not_again)
    assert train(store, replace=True).card.version == own.card.version
    scores = [score_face(classifiers.create("own-probe"), face) for face in faces[:2]]
    assert np.isfinite(scores).all()


def test_people_of_another_data_set_can_be_left_out(store):
    own = train(store, exclude=["two"])
    assert own.description.trained_on.images == {"female": 3, "male": 3}
    assert own.description.trained_on.excluded == ("two",)
    assert find_overlaps(["own-probe"], store.datasets.images(store.datasets.get("two").id)) == []
    with pytest.raises(BadInputError, match="but two has 1 and 1; train on another data set") as caught:
        train(store, "own-other", dataset="two")
    assert caught.value.code == "too-few-to-learn"


def test_it_is_left_out_of_judging_its_own_people_unless_asked(store):
    train(store)
    images = store.datasets.images(store.datasets.get("two").id)
    assert independent_classifiers(["dlib-gender", "own-probe"], images) == ["dlib-gender"]
    by_default = prepare_run(store, RunRequest(dataset="two", aim="guide", matchers=[]))
    assert "own-probe" not in [ref.name for ref in by_default.classifiers]
    asked = prepare_run(store, RunRequest(dataset="two", aim="guide", matchers=[], classifiers=["own-probe"]))
    assert "own-probe" in [ref.name for ref in asked.classifiers]


@pytest.mark.slow
def test_a_quality_report_asks_it_about_other_people_only(store):
    train(store, exclude=["two"])
    judges = {name: check_quality(store, name).contradictions.classifiers for name in ("many", "two")}
    assert "own-probe" not in {ref.name for ref in judges["many"]}
    assert "own-probe" in {ref.name for ref in judges["two"]}


@pytest.mark.slow
def test_a_run_says_that_it_judged_its_own_people(store, settings):
    train(store)
    asked = prepare_run(
        store, RunRequest(dataset="two", matchers=[], classifiers=["own-probe"], method="mixing", limit=2)
    )
    run = start_run(store, asked)
    run_worker(settings, job_id=run.job_id)
    record = store.runs.get(run.id)
    assert record.state == "complete", record.error
    (sentence,) = record.result.notes
    assert sentence.startswith("The probe own-probe was trained on 2 images and the names of 2 subjects of these")
    assert record.result.notes[sentence] == 2


def test_goes_with_its_data_set_and_no_other(store, settings):
    own = train(store, exclude=["two"])
    two, many = store.datasets.get("two").id, store.datasets.get("many").id
    assert plan_purge(store, two).probes == ()
    purge(store, settings, two, actor=TEST)
    assert list_own_names() == ["own-probe"]
    planned = plan_purge(store, many)
    assert planned.probes == ("own-probe",)
    assert planned.probes == ("own-probe",)
    report = purge(store, settings, many, actor=TEST)
    assert report.probes == ("own-probe",)
    assert report.complete
    assert any("own-probe" in sentence for sentence in report.sentences)
    assert not own.folder.exists()


def test_a_purge_that_leaves_a_probe_is_not_complete(store, settings, monkeypatch):
    train(store)
    monkeypatch.setattr("facepriv.services.upkeep.purging.remove_probes", lambda *_: None)
    report = purge(store, settings, store.datasets.get("many").id, actor=TEST)
    assert not report.complete
    assert any(file.endswith("probe.npz") for file in report.remaining)


def test_a_purge_that_is_killed_leaves_no_probe_without_its_data_set(store, settings, monkeypatch):
    own = train(store)
    many = store.datasets.get("many").id
    run = start_run(
        store, prepare_run(store, RunRequest(dataset="many", matchers=[], classifiers=[], method="mixing", limit=2))
    )
    store.jobs.claim("w1", only=store.runs.job_id(run.id))
    with pytest.raises(StoreError, match="is being worked on"):
        purge(store, settings, many, actor=TEST)
    assert own.folder.exists(), "a refused purge touches nothing"
    store.jobs.fail(store.runs.job_id(run.id), "w1", "It broke.")

    def delete_and_die(dataset_id, **options):
        delete(dataset_id, **options)
        raise KeyboardInterrupt

    delete = store.datasets.delete
    monkeypatch.setattr(store.datasets, "delete", delete_and_die)
    with pytest.raises(KeyboardInterrupt):
        purge(store, settings, many, actor=TEST)
    assert not own.folder.exists()


def test_a_probe_whose_data_set_is_purged_meanwhile_is_not_kept(store, settings):
    many = store.datasets.get("many").id

    def purge_at_the_end(done, total):
        if done == total:
            assert purge(store, settings, many, actor=TEST).complete

    with pytest.raises(BadInputError, match="was removed while a probe was trained on it") as caught:
        train(store, on_progress=purge_at_the_end)
    assert caught.value.code == "dataset-gone"
    assert list_own_names() == []


@pytest.mark.parametrize("damaged", ["description.json", "SHA256SUMS"])
def test_a_probe_that_cannot_be_read_is_told_by_a_purge(own_home, store, settings, damaged):
    shutil.copytree(own_home / "models" / "own-probe", settings.home / "models" / "own-probe")
    (settings.home / "models" / "own-probe" / damaged).write_text("{")
    report = purge(store, settings, store.datasets.get("two").id, actor=TEST)
    assert not report.complete
    assert report.unreadable == (str(settings.home / "models" / "own-probe" / "probe.npz"),)
    (told,) = (sentence for sentence in report.sentences if "damaged probe" in sentence)
    assert told.startswith("1 damaged probe may have been trained on it. Delete the folders of ")
    assert store.access.list(limit=1)[0].detail.endswith(", and 1 unreadable probe")


@pytest.mark.slow
def test_is_unusable_once_its_matcher_is_another(store, tmp_path):
    add_model(store, write_matcher(tmp_path / "m"), actor=TEST)
    own = train(store, matcher="own-sface")
    (status,) = (one for one in list_models() if one.card.name == own.name)
    assert status.usable
    add_model(store, write_matcher(tmp_path / "m", notes="another"), actor=TEST, replace=True)
    (status,) = (one for one in list_models() if one.card.name == own.name)
    assert not status.usable
    assert "it was changed" in status.reason


def test_a_matcher_without_crops_makes_no_probe(own_home):
    with pytest.raises(BadInputError, match="own-embedding-command takes whole images only"):
        crop_matcher("own-embedding-command")


def test_names_are_compared_as_hashes(own_home):
    arrays = arrays_of(read_own_model("own-probe"))
    assert len(arrays[IMAGES]) == len(arrays[SUBJECTS]) == 10
    assert {len(one) for one in arrays[SUBJECTS]} == {64}


@pytest.mark.slow
def test_guides_the_colour_field(own_home, faces, make_gallery):
    guide = classifiers.create("own-probe")
    (done,) = perturbers.create("colour-field")([faces[0]], [guide], gallery=make_gallery(faces), seed=0)
    assert isinstance(done, PerturbResult)
    assert done.flipped
    assert done.file_score == pytest.approx(score_face(guide, done.file_face))
