"""Collect at once what belongs to nothing: interrupted imports, files that no row refers to, measures of nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facepriv.store import Stock, Store
from facepriv.wording import count


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was found in the artifact folder and what became of it."""

    orphans: tuple[str, ...]
    """Files that no row referred to when they were looked for, half-written ones too."""
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


def find_orphans(store: Store) -> Collected:
    """Look, and remove nothing."""
    stock = store.take_stock()
    return Collected(
        orphans=without_row(stock),
        removed=0,
        left=0,
        missing={name: len(hashes) for name, hashes in stock.missing.items()},
    )


def collect_orphans(store: Store) -> Collected:
    """Remove what `find_orphans` finds but for what work under way may need, and what interrupted imports left.

    Raises
    ------
    StoreError
        If a file cannot be removed.
    """
    store.datasets.collect_abandoned()
    found = store.take_stock()
    removed = store.collect_settled()
    left = store.take_stock()
    return Collected(
        orphans=without_row(found),
        removed=removed,
        left=len(without_row(left)),
        missing={name: len(hashes) for name, hashes in left.missing.items()},
    )


def without_row(stock: Stock) -> tuple[str, ...]:
    """Give the names of files that no row refers to, half-written ones last."""
    return (*(sha256 + suffix for sha256, suffix in stock.orphans), *stock.half_written)
