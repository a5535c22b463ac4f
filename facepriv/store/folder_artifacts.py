"""Artifacts as files of a folder."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from facepriv.errors import StorageFullError, StoreError
from facepriv.store.artifacts import IDENTITY, IMAGE, ArtifactStore, artifact_name, is_artifact, place

_TEMPORARY = ".tmp-"
LEAST_FREE_BYTES = 4 << 20
"""Room that artifacts leave on a disk: without any, nothing could be read or purged."""
_FIRST_SHARD = "00"
"""Folder of what is written before its hash is known."""


class FolderArtifacts(ArtifactStore):
    """Files of a folder, on a local disk or on one that several machines share; made when first needed.

    Beyond the contract of every kind: what was put is on the disk, a power cut included; a file put while another
    process removes it for its age is there afterwards; files have mode 0600 and folders 0700.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def location(self) -> str:
        """The folder."""
        return self.folder.as_posix()

    def path(self, sha256: str, suffix: str = IMAGE) -> Path:
        """Return where the file is or would be; raises StoreError if that is no hash or suffix."""
        return self._path(artifact_name(sha256, suffix))

    def half_written(self) -> Sequence[str]:
        """Return the names of temporary files."""
        return [file.name for file in self._temporary()]

    def identity(self) -> str | None:
        """Return what the file ``installation-id`` says, or None where there is none."""
        try:
            return (self.folder / IDENTITY).read_text(encoding="ascii", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(IDENTITY, error) from error

    def claim(self, identity: str) -> None:
        """Write the file ``installation-id``, unless it is there."""
        with self._writing():
            if self.identity() is None:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write_new(self.folder / IDENTITY, f"{identity}\n".encode())

    def sweep(
        self, wanted: Callable[[Sequence[str]], Container[str]], *, put_before: float, most: float = math.inf
    ) -> int:
        """Remove unwanted files and what interrupted writes left behind; see `ArtifactStore.sweep`."""
        with self._writing():
            left_behind = sum(_take_away(file, put_before) for file in self._temporary())
        return left_behind + super().sweep(wanted, put_before=put_before, most=most)

    def _temporary(self) -> list[Path]:
        return sorted([*self.folder.glob(f"{_TEMPORARY}*"), *self.folder.glob(f"[0-9a-f][0-9a-f]/{_TEMPORARY}*")])

    def _path(self, name: str) -> Path:
        return self.folder / place(name)

    def _write(self, name: str, data: bytes) -> None:
        target = self._path(name)
        with self._writing():
            if not _renew(target, data):
                self._make_shard(target.parent)
                _write_new(target, data)

    def _write_parts(self, parts: Iterable[bytes | memoryview], suffix: str) -> str:
        with self._writing():
            # The hash, and with it the folder, is known only at the end.
            self._make_shard(self.folder / _FIRST_SHARD)
            with _temporary_file(self.folder / _FIRST_SHARD) as (temporary, file):
                digest = hashlib.sha256()
                for part in parts:
                    digest.update(part)
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
                sha256 = digest.hexdigest()
                target = self._path(artifact_name(sha256, suffix))
                self._make_shard(target.parent)
                temporary.replace(target)
            sync(target.parent)
        return sha256

    def _open(self, name: str) -> BufferedReader | None:
        try:
            return self._path(name).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(place(name), error) from error

    def _read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(place(name), error) from error

    def _unreadable(self, below: str, error: OSError) -> StoreError:
        return StoreError(f"The file {self.folder / below} cannot be read ({error.strerror}); check its permissions.")

    def _remove(self, name: str, put_before: float) -> bool:
        with self._writing():
            return _take_away(self._path(name), put_before)

    def _entries(self) -> Iterator[tuple[str, float]]:
        try:
            for shard in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
                for file in sorted(shard.iterdir()):
                    put_at = _put_at(file)
                    if is_artifact(file.name) and put_at is not None:
                        yield file.name, put_at
        except OSError as error:
            raise StoreError(
                f"The artifact folder {self.folder} cannot be listed ({error.strerror}); "
                "check its permissions and its disk."
            ) from error

    def _make_shard(self, shard: Path) -> None:
        if not shard.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shard.mkdir(mode=0o700, exist_ok=True)
            sync(self.folder)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFullError(
                    f"There is no space left for the artifact folder {self.folder}; free some and try again."
                ) from error
            raise StoreError(
                f"The artifact folder {self.folder} cannot be written to ({error.strerror}); "
                "check its permissions and its disk."
            ) from error


def _renew(target: Path, data: bytes) -> bool:
    """Tell whether the file is there already and whole; if so, mark it as just used, so no sweep takes it."""
    try:
        if target.read_bytes() != data:
            return False
        os.utime(target)
    except FileNotFoundError:
        return False
    return True


def _write_new(target: Path, data: bytes) -> None:
    if shutil.disk_usage(target.parent).free < len(data) + LEAST_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with _temporary_file(target.parent) as (temporary, file):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        temporary.replace(target)
    sync(target.parent)


@contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Make a file to write to, which is gone at the end of the block if the block raises."""
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield temporary, file
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _put_at(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return None


def _is_older(file: Path, limit: float) -> bool:
    put_at = _put_at(file)
    return put_at is not None and put_at < limit


def _take_away(file: Path, put_before: float) -> bool:
    """Remove a file unless it was put since; return whether it went."""
    if not _is_older(file, put_before):
        return False
    # Aside first: who puts the bytes from now on writes them again, and who had just renewed them gets them back.
    aside = file.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    try:
        file.rename(aside)
    except FileNotFoundError:
        return False
    if not _is_older(aside, put_before):
        aside.replace(file)
        return False
    aside.unlink(missing_ok=True)
    return True


def sync(path: Path) -> None:
    """Write a file or a folder to the disk: without this a rename may be lost in a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
