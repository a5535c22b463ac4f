"""A folder that is written out is complete, or marked as unfinished and written again by the same command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from facepriv.errors import BadInputError
from facepriv.services.releases.key_file import choose_key_file, write_new_key_file
from facepriv.services.releases.output_folder import UNFINISHED, output_folder

NAMES = ("images", "manifest.csv")
CONTENT = {"key": "00ff"}
KILLED = """
import os, sys
from pathlib import Path
from facepriv.services.releases.key_file import choose_key_file, write_new_key_file
from facepriv.services.releases.output_folder import output_folder
folder, with_key = Path(sys.argv[1]), sys.argv[2]
key = choose_key_file(folder, None, ".key.json")
with output_folder(folder, ("images", "manifest.csv")):
    (folder / "images").mkdir()
    (folder / "images" / "face.png").touch()
    (folder / "manifest.csv").touch()
    if with_key != "before":
        write_new_key_file(key, {"key": "00ff"}, of=folder)
    if with_key == "opened":
        key.write_text("")
    os._exit(9)
"""


def kill_while_writing(folder: Path, with_key: str = "before") -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder), with_key], check=False).returncode == 9
    assert (folder / UNFINISHED).is_dir()


def write(folder: Path) -> Path:
    key = choose_key_file(folder, None, ".key.json")
    with output_folder(folder, NAMES):
        (folder / "manifest.csv").write_text("again")
        write_new_key_file(key, CONTENT, of=folder)
        assert (folder / UNFINISHED).is_dir()
    return key


@pytest.mark.parametrize("with_key", ["before", "opened", "after"])
def test_what_a_killed_process_wrote_is_written_again(tmp_path: Path, with_key: str):
    folder = tmp_path / "out"
    kill_while_writing(folder, with_key)
    key = write(folder)
    assert [file.name for file in folder.iterdir()] == ["manifest.csv"]
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInputError, match="exists") as caught:
        choose_key_file(folder, None, ".key.json")
    assert caught.value.code == "key-exists"


def test_the_key_of_another_release_stays(tmp_path: Path):
    folder = tmp_path / "out"
    kill_while_writing(folder, "after")
    (tmp_path / "out.key.json").write_text("another's")
    with pytest.raises(BadInputError) as caught:
        write(folder)
    assert caught.value.code == "key-exists"
    assert (tmp_path / "out.key.json").read_text() == "another's"


def test_other_files_stay_where_a_killed_process_wrote(tmp_path: Path):
    folder = tmp_path / "out"
    kill_while_writing(folder)
    (folder / "notes.txt").touch()
    with pytest.raises(BadInputError) as caught:
        write(folder)
    assert caught.value.code == "folder-not-empty"
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_a_folder_that_another_process_writes_to_is_left_to_it(tmp_path: Path):
    folder = tmp_path / "out"
    with output_folder(folder, NAMES):
        (folder / "manifest.csv").touch()
        with pytest.raises(BadInputError) as caught, output_folder(folder, NAMES):
            pass
        assert caught.value.code == "folder-not-empty"
        assert (folder / "manifest.csv").exists()


@pytest.mark.parametrize("existed", [True, False])
def test_nothing_is_left_after_an_error(tmp_path: Path, existed: bool):
    folder = tmp_path / "out"
    if existed:
        folder.mkdir()

    def fail() -> None:
        with output_folder(folder, NAMES):
            (folder / "manifest.csv").touch()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert folder.exists() is existed
    assert not existed or list(folder.iterdir()) == []
