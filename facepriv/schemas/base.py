"""Base class of all stored documents, and references to models and data sets."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that is never changed once made. Keys that a later release added are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")


class ModelRef(Frozen):
    """A model by name and by the hash of its weights."""

    name: str
    version: str


class DatasetRef(Frozen):
    """A data set by id, name and the hash of its image hashes, subjects and labels."""

    id: int
    name: str
    content_sha256: str


def stored_fields(result: BaseModel) -> dict[str, Any]:
    """Return the fields of a result that were stored with it; those that a later version added stay unset."""
    return {name: getattr(result, name) for name in result.model_fields_set}
