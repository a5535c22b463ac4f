"""What every kind of artifact store must do: whole artifacts or none, and nothing but what was written."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import signal
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import ArtifactStore, open_artifacts

SPAWN = multiprocessing.get_context("spawn")
EVERY_KIND = ["folder", "s3", "memory"]
OUTSIDE_THIS_PROCESS = ["folder", "s3"]


@dataclass(frozen=True)
class Kind:
    """An empty store, and a way to its bytes that does not lead through it."""

    artifacts: ArtifactStore
    overwrite: Callable[[str, bytes], Any]
    """Puts bytes under a path below the store's location."""


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    if request.param == "folder":
        settings = Settings(home=tmp_path)
        return Kind(open_artifacts(settings), lambda path, data: (settings.artifacts / path).write_bytes(data))
    if request.param == "memory":
        url = f"memory://{uuid.uuid4().hex}"
        files = fsspec.filesystem("memory")
        return Kind(
            open_artifacts(Settings(home=tmp_path, artifacts_url=url)),
            lambda path, data: files.pipe_file(f"{url}/{path}", data),
        )
    assert request.param == "s3"
    bucket_url: str = request.getfixturevalue("bucket_url")
    client = request.getfixturevalue("object_store").client()
    bucket = bucket_url.removeprefix("s3://")
    return Kind(
        open_artifacts(Settings(home=tmp_path, artifacts_url=f"{bucket_url}/some/prefix")),
        lambda path, data: client.put_object(Bucket=bucket, Key=f"some/prefix/{path}", Body=data),
    )


@pytest.fixture
def artifacts(kind: Kind) -> ArtifactStore:
    return kind.artifacts


every_kind = pytest.mark.parametrize("kind", EVERY_KIND, indirect=True)
outside_this_process = pytest.mark.parametrize("kind", OUTSIDE_THIS_PROCESS, indirect=True)


@every_kind
@pytest.mark.parametrize("data", [b"", b"some bytes", bytes(3_000_000)], ids=["none", "some", "many"])
def test_bytes_come_back(artifacts: ArtifactStore, data: bytes) -> None:
    sha256 = artifacts.put(data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert artifacts.get(sha256) == data
    assert [*artifacts.list()] == [(sha256, ".png")]


@every_kind
def test_suffixes_are_kept_apart(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"an array", ".npz")
    assert artifacts.get(sha256, ".npz") == b"an array"
    assert [*artifacts.list()] == [(sha256, ".npz")]
    assert artifacts.delete(sha256, ".png") is False


@every_kind
def test_list_is_in_the_order_of_the_hashes_and_of_artifacts_only(kind: Kind) -> None:
    put = [kind.artifacts.put(str(number).encode()) for number in range(30)]
    kind.overwrite(f"{put[0][:2]}/notes.txt", b"not an artifact")
    assert [sha256 for sha256, _ in kind.artifacts.list()] == sorted(put)


@every_kind
def test_what_was_never_put_says_what_to_do(artifacts: ArtifactStore) -> None:
    sha256 = hashlib.sha256(b"never put").hexdigest()
    with pytest.raises(StoreError, match=r"missing.*restore it from a backup"):
        artifacts.get(sha256)
    assert artifacts.delete(sha256) is False
    assert [*artifacts.list()] == []
    assert artifacts.sweep(lambda hashes: (), put_before=time.time() + 60) == 0


@every_kind
def test_damage_is_found_and_mended_by_putting_again(kind: Kind) -> None:
    sha256 = kind.artifacts.put(b"a face")
    kind.overwrite(f"{sha256[:2]}/{sha256}.png", b"a fact")
    with pytest.raises(StoreError, match=r"damaged.*restore it"):
        kind.artifacts.get(sha256)
    assert kind.artifacts.put(b"a face") == sha256
    assert kind.artifacts.get(sha256) == b"a face"


@every_kind
def test_deleting_what_was_put_before(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"a face")
    assert artifacts.delete(sha256, put_before=time.time() - 60) is False
    assert artifacts.get(sha256) == b"a face"
    assert artifacts.delete(sha256, put_before=time.time() + 60) is True
    assert artifacts.delete(sha256) is False
    assert [*artifacts.list()] == []
    artifacts.put(b"a face")
    assert artifacts.delete(sha256) is True


@every_kind
def test_putting_again_renews_the_time(artifacts: ArtifactStore) -> None:
    """A sweep must see that the artifact was wanted again; S3 tells times in whole seconds."""
    after_the_first = time.time() + 1
    sha256 = artifacts.put(b"a face")
    time.sleep(2.1)
    artifacts.put(b"a face")
    assert artifacts.delete(sha256, put_before=after_the_first) is False
    assert artifacts.sweep(lambda hashes: (), put_before=after_the_first) == 0
    assert artifacts.get(sha256) == b"a face"


@every_kind
@pytest.mark.parametrize(
    ("sha256", "suffix"),
    [
        ("../" * 21 + "x", ".png"),
        ("A" * 64, ".png"),
        ("a" * 63, ".png"),
        ("a" * 63, "a.png"),
        ("a" * 64 + "\n", ".png"),
        ("a" * 64, "/../x"),
    ],
)
def test_names_cannot_leave_the_store(artifacts: ArtifactStore, sha256: str, suffix: str) -> None:
    for use in (artifacts.get, artifacts.delete):
        with pytest.raises(StoreError, match="64 hexadecimal digits"):
            use(sha256, suffix)


@every_kind
def test_sweep_takes_what_is_old_and_unwanted(artifacts: ArtifactStore) -> None:
    wanted, unwanted = artifacts.put(b"wanted"), artifacts.put(b"unwanted")
    assert artifacts.sweep(lambda hashes: {wanted} & {*hashes}, put_before=time.time() - 3600) == 0
    assert artifacts.sweep(lambda hashes: {wanted} & {*hashes}, put_before=time.time() + 60) == 1
    assert [*artifacts.list()] == [(wanted, ".png")]
    with pytest.raises(StoreError, match="missing"):
        artifacts.get(unwanted)


@every_kind
@pytest.mark.slow
def test_sweep_asks_for_some_hundred_at_a_time(artifacts: ArtifactStore) -> None:
    put = {artifacts.put(str(number).encode()) for number in range(230)}
    asked: list[list[str]] = []

    def wanted(hashes: Any) -> set[str]:
        asked.append([*hashes])
        return {sha256 for sha256 in hashes if sha256 > "8"}

    removed = artifacts.sweep(wanted, put_before=time.time() + 60)
    assert sorted(sha256 for batch in asked[:2] for sha256 in batch) == sorted(put)
    assert [len(batch) for batch in asked[:2]] == [200, 30]
    # What nothing refers to is asked for again just before it goes.
    assert sorted(sha256 for batch in asked[2:] for sha256 in batch) == sorted(sha256 for sha256 in put if sha256 < "8")
    assert max(map(len, asked)) <= 200
    assert {sha256 for sha256, _ in artifacts.list()} == {sha256 for sha256 in put if sha256 > "8"}
    assert removed == sum(sha256 < "8" for sha256 in put)


@every_kind
def test_threads_share_a_store(artifacts: ArtifactStore) -> None:
    def there_and_back(number: int) -> bool:
        data = str(number % 10).encode() * 100_000
        return artifacts.get(artifacts.put(data)) == data

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, range(60)))
    assert len([*artifacts.list()]) == 10


@outside_this_process
def test_a_store_travels_to_other_processes(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"put here")
    assert [*artifacts.list()] == [(sha256, ".png")]
    with ProcessPoolExecutor(1, SPAWN) as pool:
        assert pool.submit(artifacts.get, sha256).result(60) == b"put here"
        other = pool.submit(artifacts.put, b"put there").result(60)
    assert artifacts.get(other) == b"put there"
    assert sorted(artifacts.list()) == sorted([(sha256, ".png"), (other, ".png")]), "no listing of before is kept"
    assert len(pickle.dumps(artifacts)) < 500


@outside_this_process
def test_a_store_that_was_used_survives_a_fork(artifacts: ArtifactStore) -> None:
    sha256 = artifacts.put(b"put before")
    process = multiprocessing.get_context("fork").Process(target=artifacts.put, args=(b"put by the child",))
    process.start()
    process.join(30)
    process.kill()
    assert process.exitcode == 0
    assert artifacts.get(hashlib.sha256(b"put by the child").hexdigest()) == b"put by the child"
    assert artifacts.get(sha256) == b"put before"


SIZE = 5_000_000


def put_for_ever(artifacts: ArtifactStore, started: Any) -> None:
    rng = np.random.default_rng()
    while True:
        artifacts.put(rng.bytes(SIZE))
        started.set()


@pytest.mark.fault
@outside_this_process
def test_killed_writer_leaves_whole_artifacts_only(artifacts: ArtifactStore) -> None:
    for pause in (0.05, 0.11):
        started = SPAWN.Event()
        process = SPAWN.Process(target=put_for_ever, args=(artifacts, started))
        process.start()
        assert process.pid is not None
        assert started.wait(60)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    kept = [*artifacts.list()]
    assert len(kept) >= 2
    for sha256, suffix in kept:
        assert len(artifacts.get(sha256, suffix)) == SIZE


@every_kind
def test_parts_are_put_together_and_opened_as_a_file(kind: Kind) -> None:
    parts = [b"some", memoryview(b" bytes"), b"", bytes(3_000_000)]
    whole = b"".join(parts)
    sha256 = kind.artifacts.put_parts(iter(parts), ".npy")
    assert sha256 == hashlib.sha256(whole).hexdigest()
    assert kind.artifacts.get(sha256, ".npy") == whole
    with kind.artifacts.open(sha256, ".npy") as file:
        assert file.read() == whole
        assert np.memmap(file, mode="r").tobytes() == whole
    assert [*kind.artifacts.half_written()] == []
    kind.overwrite(f"{sha256[:2]}/{sha256}.npy", b"some bytes")
    with pytest.raises(StoreError, match=r"damaged.*restore it"):
        kind.artifacts.open(sha256, ".npy")
    assert kind.artifacts.put_parts([whole], ".npy") == sha256
    kind.artifacts.open(sha256, ".npy").close()
    kind.artifacts.delete(sha256, ".npy")
    with pytest.raises(StoreError, match=r"missing.*restore it from a backup"):
        kind.artifacts.open(sha256, ".npy")


@every_kind
def test_parts_that_break_off_leave_nothing(artifacts: ArtifactStore) -> None:
    def parts():
        yield b"some"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifacts.put_parts(parts(), ".npy")
    assert [*artifacts.list()] == []
    assert [*artifacts.half_written()] == []
