"""Purge a template set: delete it, then check that nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from facepriv.config import Settings
from facepriv.errors import StoreError, UnknownNameError
from facepriv.services.jobs.interrupted_purges import PURGE_UNFINISHED, TEMPLATES_PURGED, finish_purges, purging
from facepriv.services.jobs.left_behind import remove_left_behind
from facepriv.services.templates.job import forget_jobs
from facepriv.services.templates.sets import subject_of
from facepriv.services.upkeep.orphans import held_files, without_row
from facepriv.store import Store
from facepriv.trees import files_below
from facepriv.types import Actor
from facepriv.wording import count, some

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class TemplatePurgeReport:
    """What was deleted, and what a scan of the files found afterwards."""

    set_id: int
    template_set: str
    templates: int
    files: int
    """Artifacts that only this set referred to."""
    remaining: tuple[str, ...]
    """Those of them that are still there."""
    unclaimed: tuple[str, ...]
    """Unused files that are still there and may hold templates of it."""
    made_from_it: tuple[str, ...] = ()
    """Names of the template sets that were made from it and went with it."""
    shared: int
    """Artifacts that stay because another set has the same content."""
    refused: str | None
    """Why a file could not be deleted; None if all could."""
    erased: bool
    """Whether deleted rows are also gone from the database's own files."""
    database: str
    """What was done there, or why not, in one sentence."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left of it."""
        return not (self.remaining or self.unclaimed) and self.erased and self.refused is None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was deleted, what the scan found, what stays and why."""
        sentences = [
            f"Deleted the template set {self.template_set!r}: {count(self.templates, 'template')}. A scan of all files "
            f"found {len(self.remaining):,} of {count(self.files, 'file')} remaining."
        ]
        if self.made_from_it:
            made = count(len(self.made_from_it), "template set")
            sentences.append(f"Also deleted {made} made from it: {some(self.made_from_it, 10)}.")
        if self.remaining:
            sentences.append(f"Remaining, because running work or the disk holds them: {some(self.remaining, 10)}.")
        if self.unclaimed:
            sentences.append(
                f"{count(len(self.unclaimed), 'unused file')} may belong to it but could not be deleted, because "
                "running work or the disk holds them. Run `facepriv collect` once no work is active."
            )
        if self.shared:
            sentences.append(f"{count(self.shared, 'file')} of it stay, because another template set has the same.")
        if self.refused is not None:
            sentences.append(self.refused)
        return (*sentences, self.database)


def purge_template_set(store: Store, settings: Settings, set_id: int, *, actor: Actor) -> TemplatePurgeReport:
    """Delete a template set, and those made from it, with their files and the jobs that made them, and verify it.

    Their hashes are noted before; afterwards the artifacts are searched for them. Files without a row, which an
    interrupted import may have left, go as well, and the database is rewritten. The access log keeps one line without a
    name.

    Raises UnknownNameError if there is no such set.
    """
    _try(lambda: finish_purges(store, settings))
    with purging(settings):
        return _purge(store, settings, set_id, actor)


def _purge(store: Store, settings: Settings, set_id: int, actor: Actor) -> TemplatePurgeReport:
    record = store.template_sets.get(set_id)
    made = store.template_sets.made_from(record.id)
    hashes = {sha256 for each in (record, *made) for sha256 in (each.rows_sha256, each.records_sha256)}
    # First: if this were killed after the rows are gone, nobody would know which jobs made them.
    folders = forget_jobs(store, settings, set_id=record.id)
    _, refused = _try(lambda: store.template_sets.delete(record.id, purged_by=actor))
    with suppress(UnknownNameError):
        store.template_sets.get(record.id)
        raise StoreError(refused or f"The template set {record.name!r} could not be deleted; try again.")
    _, also_refused = _try(store.collect_now)
    remove_left_behind(store, settings)
    kept = {sha256 for each in store.template_sets.list() for sha256 in (each.rows_sha256, each.records_sha256)}
    stock = store.take_inventory()
    remaining = tuple(sorted(sha256 + suffix for sha256, suffix in stock.files if sha256 in hashes - kept))
    unclaimed = tuple(file for file in without_row(stock) if file not in remaining)
    database, not_erased = _try(store.erase_deleted)
    store.access.record(
        actor,
        TEMPLATES_PURGED if not_erased is None else PURGE_UNFINISHED,
        subject_of(record),
        f"{count(record.templates, 'template')}; {count(len(remaining), 'file')} of {len(hashes - kept)} left",
    )
    files = [file for folder in folders for file in files_below(folder)] + held_files(settings)
    return TemplatePurgeReport(
        set_id=record.id,
        template_set=record.name,
        made_from_it=tuple(each.name for each in made),
        templates=record.templates,
        files=len(hashes - kept),
        remaining=remaining,
        unclaimed=(*unclaimed, *map(str, files)),
        shared=len(hashes & kept),
        refused=refused or also_refused,
        erased=not_erased is None,
        database=database or not_erased or "",
    )


def _try(action: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """Return what an action returns, or why it could not be done."""
    try:
        return action(), None
    except StoreError as error:
        return None, str(error)
