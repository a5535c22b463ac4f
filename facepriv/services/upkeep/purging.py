"""Purge a data set: remove it with everything derived from it, then look whether anything of it is left."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facepriv.config import Settings, get_settings
from facepriv.errors import StoreError
from facepriv.own_models.program import files_of_calls, remove_killed_calls
from facepriv.services.datasets.import_jobs import forget_job, imports_folder, list_jobs
from facepriv.services.models.probe_people import files_left, remove_probes, trained_on, unreadable_probes
from facepriv.services.upkeep.orphans import without_row
from facepriv.store import Holdings, Store
from facepriv.wording import count, listed, some

WAIT_SECONDS = 300.0
"""How long to wait for cancelled work to stop: a lease runs out sooner, so its worker is alive and does not heed."""
POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class PurgePlan:
    """What a purge would remove."""

    dataset_id: int
    dataset: str
    images: int
    runs: tuple[int, ...]
    """Numbers of the runs on it, and of those that took candidates from it or learnt from it."""
    audits: tuple[int, ...]
    files: int
    """Artifact files that go."""
    shared: Mapping[str, int]
    """Artifact files that stay because others have these very images too, by the name of the data set."""
    shares: int
    """Shares of these runs and audits, which end; what officers said about them stays."""
    probes: tuple[str, ...] = ()
    """Classifiers that were trained on it, which go too."""
    busy: tuple[str, ...]
    """What is being worked on and stands in the way, such as ``run 7``."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What goes, what stays, and what stands in the way."""
        told = [
            f"The data set {self.dataset!r} would go: {count(self.images, 'image')}, "
            f"{_numbered('run', self.runs)}, {_numbered('audit', self.audits)}, {count(self.files, 'file')}."
        ]
        if self.shares:
            told.append(f"{count(self.shares, 'share')} of its results would go, too; what officers said would stay.")
        if self.probes:
            told.append(f"{_trained(self.probes)} would go, too.")
        told += [_stays(name, files) for name, files in self.shared.items()]
        if self.busy:
            told.append(f"In the way: {listed(self.busy)} {'is' if len(self.busy) == 1 else 'are'} being worked on.")
        return tuple(told)


@dataclass(frozen=True, kw_only=True)
class PurgeReport:
    """What a purge removed, and what a look at the files afterwards found."""

    dataset_id: int
    dataset: str
    images: int
    runs: int
    audits: int
    files: int
    """Artifacts that nothing but this data set referred to."""
    removed: int
    """Those of them whose files were there before and are not any more."""
    remaining: tuple[str, ...]
    """Files with its images that are still there and should not be."""
    collected: int
    """Files that no row referred to and that went, too: nothing tells whether they were of its unfinished images."""
    unclaimed: tuple[str, ...]
    """Files that no row refers to and that are still there: nothing tells whether they are of its images."""
    elsewhere: bool
    """Whether processes on other machines may still be at its images, although their run was cancelled."""
    shared: Mapping[str, int]
    """As in `PurgePlan`."""
    probes: tuple[str, ...] = ()
    """Classifiers that were trained on it and went, too."""
    unreadable: tuple[str, ...] = ()
    """Files of probes that cannot be read any more: nothing tells whether they were trained on it."""
    refused: str | None
    """Why files could not be removed, if the disk said so."""
    erased: bool
    """Whether deleted rows are unreadable in the database's own files, too."""
    database: str
    """What was done there, or why it could not be, in one sentence."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left of it, nor any file that may be of it."""
        return not (self.remaining or self.unclaimed or self.unreadable) and self.erased and self.refused is None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What went, what the look at the files found, what stays and why."""
        told = [
            f"Purged the data set {self.dataset!r}: {count(self.images, 'image')}, {count(self.runs, 'run')}, "
            f"{count(self.audits, 'audit')}.",
            f"{count(self.removed, 'file')} removed; a scan of the files found that {len(self.remaining):,} of "
            f"{self.files:,} remain.",
        ]
        if self.probes:
            told.append(f"{_trained(self.probes)} removed.")
        if self.remaining:
            told.append(
                f"{'These remain' if len(self.remaining) > 1 else 'This remains'}, held by work under way or by the "
                f"disk: {some(self.remaining, 10)}."
            )
        if self.collected:
            told.append(
                f"{count(self.collected, 'file')} that no row referred to went as well, such as images that runs had "
                "perturbed and not saved."
            )
        if self.unclaimed:
            told.append(
                f"{count(len(self.unclaimed), 'file')} that no row refers to may be of this data set and "
                f"{'remain' if len(self.unclaimed) > 1 else 'remains'}, held by work under way or by the disk."
            )
        if self.unreadable:
            told.append(
                f"{count(len(self.unreadable), 'probe')} that cannot be read any more may have been trained on it; "
                f"remove the {'folders' if len(self.unreadable) > 1 else 'folder'} of {some(self.unreadable, 10)}."
            )
        if self.remaining or self.unclaimed:
            told.append("Run `facepriv collect` once nothing is under way.")
        if self.elsewhere:
            told.append(
                "Processes of the cluster may go on for a moment after their run was cancelled, and leave a file after "
                "this scan; run `facepriv collect` once they have stopped."
            )
        if self.refused is not None:
            told.append(self.refused)
        told += [_stays(name, files) for name, files in self.shared.items()]
        return (*told, self.database)


def plan_purge(store: Store, dataset_id: int) -> PurgePlan:
    """Say what a purge would remove, without touching anything; raises UnknownNameError."""
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
        busy=holdings.busy,
    )


def purge(store: Store, settings: Settings, dataset_id: int, *, actor: str, cancel: bool = False) -> PurgeReport:
    """Remove a data set with its images, runs, audits, measures and files, and prove it.

    Runs that took candidates from it or learnt from it go as well, and probes that were trained on it. Before it, the
    set of hashes is taken; after it, the artifacts and what imports have put aside are searched for them. Runs that
    were cancelled or killed have left perturbed images that no row refers to, so all such files go as well that no work
    under way may need, and those that stay are counted: nothing tells whose they are. The database is then written
    anew, so that deleted rows cannot be read from its files. The access log keeps one line, with counts and no names;
    what officers said about the results stays, with the hash of what they signed.

    Parameters
    ----------
    actor
        Who purges, for the access log.
    cancel
        Cancel what is being worked on and wait until it has stopped, instead of refusing.

    Raises
    ------
    StoreError
        If something on the data set is being worked on; nothing is removed then.
    UnknownNameError
        If there is no such data set.
    """
    if cancel:
        _stop_work(store, dataset_id)
    holdings = store.datasets.holdings(dataset_id)
    before = _files_of(store, holdings.artifacts)
    # Probes go first: were this killed once the rows are gone, nobody could ask for a purge again.
    trained = () if holdings.busy else _remove_probes(settings, holdings)
    holdings, refused = _delete(store, holdings)
    _forget_imports(settings, holdings)
    # One whose training has ended meanwhile; any later one finds the data set gone and removes itself.
    trained = tuple(dict.fromkeys([*trained, *_remove_probes(settings, holdings)]))
    collected, also_refused = _collect(store)
    collected += remove_killed_calls(settings.temporary)
    shared = store.datasets.shared(holdings)
    mine = holdings.artifacts.difference(*shared.values())
    stock = store.take_inventory()
    after = frozenset(sha256 + suffix for sha256, suffix in stock.files if sha256 in mine)
    unclaimed = tuple(file for file in without_row(stock) if file not in after)
    # Crops and images that were encoded anew have hashes of their own.
    unclaimed += tuple(map(str, files_of_calls(settings.temporary)))
    run_in_thread = [*_put_aside(settings, holdings.sources | mine), *map(str, files_left(settings, trained))]
    remaining = (*sorted(after), *run_in_thread)
    unreadable = tuple(map(str, unreadable_probes(settings)))
    report = {"images": holdings.images, "runs": len(holdings.runs), "audits": len(holdings.audits)}
    counts = [count(number, noun.removesuffix("s")) for noun, number in report.items()]
    store.access.record(
        actor,
        "dataset-purged",
        f"dataset {dataset_id}",
        f"{', '.join(counts)}; {count(len(remaining), 'file')} of {len(mine):,} left"
        + (f", and {len(unclaimed):,} without a row" if unclaimed else "")
        + (f", and {count(len(unreadable), 'unreadable probe')}" if unreadable else ""),
    )
    try:
        database, erased = store.erase_deleted(), True
    except StoreError as error:
        database, erased = str(error), False
    return PurgeReport(
        dataset_id=dataset_id,
        dataset=holdings.dataset.name,
        **report,
        files=len(mine),
        removed=len({file for file in before if _hash_of(file) in mine} - after),
        remaining=remaining,
        collected=collected,
        unclaimed=unclaimed,
        elsewhere=settings.executor == "dask" and bool(holdings.runs),
        shared={name: len(hashes) for name, hashes in shared.items()},
        probes=trained,
        unreadable=unreadable,
        refused=refused or also_refused,
        erased=erased,
        database=database,
    )


def _stop_work(store: Store, dataset_id: int) -> None:
    """Cancel everything on the data set, what waits included, and wait until no worker holds any of it."""
    holdings = store.datasets.holdings(dataset_id)
    jobs = [*map(store.runs.job_id, holdings.runs), *map(store.audits.job_id, holdings.audits)]
    for job_id in jobs:
        store.jobs.cancel(job_id)
    end = time.monotonic() + WAIT_SECONDS
    while busy := store.datasets.holdings(dataset_id).busy:
        if time.monotonic() > end:
            raise StoreError(
                f"{listed(busy).capitalize()} did not stop within {WAIT_SECONDS:.0f} seconds of being cancelled, so "
                "nothing was purged; end the worker and try again."
            )
        time.sleep(POLL_SECONDS)


def _remove_probes(settings: Settings, holdings: Holdings) -> tuple[str, ...]:
    """Remove the probes that were trained on the data set, and name them."""
    names = trained_on(settings, holdings.dataset.id, holdings.dataset.name)
    remove_probes(settings, names)
    return names


def _delete(store: Store, holdings: Holdings) -> tuple[Holdings, str | None]:
    """Remove rows and files; return what the rows referred to in the end, and why a file was left if one was."""
    try:
        return store.datasets.delete(holdings.dataset.id), None
    except StoreError as error:
        if any(record.id == holdings.dataset.id for record in store.datasets.list()):
            raise
        return holdings, str(error)


def _collect(store: Store) -> tuple[int, str | None]:
    """Remove files that no row refers to; return how many went, and why a file was left if one was."""
    try:
        return store.collect_settled(), None
    except StoreError as error:
        return 0, str(error)


def _forget_imports(settings: Settings, holdings: Holdings) -> None:
    """Remove what is left of ended imports of this data set: they name its files."""
    for job in list_jobs(settings):
        mine = job.dataset_id == holdings.dataset.id or job.name == holdings.dataset.name
        if mine and job.state != "running":
            forget_job(settings, job.id)


def _files_of(store: Store, hashes: frozenset[str]) -> frozenset[str]:
    """Return the names of those artifacts that are there, by a scan of all."""
    return frozenset(sha256 + suffix for sha256, suffix in store.artifacts.list() if sha256 in hashes)


def _hash_of(file: str) -> str:
    return file.partition(".")[0]


def _put_aside(settings: Settings, hashes: frozenset[str]) -> Iterator[str]:
    """Give the files that imports under way, or killed ones, have put aside and whose bytes have one of the hashes."""
    for folder in (settings.temporary, imports_folder(settings)):
        for file in sorted(folder.rglob("*")):
            with suppress(FileNotFoundError):  # an import under way may have ended meanwhile
                if file.is_file() and _digest(file) in hashes:
                    yield str(file)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _trained(names: tuple[str, ...]) -> str:
    return f"{count(len(names), 'probe')} trained on it ({some(names, 10)})"


def _numbered(noun: str, numbers: tuple[int, ...]) -> str:
    return count(len(numbers), noun) + (f" ({some(numbers, 10)})" if numbers else "")


def _stays(name: str, files: int) -> str:
    verb = "stays" if files == 1 else "stay"
    return f"{count(files, 'file')} {verb} because the data set {name!r} has the very same too."
