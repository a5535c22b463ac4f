"""New folders of the server that pages may release into: directly inside the allowed ones, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.services.releases.release_folders import new_release_folder, release_roots


def settings_of(*folders: Path) -> Settings:
    return Settings(release_folders=os.pathsep.join(map(str, folders)))


def test_only_folders_that_are_there_are_offered(tmp_path: Path):
    assert release_roots(Settings()) == ()
    assert release_roots(settings_of(tmp_path, tmp_path / "missing")) == (tmp_path.resolve(),)


def test_a_new_folder_lies_directly_inside_an_allowed_one(tmp_path: Path):
    folder = new_release_folder(settings_of(tmp_path), tmp_path.resolve().as_posix(), " staff 2027 ")
    assert folder == tmp_path.resolve() / "staff 2027"
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["", "  ", ".", "..", "../other", "a/b", "a\\b", "/etc", ".hidden", "C:x", "x" * 101, "a\0b", "a\nb"]
)
def test_other_names_are_refused(tmp_path: Path, name: str):
    with pytest.raises(BadInputError) as refused:
        new_release_folder(settings_of(tmp_path), tmp_path.resolve().as_posix(), name)
    assert refused.value.code == "bad-folder-name"


def test_other_folders_are_refused(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for root in ("/", tmp_path.as_posix(), f"{tmp_path}/in/../", f"{tmp_path}/in/.."):
        with pytest.raises(BadInputError) as refused:
            new_release_folder(settings_of(tmp_path / "in"), root, "x")
        assert refused.value.code == "folder-not-allowed"


def test_nothing_is_written_over_nor_through_a_link(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "there").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "nowhere")
    for name in ("there", "link"):
        with pytest.raises(BadInputError) as refused:
            new_release_folder(settings_of(tmp_path / "in"), (tmp_path / "in").resolve().as_posix(), name)
        assert refused.value.code == "folder-exists"
