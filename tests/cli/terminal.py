"""A terminal to type commands into, what they say, and faces for them to work on."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from facepriv.cli import main
from facepriv.datasets.demo import demo_folder

PAPER = ("--method", "algorithm1")
NAMES = ("s001_1", "s001_2", "s003_1", "s003_2")
LABELS = {"s001": "female", "s003": "male"}


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs `facepriv` on one data folder, in this process but through its real entry point."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "FACEPRIV_HOME": str(home), "FACEPRIV_WORKERS": "1", "TERMINAL_WIDTH": "140"}
        # Set where tests run in several processes, and sentences would be broken at that width.
        self.environment.pop("COLUMNS", None)

    def __call__(self, *words: object) -> Said:
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", ["facepriv", *map(str, words)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Said(code, out.getvalue(), err.getvalue())

    def json(self, *words: object) -> dict:
        said = self(*words, "--json", "-")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "facepriv", *map(str, words)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def assert_one_sentence(said: Said, *parts: str) -> None:
    """Exit code 1, nothing on standard output, one sentence on standard error."""
    assert said.code == 1
    assert said.out == ""
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert last.endswith(".")
    assert "Traceback" not in said.err
    for part in parts:
        assert part in last


def assert_usage(said: Said, *parts: str) -> None:
    """Exit code 2 and how it is used."""
    assert said.code == 2
    assert said.out == ""
    assert "Error" in said.err
    assert "Traceback" not in said.err
    plain = re.sub(r"[\s│]+", " ", said.err)
    for part in parts:
        assert part in plain


def write_faces(folder: Path, names=NAMES) -> Path:
    folder.mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("file", "subject", "gender"))
        for name in names:
            shutil.copy(demo_folder() / "images" / name[:4] / f"{name}.jpg", folder)
            rows.writerow((f"{name}.jpg", name[:4], LABELS[name[:4]]))
    return folder
