"""Unpack a published tar archive without trusting it: plain files only, and one bad entry refuses all of it."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from facepriv.datasets.files import is_litter
from facepriv.errors import BadInputError, StoreError

ENDINGS = (".tgz", ".tar.gz", ".tar")


def unpack_tar(archive: Path, target: Path, *, max_entries: int, max_bytes: int) -> tuple[str, ...]:
    """Unpack a tar archive, packed by gzip or not, into ``target``, which must not exist.

    Only the bytes of plain files are taken over: no links, devices, owners or modes. A published archive holds nothing
    else, so anything else is a reason to refuse it as a whole. All of it arrives, or nothing.

    Parameters
    ----------
    max_entries, max_bytes
        Most entries, and most bytes unpacked in all.

    Returns
    -------
    Names inside ``target``, POSIX separators, sorted; leftovers of operating systems are passed over.

    Raises
    ------
    BadInputError
        With code ``not-an-archive``, ``too-many-entries``, ``archive-too-large``, ``unsafe-path``, ``not-a-file``,
        ``duplicate-name`` or ``empty-archive``; nothing is left on disk then.
    StoreError
        If the disk is full or does not take files; nothing is left on it either.
    """
    work = Path(tempfile.mkdtemp(prefix=".unpack-", dir=target.parent))
    names: list[str] = []
    try:
        for name, member, opened in _plain_files(archive, max_entries, max_bytes):
            place = work.joinpath(*name.parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            source = opened.extractfile(member)
            if source is None:  # plain files always have one
                continue
            with source, place.open("xb") as file:
                shutil.copyfileobj(source, file)
            names.append(name.as_posix())
        if not names:
            raise BadInputError(f"{archive.name} holds no file; fetch it again.", code="empty-archive")
        work.replace(target)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise BadInputError(
                f"{archive.name} holds a name twice, once as a file and once as another; use the published archive.",
                code="duplicate-name",
            ) from error
        if isinstance(error, tarfile.TarError | EOFError | zlib.error) or _is_bad_gzip(error):
            raise BadInputError(
                f"{archive.name} is not a whole tar archive: it is damaged, cut off or another file; fetch it again.",
                code="not-an-archive",
            ) from error
        if isinstance(error, OSError):
            raise StoreError(
                f"{archive.name} could not be unpacked ({error.strerror or error}); make room and check the data "
                "folder."
            ) from error
        raise
    return tuple(sorted(names))


def _is_bad_gzip(error: BaseException) -> bool:
    import gzip

    return isinstance(error, gzip.BadGzipFile)


def _plain_files(
    archive: Path, max_entries: int, max_bytes: int
) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo, tarfile.TarFile]]:
    """Return the plain files of an archive in its order, each before the next header is read."""
    size = 0
    with tarfile.open(archive, "r:*") as opened:
        for number, member in enumerate(opened, start=1):
            size += member.size
            if number > max_entries:
                raise BadInputError(
                    f"{archive.name} has more than the {max_entries:,} entries allowed; raise "
                    "FACEPRIV_MAX_ARCHIVE_ENTRIES.",
                    code="too-many-entries",
                )
            if size > max_bytes:
                raise BadInputError(
                    f"{archive.name} unpacks to more than the {max_bytes:,} bytes allowed; raise "
                    "FACEPRIV_MAX_UPLOAD_BYTES.",
                    code="archive-too-large",
                )
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name:
                raise BadInputError(
                    f"{archive.name} has an entry that points outside of it; use the published archive.",
                    code="unsafe-path",
                )
            if member.isdir() or is_litter(name.parts):
                continue
            if not member.isreg():
                raise BadInputError(
                    f"{archive.name} has an entry that is a link or a device, not a file; use the published archive.",
                    code="not-a-file",
                )
            yield name, member, opened
