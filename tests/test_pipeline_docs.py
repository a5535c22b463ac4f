"""docs/pipeline.md runs as it is written, by command line and then in Python on what the commands have made."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.services.accounts.users import add_user
from facepriv.store import open_store
from tests.actors import TEST
from tests.own_model_files import ROOT
from tests.pages.conftest import write_faces

PAGE = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
GOAL = 'attacker_at_most=0.7, matches_lost=0.03, time="30m"'
SMALL = {
    "methods": ("colour-field",),
    "guides": ("dlib-gender",),
    "proportions": (0.5,),
    "select_by": ("image",),
    "attackers": ("sign", "template"),
    "classifiers": ("dlib-gender",),
    "matchers": ("sface",),
    "fmr": 0.01,
}
"""What keeps the study short; the rest is as on the page."""
OPTIONS = {
    "study": "--method colour-field --guide dlib-gender --proportion 0.5 --select-by image --attacker sign "
    "--attacker template --classifier dlib-gender --matcher sface --fmr 0.01",
    "audit": "--attacker sign",
}
"""The same for commands."""


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with photos of thirty people, and a data folder with the officer."""
    write_faces(tmp_path / "photos", subjects_each=15)
    with open_store(Settings(home=tmp_path / "home")) as store:
        add_user(store, "otto", "officer", password="correct horse battery", actor=TEST)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "FACEPRIV_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_page_runs_as_it_is_written(folder: Path):
    said = {}
    for line in block("sh").splitlines():
        name, *words = shlex.split(line, comments=True)
        assert name == "facepriv"
        if "RUN" in words:
            (number,) = json.loads((folder / "applied.json").read_text())["run_ids"]
            words[words.index("RUN")] = str(number)
        said[" ".join(words[:2])] = run(folder, "-m", "facepriv", *words, *OPTIONS.get(words[0], "").split())
    assert "60 images of 30 subjects" in said["import photos"]
    assert "Not protected" in said["audit staff"]
    assert "Goal" in said["study staff"]
    assert "Release it with: facepriv release" in said["studies apply"]
    assert "otto" in said["shares"]
    assert (folder / "staff.zip").is_file()
    assert "Releases" in said["releases --dataset"]

    small = ", ".join(f"{name}={value!r}" for name, value in SMALL.items())
    script = block("python")
    assert GOAL in script
    assert 'AuditRequest(dataset="staff")' in script
    script = script.replace(GOAL, f"{GOAL}, {small}")
    script = script.replace('AuditRequest(dataset="staff")', 'AuditRequest(dataset="staff", attackers=("sign",))')
    (folder / "pipeline.py").write_text(f'{script}\nassert study.id == 1, "the study is not made again"\n')
    printed = run(folder, "pipeline.py")
    assert "60 images in released" in printed
    with open_store(Settings(home=folder / "home")) as store:
        assert len(store.audits.list(states=("complete",))) == 2, "nothing was audited twice"
        assert len(store.releases.list()) == 2
        assert len(store.shares.list()) == 2
        (only,) = store.studies.list()
        assert only.state == "complete"
