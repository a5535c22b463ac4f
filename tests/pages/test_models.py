"""The Models page: what can be used, adding a network, and removing it."""

from __future__ import annotations

import pytest

from facepriv.own_models.stored import list_own_names
from facepriv.store import open_store
from tests.own_model_files import write_gender


@pytest.fixture
def files(tmp_path):
    yaml = write_gender(tmp_path / "mine")
    return yaml.read_bytes(), (yaml.parent / "gender.onnx").read_bytes()


def send(app, yaml, network, turn=0):
    app.file_uploader(f"model_yaml-{turn}").set_value([("gender.yaml", yaml, "application/yaml")])
    if network is not None:
        app.file_uploader(f"model_network-{turn}").set_value([("any.onnx", network, "application/octet-stream")])
    next(b for b in app.button if b.label == "Add").click()
    app.run()
    assert not app.exception, app.exception


def test_every_model_is_listed_with_licence_and_size(empty, visit, said):
    app = visit("models")
    (table,) = app.table
    row = table.value.set_index("Model").loc["dlib-gender"]
    assert row["State"] == "usable"
    assert row["Licence"] == "CC0-1.0"
    assert row["Size"] == "9.7 MB"
    assert "facepriv fetch deepface-gender" in said(app)
    assert "Your own models" not in said(app)


def test_a_network_is_added_checked_and_removed(empty, visit, said, files):
    app = visit("models")
    send(app, *files)
    assert "Added the classifier “own-gender”" in said(app)
    assert "own-gender" in app.table[0].value["Model"].tolist()
    assert not list(empty.temporary.glob("*"))
    next(b for b in app.button if b.label == "Check it again").click().run()
    assert "the trial succeeded" in said(app)
    next(b for b in app.button if b.label == "Delete this model …").click().run()
    next(b for b in app.button if b.label == "Delete").click().run()
    assert "Removed “own-gender”" in said(app)
    assert list_own_names() == []
    with open_store(empty) as store:
        actions = [line.action for line in store.access.list()]
    assert sorted(actions) == ["model-added", "model-removed"]


def test_mistakes_are_told_and_nothing_is_kept(empty, visit, said, files):
    yaml, network = files
    app = visit("models")
    send(app, yaml, None)
    assert "Both files are needed" in said(app)
    send(app, yaml.replace(b"NCHW", b"NHWC"), network)
    assert "NHWC" in said(app)
    command = b"name: x1\nkind: classifier\nlicence: a\nsource: b\nversion: 1\ncommand: [touch, hacked]\n"
    send(app, command, network)
    assert "which only the command line may add" in said(app)
    assert list_own_names() == []
    assert not list(empty.temporary.glob("*"))


def test_a_damaged_model_can_be_removed(empty, visit, said):
    folder = empty.home / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "description.json").write_text("{")
    app = visit("models")
    assert "broken is damaged" in said(app)
    next(b for b in app.button if b.label == "Delete this model …").click().run()
    next(b for b in app.button if b.label == "Delete").click().run()
    assert not folder.exists()
