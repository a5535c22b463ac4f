"""A real server on a free port, and a real Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import open_store
from tests.finished_run import start_run
from tests.pages.conftest import audit_result, repeat_run, store_audit, work, write_faces
from tests.study_examples import add_study, progress_of

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
START_SECONDS = 60


@contextmanager
def serving(app: Path, home: Path, *, login: bool = False, **environment: str) -> Iterator[str]:
    """Run ``app`` for a data folder; gives its address. Without ``login`` it asks nobody who they are."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"server-{port}.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, str(app), "--port", str(port), *([] if login else ["--no-auth"])],
            env={**os.environ, "FACEPRIV_HOME": str(home), **environment},
            cwd=home.parent,
            stdout=out,
            stderr=out,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/_stcore/health", server, log)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"The server did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="module")
def chromium():
    """A headless browser, or a skip that says what is missing.

    Of the module only: Playwright keeps an event loop running in this thread, in which no other test could run its own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}; install it with: apt-get install chromium")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Settings:
    """A small data set with two complete runs, and an audit of either kind."""
    folder = tmp_path_factory.mktemp("filled")
    settings = Settings(home=folder / "home", workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, write_faces(folder / "few"), name="few")
        start_run(store, prepare_run(store, RunRequest(dataset="few", aim="guide")))
        work(settings.home)
        run = store.runs.get(1)
        assert run.state == "complete", run.error
        repeat_run(store, run, run.spec)
        store_audit(store, audit_result("as-it-is"))
        store_audit(store, audit_result("of-run"), run_id=1)
    add_study(settings, progress_of())
    return settings


@pytest.fixture
def filled_copy(filled, tmp_path) -> Settings:
    """A copy of that folder, to be changed."""
    shutil.copytree(filled.home, tmp_path / "home")
    return Settings(home=tmp_path / "home", workers=1)


@pytest.fixture(scope="module")
def filled_site(filled):
    with serving(ROOT / "app.py", filled.home, FACEPRIV_AUTO_WORKER="false") as address:
        yield address


@pytest.fixture
def screenshots(tmp_path) -> Path:
    """Folder for screenshots: ``FACEPRIV_SCREENSHOTS``, or a temporary one."""
    folder = Path(os.environ.get("FACEPRIV_SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def app_copy(tmp_path) -> Path:
    """The server with pages that only write down that they ran, and a router that stops before it names them."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "pages", copy / "pages")
    shutil.copytree(ROOT / ".streamlit", copy / ".streamlit")
    shutil.copyfile(ROOT / "app.py", copy / "app.py")
    for page in (copy / "pages").glob("*.py"):
        page.write_text(
            "import os, streamlit as st\n"
            f"with open(os.environ['RAN'], 'a') as out: out.write('{page.stem}\\n')\n"
            f"st.title('{page.stem} ran')\n"
        )
    return copy / "app.py"
