"""What an object store adds to the contract of artifact stores: faults of servers and networks, and what it costs."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, StorageFullError, StoreBusyError, StoreError
from facepriv.store import open_artifacts, open_store, remote_artifacts
from facepriv.store.folder_artifacts import FolderArtifacts
from facepriv.store.remote_artifacts import RemoteArtifacts
from tests.object_store import CREDENTIALS, ObjectStore

SPAWN = multiprocessing.get_context("spawn")
SHA256 = hashlib.sha256(b"a face").hexdigest()
EVERY_USE = [
    pytest.param(lambda artifacts: artifacts.put(b"a face"), id="put"),
    pytest.param(lambda artifacts: artifacts.get(SHA256), id="get"),
    pytest.param(lambda artifacts: artifacts.delete(SHA256), id="delete"),
    pytest.param(lambda artifacts: [*artifacts.list()], id="list"),
    pytest.param(lambda artifacts: artifacts.sweep(lambda hashes: (), put_before=time.time() + 60), id="sweep"),
]
Use = Callable[[RemoteArtifacts], Any]


@pytest.fixture
def artifacts(bucket_url: str) -> RemoteArtifacts:
    return RemoteArtifacts(bucket_url)


@pytest.fixture
def breakable(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A server that only this test uses, with what its clients need in the environment."""
    server = ObjectStore()
    server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


@dataclass
class Clock:
    """A clock that only pauses move on."""

    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(remote_artifacts, "time", clock)
    return clock


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in text
    return text


# What it costs


def test_putting_and_getting_are_one_request_each(artifacts: RemoteArtifacts, object_store: ObjectStore) -> None:
    sha256 = artifacts.put(b"a face")
    artifacts.put(b"a face")
    assert object_store.requests == ["PUT", "PUT"]
    artifacts.get(sha256)
    assert object_store.requests == ["PUT", "PUT", "GET"]


def test_what_the_bucket_s_owner_has_set_applies(
    artifacts: RemoteArtifacts, bucket_url: str, object_store: ObjectStore
) -> None:
    client, bucket = object_store.client(), bucket_url.removeprefix("s3://")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    sha256 = artifacts.put(b"a face")
    kept = {"Bucket": bucket, "Key": f"{sha256[:2]}/{sha256}.png"}
    assert client.head_object(**kept)["ServerSideEncryption"] == "aws:kms"
    acl = client.get_object_acl(**kept)
    assert [grant["Grantee"]["ID"] for grant in acl["Grants"]] == [acl["Owner"]["ID"]], "only the owner may read"


def test_nothing_is_left_on_this_machine(artifacts: RemoteArtifacts, bucket_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", artifacts_url=bucket_url)
    with open_store(settings) as store:
        store.artifacts.get(store.artifacts.put(b"a face"))
    assert not settings.artifacts.exists()


@pytest.mark.slow
def test_files_of_later_work_are_never_taken_for_settled(bucket_url: str, tmp_path: Path) -> None:
    """S3 tells whole seconds, so a file looks older than it is."""
    with open_store(Settings(home=tmp_path / "home", artifacts_url=bucket_url)) as store:
        time.sleep(1.3 - time.time() % 1)  # well after a second began, well before it ends
        until = store._leftovers.unclaimed_before()
        sha256 = store.artifacts.put(b"a face")
        assert store.artifacts.delete(sha256, put_before=until) is False


# Faults that pass


@pytest.mark.parametrize(
    "fault",
    [("503 Slow Down", "SlowDown"), ("500 Oh", "InternalError"), ("429 Too many", "Throttled"), ("502 Bad", "")],
    ids=lambda fault: fault[0][:3],
)
def test_transient_answers_are_tried_again(
    artifacts: RemoteArtifacts, object_store: ObjectStore, fault: tuple[str, str]
) -> None:
    def met_by_faults() -> RemoteArtifacts:
        assert object_store.faults == []
        object_store.faults += [fault, fault]
        return artifacts

    sha256 = met_by_faults().put(b"a face")
    assert met_by_faults().get(sha256) == b"a face"
    assert [*met_by_faults().list()] == [(sha256, ".png")]
    assert met_by_faults().delete(sha256, put_before=0) is False
    assert met_by_faults().sweep(lambda hashes: (), put_before=time.time() + 60) == 1
    assert object_store.faults == []


@pytest.mark.fault
def test_a_server_that_comes_back_during_a_put_is_waited_for(breakable: ObjectStore) -> None:
    artifacts = RemoteArtifacts(breakable.make_bucket(f"facepriv-{uuid.uuid4().hex}"))
    artifacts.put(b"a first face, so that a connection is open")
    breakable.stop()
    again = threading.Timer(1.5, breakable.start)
    again.start()
    sha256 = artifacts.put(b"a face")
    again.join()
    assert artifacts.get(sha256) == b"a face"


# Faults that stay


@pytest.mark.parametrize("use", EVERY_USE)
def test_a_server_that_is_away_for_good(monkeypatch: pytest.MonkeyPatch, clock: Clock, use: Use) -> None:
    server = ObjectStore()
    server.start()
    server.stop()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreBusyError, match=r"s3://\S+ cannot be reached .*AWS_ENDPOINT_URL.*try again") as caught:
        use(RemoteArtifacts(f"s3://facepriv-{uuid.uuid4().hex}"))
    one_sentence(caught.value)
    assert 15 < sum(clock.pauses) <= remote_artifacts.PATIENCE_SECONDS


def test_patience_ends(artifacts: RemoteArtifacts, object_store: ObjectStore, clock: Clock) -> None:
    object_store.faults += [("503 Slow Down", "SlowDown")] * 40
    with pytest.raises(StoreBusyError, match="too busy"):
        artifacts.put(b"a face")
    object_store.faults.clear()
    assert object_store.requests == ["PUT"] * (len(clock.pauses) + 1), "nobody below tries again by itself"
    assert 15 < sum(clock.pauses) <= remote_artifacts.PATIENCE_SECONDS
    assert max(clock.pauses) <= remote_artifacts.LONGEST_PAUSE


@pytest.mark.parametrize("use", EVERY_USE)
def test_a_bucket_that_does_not_exist(bucket_url: str, use: Use) -> None:
    with pytest.raises(StoreError, match=r"does not exist; make its bucket") as caught:
        use(RemoteArtifacts(bucket_url + "x/prefix"))
    one_sentence(caught.value)


@pytest.mark.parametrize("use", EVERY_USE)
def test_credentials_that_are_missing(bucket_url: str, monkeypatch: pytest.MonkeyPatch, use: Use) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with pytest.raises(StoreError, match=r"no usable credentials.*AWS_ACCESS_KEY_ID") as caught:
        use(RemoteArtifacts(bucket_url))
    one_sentence(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (("507 Full", "XMinioStorageFull"), StorageFullError, "no space left"),
        (("403 Forbidden", "QuotaExceeded"), StorageFullError, "no space left"),
        (("403 Forbidden", "SignatureDoesNotMatch"), StoreError, "refuses access"),
        (("403 Forbidden", "RequestTimeTooSkewed"), StoreError, "clock"),
        (("400 Bad Request", "NeverHeardOf"), StoreError, "cannot be used"),
    ],
)
def test_what_no_second_try_mends_is_said_at_once(
    artifacts: RemoteArtifacts, object_store: ObjectStore, fault: tuple[str, str], kind: type, sentence: str
) -> None:
    object_store.faults.append(fault)
    with pytest.raises(kind, match=sentence) as caught:
        artifacts.put(b"a face")
    assert type(caught.value) is kind
    assert object_store.requests == ["PUT"]
    assert fault[1] in one_sentence(caught.value) or fault[1] == "RequestTimeTooSkewed"
    assert [*artifacts.list()] == []


def put_much(url: str) -> None:
    RemoteArtifacts(url).put(bytes(20_000_000))


@pytest.mark.fault
def test_a_put_that_is_killed_leaves_nothing_under_the_name(breakable: ObjectStore) -> None:
    url = breakable.make_bucket(f"facepriv-{uuid.uuid4().hex}")
    process = SPAWN.Process(target=put_much, args=(url,))

    def kill(method: str) -> None:
        if method == "PUT":
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)

    breakable.answers, breakable.on_request = 0, kill
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and breakable.answers < len(breakable.requests):
        time.sleep(0.05)
    assert breakable.answers == 1
    assert [*RemoteArtifacts(url).list()] == []


# Settings


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:pa55word@bucket/prefix",
        "s3://bucket/prefix?secret=pa55word",
        "s3://bucket/#pa55word",
        "simplecache::s3://pa55word",
        "pa55word",
        "/pa55word/folder",
        "file://pa55word/folder",
        "file:pa55word",
        "s3://",
        "s3://[bucket:",
    ],
)
def test_urls_that_name_no_place_or_a_secret(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInputError, match=r"FACEPRIV_ARTIFACTS_URL must be like s3://bucket/prefix") as caught:
        open_store(Settings(home=tmp_path / "home", artifacts_url=url))
    assert caught.value.code == "bad-setting"
    assert "pa55word" not in one_sentence(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    shared = tmp_path / "on all machines"
    artifacts = open_artifacts(Settings(home=tmp_path / "home", artifacts_url=shared.as_uri()))
    assert isinstance(artifacts, FolderArtifacts)
    artifacts.put(b"a face")
    assert artifacts.folder == shared
    assert len([path for path in shared.rglob("*") if path.is_file()]) == 1


def test_no_url_is_the_folder_in_the_data_folder(tmp_path: Path) -> None:
    for url in (None, ""):
        artifacts = open_artifacts(Settings(home=tmp_path, artifacts_url=url))
        assert artifacts.location == (tmp_path / "artifacts").as_posix()


def test_a_kind_of_store_that_does_not_exist() -> None:
    with pytest.raises(StoreError, match=r"knows no such kind of store"):
        RemoteArtifacts("nosuch://bucket").put(b"a face")


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StoreError, match=r"not installed.*requirements-cluster\.txt"):
        RemoteArtifacts(f"s3://facepriv-{uuid.uuid4().hex}").put(b"a face")


def test_a_store_without_times_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    artifacts = RemoteArtifacts(f"memory://{tmp_path.name}")
    sha256 = artifacts.put(b"a face")
    monkeypatch.setattr(remote_artifacts, "_TIMES", ())
    with pytest.raises(StoreError, match="does not tell when"):
        artifacts.delete(sha256)
    monkeypatch.undo()
    assert artifacts.delete(sha256) is True
