"""The command line as a user meets it: help, wrong usage, exit codes and sentences."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

import facepriv
from facepriv.cli import app
from tests.cli.terminal import Said, Terminal, assert_one_sentence, assert_usage

pytestmark = pytest.mark.xdist_group("cli")


def commands() -> list[tuple[str, ...]]:
    group = typer.main.get_command(app)
    found: list[tuple[str, ...]] = [()]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found.append((name,))
        found += [(name, below) for below in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command(empty, words):
    said = empty(*words, "--help")
    assert said.code == 0
    assert f"Usage: {' '.join(('facepriv', *words))}" in re.sub(r"\s+", " ", said.out)
    assert not empty.home.exists(), "help writes nothing"


def test_the_commands_of_the_user_guide_exist():
    wanted = ["import", "datasets", "models", "methods", "perturb", "runs", "show", "export", "serve", "demo"]
    assert {(name,) for name in wanted} <= set(commands())


def test_version(empty):
    assert empty("--version") == Said(0, f"facepriv {facepriv.__version__}\n", "")


def test_no_command_shows_the_help(empty):
    said = empty()
    assert said.code == 2
    assert "perturb" in said.out + said.err


@pytest.mark.parametrize(
    "words",
    [
        ("fly",),
        ("import",),
        ("import", "somewhere"),
        ("perturb",),
        ("perturb", "few", "--set"),
        ("perturb", "few", "--limit", "much"),
        ("show",),
        ("show", "first"),
        ("export", "1"),
        ("runs", "--limit", "few"),
        ("serve", "--port", "http"),
        ("datasets", "--json"),
        ("schema", "extra"),
    ],
    ids=" ".join,
)
def test_wrong_usage(empty, words):
    assert_usage(empty(*words))
    assert not empty.home.exists(), "wrong usage writes nothing"


def test_a_json_file_that_cannot_be_is_told_before_any_work(empty, tmp_path):
    for target in (tmp_path, tmp_path / "no" / "such.json"):
        assert_usage(empty("demo", "--no-serve", "--json", target), "Expected a file in an existing folder")
    assert not empty.home.exists()


def test_starting_is_quick_and_loads_no_models():
    heavy = [
        "dlib",
        "onnxruntime",
        "cv2",
        "sklearn",
        "skimage",
        "plotly",
        "streamlit",
        "deepface",
        "sqlalchemy",
        "numpy",
    ]
    code = f"import sys, facepriv.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("command", "what"), [("datasets", "data set"), ("runs", "run")])
def test_empty_lists_say_how_to_begin(empty, command, what):
    said = empty(command)
    assert said.code == 0
    assert f"There is no {what} yet" in said.out
    assert "`facepriv" in said.out
    assert empty.json(command) == {"schema": f"facepriv.{command}/1", command: []}


def test_unknown_things_are_one_sentence(empty, tmp_path):
    assert_one_sentence(empty("perturb", "nobody"), "There is no data set 'nobody'", "import one first")
    assert_one_sentence(empty("show", "7"), "There is no run 7", "start one first")
    assert_one_sentence(empty("export", "7", "--out", tmp_path / "out"), "There is no run 7")
    assert_one_sentence(empty("import", tmp_path / "nothing", "--name", "x"), "nothing is there; check")
    assert not (tmp_path / "out").exists()


def test_a_real_process_ends_with_1_and_one_line(empty):
    process = empty.start("show", "7")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert err == "Error: There is no run 7; there is none yet; start one first.\n"


def test_a_data_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    said = Terminal(tmp_path / "file" / "home")("datasets")
    assert_one_sentence(said, "cannot be made", "set FACEPRIV_HOME to a folder that you may write to")
