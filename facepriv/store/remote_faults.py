"""What an object store's errors mean: worth another try or not, and one sentence for a person."""

from __future__ import annotations

import errno

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
_NETWORK_ERRORS = frozenset(
    [
        "aiohttp.client_exceptions.ClientConnectionError",
        "aiohttp.client_exceptions.ClientPayloadError",
        "botocore.exceptions.ConnectionError",
        "botocore.exceptions.HTTPClientError",
        "botocore.exceptions.IncompleteReadError",
        "botocore.parsers.ResponseParserError",  # what some throttles answer is no XML
    ]
)
_CERTIFICATE_ERRORS = frozenset(["aiohttp.client_exceptions.ClientSSLError", "botocore.exceptions.SSLError"])
_CREDENTIAL_ERRORS = frozenset(
    f"botocore.exceptions.{name}"
    for name in ("CredentialRetrievalError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same request may succeed a moment later."""
    code, status = _answer(error)
    if _is_full(error):
        return False
    if code or status:
        return code in _TRANSIENT_CODES or status in _TRANSIENT_STATUS
    if isinstance(error, OSError) and error.errno in _TRANSIENT_NUMBERS:
        return True
    is_of_network = isinstance(error, ConnectionError | TimeoutError) or _is_a(error, _NETWORK_ERRORS)
    return is_of_network and not _is_a(error, _CERTIFICATE_ERRORS)


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
    if _is_a(error, _CREDENTIAL_ERRORS):
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
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if isinstance(response, dict):  # botocore's form
            code = str(response.get("Error", {}).get("Code", ""))
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            # Where an answer has no body, its status stands for the code.
            return ("", int(code)) if code.isdecimal() else (code, status)
        cause = cause.__cause__
    return "", 0


def _is_full(error: BaseException) -> bool:
    code, status = _answer(error)
    number = error.errno if isinstance(error, OSError) else None
    return code in _FULL_CODES or status == _FULL_STATUS or number in _FULL_NUMBERS


def _is_a(error: BaseException, kinds: frozenset[str]) -> bool:
    """Tell by the names of its classes, whose packages may not be installed."""
    return not kinds.isdisjoint(f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
