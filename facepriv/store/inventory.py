"""What rows refer to against what lies in the artifact folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from facepriv.store.artifacts import ArtifactStore
from facepriv.store.engine import Database
from facepriv.store.leftovers import references


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Artifacts that are there, and how they fit the rows."""

    files: tuple[tuple[str, str], ...]
    """Hash and suffix of every file."""
    orphans: tuple[tuple[str, str], ...]
    """Those that no row refers to: left behind, or put by work under way that has not written its row yet."""
    half_written: tuple[str, ...]
    """Names of what writes under way, or interrupted ones, have put aside."""
    missing: Mapping[str, frozenset[str]]
    """Hashes that rows refer to without a file, by the name of the data set."""


def take_inventory(database: Database, artifacts: ArtifactStore) -> Inventory:
    """Compare rows and files, by names alone; others may go on writing meanwhile."""
    # Files first: what is put from now on cannot look like an orphan.
    files = tuple(artifacts.list())
    wanted: dict[str, set[str]] = {}
    every = references()
    rows = select(every.c.artifact_sha256, every.c.name).where(every.c.artifact_sha256.is_not(None)).distinct()
    with database.reading() as session:
        for sha256, name in session.execute(rows):
            wanted.setdefault(sha256, set()).add(name)
    lacking = wanted.keys() - {sha256 for sha256, _ in files}
    if lacking:
        lacking -= {sha256 for sha256, _ in artifacts.list()}
    missing: dict[str, set[str]] = {}
    for sha256 in lacking:
        for name in wanted[sha256]:
            missing.setdefault(name, set()).add(sha256)
    return Inventory(
        files=files,
        orphans=tuple(file for file in files if file[0] not in wanted),
        half_written=tuple(artifacts.half_written()),
        missing={name: frozenset(missing[name]) for name in sorted(missing)},
    )
