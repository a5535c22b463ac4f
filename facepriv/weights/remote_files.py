"""Fetch one published file, of a model or of a data set, and check its SHA-256 before anybody uses it."""

from __future__ import annotations

import bz2
import shutil
from pathlib import Path

from facepriv.errors import BadInputError, FaceprivError
from facepriv.weights.files import sha256_of

TIMEOUT_SECONDS = 30
RETRIES = 1
"""Further attempts at a download that failed."""


def fetch_file(url: str, path: Path, *, copy: Path | None = None, progress: bool = False, advice: str) -> None:
    """Download a file to ``path``, which must not exist, or copy it from ``copy``.

    Parameters
    ----------
    advice
        What to do where the file cannot be downloaded, in sentences.

    Raises
    ------
    BadInputError
        With code ``not-fetched`` if the server cannot be reached, refuses, or ends before the file does; with code
        ``no-file`` if there is no ``copy``.
    FaceprivError
        If the file cannot be read or written.
    """
    import pooch
    import requests

    if copy is not None and not copy.is_file():
        raise BadInputError(f"The file {path.name} was expected at {copy}; check the path.", code="no-file")
    pooch.get_logger().setLevel("WARNING")
    source = pooch.create(
        path.parent, base_url="", registry={path.name: None}, urls={path.name: url}, retry_if_failed=RETRIES
    )
    try:
        if copy is None:
            source.fetch(path.name, downloader=pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT_SECONDS))
        else:
            shutil.copyfile(copy, path)
    except requests.exceptions.RequestException as error:
        raise BadInputError(
            f"The file {path.name} could not be downloaded from {url} ({_reason(error)}). {advice}", code="not-fetched"
        ) from error
    except OSError as error:
        raise FaceprivError(
            f"The file {path.name} could not be written to the data folder ({error.strerror or error}); free some "
            "space, or check the rights to both."
        ) from error


def _reason(error: Exception) -> str:
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


def check_sha256(path: Path, *, published: str, recorded: str, record: Path) -> str:
    """Return the SHA-256 of a fetched file, after a check against the published or else the recorded one.

    Either is empty where there is none. Raises BadInputError with code ``wrong-bytes`` if the file has another; its
    advice names ``record``, the file that holds the recorded one.
    """
    expected, actual = published or recorded, sha256_of(path)
    if expected and actual != expected:
        advice = (
            "is published; fetch it again, or use the published file"
            if published
            else f"was recorded at the first fetch; use the old file, or delete {record} to trust the new one"
        )
        raise BadInputError(
            f"The file {path.name} should have SHA-256 {expected[:12]}..., but this one has {actual[:12]}...; the "
            f"first {advice}.",
            code="wrong-bytes",
        )
    return actual


def unpack_bzip2(packed: Path, path: Path, *, max_bytes: int) -> None:
    """Unpack a file packed by bzip2.

    Raises BadInputError with code ``not-an-archive`` if it is damaged, cut off, or unpacks to more than ``max_bytes``.
    """
    try:
        with bz2.open(packed) as stream:
            content = stream.read(max_bytes + 1)
    except (OSError, EOFError):
        content = None
    if content is None or len(content) > max_bytes:
        raise BadInputError(
            f"The file {packed.name} was expected to be packed by bzip2 and unpack to {max_bytes:,} bytes at most, but "
            "it is damaged, cut off or another file; fetch it again.",
            code="not-an-archive",
        )
    path.write_bytes(content)
