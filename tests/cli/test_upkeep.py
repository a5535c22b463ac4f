"""`facepriv purge`, `retain`, `collect` and `doctor` as a user meets them."""

from __future__ import annotations

import getpass
import io
import json
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

import pytest

from facepriv.cli.store import get_actor
from facepriv.config import Settings
from facepriv.schemas.requests import RunRequest
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store, open_store
from facepriv.store.records import NewDataset
from tests.cli.terminal import Said, Terminal, assert_one_sentence, assert_usage, write_faces
from tests.store.tampering import change_access_line, set_revision

pytestmark = pytest.mark.xdist_group("cli-upkeep")

TODAY = date.today()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("housekeeping")
    terminal = Terminal(folder / "home")
    assert terminal("import", write_faces(folder / "a"), "--name", "four", "--retain-until", TODAY).code == 0
    assert terminal("import", write_faces(folder / "b", ("s001_1",)), "--name", "one").code == 0
    return terminal.home


@pytest.fixture
def terminal(tmp_path: Path, prepared: Path) -> Terminal:
    """Two data sets: four faces, and one of them again."""
    shutil.copytree(prepared, tmp_path / "home")
    return Terminal(tmp_path / "home")


def opened(terminal: Terminal) -> Store:
    return open_store(Settings(home=terminal.home))


def answer(terminal: Terminal, text: str, *words: object) -> Said:
    with mock.patch.object(sys, "stdin", io.StringIO(text)):
        return terminal(*words)


def files(terminal: Terminal) -> int:
    return len(list((terminal.home / "artifacts").rglob("*.png")))


def test_purging_asks_and_proves(terminal: Terminal):
    with opened(terminal) as store:
        run = store.runs.create(prepare_run(store, RunRequest(dataset="four", aim="guide")))
    would = terminal("purge", "four", "--dry-run")
    assert would.code == 0
    assert f"This deletes the data set 'four': 4 images, 1 run ({run}), 0 audits, 3 files." in would.out
    assert "1 file stays because the data set 'one' contains the same images." in would.out
    refused = answer(terminal, "n\n", "purge", "four")
    assert refused.code == 1
    assert "Permanently delete 1 data set?" in refused.out
    assert files(terminal) == 4
    purged = answer(terminal, "y\n", "purge", "four")
    assert purged.code == 0
    assert "3 files deleted. A scan of all files found 0 of 3 remaining." in purged.out
    assert "The database file was rewritten" in purged.out
    assert files(terminal) == 1
    with opened(terminal) as store:
        assert [record.name for record in store.datasets.list()] == ["one"]
        assert store.runs.count() == 0
        (line,) = store.access.list(action="dataset-purged")
        assert line.actor == get_actor().name
        assert line.origin == "command line"
        assert line.detail == "4 images, 1 run, 0 audits; 0 files of 3 left"
    assert b"s003" not in b"".join(path.read_bytes() for path in terminal.home.glob("facepriv.sqlite*"))


def test_what_remains_is_an_error(terminal: Terminal):
    with opened(terminal) as store, store.datasets.importing(NewDataset(name="coming", source="", reader="")):
        said = terminal("purge", "four", "--yes", "--json", "-")
    assert said.code == 1
    assert said.err.splitlines()[-1] == "Error: four could not be deleted completely; see above."
    (report,) = json.loads(said.out)["purged"]
    assert report["complete"] is False
    assert report["removed"] == 0
    assert len(report["remaining"]) == 3
    assert report["shared"] == {"one": 1}


def test_work_under_way_stands_in_the_way(terminal: Terminal):
    with opened(terminal) as store:
        run = store.runs.create(prepare_run(store, RunRequest(dataset="four", aim="guide")))
        assert store.jobs.claim("w1") is not None
        assert f"Not possible yet: run {run} is still active." in terminal("purge", "four", "--dry-run").out
        said = terminal("purge", "four", "--yes")
        assert said.code == 1
        assert f"cannot be deleted while run {run} on it is being worked on" in said.err
        store.jobs.fail(store.runs.job_id(run), "w1", "It broke.")
    assert terminal("purge", "four", "--yes", "--cancel").code == 0


def test_retention_is_shown_and_purged_on_demand_only(terminal: Terminal):
    assert str(TODAY) in terminal("datasets").out
    assert terminal.json("purge", "--expired", "--dry-run") == {
        "schema": "facepriv.purge/1",
        "would_go": [],
        "template_sets": [],
    }
    assert terminal("purge", "--expired", "--yes").out == "No data set has passed its retention date.\n"
    said = terminal("retain", "four", YESTERDAY)
    assert (
        said.out == f"four may be kept until {YESTERDAY}. That day has passed: facepriv purge --expired deletes it.\n"
    )
    assert f"{YESTERDAY}, PAST" in terminal("datasets").out
    assert [row["retain_until"] for row in terminal.json("datasets")["datasets"]] == [str(YESTERDAY), None]
    (plan,) = terminal.json("purge", "--expired", "--dry-run")["would_go"]
    assert plan["dataset"] == "four"
    assert plan["images"] == 4
    assert plan["files"] == 3
    assert files(terminal) == 4
    (report,) = terminal.json("purge", "--expired", "--yes")["purged"]
    assert report["dataset"] == "four"
    assert report["complete"] is True
    assert terminal("retain", "one", "none").out == "one may be kept without limit.\n"


@pytest.mark.parametrize(
    "words",
    [("purge",), ("purge", "four", "--expired"), ("delete",), ("delete", "four"), ("retain", "four")],
)
def test_wrong_usage(terminal: Terminal, words: tuple):
    assert_usage(terminal(*words))


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("purge", "nobody", "--yes"), "There is no data set 'nobody'"),
        (("retain", "nobody", "none"), "There is no data set 'nobody'"),
        (("retain", "four", "soon"), "A day like 2027-03-31, or none, was expected"),
        (("import", ".", "--name", "x", "--retain-until", "soon"), "The value of retain until cannot be 'soon'"),
        (("import", ".", "--name", "x", "--retain-until", "2020-01-01"), "2020-01-01 is past"),
    ],
)
def test_bad_input_gets_one_sentence(terminal: Terminal, words: tuple, part: str):
    assert_one_sentence(terminal(*words), part)


def test_orphans_are_shown_and_collected(terminal: Terminal):
    with opened(terminal) as store:
        store.artifacts.put(b"nobody's")
    shown = terminal("collect", "--dry-run")
    assert shown.out == "1 unused file found, 0 deleted.\n"
    found = terminal.json("collect")
    assert found["removed"] == 1
    assert found["left"] == 0
    assert found["missing"] == {}
    assert files(terminal) == 4


def test_the_doctor(terminal: Terminal):
    checks = terminal.json("doctor")["checks"]
    assert {check["name"]: check["status"] for check in checks if check["name"] not in ("models", "disk")} == {
        "database": "ok",
        "database content": "ok",
        "ownership": "ok",
        "artifact files": "ok",
        "orphans": "ok",
        "temporary files": "ok",
        "purges": "ok",
        "artifact contents": "ok",
        "workers": "ok",
        "retention": "ok",
        "access log": "ok",
        "permissions": "ok",
    }
    assert "Skipped by --quick" in terminal("doctor", "--quick").out
    next((terminal.home / "artifacts").rglob("*.png")).write_bytes(b"other bytes")
    set_revision(Settings(home=terminal.home), "9999")
    ill = terminal("doctor")
    assert ill.code == 1
    assert "1 file unreadable or changed" in " ".join(ill.out.replace("│", " ").split())
    assert ill.err.splitlines()[-1] == "Error: 2 problems: database and artifact contents."


def test_the_access_log_is_shown_and_checked(terminal: Terminal):
    assert "2 lines; no line was changed" in terminal("access").out
    terminal("purge", "four", "--yes")
    terminal("purge", "one", "--yes")
    with opened(terminal) as store:
        noted = store.access.list()[-1].chain_sha256
    said = terminal("access", "--limit", "1", "--expect", noted[:16])
    assert said.code == 0
    assert said.out.count("dataset-purged") == 1
    assert "6 lines; no line was changed. Hash of the last line: " in said.out
    assert f"{noted[:16]} is the hash of line 1." in said.out
    lines = terminal.json("access", "--actor", getpass.getuser())["lines"]
    assert [line["action"] for line in lines] == ["dataset-purged", "purge-begun"] * 2 + ["dataset-imported"] * 2
    assert {line["origin"] for line in lines} == {"command line"}
    assert terminal.json("access", "--actor", "ada")["lines"] == []
    assert_usage(terminal("access", "--expect", "abcdef012345678"), "16 to 64 hexadecimal digits")
    lost = terminal("access", "--expect", "f" * 16)
    assert lost.code == 1
    assert lost.err.startswith(f"Error: No line of the access log has the hash {'f' * 16}: the log was cut short")
    change_access_line(Settings(home=terminal.home), 1, actor="bob")
    broken = terminal("access")
    assert broken.code == 1
    assert broken.err.startswith("Error: Line 1 of the access log does not match the line before")
