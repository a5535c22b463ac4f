"""What an object store's errors mean: worth another try or not, and one sentence for a person."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress

from facepriv.errors import StorageFullError, StoreBusyError, StoreError

_TRANSIENT_STATUS = frozenset([408, 429, 500, 502, 503, 504])
_TRANSIENT_CODES = frozenset(
    ["InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException"]
)
_TRANSIENT_NUMBERS = frozenset([errno.EBUSY, errno.EREMOTEIO])
_FULL_STATUS = 507
_FULL_CODES = frozenset(["QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"])
_FULL_NUMBERS = frozenset([errno.ENOSPC, errno.EDQUOT])
_CLOCK_CODE = "RequestTimeTooSkewed"


def is_transient(error: BaseException) -> bool:
    """Tell whether the same request may succeed a moment later."""
    code, status = _answer(error)
    if _is_full(error):
        return False
    if code or status:
        return code in _TRANSIENT_CODES or status in _TRANSIENT_STATUS
    if isinstance(error, OSError) and error.errno in _TRANSIENT_NUMBERS:
        return True
    return isinstance(error, _network_errors()) and not isinstance(error, _certificate_errors())


def is_no_place(error: BaseException) -> bool:
    """Tell whether it is the bucket that is missing, not an object in it."""
    return _answer(error)[0] == "NoSuchBucket"


def as_store_error(error: BaseException, url: str) -> StoreError:
    """Put a fault into a sentence.

    It quotes the store's code or the error's name only: a message of someone else's may name keys and hosts.
    """
    code, status = _answer(error)
    what = code or (f"status {status}" if status else type(error).__name__)
    if _is_full(error):
        return StorageFullError(f"There is no space left in the object store {url} ({what}); free some and try again.")
    if is_no_place(error):
        return StoreError(
            f"The object store {url} does not exist; make its bucket, or correct FACEPRIV_ARTIFACTS_URL or the "
            "endpoint (AWS_ENDPOINT_URL)."
        )
    if is_transient(error):
        return StoreBusyError(
            f"The object store {url} cannot be reached or is too busy ({what}); check that it runs and that the "
            "endpoint (AWS_ENDPOINT_URL) is right, and try again."
        )
    if code == _CLOCK_CODE:
        return StoreError(f"The object store {url} refuses this machine's clock; set it right.")
    if isinstance(error, _credential_errors()):
        return StoreError(
            f"There are no usable credentials for the object store {url} ({what}); set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or what your store takes instead."
        )
    if isinstance(error, PermissionError):
        return StoreError(
            f"The object store {url} refuses access ({what}); check the credentials, and that they allow to read, "
            "write, list and delete objects there."
        )
    return StoreError(
        f"The object store {url} cannot be used ({what}); check FACEPRIV_ARTIFACTS_URL, the endpoint "
        "(AWS_ENDPOINT_URL) and its certificate."
    )


def _answer(error: BaseException) -> tuple[str, int]:
    """Return code and HTTP status of the store's answer; empty and 0 if there was none."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):  # botocore's form
            code = str(response.get("Error", {}).get("Code", ""))
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            # Where an answer has no body, its status stands for the code.
            return ("", int(code)) if code.isdecimal() else (code, status)
    return "", 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _is_full(error: BaseException) -> bool:
    code, status = _answer(error)
    number = error.errno if isinstance(error, OSError) else None
    return code in _FULL_CODES or status == _FULL_STATUS or number in _FULL_NUMBERS


def _network_errors() -> tuple[type[BaseException], ...]:
    kinds: list[type[BaseException]] = [ConnectionError, TimeoutError]
    with suppress(ImportError):
        from aiohttp import ClientConnectionError, ClientPayloadError

        kinds += [ClientConnectionError, ClientPayloadError]
    with suppress(ImportError):
        from botocore.exceptions import ConnectionError as NoConnection
        from botocore.exceptions import HTTPClientError, IncompleteReadError
        from botocore.parsers import ResponseParserError  # what some throttles answer is no XML

        kinds += [NoConnection, HTTPClientError, IncompleteReadError, ResponseParserError]
    return tuple(kinds)


def _certificate_errors() -> tuple[type[BaseException], ...]:
    kinds: list[type[BaseException]] = []
    with suppress(ImportError):
        from aiohttp import ClientSSLError

        kinds.append(ClientSSLError)
    with suppress(ImportError):
        from botocore.exceptions import SSLError

        kinds.append(SSLError)
    return tuple(kinds)


def _credential_errors() -> tuple[type[BaseException], ...]:
    with suppress(ImportError):
        from botocore.exceptions import (
            CredentialRetrievalError,
            NoCredentialsError,
            PartialCredentialsError,
            ProfileNotFound,
        )

        return CredentialRetrievalError, NoCredentialsError, PartialCredentialsError, ProfileNotFound
    return ()
