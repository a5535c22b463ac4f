"""What only a folder of artifacts can do; `tests/contracts/test_artifacts.py` has what every kind must."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from facepriv.errors import StorageFullError, StoreError
from facepriv.store.folder_artifacts import FolderArtifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "artifacts")


def files(artifacts: FolderArtifacts) -> list[Path]:
    return [path for path in artifacts.folder.rglob("*") if path.is_file()]


def test_a_file_stands_below_the_first_digits_of_its_hash(artifacts: FolderArtifacts) -> None:
    sha256 = artifacts.put(b"a face")
    assert artifacts.path(sha256) == artifacts.folder / sha256[:2] / f"{sha256}.png"
    assert files(artifacts) == [artifacts.path(sha256)]
    with pytest.raises(StoreError, match="64 hexadecimal digits"):
        artifacts.path("../" * 21 + "x")


def test_only_the_owner_may_read(artifacts: FolderArtifacts) -> None:
    path = artifacts.path(artifacts.put(b"a face"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(artifacts.folder.stat().st_mode) == 0o700


def test_putting_twice_writes_once(artifacts: FolderArtifacts) -> None:
    path = artifacts.path(artifacts.put(b"a face"))
    before = path.stat()
    artifacts.put(b"a face")
    assert path.stat().st_ino == before.st_ino
    assert files(artifacts) == [path]


def test_a_file_put_meanwhile_is_not_removed_for_its_age(
    artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever removes has seen an old file; before it acts, another process puts the same bytes."""
    sha256 = artifacts.put(b"a face")
    os.utime(artifacts.path(sha256), (1, 1))
    rename = Path.rename

    def late(file: Path, target: Path) -> Path:
        FolderArtifacts(artifacts.folder).put(b"a face")
        return rename(file, target)

    monkeypatch.setattr(Path, "rename", late)
    assert artifacts.delete(sha256, put_before=time.time() - 60) is False
    assert artifacts.sweep(lambda hashes: (), put_before=time.time() - 60) == 0
    assert artifacts.get(sha256) == b"a face"
    assert files(artifacts) == [artifacts.path(sha256)]
    assert artifacts.delete(sha256, put_before=time.time() + 60) is True
    assert files(artifacts) == []


def test_full_disk_leaves_nothing_half_written(artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    artifacts.delete(artifacts.put(b"a face"))  # its folder stays
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="no space left"):
        artifacts.put(b"a face")
    assert files(artifacts) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written to"):
        FolderArtifacts(tmp_path / "file" / "artifacts").put(b"a face")


def test_sweep_takes_what_interrupted_writes_left(artifacts: FolderArtifacts) -> None:
    wanted, unwanted, young = (artifacts.put(data) for data in (b"wanted", b"unwanted", b"young"))
    left_behind, being_written = (artifacts.path(wanted).with_name(name) for name in (".tmp-abc", ".tmp-def"))
    for path in (left_behind, being_written):
        path.write_bytes(b"half a fa")
    for path in (artifacts.path(wanted), artifacts.path(unwanted), left_behind):
        os.utime(path, (1, 1))
    assert artifacts.half_written() == sorted([left_behind.name, being_written.name])
    assert artifacts.sweep(lambda hashes: {wanted} & {*hashes}, put_before=time.time() - 3600) == 2
    assert artifacts.half_written() == [being_written.name]
    assert sorted(files(artifacts)) == sorted([artifacts.path(wanted), artifacts.path(young), being_written])
