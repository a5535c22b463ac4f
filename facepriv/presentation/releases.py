"""What was released, as rows."""

from __future__ import annotations

from facepriv.presentation.formats import moment, short_hash
from facepriv.store import ReleaseRecord


def release_row(record: ReleaseRecord) -> dict[str, str]:
    """Return a release as a row: when, what, how it was chosen, by whom, its hash, and what was said of it."""
    return {
        "Release": str(record.id),
        "Released": moment(record.at),
        "Of": record.about,
        "Policy": record.policy,
        "Items": f"{record.items:,}",
        "By": record.released_by,
        "Manifest (SHA-256)": short_hash(record.manifest_sha256),
        "Verdict then": record.verdict or "not measured",
    }
