"""Artifacts: images and arrays that are named after the SHA-256 of their bytes, wherever they are kept."""

from __future__ import annotations

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from io import BufferedReader
from itertools import islice
from typing import ClassVar, final

from facepriv.errors import StoreError, TooManyUnusedError

IMAGE, LEARNED, TEMPLATES = ".png", ".npz", ".npy"
RECORDS = LEARNED
SUFFIXES = (IMAGE, LEARNED, TEMPLATES)
"""What is kept: images; arrays that a method has learnt, and of whom templates are; templates, one in each row."""
IDENTITY = "installation-id"
"""Name of what says, below a store's location, which database the artifacts belong to."""
MANY = 100
"""So many unused files at once may be what killed work left; more point to a database that lost its rows."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_BATCH = 200


class ArtifactStore(ABC):
    """Artifacts by content: what is read is what was written, or an error.

    Contract of every kind: an artifact appears under its name only whole, so a kill at any moment leaves either all of
    its bytes or none. Putting the same bytes again mends them if they were damaged, and renews their time. Threads and
    processes may put, get and delete at once. A store costs nothing to make and can be pickled: it holds no more than
    its location.
    """

    LAG_SECONDS: ClassVar[float] = 0.1
    """How far the time of an artifact may lag behind the clock of who puts it: more than any system's tick."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Folder or URL below which ``ab/abcdef....png`` is the artifact whose hash begins with ``abcdef``."""

    @final
    def put(self, data: bytes, suffix: str = IMAGE) -> str:
        """Keep ``data`` and give its SHA-256 in 64 hexadecimal digits.

        Raises
        ------
        StorageFullError
            If there is no space left.
        StoreBusyError
            If the store cannot be reached, after some tries.
        StoreError
            If it cannot be written for another reason. Whatever is raised, nothing half-written is under its name.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        self._write(artifact_name(sha256, suffix), data)
        return sha256

    @final
    def put_parts(self, parts: Iterable[bytes | memoryview], suffix: str) -> str:
        """Keep bytes that come in parts and need not fit into memory together; give and raise what `put` does."""
        return self._write_parts(parts, suffix)

    @final
    def open(self, sha256: str, suffix: str) -> BufferedReader:
        """Open an artifact as a file of this machine, which can be mapped into memory, after checking its hash.

        What comes from another machine is copied to a temporary file without a name. Raises as `get` does.
        """
        name = artifact_name(sha256, suffix)
        file = self._open(name)
        if file is None:
            raise self._missing(name)
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            file.close()
            raise self._damaged(name)
        file.seek(0)
        return file

    @final
    def get(self, sha256: str, suffix: str = IMAGE) -> bytes:
        """Return the bytes, after checking that they still have their hash.

        Raises
        ------
        StoreBusyError
            If the store cannot be reached, after some tries.
        StoreError
            If the artifact is missing, unreadable or not what was written.
        """
        name = artifact_name(sha256, suffix)
        data = self._read(name)
        if data is None:
            raise self._missing(name)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise self._damaged(name)
        return data

    def _missing(self, name: str) -> StoreError:
        return StoreError(
            f"The artifact {name} is missing from {self.location}; restore it from a backup, "
            "or import the data set and start the run again."
        )

    def _damaged(self, name: str) -> StoreError:
        return StoreError(
            f"The artifact {name} in {self.location} is damaged: its bytes no longer have their hash; restore it "
            "from a backup, or delete it, import the data set and start the run again."
        )

    @final
    def delete(self, sha256: str, suffix: str = IMAGE, *, put_before: float = math.inf) -> bool:
        """Remove an artifact; return whether it went.

        Others may refer to the same bytes, or be about to: `Leftovers` knows.

        Parameters
        ----------
        put_before
            Only if it was last put before this time, in seconds since 1970.
        """
        return self._remove(artifact_name(sha256, suffix), put_before)

    @final
    def list(self) -> Iterator[tuple[str, str]]:
        """Return hash and suffix of every artifact, in the order of the hashes; for checks and backups."""
        for name, _ in self._entries():
            yield _parts(name)

    def half_written(self) -> Sequence[str]:
        """Return the names of what writes under way, or interrupted ones, have put aside; in order."""
        return ()

    @abstractmethod
    def identity(self) -> str | None:
        """Return the id of the database that the artifacts belong to, or None; raises as `get`."""

    @abstractmethod
    def claim(self, identity: str) -> None:
        """Say which database the artifacts belong to, unless that is said already; raises as `put`."""

    def sweep(
        self, wanted: Callable[[Sequence[str]], Container[str]], *, put_before: float, most: float = math.inf
    ) -> int:
        """Remove unwanted artifacts and what interrupted writes left behind.

        Parameters
        ----------
        wanted
            Gives those of some hundred hashes that anything still refers to.
        put_before
            Only what was last put before this time, in seconds since 1970. Writers put an artifact before they commit
            the row that refers to it, so all rows of what was put before it must have been committed. A time and no
            age, so that it does not move on while the caller or a sweep takes its time.
        most
            How many unwanted artifacts there may be at most; if there are more, none is removed.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        TooManyUnusedError
            If there are more than ``most``.
        """
        unwanted: list[str] = []
        old = (name for name, put_at in self._entries() if put_at < put_before)
        while batch := [*islice(old, _BATCH)]:
            unwanted += _others(batch, wanted)
        if len(unwanted) > most:
            raise TooManyUnusedError(
                f"{len(unwanted):,} files in {self.location} are used by nothing, far more than killed work leaves, so "
                "none was deleted; make sure that no data set is missing, restore a backup of the database if one is, "
                "and else delete them with: facepriv collect --many"
            )
        removed = 0
        left = iter(unwanted)
        while batch := [*islice(left, _BATCH)]:
            removed += sum(self._remove(name, put_before) for name in _others(batch, wanted))
        return removed

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, and renew its time if they are there already."""

    @abstractmethod
    def _write_parts(self, parts: Iterable[bytes | memoryview], suffix: str) -> str:
        """Keep bytes under the name of their hash, and return the hash."""

    @abstractmethod
    def _open(self, name: str) -> BufferedReader | None:
        """Open the bytes of a name as a file of this machine; None where there is none."""

    @abstractmethod
    def _read(self, name: str) -> bytes | None:
        """Return the bytes of a name; None where there is none."""

    @abstractmethod
    def _remove(self, name: str, put_before: float) -> bool:
        """Remove a name unless it was put since, in seconds since 1970; return whether it went."""

    @abstractmethod
    def _entries(self) -> Iterator[tuple[str, float]]:
        """Return every name, in order, and when it was last put, in seconds since 1970; some may go meanwhile."""


def is_artifact(name: str) -> bool:
    """Tell whether a file's name is one that artifacts have."""
    return _SHA256.fullmatch(name[:64]) is not None and _SUFFIX.fullmatch(name[64:]) is not None


def place(name: str) -> str:
    """Return where a name stands below a store's location."""
    return f"{name[:2]}/{name}"


def artifact_name(sha256: str, suffix: str) -> str:
    """Return the name of a hash and a suffix; raises StoreError if they are none."""
    # Each by itself, so that no character of one can pass as part of the other.
    if not _SHA256.fullmatch(sha256) or not _SUFFIX.fullmatch(suffix):
        raise StoreError(
            f"An artifact is named by 64 hexadecimal digits and a suffix like .png, not {sha256 + suffix!r}."
        )
    return sha256 + suffix


def _others(names: Sequence[str], wanted: Callable[[Sequence[str]], Container[str]]) -> list[str]:
    kept = wanted([_parts(name)[0] for name in names])
    return [name for name in names if _parts(name)[0] not in kept]


def _parts(name: str) -> tuple[str, str]:
    return name[:64], name[64:]
