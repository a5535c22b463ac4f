"""Own models are added after a trial, found by name, checked by hash, and refused in other versions."""

from __future__ import annotations

import json
import stat

import pytest
from typer.testing import CliRunner

from facepriv.classify.registry import classifiers
from facepriv.cli import app
from facepriv.config import Settings
from facepriv.errors import BadInputError, FaceprivError, ModelUnavailableError, UnknownNameError
from facepriv.match.registry import matchers
from facepriv.measures.loaded_models import check_versions, get_classifier
from facepriv.own_models.stored import list_own_names
from facepriv.registry import Registry
from facepriv.schemas.requests import RunRequest
from facepriv.services.models.catalogue import list_models
from facepriv.services.models.own_models import add_model, add_uploaded, remove_model
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.runs.process import RunInProcess, RunJob
from facepriv.services.upkeep.doctor import check_models
from facepriv.store import open_store
from tests.actors import TEST
from tests.own_model_files import GENDER, change_description, write_gender


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(home):
    with open_store(Settings(home=home)) as opened:
        yield opened


def status(name):
    (found,) = (one for one in list_models() if one.card.name == name)
    return found


def test_is_found_behind_the_built_in_ones_and_goes_again(home, store, tmp_path):
    before = classifiers.names()
    added = add_model(store, write_gender(tmp_path), actor=TEST)
    assert added.description.found == ()
    assert classifiers.names() == [*before, "own-gender"]
    assert "own-gender" not in matchers.names()
    assert get_classifier("own-gender").version == added.card.version
    assert status("own-gender").usable
    assert stat.S_IMODE((home / "models").stat().st_mode) == 0o700
    remove_model(store, "own-gender", actor=TEST)
    assert classifiers.names() == before
    with pytest.raises(UnknownNameError, match="own-gender"):
        remove_model(store, "own-gender", actor=TEST)


def test_the_version_is_of_graph_and_description(store, tmp_path):
    def version(**changes):
        return add_model(store, write_gender(tmp_path, **changes), actor=TEST, replace=True).card.version

    first = version()
    assert version() == first, "the same again"
    assert version(notes="another word") != first
    # Fields in another order, and defaults written out, are the same model.
    assert version(attribute="gender", output=dict(reversed(GENDER["output"].items()))) == first
    assert version(crop={"kind": "aligned-chip", "padding": 0.3}) != first


@pytest.mark.parametrize("name", ["dlib-gender", "sface", "dlib-hog-68"])
def test_a_name_that_is_taken_is_refused(store, tmp_path, name):
    with pytest.raises(BadInputError) as caught:
        add_model(store, write_gender(tmp_path, name=name), actor=TEST, replace=True)
    assert caught.value.code == "model-name"


def test_an_own_name_is_replaced_only_if_asked(store, tmp_path):
    add_model(store, write_gender(tmp_path), actor=TEST)
    with pytest.raises(BadInputError) as caught:
        add_model(store, write_gender(tmp_path), actor=TEST)
    assert caught.value.code == "model-name"


def test_labels_in_the_wrong_order_are_noted(store, tmp_path):
    output = {**GENDER["output"], "labels": ["male", "female"]}
    added = add_model(store, write_gender(tmp_path, output=output), actor=TEST)
    (finding,) = added.description.found
    assert "0 of 8 demo faces" in finding
    assert finding in added.card.notes


def test_probabilities_are_noted_with_the_logits_before_them(store, tmp_path):
    output = {"meaning": "probabilities", "labels": ["female", "male"]}
    added = add_model(store, write_gender(tmp_path, output=output), actor=TEST)
    assert "stay within 15.9 nats" in added.description.found[0]
    assert "The value logits before its softmax" in added.description.found[0]


def test_nothing_is_left_of_a_model_that_was_refused(home, store, tmp_path):
    with pytest.raises(ModelUnavailableError, match="should have 1 number for each image"):
        add_model(store, write_gender(tmp_path, output={"meaning": "logit", "labels": ["female", "male"]}), actor=TEST)
    yaml = write_gender(tmp_path)
    (tmp_path / "gender.onnx").unlink()
    with pytest.raises(BadInputError) as caught:
        add_model(store, yaml, actor=TEST)
    assert caught.value.code == "model-network"
    assert list_own_names() == []
    assert list((home / "models").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a\0b.onnx", "ü" * 190 + ".onnx", "model.yaml"], ids=["null byte", "too long", "as the yaml"]
)
def test_an_uploaded_graph_may_be_called_anything(home, store, tmp_path, name):
    yaml = write_gender(tmp_path, network=name)
    added = add_uploaded(store, yaml.read_bytes(), (tmp_path / "gender.onnx").read_bytes(), actor=TEST)
    assert added.description.network == name
    assert added.description.found == ()
    assert list((home / "tmp").iterdir()) == []
    if name != "model.yaml":
        with pytest.raises(BadInputError) as caught:
            add_model(store, yaml, actor=TEST, replace=True)
        assert caught.value.code == "model-network"


def test_doctor_tells_of_changed_and_unreadable_models(home, store, tmp_path):
    add_model(store, write_gender(tmp_path), actor=TEST)
    folder = home / "models" / "own-gender"
    change_description(folder, licence="public domain")
    status, sentence = check_models(list_models())
    assert status == "problem"
    assert "description.json should have SHA-256" in sentence
    assert "facepriv model add FILE.yaml --replace" in sentence
    with pytest.raises(ModelUnavailableError, match="it was changed"):
        get_classifier("own-gender")
    (folder / "description.json").write_text("{}")
    assert "own-gender" not in classifiers.names()
    assert "own-gender" in check_models(list_models())[1]


def test_a_name_of_more_cannot_replace_another():
    more = {"own": "collections:Counter", "later": "tests.services.models.test_own_models:called"}
    registry = Registry("thing", "facepriv.test", {"own": "collections:deque"}, more=lambda: more)
    assert registry.names() == ["own", "later"]
    assert registry.create("own").__class__.__name__ == "deque"
    assert registry.create("later", size=2) == ("later", 2)


def called(name, size):
    return name, size


def test_a_process_with_another_version_refuses_the_run(home, tmp_path, small_run):
    """Another machine of a cluster may have another model under the same name."""
    spec, images, artifacts = small_run
    RunInProcess(RunJob(spec, images), artifacts)
    with open_store(Settings(home=home)) as store:
        add_model(store, write_gender(tmp_path, notes="retrained"), actor=TEST, replace=True)
    with pytest.raises(FaceprivError, match=r"own-gender of version .* must be the same on every machine"):
        RunInProcess(RunJob(spec, images), artifacts)
    with pytest.raises(FaceprivError, match="own-gender of version"):
        check_versions(spec.guide, get_classifier("own-gender"))


@pytest.fixture
def small_run(home, tmp_path, face_few):
    with open_store(Settings(home=home)) as store:
        add_model(store, write_gender(tmp_path), actor=TEST)
        spec = prepare_run(
            store, RunRequest(dataset=face_few, classifiers=[], matchers=[], method="algorithm1", guides=["own-gender"])
        )
        yield spec, store.datasets.images(spec.dataset.id), store.artifacts


@pytest.fixture
def face_few(home, tmp_path):
    from facepriv.services.datasets.importing import import_dataset
    from tests.own_model_files import write_people

    settings = Settings(home=home)
    with open_store(settings) as store:
        import_dataset(store, settings, write_people(tmp_path / "few", subjects_each=1), name="few")
    return "few"


def test_commands_of_the_command_line(home, tmp_path):
    run = CliRunner().invoke
    assert "You have no model of your own" in run(app, ["model", "list"]).output
    added = run(app, ["model", "add", str(write_gender(tmp_path))])
    assert added.output.startswith("Added the classifier own-gender, version ")
    assert "own-gender" in run(app, ["model", "list"]).output
    told = json.loads(run(app, ["model", "list", "--json", "-"]).stdout)
    assert told["models"][0]["description"]["network"] == "gender.onnx"
    assert "passed its trial on demo faces" in run(app, ["model", "check", "own-gender"]).output
    assert run(app, ["model", "remove", "own-gender", "--yes"]).output == "Removed own-gender.\n"
    assert isinstance(run(app, ["model", "check", "own-gender"]).exception, UnknownNameError)
