"""Trees as deep as anybody made them are listed and removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facepriv.trees import files_below, remove_tree


def nest(folder: Path, depth: int, name: str = "a") -> None:
    """Make a file in folders so deep that neither recursion nor a path reaches it."""
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("face.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize(("depth", "name"), [(1050, "a"), (60, "n" * 250)], ids=["recursion", "path"])
def test_a_tree_of_any_depth_is_removed(tmp_path: Path, depth: int, name: str):
    nest(tmp_path / "deep", depth, name)
    assert remove_tree(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_a_deep_tree_is_listed(tmp_path: Path):
    nest(tmp_path / "deep", 1050)
    (tmp_path / "deep" / "b.jpg").touch()
    try:
        assert [file.name for file in files_below(tmp_path / "deep")] == ["b.jpg", "face.jpg"]
    finally:
        assert remove_tree(tmp_path / "deep"), "pytest could not remove it"


def test_links_are_removed_and_not_followed(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.jpg").touch()
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    for place in (tree, tree / "inner"):
        (place / "folder").symlink_to(outside, target_is_directory=True)
        (place / "nowhere").symlink_to(tmp_path / "nothing")
    assert list(files_below(tree)) == []
    assert remove_tree(tree)
    assert (outside / "kept.jpg").exists()
    (tmp_path / "link").symlink_to(outside, target_is_directory=True)
    assert not remove_tree(tmp_path / "link")
    assert (outside / "kept.jpg").exists()


def test_what_is_not_there_counts_as_gone(tmp_path: Path):
    assert remove_tree(tmp_path / "nothing")
    assert list(files_below(tmp_path / "nothing")) == []
