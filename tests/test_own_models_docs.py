"""The worked example of docs/your-own-models.md runs as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from facepriv.own_models.description import AlignedChip, BoxSquare, CommandClassifier, EyeSquare, read_yaml
from tests.own_model_files import EXAMPLES, ROOT

PAGE = (ROOT / "docs" / "your-own-models.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_yaml_on_the_page_is_the_examples_and_can_be_read():
    network, command = blocks("yaml")
    assert yaml.safe_load(network) == yaml.safe_load((EXAMPLES / "tiny-gender.yaml").read_text(encoding="utf-8"))
    read_yaml(network.encode())
    assert isinstance(read_yaml(command.encode()), CommandClassifier)


def test_defaults_on_the_page_are_the_codes():
    assert f"`padding` ({AlignedChip(kind='aligned-chip').padding})" in PAGE
    square = EyeSquare(kind="eye-square")
    assert f"`side` ({square.side}), `below` ({square.below}), `level` ({str(square.level).lower()})" in PAGE
    assert f"`margin` ({BoxSquare(kind='box-square').margin:g})" in PAGE


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    (script,) = blocks("bash")
    folder = tmp_path / "examples"
    folder.mkdir()
    for file in EXAMPLES.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    environment = {
        **os.environ,
        "FACEPRIV_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    shell = 'set -e; facepriv() { python3 -m facepriv "$@"; }\n' + script
    done = subprocess.run(["bash", "-c", shell], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Added the classifier tiny-gender" in done.stdout
    assert "tiny-command is unchanged and passed its trial on demo faces." in done.stdout
    assert "demo faces their label" not in done.stdout, "the tiny models tell the demo faces apart"
    assert sorted(path.name for path in (tmp_path / "home" / "models").iterdir()) == ["tiny-gender"]
    assert list((tmp_path / "home" / "tmp").iterdir()) == []
