"""The artifact folder: images and arrays as files that are named after the SHA-256 of their bytes."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

from facepriv.errors import StorageFullError, StoreError

IMAGE, LEARNED = ".png", ".npz"
SUFFIXES = (IMAGE, LEARNED)
"""What is kept: images, and arrays that a method has learnt."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_TEMPORARY = ".tmp-"
_BATCH = 200


class ArtifactStore:
    """Files by content: what is read is what was written, or an error.

    Contract: a file appears under its name only once all its bytes are on the disk, so a kill or a full disk at any
    moment leaves either the whole file or none. Putting the same bytes again changes nothing but the file's time.
    Several processes may put, get and delete at once, and a file put while another process removes it for its age is
    there afterwards. Files have mode 0600 and folders 0700.

    Parameters
    ----------
    folder
        Root of the files; made when first needed. ``ab/abcdef....png`` is the file whose hash begins with ``abcdef``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, suffix: str = ".png") -> str:
        """Keep ``data`` and give its SHA-256 in 64 hexadecimal digits.

        Raises
        ------
        StorageFullError
            If there is no space left; nothing half-written is left under its name.
        StoreError
            If the file cannot be written for another reason; nothing is left either.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256, suffix)
        try:
            if self._renew(target, data):
                return sha256
            self._make_shard(target.parent)
            self._write(target, data)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        return sha256

    def get(self, sha256: str, suffix: str = ".png") -> bytes:
        """Give the bytes, after checking that they still have their hash.

        Raises
        ------
        StoreError
            If the file is missing, unreadable or not what was written.
        """
        target = self.path(sha256, suffix)
        try:
            data = target.read_bytes()
        except FileNotFoundError as error:
            raise StoreError(
                f"The artifact {target.name} is missing from {self.folder}; restore it from a backup, "
                "or import the data set and start the run again."
            ) from error
        except OSError as error:
            raise StoreError(f"The artifact {target} cannot be read ({error.strerror}); check its permissions.") from (
                error
            )
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(
                f"The artifact {target} is damaged: its bytes no longer have their hash; restore it from a backup, "
                "or delete it, import the data set and start the run again."
            )
        return data

    def path(self, sha256: str, suffix: str = ".png") -> Path:
        """Give where the file is or would be; raises StoreError if that is no hash or suffix."""
        if not _SHA256.fullmatch(sha256) or not _SUFFIX.fullmatch(suffix):
            raise StoreError(
                f"An artifact is named by 64 hexadecimal digits and a suffix like .png, not {sha256 + suffix!r}."
            )
        return self.folder / sha256[:2] / (sha256 + suffix)

    def delete(self, sha256: str, suffix: str = ".png", *, put_before: float = math.inf) -> bool:
        """Remove the file; gives whether it went.

        Others may refer to the same bytes, or be about to: `Leftovers` knows.

        Parameters
        ----------
        put_before
            Only if it was last put before this time, in seconds since 1970.
        """
        try:
            return _take_away(self.path(sha256, suffix), put_before)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def list(self) -> Iterator[tuple[str, str]]:
        """Give hash and suffix of every file, in the order of the hashes; for checks and backups of the folder."""
        for shard in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(shard.iterdir()):
                if _SHA256.fullmatch(file.stem) and _SUFFIX.fullmatch(file.suffix):
                    yield file.stem, file.suffix

    def sweep(self, wanted: Callable[[Sequence[str]], Container[str]], *, older_than: float) -> int:
        """Remove unwanted files and what interrupted writes left behind.

        Parameters
        ----------
        wanted
            Gives those of some hundred hashes that anything still refers to.
        older_than
            Seconds since a file was last put. Writers put a file before they commit the row that refers to it, so
            this must be longer than any import or image of a run takes.

        Returns
        -------
        int
            How many files were removed.
        """
        limit = time.time() - older_than
        removed = 0
        try:
            for shard in self.folder.glob("[0-9a-f][0-9a-f]"):
                old = [file for file in shard.iterdir() if _is_older(file, limit)]
                removed += sum(_take_away(file, limit) for file in old if file.name.startswith(_TEMPORARY))
                named = [file for file in old if _SHA256.fullmatch(file.stem)]
                for start in range(0, len(named), _BATCH):
                    batch = named[start : start + _BATCH]
                    kept = wanted([file.stem for file in batch])
                    removed += sum(_take_away(file, limit) for file in batch if file.stem not in kept)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        return removed

    def _make_shard(self, shard: Path) -> None:
        if not shard.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shard.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self.folder)

    @staticmethod
    def _renew(target: Path, data: bytes) -> bool:
        """Tell whether the file is there already and whole; if so, mark it as just used, so no sweep takes it."""
        try:
            if target.read_bytes() != data:
                return False
            os.utime(target)
        except FileNotFoundError:
            return False
        return True

    @staticmethod
    def _write(target: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def _is_older(file: Path, limit: float) -> bool:
    try:
        return file.stat().st_mtime < limit
    except FileNotFoundError:
        return False


def _take_away(file: Path, put_before: float) -> bool:
    """Remove a file unless it was put since; gives whether it went."""
    if not _is_older(file, put_before):
        return False
    # Aside first: who puts the bytes from now on writes them anew, and who had just renewed them gets them back.
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


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself may be lost in a power cut, after the database has come to rely on it.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(folder: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"There is no space left for the artifact folder {folder}; free some and try again.")
    return StoreError(
        f"The artifact folder {folder} cannot be written to ({error.strerror}); check its permissions and its disk."
    )
