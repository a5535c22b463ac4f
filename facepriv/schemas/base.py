"""Base class of all stored documents, and references to models and data sets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Meaning = Literal["male", "female", "unknown"]
"""What a value of a label table may be declared to mean."""


class Frozen(BaseModel):
    """A value that is never changed once made. Keys that a later release added are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null", populate_by_name=True)


class ModelRef(Frozen):
    """A model by name and by the hash of its weights."""

    name: str
    version: str


class DatasetRef(Frozen):
    """A data set by id, name and the hash of its image hashes, subjects and labels."""

    id: int
    name: str
    content_sha256: str


def document_fields(record: Any) -> dict[str, Any]:
    """Return what the document of a complete run or audit holds besides its number.

    Of the result it holds the fields that were stored; those that a later version added stay unset.
    """
    return {
        **{name: getattr(record.result, name) for name in record.result.model_fields_set},
        "created_at": record.created_at.isoformat(),
        "finished_at": None if record.finished_at is None else record.finished_at.isoformat(),
        "spec": record.spec,
    }
