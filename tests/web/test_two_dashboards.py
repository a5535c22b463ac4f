"""Two dashboards and two workers at one database: on one machine, and on two with PostgreSQL and an object store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from facepriv.config import Settings, make_private_folder
from facepriv.schemas.requests import RunRequest
from facepriv.services.accounts.users import add_user
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.interrupted_purges import find_interrupted
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.upkeep.doctor import examine
from facepriv.services.upkeep.orphans import collect_orphans
from facepriv.services.upkeep.purging import purge
from facepriv.store import Store, open_store
from tests.actors import TEST
from tests.browser.conftest import ROOT, serving
from tests.finished_run import FAST, METHOD, labelled_demo, start_run
from tests.store_examples import create, put_images
from tests.waiting import wait_until
from tests.web.conftest import PASSWORD
from tests.web.signing_in import read_signed_in
from tests.web.test_oidc import websocket_opens

pytestmark = pytest.mark.slow

RUNS = 4
FILES = 60


@dataclass
class Installation:
    machines: tuple[Settings, Settings]
    """The settings of either dashboard and worker."""
    addresses: tuple[str, str]
    store: Store


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """Have a worker of its own serve a data folder."""
    environment = {**os.environ, **settings.environment(), "OMP_NUM_THREADS": "1"}
    worker = subprocess.Popen([sys.executable, "-m", "facepriv", "worker"], env=environment)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


@pytest.fixture(params=["one machine", "two machines"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Two dashboards, started at the same moment where nothing is yet, and two workers."""
    home = tmp_path / "a" / "home"
    if request.param == "one machine":
        machines = (Settings(home=home, workers=1), Settings(home=home, workers=1))
    else:
        database = request.getfixturevalue("new_postgresql")()
        artifacts = f"{request.getfixturevalue('bucket_url')}/faces"
        machines = tuple(
            Settings(home=place, database=database, artifacts_url=artifacts, workers=1)
            for place in (home, tmp_path / "b" / "home")
        )
    for settings in machines:
        make_private_folder(settings.home)
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:

        def serve(settings: Settings) -> str:
            variables = {**settings.environment(), "FACEPRIV_AUTO_WORKER": "false"}
            return stack.enter_context(serving(ROOT / "app.py", settings.home, login=True, **variables))

        addresses = tuple(pool.map(serve, machines))
        store = stack.enter_context(open_store(machines[0]))
        add_user(store, "ada", "auditor", password=PASSWORD, actor=TEST)
        for settings in machines:
            stack.enter_context(working(settings))
        yield Installation(machines, addresses, store)


def sign_in(address: str) -> tuple[dict[str, str], str]:
    """Sign in; return the cookies and the page key."""
    form = {"name": "ada", "password": PASSWORD}
    answer = requests.post(f"{address}/login", data=form, headers={"Origin": address}, timeout=30)
    return answer.cookies.get_dict(), read_signed_in(answer.text)[1]


def in_parallel(*actions: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(actions)) as pool:
        for done in [pool.submit(action) for action in actions]:
            done.result()


def test_two_of_everything_at_one_database(installation: Installation, tmp_path: Path):
    (first, second), store = installation.addresses, installation.store

    # A session is one of both; ending it at one ends it at the other.
    cookies, key = sign_in(first)
    for address in (first, second):
        assert websocket_opens(address, cookies, key)
        assert not websocket_opens(address, cookies)
    leave = {"data": {"key": key}, "headers": {"Origin": second}, "cookies": cookies, "allow_redirects": False}
    assert requests.post(f"{second}/logout", **leave, timeout=30).status_code == 303
    assert not websocket_opens(first, cookies, key)

    # Guesses count at both together.
    wrong = {"name": "ada", "password": "wrong"}
    tried = [
        requests.post(f"{address}/login", data=wrong, headers={"Origin": address}, timeout=30).status_code
        for address in (first, second, first, second, first, second)
    ]
    assert tried == [401] * 5 + [429]

    # Every run is done once, by one of two workers, while both dashboards log and one machine purges.
    faces = labelled_demo(tmp_path / "faces", ("s001_1", "s003_1", "s003_2"))
    import_dataset(store, installation.machines[0], faces, name="few")
    options = {"method": METHOD, "parameters": FAST, "classifiers": [], "matchers": []}
    spec = prepare_run(store, RunRequest(dataset="few", **options))
    runs = [start_run(store, spec) for _ in range(RUNS)]
    create(store, "old", put_images(store, *(f"old {number}".encode() for number in range(FILES))))
    reports = []

    def purge_old() -> None:
        with open_store(installation.machines[1]) as opened:
            reports.append(purge(opened, installation.machines[1], opened.datasets.get("old").id, actor=TEST))

    def be_refused(address: str) -> None:
        for number in range(40):
            forged = {"facepriv_session": f"x{number}"}
            assert requests.get(f"{address}/runs", cookies=forged, timeout=30).status_code == 401

    in_parallel(purge_old, lambda: be_refused(first), lambda: be_refused(second))
    assert wait_until(lambda: all(store.runs.get(run.id).state not in ("waiting", "running") for run in runs), 240)
    files = []
    for run in runs:
        record = store.runs.get(run.id)
        assert record.state == "complete", record.error
        files.append([row.artifact_sha256 for row in store.runs.run_images(run.id)])
        taken = [line.text for line in store.jobs.log(record.job_id) if line.text.startswith("Taken up")]
        assert len(taken) == 1, taken
    assert files == [files[0]] * RUNS, "whoever does it, the same comes out"
    (report,) = reports
    # Files that are so young may be what a run is about to refer to: the report says that they stay, until it ends.
    assert report.removed + len(report.remaining) == FILES
    assert report.complete is (report.remaining == ())
    collect_orphans(store, installation.machines[0])
    kept = {image.artifact_sha256 for image in store.datasets.images(spec.dataset.id)}.union(*files)
    assert {sha256 for sha256, _ in store.artifacts.list()} - kept == set(), "nothing else is left"
    assert kept <= {sha256 for sha256, _ in store.artifacts.list()}
    assert store.access.verify().broken_at is None
    assert find_interrupted(store) == ()

    for settings in installation.machines:
        checks = examine(settings, least_free=0)
        assert {check.name: check.sentence for check in checks if check.status == "problem"} == {}
