"""Every error facepriv raises on purpose.

Each derives from `FaceprivError` and from the builtin that fits, so that callers may catch either.
The text is one sentence for a person: what was expected, what came, what to do.
"""

from __future__ import annotations


class FaceprivError(Exception):
    """Root of all errors raised on purpose; its text may be shown to a user as it is."""


class BadInputError(FaceprivError, ValueError):
    """A file, label, option or value that cannot be used; `code` names the reason in kebab-case."""

    def __init__(self, message: str, *, code: str = "bad-input") -> None:
        super().__init__(message)
        self.code = code


class UnknownNameError(FaceprivError, LookupError):
    """A plug-in, data set or run that does not exist."""


class DeletedError(UnknownNameError):
    """A run or an audit that was deleted, and can still be restored."""

    code = "deleted"


class ModelUnavailableError(FaceprivError, RuntimeError):
    """A model whose weights or runtime are missing or do not have the pinned hash."""


class FailureToAcquireError(FaceprivError, ValueError):
    """No usable face in an image (ISO/IEC 19795-1); `code` is ``no-face``, ``several-faces`` or ``no-landmarks``."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class StoreError(FaceprivError, RuntimeError):
    """The database or the artifact folder cannot be used as it is."""


class TooManyUnusedError(StoreError):
    """So many files are used by nothing that deleting them needs a person's word."""


class StoreBusyError(StoreError):
    """The database or the artifact store cannot be used for the moment; trying again later may work."""


class StorageFullError(StoreError):
    """There is no space left where something had to be written."""


class SameJobError(FaceprivError, RuntimeError):
    """Just what is asked for was asked for before, and is done or is to be: ``kind`` and ``number`` say which it is."""

    code = "same-job"

    def __init__(self, message: str, *, kind: str, number: int) -> None:
        super().__init__(message)
        self.kind, self.number = kind, number


class CancelledError(FaceprivError, RuntimeError):
    """The user asked a run to stop."""


class NotAllowedError(FaceprivError, PermissionError):
    """Somebody is not who they must be for this; `retry_after` is how many seconds to wait, where waiting helps."""

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
