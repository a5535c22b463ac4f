"""Unpack a published tar archive without trusting it: plain files only, within limits, all of it or nothing."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from facepriv.datasets.files import is_litter
from facepriv.datasets.unpack import whole_folder
from facepriv.errors import BadInputError

ENDINGS = (".tgz", ".tar.gz", ".tar")


def unpack_tar(archive: Path, target: Path, *, max_entries: int, max_bytes: int) -> None:
    """Unpack a tar archive, packed by gzip or not, into ``target``, which must not exist.

    The standard library's filter ``data`` keeps entries inside ``target`` and drops owners and modes. A published
    archive holds folders and plain files only, so a link or device is a reason to refuse it. Leftovers of operating
    systems are passed over.

    Parameters
    ----------
    max_entries, max_bytes
        Most entries, and most bytes unpacked in all.

    Raises
    ------
    BadInputError
        With code ``not-an-archive``, ``too-many-entries``, ``archive-too-large``, ``unsafe-path``, ``not-a-file`` or
        ``empty-archive``; nothing is left on disk then.
    StoreError
        If the disk is full or does not take files; nothing is left on it either.
    """
    with whole_folder(target, archive.name) as work:
        try:
            files = _extract(archive, work, max_entries, max_bytes)
        except tarfile.FilterError as error:
            raise BadInputError(
                f"{archive.name} has an entry that points outside of it; use the published archive.", code="unsafe-path"
            ) from error
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, FileExistsError, NotADirectoryError) as error:
            raise BadInputError(
                f"{archive.name} is not a whole tar archive: it is damaged, cut off or another file; fetch it again.",
                code="not-an-archive",
            ) from error
        if files == 0:
            raise BadInputError(f"{archive.name} holds no file; fetch it again.", code="empty-archive")


def _extract(archive: Path, folder: Path, max_entries: int, max_bytes: int) -> int:
    """Extract the plain files and return how many there are; each is checked before the next header is read."""
    size = files = 0
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
            if member.isdir() or is_litter(PurePosixPath(member.name).parts):
                continue
            if not member.isreg():
                raise BadInputError(
                    f"{archive.name} has an entry that is a link or a device, not a file; use the published archive.",
                    code="not-a-file",
                )
            opened.extract(member, folder, filter="data")
            files += 1
    return files
