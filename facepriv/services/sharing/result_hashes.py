"""Hashes of results, which a sign-off refers to."""

from __future__ import annotations

import hashlib
import json

from facepriv.schemas.base import Frozen
from facepriv.services.audits.preparing import audit_document
from facepriv.services.releases.export import run_document
from facepriv.store import Store


def result_sha256(store: Store, run_id: int | None, audit_id: int | None) -> str:
    """Return the hash that a sign-off refers to, of a complete run, a complete audit, or of both.

    That of one is of its spec and result as stored, as JSON with sorted keys; that of both of the two in hexadecimal,
    concatenated.
    """
    documents = [
        *([] if run_id is None else [run_document(store, run_id)]),
        *([] if audit_id is None else [audit_document(store, audit_id)]),
    ]
    hashes = [document_sha256(document) for document in documents]
    return hashes[0] if len(hashes) == 1 else _sha256("".join(hashes))


def document_sha256(document: Frozen) -> str:
    """Return the hash of a complete result's document as stored, as JSON with sorted keys."""
    # Without fields that a later version added and nobody stored: what was signed stays what was signed.
    plain = json.loads(document.model_dump_json(by_alias=True, exclude_unset=True))
    return _sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
