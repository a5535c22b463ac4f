"""Folders that pages may import from: those that are allowed and below, however another is written."""

from __future__ import annotations

import os

import pytest

from facepriv.errors import BadInputError
from facepriv.services.datasets.import_folders import allowed_folder, allowed_roots, subfolders


@pytest.fixture
def allowed(tmp_path, settings):
    for folder in ("data/set/deep", "data/.hidden", "other/set", "database"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "out").symlink_to(tmp_path / "database")
    (tmp_path / "data" / "in").symlink_to(tmp_path / "data" / "set")
    roots = os.pathsep.join([str(tmp_path / "data"), str(tmp_path / "gone"), str(tmp_path / "other"), ""])
    return settings.model_copy(update={"import_folders": roots})


def test_nothing_is_allowed_unless_named(settings, tmp_path):
    assert allowed_roots(settings) == ()
    with pytest.raises(BadInputError) as caught:
        allowed_folder(settings, str(tmp_path))
    assert caught.value.code == "folder-not-allowed"


def test_what_is_below_is_allowed(allowed, tmp_path):
    assert allowed_roots(allowed) == (tmp_path / "data", tmp_path / "other")
    assert subfolders(allowed, str(tmp_path / "data")) == ("in", "set")
    assert subfolders(allowed, str(tmp_path / "data" / "set")) == ("deep",)
    assert allowed_folder(allowed, str(tmp_path / "data" / "in")) == tmp_path / "data" / "set"


@pytest.mark.parametrize(
    "written", ["data/../database", "data/out", "database", "", "data/set/../../../etc", "data\0", "data/gone", "~"]
)
def test_nothing_else_is(allowed, tmp_path, written):
    for folder in (f"{tmp_path}/{written}" if written not in ("", "~") else written, written):
        for look in (allowed_folder, subfolders):
            with pytest.raises(BadInputError) as caught:
                look(allowed, folder)
            assert caught.value.code == "folder-not-allowed"


def test_a_link_to_a_file_outside_is_refused(allowed, tmp_path):
    (tmp_path / "database" / "secret.jpg").write_bytes(b"x")
    (tmp_path / "data" / "set" / "deep" / "a.jpg").symlink_to(tmp_path / "database" / "secret.jpg")
    with pytest.raises(BadInputError, match=r"deep/a\.jpg") as caught:
        allowed_folder(allowed, str(tmp_path / "data" / "set"))
    assert caught.value.code == "link-outside"
