"""Collect at once what belongs to nothing: interrupted imports, files that no row refers to, measures of nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facepriv.config import Settings
from facepriv.own_models.program import files_of_killed_calls, remove_killed_calls
from facepriv.store import Inventory, Store
from facepriv.wording import count


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was found in the artifact folder, and of calls of commands, and what became of it."""

    orphans: tuple[str, ...]
    """Files that no row referred to when they were looked for, half-written ones and those of killed calls too."""
    removed: int
    left: int
    """Orphans that are still there, since work under way may be about to refer to them."""
    missing: Mapping[str, int]
    """Files that rows refer to and that are not there, by the name of the data set."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, what was removed, and what cannot be collected away."""
        told = [f"{count(len(self.orphans), 'file')} of no data set, run or import found; {self.removed:,} removed."]
        if self.left:
            told.append(f"{count(self.left, 'file')} may belong to work under way; collect again once it has ended.")
        told += [
            f"{count(files, 'file')} of the data set {name!r} {'is' if files == 1 else 'are'} missing; restore from a "
            "backup, or purge and import again."
            for name, files in self.missing.items()
        ]
        return tuple(told)


def find_orphans(store: Store, settings: Settings) -> Collected:
    """Look, and remove nothing."""
    stock = store.take_inventory()
    return Collected(
        orphans=(*without_row(stock), *_left_by_calls(settings)),
        removed=0,
        left=0,
        missing={name: len(hashes) for name, hashes in stock.missing.items()},
    )


def collect_orphans(store: Store, settings: Settings) -> Collected:
    """Remove what `find_orphans` finds but for what work under way may need, and what interrupted imports left.

    Raises
    ------
    StoreError
        If a file cannot be removed.
    """
    store.datasets.collect_abandoned()
    found, of_calls = store.take_inventory(), _left_by_calls(settings)
    removed = store.collect_settled() + remove_killed_calls(settings.temporary)
    left = store.take_inventory()
    return Collected(
        orphans=(*without_row(found), *of_calls),
        removed=removed,
        left=len(without_row(left)) + len(_left_by_calls(settings)),
        missing={name: len(hashes) for name, hashes in left.missing.items()},
    )


def _left_by_calls(settings: Settings) -> tuple[str, ...]:
    """Return the images that killed calls of a user's commands have left."""
    return tuple(map(str, files_of_killed_calls(settings.temporary)))


def without_row(stock: Inventory) -> tuple[str, ...]:
    """Return the names of files that no row refers to, half-written ones last."""
    return (*(sha256 + suffix for sha256, suffix in stock.orphans), *stock.half_written)
