"""Delete what nothing refers to: interrupted imports, unused files, and measures without an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facepriv.config import Settings
from facepriv.scratch import FETCH, IMPORT, MODEL
from facepriv.services.jobs.deletion import empty_trash
from facepriv.services.jobs.interrupted_purges import finish_purges
from facepriv.services.jobs.left_behind import find_left_behind, remove_left_behind
from facepriv.store import Inventory, Store
from facepriv.trees import files_below
from facepriv.wording import count


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Unused files of the artifact folder and what killed processes left, and how many were deleted."""

    orphans: tuple[str, ...]
    """Files that no row referred to at the time, including half-written ones, and those of killed processes."""
    removed: int
    left: int
    """Orphans that stay, since active work may be about to refer to them."""
    missing: Mapping[str, int]
    """Missing files that rows refer to, by name of the data set."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, what was deleted, and what is missing."""
        sentences = [f"{count(len(self.orphans), 'unused file')} found, {self.removed:,} deleted."]
        if self.left:
            sentences.append(f"{count(self.left, 'file')} may belong to active work. Collect again once it has ended.")
        sentences += [
            f"{count(files, 'file')} of the data set {name!r} missing. Restore a backup, or purge and import again."
            for name, files in self.missing.items()
        ]
        return tuple(sentences)


def find_orphans(store: Store, settings: Settings) -> Collected:
    """Find unused files without deleting anything."""
    stock = store.take_inventory()
    return Collected(
        orphans=(*without_row(stock), *find_left_behind(store, settings)),
        removed=0,
        left=0,
        missing={name: len(hashes) for name, hashes in stock.missing.items()},
    )


def collect_orphans(store: Store, settings: Settings, *, many: bool = False) -> Collected:
    """Delete what `find_orphans` finds, except what active work may need, and what interrupted imports left.

    Runs and audits that were deleted a day ago go for good.

    Raises StoreError if a file cannot be deleted, or the artifacts are another database's, and TooManyUnusedError if
    more unused files were there than killed work leaves and not ``many`` may go.
    """
    store.ownership.require()
    empty_trash(store)
    finish_purges(store, settings)
    store.datasets.collect_abandoned()
    before, left = store.take_inventory(), find_left_behind(store, settings)
    removed = remove_left_behind(store, settings) + store.collect_now(many=many)
    after = store.take_inventory()
    return Collected(
        orphans=(*without_row(before), *left),
        removed=removed,
        left=len(without_row(after)) + len(find_left_behind(store, settings)),
        missing={name: len(hashes) for name, hashes in after.missing.items()},
    )


def without_row(stock: Inventory) -> tuple[str, ...]:
    """Return the names of files that no row refers to, half-written ones last."""
    return (*(sha256 + suffix for sha256, suffix in stock.orphans), *stock.half_written)


def held_files(settings: Settings) -> list[Path]:
    """Return the temporary files of active work that may show a stored image or hold a template of one.

    Files as they came are not among them: whoever looks for those knows their hashes.
    """
    places = sorted(settings.temporary.glob("*"))
    held = [place for place in places if not place.name.startswith((IMPORT, FETCH, MODEL))]
    return [file for place in held for file in files_below(place)]
