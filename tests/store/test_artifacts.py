"""The artifact folder: whole files or none, and nothing but what was written."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepriv.errors import StorageFullError, StoreError
from facepriv.store.artifacts import ArtifactStore

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def files(artifacts: ArtifactStore) -> list[Path]:
    return [path for path in artifacts.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("data", [b"", b"some bytes", bytes(3_000_000)])
def test_bytes_come_back(artifacts: ArtifactStore, data: bytes) -> None:
    sha256 = artifacts.put(data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert artifacts.path(sha256) == artifacts.folder / sha256[:2] / f"{sha256}.png"
    assert artifacts.path(sha256).is_file()
    assert artifacts.get(sha256) == data


def test_suffixes_are_kept_apart(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"an array", ".npy")
    assert artifacts.get(sha256, ".npy") == b"an array"
    assert list(artifacts.list()) == [(sha256, ".npy")]


def test_only_the_owner_may_read(artifacts: ArtifactStore) -> None:
    path = artifacts.path(artifacts.put(b"a face"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(artifacts.folder.stat().st_mode) == 0o700


def test_putting_twice_writes_once(artifacts: ArtifactStore) -> None:
    path = artifacts.path(artifacts.put(b"a face"))
    os.utime(path, (1, 1))
    before = path.stat()
    artifacts.put(b"a face")
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime > time.time() - 60, "a sweep must see that the file was wanted again"
    assert files(artifacts) == [path]


def test_damage_is_found_and_mended_by_putting_again(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"a face")
    artifacts.path(sha256).write_bytes(b"a fact")
    with pytest.raises(StoreError, match=r"damaged.*restore it"):
        artifacts.get(sha256)
    assert artifacts.put(b"a face") == sha256
    assert artifacts.get(sha256) == b"a face"


def test_a_file_put_meanwhile_is_not_removed_for_its_age(
    artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever removes has seen an old file; before it acts, another process puts the same bytes."""
    sha256 = artifacts.put(b"a face")
    os.utime(artifacts.path(sha256), (1, 1))
    rename = Path.rename

    def late(file: Path, target: Path) -> Path:
        ArtifactStore(artifacts.folder).put(b"a face")
        return rename(file, target)

    monkeypatch.setattr(Path, "rename", late)
    assert artifacts.delete(sha256, put_before=time.time() - 60) is False
    assert artifacts.sweep(lambda hashes: (), older_than=60) == 0
    assert artifacts.get(sha256) == b"a face"
    assert files(artifacts) == [artifacts.path(sha256)]
    assert artifacts.delete(sha256, put_before=time.time() + 60) is True
    assert files(artifacts) == []


def test_missing_file_says_what_to_do(artifacts: ArtifactStore) -> None:
    sha256 = hashlib.sha256(b"never put").hexdigest()
    with pytest.raises(StoreError, match=r"missing.*restore it from a backup"):
        artifacts.get(sha256)
    assert artifacts.delete(sha256) is False
    assert list(artifacts.list()) == []


def test_deleting(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"a face")
    assert artifacts.delete(sha256) is True
    assert files(artifacts) == []


@pytest.mark.parametrize(
    ("sha256", "suffix"),
    [
        ("../" * 21 + "x", ".png"),
        ("A" * 64, ".png"),
        ("a" * 63, ".png"),
        ("a" * 64 + "\n", ".png"),
        ("a" * 64, "/../x"),
    ],
)
def test_names_cannot_leave_the_folder(artifacts: ArtifactStore, sha256: str, suffix: str) -> None:
    for use in (artifacts.path, artifacts.get, artifacts.delete):
        with pytest.raises(StoreError, match="64 hexadecimal digits"):
            use(sha256, suffix)


def test_full_disk_leaves_nothing_half_written(artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
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
        ArtifactStore(tmp_path / "file" / "artifacts").put(b"a face")


def test_sweep_takes_old_unwanted_files_only(artifacts: ArtifactStore) -> None:
    wanted, unwanted, young = (artifacts.put(data) for data in (b"wanted", b"unwanted", b"young"))
    left_behind = artifacts.path(wanted).with_name(".tmp-abc")
    left_behind.write_bytes(b"half a fa")
    for path in (artifacts.path(wanted), artifacts.path(unwanted), left_behind):
        os.utime(path, (1, 1))
    assert artifacts.sweep(lambda hashes: {wanted} & {*hashes}, older_than=3600) == 2
    assert sorted(artifacts.list()) == sorted([(wanted, ".png"), (young, ".png")])
    assert not left_behind.exists()


def put_for_ever(folder: Path, started: Any) -> None:
    artifacts = ArtifactStore(folder)
    rng = np.random.default_rng()
    while True:
        artifacts.put(rng.bytes(500_000))
        started.set()


@pytest.mark.fault
def test_killed_writer_leaves_whole_files_only(artifacts: ArtifactStore) -> None:
    for pause in (0.05, 0.11):
        started = SPAWN.Event()
        process = SPAWN.Process(target=put_for_ever, args=(artifacts.folder, started))
        process.start()
        assert process.pid is not None
        assert started.wait(30)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    kept = list(artifacts.list())
    assert len(kept) >= 2
    for sha256, suffix in kept:
        assert len(artifacts.get(sha256, suffix)) == 500_000
