"""Hashes of results, which a sign-off refers to."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel

from facepriv.services.audits.preparing import audit_document
from facepriv.services.releases.export import run_document
from facepriv.store import Store


def run_sha256(store: Store, run_id: int) -> str:
    """Return the hash of a complete run's spec and result as stored, as JSON with sorted keys."""
    return _sha256(run_document(store, run_id))


def audit_sha256(store: Store, audit_id: int) -> str:
    """Return the hash of a complete audit's spec and result as stored, as JSON with sorted keys."""
    return _sha256(audit_document(store, audit_id))


def result_sha256(store: Store, run_id: int | None, audit_id: int | None) -> str:
    """Return the hash that a sign-off refers to: the run's or the audit's own, or that of both in hexadecimal,
    concatenated.
    """
    parts = [
        *([] if run_id is None else [run_sha256(store, run_id)]),
        *([] if audit_id is None else [audit_sha256(store, audit_id)]),
    ]
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode("ascii")).hexdigest()


def _sha256(document: BaseModel) -> str:
    # Without fields that a later version added and nobody stored: what was signed stays what was signed.
    plain = json.loads(document.model_dump_json(by_alias=True, exclude_unset=True))
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
