"""Temporary folders are held by a lock, and what nobody holds is removed."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facepriv import scratch
from facepriv.scratch import UNLOCKED_SECONDS, held_folder, left_files, remove_left, temporary_folder
from facepriv.trees import remove_tree

HOLD = """
import sys
from pathlib import Path
from facepriv.scratch import temporary_folder
with temporary_folder(Path(sys.argv[1]), "import-") as folder:
    (folder / "face.jpg").touch()
    print(flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_private_and_goes_with_its_block(tmp_path: Path):
    parent = tmp_path / "home" / "tmp"
    with temporary_folder(parent, "import-") as folder:
        assert folder.parent == parent
        assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(parent.stat().st_mode) == 0o700
        (folder / "face.jpg").touch()
    assert list(parent.iterdir()) == []


def test_what_a_killed_process_held_is_left_and_goes(tmp_path: Path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert left_files(tmp_path) == []
        assert remove_left(tmp_path) == 0
        assert len(list(tmp_path.glob("import-*/face.jpg"))) == 1
        process.kill()
    assert [file.name for file in left_files(tmp_path)] == ["face.jpg"]
    assert remove_left(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_called_so_and_not_needed_goes(tmp_path: Path):
    for name in (".new-a", ".new-b", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert remove_left(tmp_path, ".new-", lambda name: name == ".new-b") == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".new-b", "model"]


def test_a_file_beside_the_folders_goes_after_a_day(tmp_path: Path):
    old, young = tmp_path / "old", tmp_path / "young"
    old.touch()
    young.touch()
    past = time.time() - UNLOCKED_SECONDS - 60
    os.utime(old, (past, past))
    assert left_files(tmp_path) == [old]
    assert remove_left(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [young]


def test_a_folder_that_was_swept_before_it_was_held_is_made_again(tmp_path: Path):
    names = iter("ab")

    def make() -> Path:
        folder = tmp_path / next(names)
        folder.mkdir()
        if folder.name == "a":
            remove_tree(folder)  # as somebody who sweeps
        return folder

    with held_folder(make) as folder:
        assert folder.name == "b"
        assert remove_left(tmp_path) == 0
    assert folder.exists()


def test_where_nothing_can_be_locked_a_folder_is_left_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(handle: int, operation: int) -> None:
        raise OSError(scratch._NO_LOCKS[0], "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with temporary_folder(tmp_path, "import-") as folder:
        assert remove_left(tmp_path) == 0
        past = time.time() - UNLOCKED_SECONDS - 60
        os.utime(folder, (past, past))
        assert remove_left(tmp_path) == 0, "nothing was in it"
        assert not folder.exists()
