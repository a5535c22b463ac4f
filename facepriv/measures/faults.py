"""Faults of models and plug-ins, logged without their own text."""

from __future__ import annotations

import logging
import traceback


def log_fault(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log where an error came from, without its own text, which a plug-in may have put a name into."""
    where = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.error("%s: %s at\n%s", what, type(error).__name__, where)
