"""Published data sets that `facepriv fetch` knows: addresses, hashes and licences, listed in ``published.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter


@dataclass(frozen=True)
class PublishedFile:
    """One file of a published data set."""

    name: str
    url: str
    sha256: str = ""
    """Published SHA-256; empty where none is known, then the first fetch records it."""
    bytes: int | None = None
    """Published size; None where none is known."""
    optional: bool = False
    """Whether the data set can be imported without it."""


@dataclass(frozen=True)
class PublishedDataset:
    """A published data set."""

    name: str
    """Name for `facepriv fetch`."""
    title: str
    licence: str
    source: str
    files: tuple[PublishedFile, ...]
    """The images first."""


def _read_datasets() -> dict[str, PublishedDataset]:
    listed = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, PublishedDataset]).validate_python(
        {name: {"name": name, **fields} for name, fields in listed.items()}
    )


PUBLISHED_DATASETS = _read_datasets()
