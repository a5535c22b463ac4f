"""Faults of models and plug-ins, logged without their own text."""

from __future__ import annotations

import logging
import traceback


def unexpected(what: str, error: BaseException) -> str:
    """Return a sentence for users on what stopped at an error that nobody foresaw, without the error's own text."""
    return (
        f"{what} at an unexpected {type(error).__name__}, a fault of facepriv or of a plug-in; report it with what the "
        "worker logged."
    )


def log_fault(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log where an error came from, without its own text, which a plug-in may have put a name into."""
    where = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.error("%s: %s at\n%s", what, type(error).__name__, where)
