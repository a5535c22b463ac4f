"""For all tests of commands: an installation without data, and one with a finished job."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.terminal import Said, Terminal, write_faces


@pytest.fixture
def empty(tmp_path: Path) -> Terminal:
    """A terminal on an installation without data."""
    return Terminal(tmp_path / "home")


@dataclass(frozen=True)
class Job:
    """A terminal on an installation with one data set and one complete run, and what making them said."""

    run: Terminal
    folder: Path
    imported: Said
    import_json: dict
    perturbed: Said
    perturb_json: dict


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    base = tmp_path_factory.mktemp("cli")
    terminal = Terminal(base / "home")
    faces = write_faces(base / "faces")
    (faces / "s003_3.jpg").write_text("no image")
    with (faces / "labels.csv").open("a") as stream:
        stream.write("s003_3.jpg,s003,male\n")
    imported = terminal("import", faces, "--name", "few", "--json", base / "import.json")
    assert imported.code == 0, imported.err
    words = (
        "--matcher",
        "sface",
        "--matcher",
        "dlib-resnet",
        "--method",
        "algorithm1",
        "--set",
        "candidates=opposite",
        "--set",
        "eps=0.3",
        "--seed",
        "5",
    )
    perturbed = terminal("perturb", "few", *words, "--json", base / "run.json")
    assert perturbed.code == 0, perturbed.err
    return Job(
        terminal,
        faces,
        imported,
        json.loads((base / "import.json").read_text()),
        perturbed,
        json.loads((base / "run.json").read_text()),
    )
