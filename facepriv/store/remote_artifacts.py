"""Artifacts as objects of an object store, which any number of machines reach."""

from __future__ import annotations

import hashlib
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from facepriv.errors import BadInputError, StoreError
from facepriv.store.artifacts import IDENTITY, ArtifactStore, artifact_name, is_artifact, place
from facepriv.store.remote_faults import as_store_error, is_no_place, is_transient

PATIENCE_SECONDS = 20.0
"""How long transient faults are tried again: less than other writers wait for the database while files are removed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
_PLACE = re.compile(r"(?!(?:file|local):)[a-z][a-z0-9]*://[^/@?#:\s]+(?:/[^@?#:\s]*)?")
"""Nothing that may hold a secret or chain file systems, and no local files, which `FolderArtifacts` treats better."""
_SHARD = re.compile(r"[0-9a-f]{2}")
_COPY = "facepriv-"
"""Beginning of the names of temporary files that hold what is too large for memory."""
_S3 = ("s3", "s3a")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
"""What file systems call the time at which an object was put: S3, Azure, Google, others."""
_file_systems: dict[tuple[int, str], tuple[Any, str]] = {}
"""File system and path by process and URL. A process has one for all its threads, whose requests share one event loop;
one made before a fork cannot be used after it."""
_T = TypeVar("_T")


class RemoteArtifacts(ArtifactStore):
    """Objects below a URL, through fsspec.

    The contract of every kind holds where the store makes an object visible only once all of it has arrived, as S3,
    Google Cloud Storage and Azure do; file servers such as SFTP do not. Nothing is kept on this
    machine's disk; what comes in parts, or is opened, passes through a temporary file that its owner alone can read.

    - Putting is one request whatever is there already: it renews the time, and nearly all bytes that are put are new.
    - Removing is two, a look at the time and the removal. Whoever puts the same bytes between the two loses them. A
      folder prevents that; S3 cannot, since what a removal may depend on is the content, which is the same. It takes an
      import or a run that makes, within these milliseconds, the very bytes that nobody has referred to for half an
      hour (`Leftovers`) or for hours (`Store.collect`). The image is then missing, as `get` says, and putting it again
      mends that; nothing wrong is ever read.
    - Times are the store's, in whole seconds on S3, so all machines' clocks must agree to well within ten minutes.

    Access is what the URL's scheme takes from the environment (``AWS_*`` for S3). Neither an access list nor an
    encryption is asked for: what the bucket's owner has set applies to every object.

    Parameters
    ----------
    url
        Such as ``s3://bucket/prefix``, without credentials.

    Raises
    ------
    BadInputError
        With code ``bad-setting`` if the URL is none, or names more than a place.
    """

    LAG_SECONDS: ClassVar[float] = 2.0
    """Times are in whole seconds, and by the clock of the store."""

    def __init__(self, url: str) -> None:
        if not _PLACE.fullmatch(url):
            # Without the URL itself, which may hold a password.
            raise BadInputError(
                "The environment variable FACEPRIV_ARTIFACTS_URL must be like s3://bucket/prefix or file:///folder, "
                "without user name, password or options; correct it, and set AWS_ACCESS_KEY_ID and its like beside it.",
                code="bad-setting",
            )
        self._url = url.rstrip("/")

    @property
    def location(self) -> str:
        """The URL."""
        return self._url

    def identity(self) -> str | None:
        """Return what the object ``installation-id`` says, or None where there is none."""
        with suppress(FileNotFoundError):
            data: bytes = self._persist(lambda files, root: files.cat_file(f"{root}/{IDENTITY}"))
            return data.decode(errors="replace").strip()
        return None

    def claim(self, identity: str) -> None:
        """Put the object ``installation-id``, unless it is there."""
        if self.identity() is None:
            self._persist(lambda files, root: files.pipe_file(f"{root}/{IDENTITY}", f"{identity}\n".encode()))

    def _write(self, name: str, data: bytes) -> None:
        self._persist(lambda files, root: files.pipe_file(f"{root}/{place(name)}", data))

    def _write_parts(self, parts: Iterable[bytes | memoryview], suffix: str) -> str:
        # In two passes, since the name of an object is known only once all of it has come.
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(prefix=_COPY) as copy:
            for part in parts:
                digest.update(part)
                copy.write(part)
            copy.flush()
            name = artifact_name(digest.hexdigest(), suffix)
            self._persist(lambda files, root: files.put_file(copy.name, f"{root}/{place(name)}"))
        return digest.hexdigest()

    def _open(self, name: str) -> BufferedReader | None:
        with tempfile.NamedTemporaryFile(prefix=_COPY) as copy:
            try:
                self._persist(lambda files, root: files.get_file(f"{root}/{place(name)}", copy.name))
            except FileNotFoundError:
                return None
            return Path(copy.name).open("rb")

    def _read(self, name: str) -> bytes | None:
        data: bytes | None = None
        with suppress(FileNotFoundError):
            data = self._persist(lambda files, root: files.cat_file(f"{root}/{place(name)}"))
        return data

    def _remove(self, name: str, put_before: float) -> bool:
        def look_and_remove(files: Any, root: str) -> bool:
            path = f"{root}/{place(name)}"
            if _put_at(files.info(path)) >= put_before:
                return False
            files.rm_file(path)
            return True

        try:
            return self._persist(look_and_remove)
        except FileNotFoundError:
            return False

    def _entries(self) -> Iterator[tuple[str, float]]:
        # Shard by shard, so that a million objects need not fit into memory.
        for shard in self._list(""):
            if _SHARD.fullmatch(shard):
                for name, info in self._list(f"/{shard}").items():
                    if is_artifact(name):
                        yield name, _put_at(info)

    def _list(self, below: str) -> dict[str, Mapping[str, Any]]:
        """Return what stands directly below a path, by name, in order."""
        try:
            infos = self._persist(lambda files, root: files.ls(root + below, detail=True))
        except FileNotFoundError:
            return {}
        by_name = {info["name"].rstrip("/").rpartition("/")[2]: info for info in infos}
        return {name: by_name[name] for name in sorted(by_name)}

    def _persist(self, use: Callable[[Any, str], _T]) -> _T:
        """Use the file system and its root, again while faults are transient; FileNotFoundError is of one object."""
        pause, until = FIRST_PAUSE, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return use(*self._file_system())
            except StoreError:
                raise
            except Exception as error:
                if isinstance(error, FileNotFoundError) and not is_no_place(error):
                    raise
                if not is_transient(error) or time.monotonic() + pause > until:
                    raise as_store_error(error, self._url) from error
            # Not all at the same moment, when a server is back.
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _file_system(self) -> tuple[Any, str]:
        key = os.getpid(), self._url
        if key not in _file_systems:
            _file_systems.setdefault(key, _open_file_system(self._url))
        return _file_systems[key]


def _open_file_system(url: str) -> tuple[Any, str]:
    """Make an fsspec file system, which does not connect yet; return it with the path of the URL in it."""
    # What others put must be seen, and retries are counted in one place only: S3 would be asked 25 times each time.
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    s3 = url.partition("://")[0] in _S3
    if s3:
        # One download at a time saves asking for an object's size first.
        options |= {"max_concurrency": 1, "config_kwargs": {"retries": {"total_max_attempts": 1}}}
    try:
        import fsspec

        files, root = fsspec.url_to_fs(url, **options)
    except ImportError as error:
        raise StoreError(
            f"The artifacts at {url} need a package that is not installed ({error}); install it, for s3:// by "
            "pip install -r requirements-cluster.txt."
        ) from error
    except ValueError as error:
        raise StoreError(
            f"The artifacts at {url} cannot be reached, for fsspec knows no such kind of store; "
            "set FACEPRIV_ARTIFACTS_URL to one like s3://bucket/prefix."
        ) from error
    if s3:
        files.retries = 1
    return files, root.rstrip("/")


def _put_at(info: Mapping[str, Any]) -> float:
    put_at = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if put_at is None:
        raise StoreError(
            "The artifact store does not tell when an object was put, without which none can be removed safely; "
            "set FACEPRIV_ARTIFACTS_URL to another kind, like s3://bucket/prefix."
        )
    return put_at.timestamp() if isinstance(put_at, datetime) else float(put_at)
