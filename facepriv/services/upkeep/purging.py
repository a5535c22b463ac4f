"""Purge a data set: delete it with everything derived from it, then check that nothing is left."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from facepriv.config import Settings, get_settings
from facepriv.errors import DeletedError, StoreError
from facepriv.services.datasets.import_jobs import close_import, imports_folder, list_imports
from facepriv.services.jobs.interrupted_purges import DATASET_PURGED, PURGE_UNFINISHED, finish_purges, purging
from facepriv.services.jobs.left_behind import remove_left_behind
from facepriv.services.models.probe_people import files_left, remove_probes, trained_on, unreadable_probes
from facepriv.services.templates.job import forget_jobs
from facepriv.services.upkeep.orphans import held_files, without_row
from facepriv.store import Holdings, Store
from facepriv.trees import files_below
from facepriv.types import Actor
from facepriv.wording import count, listed, some

WAIT_SECONDS = 300.0
"""How long to wait for cancelled work to stop; a lease runs out sooner, so its worker is alive and ignores it."""
POLL_SECONDS = 0.5
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class PurgePlan:
    """What a purge would remove."""

    dataset_id: int
    dataset: str
    images: int
    runs: tuple[int, ...]
    """Numbers of the runs on it, and of those that took candidates or learned from it."""
    audits: tuple[int, ...]
    files: int
    """Artifact files that would be deleted."""
    shared: Mapping[str, int]
    """Artifact files that stay because other data sets contain the same images, by name of the data set."""
    shares: int
    """Shares of these runs and audits, which end; officers' remarks stay."""
    probes: tuple[str, ...] = ()
    """Classifiers trained on it, which are deleted too."""
    template_sets: tuple[str, ...] = ()
    """Template sets made from it, which are deleted too."""
    studies: tuple[int, ...] = ()
    """Numbers of the studies of it; their runs and audits are among those above."""
    busy: tuple[str, ...]
    """Active work that prevents the purge, such as ``run 7``."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What would be deleted, what stays, and what prevents the purge."""
        sentences = [
            f"This deletes the data set {self.dataset!r}: {count(self.images, 'image')}, "
            f"{_numbered('run', self.runs)}, {_numbered('audit', self.audits)}, {count(self.files, 'file')}."
        ]
        if self.shares:
            sentences.append(f"It also ends {count(self.shares, 'share')} of its results; officers' remarks stay.")
        if self.probes:
            sentences.append(f"It also deletes {_trained(self.probes)}.")
        if self.template_sets:
            sentences.append(f"It also deletes {_made(self.template_sets)}.")
        if self.studies:
            sentences.append(f"It also deletes {_studied(self.studies)}, to which some of these runs belong.")
        sentences += [_stays(name, files) for name, files in self.shared.items()]
        if self.busy:
            sentences.append(
                f"Not possible yet: {listed(self.busy)} {'is' if len(self.busy) == 1 else 'are'} still active."
            )
        return tuple(sentences)


@dataclass(frozen=True, kw_only=True)
class PurgeReport:
    """What a purge deleted, and what a scan of the files found afterwards."""

    dataset_id: int
    dataset: str
    images: int
    runs: int
    audits: int
    files: int
    """Artifacts that only this data set referred to."""
    removed: int
    """Those of them whose files were deleted."""
    remaining: tuple[str, ...]
    """Files with its images that are still there."""
    collected: int
    """Unused files that were deleted too, since they may hold its unfinished images."""
    unclaimed: tuple[str, ...]
    """Unused files that are still there and may hold its images."""
    elsewhere: bool
    """Whether processes on other machines may still use its images, although their run was cancelled."""
    shared: Mapping[str, int]
    """As in `PurgePlan`."""
    probes: tuple[str, ...] = ()
    """Classifiers trained on it, which were deleted too."""
    template_sets: tuple[str, ...] = ()
    """Template sets made from it, which were deleted too."""
    studies: tuple[int, ...] = ()
    """Numbers of the studies of it, which were deleted too."""
    unreadable: tuple[str, ...] = ()
    """Unreadable files of probes that may have been trained on it."""
    refused: str | None
    """Why files could not be deleted; None if they could."""
    erased: bool
    """Whether deleted rows are also gone from the database's own files."""
    database: str
    """What was done there, or why not, in one sentence."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left of it, nor any file that may hold its images."""
        return not (self.remaining or self.unclaimed or self.unreadable) and self.erased and self.refused is None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was deleted, what the scan found, what stays and why."""
        sentences = [
            f"Deleted the data set {self.dataset!r}: {count(self.images, 'image')}, {count(self.runs, 'run')}, "
            f"{count(self.audits, 'audit')}.",
            f"{count(self.removed, 'file')} deleted. A scan of all files found {len(self.remaining):,} of "
            f"{self.files:,} remaining.",
        ]
        if self.probes:
            sentences.append(f"{_trained(self.probes)} deleted.")
        if self.template_sets:
            sentences.append(f"{_made(self.template_sets)} deleted.")
        if self.studies:
            sentences.append(f"{_studied(self.studies)} deleted.")
        if self.remaining:
            sentences.append(f"Remaining, because running work or the disk holds them: {some(self.remaining, 10)}.")
        if self.collected:
            sentences.append(
                f"Also deleted {count(self.collected, 'unused file')}, such as images that runs had not saved."
            )
        if self.unclaimed:
            sentences.append(
                f"{count(len(self.unclaimed), 'unused file')} may belong to this data set but could not be deleted, "
                "because running work or the disk holds them."
            )
        if self.unreadable:
            sentences.append(
                f"{count(len(self.unreadable), 'damaged probe')} may have been trained on it. Delete the folders of "
                f"{some(self.unreadable, 10)}."
            )
        if self.remaining or self.unclaimed:
            sentences.append("Run `facepriv collect` once no work is active.")
        if self.elsewhere:
            sentences.append(
                "Cluster processes may continue briefly after their run was cancelled and leave files after this scan. "
                "Run `facepriv collect` once they have stopped."
            )
        if self.refused is not None:
            sentences.append(self.refused)
        sentences += [_stays(name, files) for name, files in self.shared.items()]
        return (*sentences, self.database)


def plan_purge(store: Store, dataset_id: int) -> PurgePlan:
    """Return what a purge would delete, without changing anything; raise UnknownNameError."""
    holdings = store.datasets.holdings(dataset_id)
    shared = store.datasets.shared(holdings)
    going = holdings.artifacts.difference(*shared.values())
    return PurgePlan(
        dataset_id=dataset_id,
        dataset=holdings.dataset.name,
        images=holdings.images,
        runs=holdings.runs,
        audits=holdings.audits,
        files=len(going),
        shared={name: len(hashes) for name, hashes in shared.items()},
        shares=holdings.shares,
        probes=trained_on(get_settings(), holdings.dataset.id, holdings.dataset.name),
        template_sets=holdings.template_sets,
        studies=holdings.studies,
        busy=holdings.busy,
    )


def purge(store: Store, settings: Settings, dataset_id: int, *, actor: Actor, cancel: bool = False) -> PurgeReport:
    """Delete a data set with its images, runs, audits, measures and files, and verify it.

    Runs that took candidates or learned from it, probes trained on it and template sets made from it are deleted too.
    Its hashes are noted before; afterwards the artifacts and the files that imports have set aside are searched for
    them. Cancelled or killed runs leave perturbed images that no row refers to, so all unused files that no active work
    may need are deleted as well, and those that stay are counted: nothing says whose they are. The database is then
    rewritten, so that deleted rows cannot be read from its files. The access log keeps counts and no names;
    officers' remarks stay, with the hash of what they signed.

    A line of the access log is written with the deletion of the rows, another with the outcome at the end. If the purge
    is killed in between, or the database cannot be rewritten, `finish_purges` does what is left.

    Parameters
    ----------
    actor
        Who purges, for the access log.
    cancel
        Cancel active work and wait until it has stopped, instead of refusing.

    Raises
    ------
    StoreError
        If work on the data set is active; nothing is deleted then.
    UnknownNameError
        If there is no such data set.
    """
    if cancel:
        _stop_work(store, dataset_id)
    _try(lambda: finish_purges(store, settings))
    with purging(settings):
        return _purge(store, settings, dataset_id, actor)


def _purge(store: Store, settings: Settings, dataset_id: int, actor: Actor) -> PurgeReport:
    holdings = store.datasets.holdings(dataset_id)
    before = {file for file in store.artifacts.list() if file[0] in holdings.artifacts}
    trained: tuple[str, ...] = ()
    if not holdings.busy:
        # First: if this were killed after the rows are gone, nobody would know what else belongs to them.
        trained = _remove_probes(settings, holdings)
        _forget_imports(store, settings, holdings)
    holdings, refused = _delete(store, holdings, actor)
    # A probe whose training ended meanwhile; any later one finds the data set gone and removes itself.
    trained = tuple(dict.fromkeys([*trained, *_remove_probes(settings, holdings)]))
    collected, also_refused = _try(store.collect_now)
    left_behind = remove_left_behind(store, settings)
    shared = store.datasets.shared(holdings)
    mine = holdings.artifacts.difference(*shared.values())
    stock = store.take_inventory()
    after = {file for file in stock.files if file[0] in mine}
    left = sorted(sha256 + suffix for sha256, suffix in after)
    unclaimed = tuple(file for file in without_row(stock) if file not in left)
    # Crops and re-encoded images have hashes of their own.
    unclaimed += tuple(map(str, held_files(settings)))
    set_aside = [*_set_aside(settings, holdings.sources | mine), *map(str, files_left(settings, trained))]
    remaining = (*left, *set_aside)
    unreadable = tuple(map(str, unreadable_probes(settings)))
    report = {"images": holdings.images, "runs": len(holdings.runs), "audits": len(holdings.audits)}
    counts = [count(number, noun.removesuffix("s")) for noun, number in report.items()]
    database, not_erased = _try(store.erase_deleted)
    store.access.record(
        actor,
        DATASET_PURGED if not_erased is None else PURGE_UNFINISHED,
        f"dataset {dataset_id}",
        f"{', '.join(counts)}; {count(len(remaining), 'file')} of {len(mine):,} left"
        + (f", and {len(unclaimed):,} without a row" if unclaimed else "")
        + (f", and {count(len(unreadable), 'unreadable probe')}" if unreadable else ""),
    )
    return PurgeReport(
        dataset_id=dataset_id,
        dataset=holdings.dataset.name,
        **report,
        files=len(mine),
        removed=len({file for file in before if file[0] in mine} - after),
        remaining=remaining,
        collected=(collected or 0) + left_behind,
        unclaimed=unclaimed,
        elsewhere=settings.executor == "dask" and bool(holdings.runs),
        shared={name: len(hashes) for name, hashes in shared.items()},
        probes=trained,
        template_sets=holdings.template_sets,
        studies=holdings.studies,
        unreadable=unreadable,
        refused=refused or also_refused,
        erased=not_erased is None,
        database=database or not_erased or "",
    )


def _stop_work(store: Store, dataset_id: int) -> None:
    """Cancel all work on the data set, including waiting jobs, and wait until no worker holds any of it."""
    holdings = store.datasets.holdings(dataset_id)
    # Studies first: a study whose run is cancelled goes on with the next.
    for table, numbers in (
        (store.studies, holdings.studies),
        (store.runs, holdings.runs),
        (store.audits, holdings.audits),
        (store.protections, holdings.protections),
    ):
        for number in numbers:
            with suppress(DeletedError):  # no worker has what was deleted
                store.jobs.cancel(table.job_id(number))
    end = time.monotonic() + WAIT_SECONDS
    while busy := store.datasets.holdings(dataset_id).busy:
        if time.monotonic() > end:
            raise StoreError(
                f"{listed(busy).capitalize()} did not stop within {WAIT_SECONDS:.0f} seconds after being cancelled. "
                "Nothing was deleted; end the worker and try again."
            )
        time.sleep(POLL_SECONDS)


def _remove_probes(settings: Settings, holdings: Holdings) -> tuple[str, ...]:
    """Delete the probes trained on the data set; return their names."""
    names = trained_on(settings, holdings.dataset.id, holdings.dataset.name)
    remove_probes(settings, names)
    return names


def _delete(store: Store, holdings: Holdings, actor: Actor) -> tuple[Holdings, str | None]:
    """Delete rows and files; return what the rows referred to at the end, and why a file was left, if any."""
    try:
        return store.datasets.delete(holdings.dataset.id, purged_by=actor), None
    except StoreError as error:
        if any(record.id == holdings.dataset.id for record in store.datasets.list()):
            raise
        return holdings, str(error)


def _try(action: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """Return what an action returns, or why it could not be done."""
    try:
        return action(), None
    except StoreError as error:
        return None, str(error)


def _forget_imports(store: Store, settings: Settings, holdings: Holdings) -> None:
    """Delete ended imports of this data set, since they name its files."""
    for job in list_imports(store, settings):
        if holdings.dataset.id == job.record.dataset_id or holdings.dataset.name == job.name:
            close_import(store, settings, job.id)
    forget_jobs(store, settings, dataset_id=holdings.dataset.id)


def _set_aside(settings: Settings, hashes: frozenset[str]) -> Iterator[str]:
    """Yield files that running imports have set aside and whose bytes have one of the hashes."""
    for folder in (settings.temporary, imports_folder(settings)):
        for file in sorted(files_below(folder)):
            with suppress(FileNotFoundError):  # the import may have ended meanwhile
                if _digest(file) in hashes:
                    yield str(file)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _trained(names: tuple[str, ...]) -> str:
    return f"{count(len(names), 'probe')} trained on it ({some(names, 10)})"


def _made(names: tuple[str, ...]) -> str:
    return f"{count(len(names), 'template set')} made from it ({some(names, 10)})"


def _studied(numbers: tuple[int, ...]) -> str:
    noun = "study" if len(numbers) == 1 else "studies"
    return f"{len(numbers):,} {noun} ({some(numbers, 10)})"


def _numbered(noun: str, numbers: tuple[int, ...]) -> str:
    return count(len(numbers), noun) + (f" ({some(numbers, 10)})" if numbers else "")


def _stays(name: str, files: int) -> str:
    verb = "stays" if files == 1 else "stay"
    return f"{count(files, 'file')} {verb} because the data set {name!r} contains the same images."
