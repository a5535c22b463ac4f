"""The server's entry: what it refuses, and the settings that keep data here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import app
from facepriv.services.jobs.local_worker import worker_is_alive
from facepriv.store import open_store
from tests.store.old_databases import write_unknown_database
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Start the server in this process, which must refuse; gives the exit status and what was said."""
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    monkeypatch.setattr(app.app, "run", lambda **_: pytest.fail("it serves"))

    def start_here(arguments, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        try:
            status = app.main(arguments)
        except SystemExit as ended:
            status = ended.code
        return status, capsys.readouterr().err

    return start_here


@pytest.mark.parametrize(
    ("arguments", "environment", "what"),
    [
        (["--port", "0"], {}, "Expected a port from 1 to 65535, got '0'"),
        ([], {"FACEPRIV_PORT": "http"}, "Expected a port from 1 to 65535, got 'http'"),
    ],
)
def test_bad_options_are_one_sentence(refused, arguments, environment, what):
    status, said = refused(arguments, environment)
    assert status == 2
    assert what in said


@pytest.mark.parametrize(
    ("arguments", "environment", "what"),
    [
        *(
            (["--address", address], {}, "keep to a loopback address such as 127.0.0.1")
            for address in ("0.0.0.0", "192.168.1.5", "")
        ),
        (["--address", "0.0.0.0"], {}, "needs TLS before it: set FACEPRIV_PUBLIC_URL"),
        (["--address", "0.0.0.0", "--no-auth"], {}, "Without a login the dashboard is served on a loopback address"),
        (["--no-auth"], {"FACEPRIV_PUBLIC_URL": "https://faces.example.org"}, "Without a login"),
        ([], {"FACEPRIV_PUBLIC_URL": "http://faces.example.org"}, "must be an address like https://"),
        ([], {"FACEPRIV_PUBLIC_URL": "https://faces.example.org/x"}, "without a path"),
    ],
)
def test_nobody_reaches_it_in_the_open(refused, arguments, environment, what):
    status, said = refused(arguments, {"FACEPRIV_LOGIN": "true", **environment})
    assert status == 1
    assert what in said
    assert len(said.splitlines()) == 1


def test_unusable_store_ends_the_start_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--port", "8599"],
        env={**os.environ, "FACEPRIV_HOME": str(tmp_path / "file" / "home")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "FACEPRIV_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_an_unknown_revision_ends_the_start_with_what_to_do(tmp_path, refused):
    write_unknown_database(tmp_path / "facepriv.sqlite")
    status, said = refused(["--port", "8599"], {})
    assert status == 1
    (line,) = said.splitlines()
    assert line.endswith("install the facepriv that wrote it, or a newer one.")


def test_settings_keep_the_data_on_this_machine():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableStaticServing"] is False
    assert settings["server"]["fileWatcherType"] == "none"
    assert settings["runner"]["postScriptGC"] is False, "or every second of following a job costs a full collection"
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["client"]["toolbarMode"] == "minimal"


def test_no_page_stands_beside_the_main_script():
    # Streamlit takes every script in a folder "pages" beside the main script for a page that needs no router.
    assert not (ROOT / "pages" / "pages").exists()
    assert 'ROOT / "pages" / "router.py"' in (ROOT / "app.py").read_text()


@pytest.mark.fault
def test_a_run_outlives_the_server_that_is_killed(filled):
    """The worker beside the server goes on, finishes what waits, and ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "--port", str(port)], env={**os.environ, **filled.environment()}
    )
    try:
        with open_store(filled) as store:
            number = store.runs.create(store.runs.get(1).spec)
            assert wait_until(lambda: len(store.runs.images_done(number)) > 0, 90)
            server.kill()
            server.wait()
            job_id = store.runs.job_id(number)
            assert store.runs.get(number).state == "running"
            assert wait_until(lambda: store.runs.get(number).state == "complete", 120), store.jobs.log(job_id)
            assert store.runs.get(number).attempts == 1
        assert wait_until(lambda: not worker_is_alive(filled), 30)
    finally:
        server.kill()
        server.wait()
