"""Released templates: the file, what production makes of its map, the key apart, and nothing half written."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import onnxruntime
import pytest

import facepriv.protect
from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.schemas.requests import ProtectionRequest
from facepriv.scratch import left_files
from facepriv.services.jobs.submit import submit
from facepriv.services.protections import download
from facepriv.services.protections.download import make_download
from facepriv.services.protections.release import MANIFEST, MAP, MAP_ONNX, read_key, write_protected
from facepriv.services.upkeep.orphans import held_files
from facepriv.store import open_store
from tests.actors import TEST
from tests.datasets.templates.tables import read
from tests.protection_examples import QUICK, add_people, complete_trial


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """An installation with a trial of the recommended protection, which is keyed, and one that waits."""
    settings = Settings(home=tmp_path_factory.mktemp("release") / "home", workers=1)
    with open_store(settings) as store:
        add_people(store, "staff")
        complete_trial(settings, store, templates="staff")
        submit(store, settings, ProtectionRequest(templates="staff", seed=1, **QUICK), TEST)
    return settings


@pytest.fixture
def store(settings):
    with open_store(settings) as store:
        yield store


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_production_makes_the_same_templates_by_map_and_key(store, tmp_path, suffix):
    released = write_protected(store, 1, tmp_path / "out", actor=TEST, suffix=suffix)
    assert released.key_file is not None
    assert released.key_file.stat().st_mode & 0o777 == 0o600
    there, original = read(released.file).templates, store.template_sets.read("staff")
    assert not there.labels.any(), "labels are not released"
    np.testing.assert_array_equal(there.records, original.records)
    fitted = facepriv.protect.load(released.folder / MAP)
    protected = fitted.protect(original.rows, original.subjects, key=read_key(released.key_file))
    np.testing.assert_allclose(there.rows, protected, atol=1e-6)
    assert np.abs(there.rows - original.rows).max() > 0.01
    assert onnxruntime.InferenceSession(str(released.folder / MAP_ONNX)).get_inputs()


def test_the_manifest_tells_what_it_is_and_no_secret(store, tmp_path):
    released = write_protected(store, 1, tmp_path / "out", actor=TEST)
    assert released.file.suffix == ".npz", "as the set came"
    text = (released.folder / MANIFEST).read_text()
    manifest = json.loads(text)
    assert manifest["schema"] == "facepriv.protected-templates/1"
    assert manifest["judged"]["worst_attacker"]["reversed_accuracy"]["value"] >= 0.5
    assert manifest["not_covered"]
    assert released.key_file is not None
    key = json.loads(released.key_file.read_text())["key"]
    assert all(key not in file.read_text(errors="ignore") for file in released.folder.iterdir())
    line = store.access.list(action="templates-protected")[0]
    assert (line.subject, line.detail) == ("protection 1", "template set 1")


def test_a_key_of_an_earlier_release_gives_the_same_templates_again(store, tmp_path):
    first = write_protected(store, 1, tmp_path / "first", actor=TEST)
    assert first.key_file is not None
    again = write_protected(store, 1, tmp_path / "again", actor=TEST, key=read_key(first.key_file))
    other = write_protected(store, 1, tmp_path / "other", actor=TEST)
    rows = [read(released.file).templates.rows for released in (first, again, other)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.abs(rows[0] - rows[2]).max() > 0.01


def test_refusals_leave_nothing(store, tmp_path):
    def refused(number, folder, **more) -> str:
        with pytest.raises(BadInputError) as caught:
            write_protected(store, number, folder, actor=TEST, **more)
        return caught.value.code

    assert refused(2, tmp_path / "out") == "protection-not-complete"
    assert refused(1, tmp_path / "out", key_file=tmp_path / "out" / "key.json") == "key-in-release"
    (tmp_path / "key.json").touch()
    assert refused(1, tmp_path / "out", key_file=tmp_path / "key.json") == "key-exists"
    assert refused(1, tmp_path / "out", suffix=".txt") == "unknown-format"
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInputError) as caught:
        read_key(tmp_path / "key.json")
    assert caught.value.code == "not-a-key"


def test_a_download_has_the_key_apart(store, settings):
    made = make_download(store, settings, 1, actor=TEST, suffix=".csv")
    names = zipfile.ZipFile(io.BytesIO(made.archive)).namelist()
    assert sorted(names) == [MANIFEST, MAP, MAP_ONNX, "templates.csv"]
    assert made.key is not None
    assert json.loads(made.key)["schema"] == "facepriv.protection-key/1"


def test_a_download_is_prepared_where_a_purge_looks(store, settings, monkeypatch):
    seen = []

    def noted(store, number, folder, **more):
        released = write_protected(store, number, folder, **more)
        seen.extend((file, file.parents[1].stat().st_mode & 0o777) for file in [*folder.iterdir()])
        assert {file for file, _ in seen} | {released.key_file} == set(held_files(settings))
        assert left_files(settings.temporary) == [], "somebody is at it"
        return released

    monkeypatch.setattr(download, "write_protected", noted)
    make_download(store, settings, 1, actor=TEST)
    assert {mode for _, mode in seen} == {0o700}
    assert [*settings.temporary.iterdir()] == []
