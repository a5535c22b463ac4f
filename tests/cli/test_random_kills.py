"""Fifty kills at random moments of commands that write: the next commands find everything, and leave nothing behind."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.services.jobs.worker import run_worker
from facepriv.services.releases.output_folder import UNFINISHED
from facepriv.services.upkeep import doctor
from facepriv.services.upkeep.database import restore_database
from facepriv.services.upkeep.doctor import examine
from facepriv.services.upkeep.orphans import collect_orphans
from facepriv.store import open_store
from facepriv.store.artifacts import MANY
from facepriv.store.records import NewTemplateSet
from tests.actors import TEST
from tests.finished_run import Finished, labelled_demo
from tests.protection_examples import add_people
from tests.store_examples import create, put_images, template_rows
from tests.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")]

SEED = 20
FACES = ("s001_1", "s003_1", "s003_2")
TENDED = (
    "artifact files",
    "artifact contents",
    "database",
    "database content",
    "ownership",
    "access log",
    "permissions",
)
"""Checks of `facepriv doctor` that no kill may make more of than a notice."""
LEFT = ("temporary files", "orphans", "purges", "workers")
"""Checks that name what a kill left, and what finishes it."""
RELEASE = """
import sys
from pathlib import Path
from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.scratch import spooling_into
from facepriv.services.releases.release import write_release
from facepriv.store import open_store
from tests.actors import TEST
try:
    with open_store(get_settings()) as store, spooling_into(get_settings().temporary):
        write_release(store, {1: 0.5}, Path(sys.argv[1]), select_by="image", actor=TEST)
except FaceprivError as error:
    sys.exit(f"Error: {error}")
"""
"""The end of `facepriv policy 1 --p 0.5 --out FOLDER`, without the audit before it."""


Begun = Callable[[], bool]


@dataclass
class Desk:
    """A data folder with a finished run and a template set, and a place to write to."""

    folder: Path
    settings: Settings
    random: random.Random
    environment: dict[str, str] = field(init=False)
    unrelated: dict[str, str] = field(init=False)
    """SHA-256 of the artifacts that no command here has to do with, by path."""

    def __post_init__(self) -> None:
        system = self.folder / "system"
        system.mkdir()
        self.environment = {
            **os.environ,
            "FACEPRIV_HOME": str(self.settings.home),
            "FACEPRIV_WORKERS": "1",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(system),
            "SQLITE_TMPDIR": str(system),
        }
        self.unrelated = self.artifacts()

    def artifacts(self) -> dict[str, str]:
        files = (file for file in self.settings.artifacts.rglob("*") if file.is_file())
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def start(self, *words: object) -> subprocess.Popen[str]:
        command = ["-c", *words] if words[0] is RELEASE else ["-m", "facepriv", *words]
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: object) -> None:
        process = self.start(*words)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said

    def seconds(self, has_begun: Begun, *words: object) -> float:
        """Run a command; return how long it took from the moment at which it had begun."""
        process = self.start(*words)
        assert wait_for(lambda: has_begun() or process.poll() is not None)
        began = time.monotonic()
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return time.monotonic() - began

    def kill(self, has_begun: Begun, after: float, *words: object) -> bool:
        """Start a command and kill it, at times with all that it started; return whether it was still at work."""
        process = self.start(*words)
        assert wait_for(lambda: has_begun() or process.poll() is not None)
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        was_at_work = process.poll() is None
        process.kill()
        if self.random.random() < 0.5:
            for other in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(other, signal.SIGKILL)
        process.communicate()
        assert wait_until(lambda: not self.processes(), 90), "a worker did not end"
        return was_at_work

    def processes(self) -> set[int]:
        """Return the processes that work on this data folder."""
        mark = f"FACEPRIV_HOME={self.settings.home}\0".encode()
        found = set()
        for place in Path("/proc").iterdir():
            with suppress(OSError):
                state = (place / "stat").read_text().rpartition(")")[2].split()[0] if place.name.isdecimal() else "Z"
                if state != "Z" and mark in (place / "environ").read_bytes():
                    found.add(int(place.name))
        return found - {os.getpid()}

    def assert_nothing_is_broken(self) -> None:
        """What a kill left is named with what finishes it, and nothing else is wrong."""
        checks = {check.name: check for check in examine(self.settings, quick=True, least_free=0)}
        assert {name: checks[name].sentence for name in TENDED if checks[name].status == "problem"} == {}
        for name in LEFT:
            sentence = checks[name].sentence
            assert checks[name].status == "ok" or "facepriv collect" in sentence or "facepriv worker" in sentence
        assert self.unrelated.items() <= self.artifacts().items()

    def assert_nothing_is_left(self) -> None:
        checks = {check.name: check for check in examine(self.settings, least_free=0)}
        assert {name: checks[name].sentence for name in TENDED if checks[name].status == "problem"} == {}
        assert {name: checks[name].sentence for name in LEFT if checks[name].status != "ok"} == {}
        assert self.unrelated.items() <= self.artifacts().items()
        home = self.settings.home
        places = (self.settings.temporary, self.folder / "system", home / "imports", home / "template-imports")
        assert [path for place in places for path in place.rglob("*") if path.is_file()] == []


def wait_for(condition: Begun) -> bool:
    """Wait as `wait_until`, and notice it within a millisecond."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    return condition()


@pytest.fixture(autouse=True)
def known_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the models, which no command here changes, only once."""
    monkeypatch.setattr(doctor, "list_models", cache(doctor.list_models))


@pytest.fixture
def desk(finished: Finished, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    home = tmp_path / "home"
    # By another process: whoever closes a copied SQLite file gives up the locks of all its open connections to it.
    subprocess.run(["cp", "-a", finished.settings.home, home], check=True)
    settings = Settings(home=home, workers=1)
    with open_store(settings) as store:
        add_people(store, "staff")
    return Desk(tmp_path, settings, random.Random(f"{SEED} {request.node.name}"))


def importing(desk: Desk, number: int, source: Path) -> tuple[object, ...]:
    return ("import", source, "--name", f"new-{number}", "--no-quality", "--yes")


def faces(desk: Desk) -> Path:
    folder = desk.folder / "faces"
    if not folder.exists():
        labelled_demo(folder, FACES)
        for file in folder.glob("*.jpg"):  # other bytes than those of the run's images
            file.write_bytes(file.read_bytes() + b"\0")
        shutil.make_archive(str(folder), "zip", folder)
    return folder


def import_folder(desk: Desk, number: int) -> tuple[object, ...]:
    return importing(desk, number, faces(desk))


def import_zip(desk: Desk, number: int) -> tuple[object, ...]:
    return importing(desk, number, faces(desk).with_suffix(".zip"))


def assert_imported(desk: Desk, number: int) -> None:
    with open_store(desk.settings) as store:
        (dataset,) = [each for each in store.datasets.list() if each.name == f"new-{number}"]
        assert len(store.datasets.images(dataset.id)) == len(FACES)


def purge(desk: Desk, number: int) -> tuple[object, ...]:
    with open_store(desk.settings) as store:
        images = put_images(store, *(f"{number} {image}".encode() for image in range(MANY + 1)))
        create(store, f"old-{number}", images)
    return ("purge", f"old-{number}", "--yes")


def remove_templates(desk: Desk, number: int) -> tuple[object, ...]:
    with open_store(desk.settings) as store:
        store.template_sets.save(NewTemplateSet(name=f"old-{number}", source="", reader=""), template_rows())
    return ("templates", "remove", f"old-{number}", "--yes")


def assert_purged(desk: Desk, number: int) -> None:
    with open_store(desk.settings) as store:
        assert f"old-{number}" not in [each.name for each in (*store.datasets.list(), *store.template_sets.list())]
    assert desk.artifacts() == desk.unrelated
    assert f"old-{number}".encode() not in b"".join(
        file.read_bytes() for file in desk.settings.home.glob("facepriv.sqlite*")
    )


def back_up(desk: Desk, number: int) -> tuple[object, ...]:
    (desk.folder / "backups").mkdir(exist_ok=True)
    return ("db", "backup", desk.folder / "backups" / f"{number}.backup")


def assert_restorable(desk: Desk, number: int) -> None:
    backups = desk.folder / "backups"
    assert {file.name for file in backups.iterdir()} == {f"{each}.backup" for each in range(number + 1)}
    home = desk.folder / f"restored-{number}"
    shutil.copytree(desk.settings.artifacts, home / "artifacts")
    settings = Settings(home=home)
    assert "none is missing" in restore_database(settings, backups / f"{number}.backup", actor=TEST)
    with open_store(settings) as store:
        assert store.runs.get(1).result is not None
        assert store.access.verify().broken_at is None


def export(desk: Desk, number: int) -> tuple[object, ...]:
    return ("export", 1, "--out", desk.folder / f"out-{number}")


def release(desk: Desk, number: int) -> tuple[object, ...]:
    return (RELEASE, desk.folder / f"out-{number}")


def protect(desk: Desk, number: int) -> tuple[object, ...]:
    options = ("--method", "mirroring", "--attacker", "linear", "--partings", "1")
    return ("protect", "staff", *options, "--out", desk.folder / f"out-{number}")


def assert_written(desk: Desk, number: int) -> None:
    files = {file.relative_to(desk.folder / f"out-{number}") for file in (desk.folder / f"out-{number}").rglob("*")}
    reference = {file.relative_to(desk.folder / "out-0") for file in (desk.folder / "out-0").rglob("*")}
    assert files == reference
    assert [len(list(desk.folder.glob(f"out-{n}.*key.json"))) for n in (0, number)] in ([0, 0], [1, 1])


Make = Callable[[Desk, int], tuple[object, ...]]
Check = Callable[[Desk, int], None]
COMMANDS: dict[str, tuple[int, Make, Check, str]] = {
    "import-folder": (7, import_folder, assert_imported, "home/imports/*"),
    "import-zip": (8, import_zip, assert_imported, "home/imports/*"),
    "purge": (9, purge, assert_purged, "home/tmp/spool-*"),
    "templates-remove": (4, remove_templates, assert_purged, "home/tmp/spool-*"),
    "backup": (8, back_up, assert_restorable, "backups/.*"),
    "export": (4, export, assert_written, "out-{number}"),
    "release": (5, release, assert_written, "out-{number}"),
    "protect": (5, protect, assert_written, "out-{number}"),
}
"""How often a command is killed, what makes it, what must hold in the end, and what shows that it has begun."""
WRITERS = ("export", "release", "protect")
assert sum(kills for kills, *_ in COMMANDS.values()) == 50


@pytest.mark.parametrize("kind", list(COMMANDS))
def test_the_next_commands_finish_what_a_kill_interrupted(desk: Desk, kind: str):
    kills, make, check, shows = COMMANDS[kind]

    def has_begun(number: int, files: int = 0) -> Begun:
        """Return whether there is what shows it, with so many files in it."""

        def look() -> bool:
            places = list(desk.folder.glob(shows.format(number=number)))
            return bool(places) and sum(file.is_file() for file in places[0].rglob("*")) >= files

        return look

    if kind == "protect":
        desk.run(*protect(desk, 100))  # the trial, which need not be made again
    seconds = desk.seconds(has_begun(0), *make(desk, 0))
    check(desk, 0)
    desk.assert_nothing_is_left()
    interrupted = 0
    for number in range(1, kills + 1):
        words = make(desk, number)
        if kind in WRITERS:
            # Too quick for a clock: killed as soon as so many files are there.
            files = desk.random.randrange(sum(file.is_file() for file in (desk.folder / "out-0").rglob("*")))
            desk.kill(has_begun(number, files), 0, *words)
            interrupted += (desk.folder / f"out-{number}" / UNFINISHED).is_dir()
        else:
            interrupted += desk.kill(has_begun(number), desk.random.uniform(0, 0.9) * seconds, *words)
        desk.assert_nothing_is_broken()
        again = desk.start(*words)
        said, _ = again.communicate(timeout=120)
        # What was finished at that moment is there already.
        assert again.returncode == 0 or ("Error: " in said and "Traceback" not in said), said
        with open_store(desk.settings) as store:
            if number % 2:
                collect_orphans(store, desk.settings)
            else:
                run_worker(desk.settings, until_idle=True)
        check(desk, number)
        desk.assert_nothing_is_left()
    assert interrupted >= (1 if kind in WRITERS else kills // 2)
