"""The chain of hashes through the access log: each line's hash covers the line and the hash of the one before.

A changed, removed, moved or slipped-in line breaks the chain from there on, unless whoever did it computed all later
hashes anew: to notice that, or that the last lines were cut off, a later hash must have been noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

START = "0" * 64
"""Stands for the line before the first."""


def link_sha256(previous: str, at: datetime, actor: str, origin: str, action: str, subject: str, detail: str) -> str:
    """Return a line's SHA-256 in hexadecimal, from that of the line before and all that the line says."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = json.dumps(
        [previous, moment, actor, origin, action, subject, detail], ensure_ascii=True, separators=(",", ":")
    )
    return hashlib.sha256(said.encode("ascii")).hexdigest()
