"""Whether the subjects of a data set are people: only then can images of one person be told from those of others."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.errors import BadInputError
from facepriv.store import DatasetRecord


def why_not_matched(record: DatasetRecord) -> str | None:
    """Say why nothing of a data set is matched, in one sentence; None where it is."""
    if record.identities == "groups":
        return (
            f"The subjects of {record.name} are groups that may hold several people, so comparisons could not be told "
            "mated from non-mated, and nothing is matched."
        )
    if record.identities == "none":
        return f"{record.name} does not say who is on its images, so there are no mated comparisons to be matched."
    return None


def refuse_matching(record: DatasetRecord, named: Sequence[str]) -> None:
    """Raise BadInputError with code ``not-people`` if a matcher was asked for where nothing can be matched."""
    why = why_not_matched(record)
    if why is not None and named:
        raise BadInputError(f"{why} Leave out {', '.join(named)}.", code="not-people")
