"""Download one file, or take a copy of it, under a temporary name until it is known to be whole."""

from __future__ import annotations

import bz2
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facepriv.config import get_settings
from facepriv.errors import BadInputError, FaceprivError

TIMEOUT_SECONDS = 30
PART = ".part"
"""Ends the name of a file that is not yet known to be whole."""
CHUNK = 1 << 20


class DownloadError(FaceprivError, RuntimeError):
    """A file that could not be downloaded; the text is a clause that says why."""


@contextmanager
def unfinished(name: str) -> Iterator[Path]:
    """Return a path ``name.part`` in a temporary folder of the data folder, which goes with the block."""
    scratch = get_settings().temporary
    make_folder(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="fetch-") as folder:
        yield Path(folder, name + PART)


def make_folder(folder: Path) -> None:
    """Make a folder below the data folder, and that one too, for its owner alone."""
    for each in (get_settings().home, *reversed(folder.parents), folder):
        if each == get_settings().home or get_settings().home in each.parents:
            each.mkdir(mode=0o700, parents=True, exist_ok=True)


def download(url: str, new: Path, *, progress: bool) -> None:
    """Download to ``new``, which must not exist.

    Raises
    ------
    DownloadError
        If the server cannot be reached, refuses, or ends before the file does.
    FaceprivError
        If the file cannot be written.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT_SECONDS, chunk_size=CHUNK)
    try:
        # The hash is checked by who knows what to advise.
        pooch.retrieve(url, known_hash=None, fname=new.name, path=new.parent, downloader=downloader)
    except requests.exceptions.RequestException as error:
        raise DownloadError(_why(error)) from error
    except OSError as error:
        raise FaceprivError(
            f"{new.name.removesuffix(PART)} could not be written to the data folder ({error.strerror or error}); free "
            "some space, or check the folder."
        ) from error


def _why(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {TIMEOUT_SECONDS} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke before the file was whole"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "this machine has no connection to it"
    return type(error).__name__


def copy(file: Path, new: Path, *, what: str) -> None:
    """Copy a file that somebody got elsewhere.

    Raises
    ------
    BadInputError
        If there is none.
    FaceprivError
        If it cannot be read or written.
    """
    if not file.is_file():
        raise BadInputError(f"{what} was expected at {file}, but there is none; check the path.")
    try:
        shutil.copyfile(file, new)
    except OSError as error:
        raise FaceprivError(
            f"{file} could not be copied into the data folder ({error.strerror}); make it readable, or free some space."
        ) from error


def unpack_bzip2(packed: Path, new: Path, *, most: int) -> None:
    """Unpack a file packed by bzip2, but not more than ``most`` bytes of it.

    Raises
    ------
    BadInputError
        With code ``not-an-archive`` if it is damaged, ends early or unpacks to more.
    """
    size = 0
    try:
        with bz2.open(packed) as source, new.open("wb") as target:
            while chunk := source.read(CHUNK):
                size += len(chunk)
                if size > most:
                    break
                target.write(chunk)
    except (OSError, EOFError, ValueError) as error:
        raise _no_bzip2(packed) from error
    if size > most:
        raise _no_bzip2(packed)


def _no_bzip2(packed: Path) -> BadInputError:
    return BadInputError(
        f"{packed.name.removesuffix(PART)} was expected to be a whole file packed by bzip2, but it is damaged, cut off "
        "or another file; fetch it again.",
        code="not-an-archive",
    )
