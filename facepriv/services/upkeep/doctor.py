"""Check database, files, models, disk, permissions, workers and retention.

The checks are independent of each other: a damaged database hides no open permission.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from facepriv.config import Settings
from facepriv.errors import FaceprivError, StoreBusyError, StoreError
from facepriv.own_models.stored import list_unreadable
from facepriv.services.datasets.retention import expired
from facepriv.services.jobs.interrupted_purges import find_interrupted
from facepriv.services.jobs.left_behind import find_left_behind
from facepriv.services.jobs.presence import Presence, count_alive
from facepriv.services.models.catalogue import ModelStatus, list_models
from facepriv.services.templates.sets import expired_template_sets
from facepriv.store import (
    ArtifactStore,
    AuditStore,
    AuditSummary,
    Inventory,
    JobState,
    RunStore,
    RunSummary,
    Store,
    StudyStore,
    StudySummary,
    database_file,
    migrate,
    open_artifacts,
    open_store,
)
from facepriv.store.artifacts import MANY, TEMPLATES
from facepriv.store.engine import Database
from facepriv.store.inspection import find_damage
from facepriv.trees import files_below
from facepriv.weights.files import locate
from facepriv.wording import count, listed, some

Status = Literal["ok", "notice", "problem"]
Progress = Callable[[int, int], None]
"""Called with files hashed and files in all."""
Finding = tuple[Status, str]
"""What a check found: the state in one sentence and, for a problem, what to do."""

LEAST_FREE_BYTES = 1_000_000_000
"""Free space below which a run of some thousand images, or the rewriting of a database, may fail."""
KEY_FILES = "*.policy-key.json"
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MANY = 1_000_000


@dataclass(frozen=True)
class Check:
    """A check by name, and what it found."""

    name: str
    status: Status
    sentence: str


def examine(
    settings: Settings,
    *,
    quick: bool = False,
    least_free: int = LEAST_FREE_BYTES,
    on_progress: Progress | None = None,
) -> tuple[Check, ...]:
    """Run all checks, without changing anything.

    Parameters
    ----------
    quick
        Do not hash the artifact files, which takes as long as reading them all.
    least_free
        Bytes that must be free on every disk with data.
    on_progress
        Called for every hashed file.
    """
    checks: list[Check] = []

    def add(name: str, look: Callable[[], Finding]) -> None:
        try:
            checks.append(Check(name, *look()))
        except StoreError as error:
            checks.append(Check(name, "problem", str(error)))

    with _opened(settings) as (store, opening):
        checks.append(Check("database", *opening))
        if store is not None or opening[0] == "problem":
            add("database content", lambda: check_content(settings))
        if store is not None:
            stock = cache(store.take_inventory)
            add("ownership", lambda: check_ownership(store))
            add("artifact files", lambda: check_files(stock()))
            add("orphans", lambda: check_orphans(stock()))
            add("temporary files", lambda: check_temporary_files(store, settings))
            add("purges", lambda: check_purges(store))
        artifacts = open_artifacts(settings) if store is None else store.artifacts
        add(
            "artifact contents",
            lambda: ("notice", "Skipped by --quick.") if quick else check_hashes(artifacts, on_progress),
        )
        if store is not None:
            add("workers", lambda: check_queue(store, settings))
            add("retention", lambda: check_retention(store))
            add("access log", lambda: check_access_log(store))
    checks += [
        Check("models", *check_models(list_models())),
        Check("disk", *check_disks(settings, least_free)),
        Check("permissions", *check_permissions(settings)),
    ]
    return tuple(checks)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Store | None, Finding]]:
    """Yield the stores, or None if the database cannot be used, with the check of opening it."""
    file = database_file(settings)
    if file is not None and not file.exists():
        yield None, ("notice", f"There is no database at {file} yet. Import a data set.")
        return
    try:
        store = open_store(settings)
    except FaceprivError as error:
        yield None, ("problem", str(error))
        return
    with store:
        yield store, ("ok", f"Opens, at revision {migrate.head()}.")


def check_content(settings: Settings) -> Finding:
    """Check the whole database file, whatever its revision; raise StoreError if it cannot be read at all."""
    with closing(Database(settings.database_url)) as database:
        damage = find_damage(database)
    if damage:
        return "problem", f"The database is damaged ({damage}). Restore a backup."
    return "ok", "Pages, indexes and references between rows are intact."


def check_ownership(store: Store) -> Finding:
    """Check that the artifacts are those of the database."""
    if store.ownership.holds():
        return "ok", "Database and artifacts belong together."
    return "problem", store.ownership.sentence


def check_files(stock: Inventory) -> Finding:
    """Check that every file that rows refer to exists."""
    if not stock.missing:
        return "ok", "No file is missing."
    number = len(frozenset().union(*stock.missing.values()))
    return "problem", (
        f"{count(number, 'file')} of {some(list(stock.missing))} missing. Restore a backup, or purge the data set and "
        "import it again."
    )


def check_orphans(stock: Inventory) -> Finding:
    """Check for files that nothing refers to."""
    if not stock.orphans:
        return "ok", "No file is unused."
    if len(stock.orphans) > MANY:
        return "problem", (
            f"{count(len(stock.orphans), 'unused file')} of {len(stock.files):,}, far more than killed work leaves. If "
            "a data set is missing, restore a backup of the database, else delete with: facepriv collect --many"
        )
    return "notice", (
        f"{count(len(stock.orphans), 'unused file')}. Once no import or run is active, delete with: facepriv collect"
    )


def check_temporary_files(store: Store, settings: Settings) -> Finding:
    """Check for what killed processes left: files as they came, names of people, templates."""
    files = find_left_behind(store, settings)
    if not files:
        return "ok", "No killed process left any."
    verb = "was" if len(files) == 1 else "were"
    return "notice", (
        f"{count(len(files), 'temporary file')} {verb} left by a process that was killed and may show faces "
        f"({some(files, 3)}). The next start of a worker or the dashboard deletes them, and so does: facepriv collect"
    )


def check_purges(store: Store) -> Finding:
    """Check whether a purge was interrupted after it had deleted rows."""
    interrupted = find_interrupted(store)
    if not interrupted:
        return "ok", "None was interrupted."
    subjects = some([line.subject for line in interrupted])
    return "notice", (
        f"The purge of {subjects} is under way or was interrupted: files and deleted rows may be left. The next start "
        "of a worker or the dashboard finishes it, and so does: facepriv collect"
    )


def check_hashes(artifacts: ArtifactStore, on_progress: Progress | None = None) -> Finding:
    """Compare every artifact's bytes with the hash in its name; raises StoreBusyError if they cannot be reached."""
    files = tuple(artifacts.list())
    damaged: list[tuple[str, str]] = []
    for number, file in enumerate(files, start=1):
        try:
            # Templates may be larger than memory.
            artifacts.open(*file).close() if file[1] == TEMPLATES else artifacts.get(*file)
        except StoreBusyError:
            raise
        except StoreError:
            damaged.append(file)
        if on_progress is not None:
            on_progress(number, len(files))
    if damaged:
        there = set(artifacts.list())  # what was deleted meanwhile is not damaged
        damaged = [file for file in damaged if file in there]
    if damaged:
        names = some([sha256[:12] + suffix for sha256, suffix in damaged])
        return "problem", (
            f"{count(len(damaged), 'file')} unreadable or changed ({names}). Restore a backup, or purge the data set "
            "and import it again."
        )
    return "ok", f"{count(len(files), 'file')} read, all unchanged."


def check_models(models: Sequence[ModelStatus]) -> Finding:
    """Check that weights are here and have the pinned hash, and that enough models are usable."""
    unreadable = list_unreadable()
    if unreadable:
        return "problem", (
            f"Damaged models of your own: {some(unreadable)}. Remove them with: facepriv model remove NAME"
        )
    changed = [model for model in models if not model.usable and any(map(locate, model.card.weights))]
    if changed:
        return "problem", changed[0].reason
    lacking = [model for model in models if not model.usable]
    for kind in ("detector", "classifier", "matcher"):
        kindred = [model for model in models if model.kind == kind]
        if not any(model.usable for model in kindred):
            return "problem", f"No {kind} is usable. {kindred[0].reason}"
    if lacking:
        names = listed([model.card.name for model in lacking])
        return "notice", f"Not here: {names} (facepriv models --full says how to get them). All others are unchanged."
    return "ok", f"All {len(models)} are here and unchanged."


def check_disks(settings: Settings, least_free: int = LEAST_FREE_BYTES) -> Finding:
    """Check the free space where data, database and artifacts lie."""
    file = database_file(settings)
    places = [settings.home, settings.artifacts, settings.temporary, *([] if file is None else [file.parent])]
    disks = {place.stat().st_dev: place for place in map(_existing, places)}
    free = {place: shutil.disk_usage(place).free for place in disks.values()}
    tight = {place: left for place, left in free.items() if left < least_free}
    if tight:
        left = listed([f"{_gigabytes(left)} free on the disk of {place}" for place, left in tight.items()])
        return "problem", f"Only {left}. Make room: at least {_gigabytes(least_free)} are needed."
    return "ok", f"{_gigabytes(min(free.values()))} free (needed: {_gigabytes(least_free)})."


def check_permissions(settings: Settings) -> Finding:
    """Check that only the owner may read the data folder, the database, artifacts and keys."""
    if not settings.home.is_dir():
        return "notice", f"There is no data folder at {settings.home} yet."
    owner = settings.home.stat().st_uid
    exposed: list[Path] = []
    foreign: list[Path] = []
    for path in _private(settings):
        try:
            state = path.lstat()
        except FileNotFoundError:
            continue  # running work may delete its files meanwhile
        if state.st_mode & _OPEN_TO_OTHERS:
            exposed.append(path)
        if state.st_uid != owner:
            foreign.append(path)
    if exposed:
        return "problem", (
            f"Other users may read or change {count(len(exposed), 'path')} ({some(exposed, 3)}). Close with: "
            f"chmod -R go= {settings.home}"
        )
    if foreign:
        return "problem", (
            f"{count(len(foreign), 'path')} with another owner than the data folder ({some(foreign, 3)}). Use chown to "
            "give them to the user who runs facepriv."
        )
    if owner != os.geteuid():
        return "notice", (
            f"{settings.home} belongs to user {owner}, but you are user {os.geteuid()}. Run facepriv as its owner."
        )
    return "ok", "Only the owner can read the data folder, database, artifacts and keys."


def _private(settings: Settings) -> Iterator[Path]:
    """Yield paths that must be closed to others themselves; the data folder closes everything else."""
    yield settings.home
    file = database_file(settings)
    if file is not None:
        yield from sorted(file.parent.glob(f"{file.name}*"))
    yield from sorted(settings.home.glob("*.log"))
    yield from sorted(file for file in files_below(settings.home) if file.match(KEY_FILES))
    if settings.artifacts.is_dir():
        yield settings.artifacts
        yield from sorted(settings.artifacts.rglob("*"))


def check_queue(store: Store, settings: Settings) -> Finding:
    """Check which workers hold what, whether they are alive, and whether anything waits in vain."""
    held, waiting = _in_state(store, "running"), _in_state(store, "waiting")
    gone = set(Presence(settings).gone(job.owner for job in held.values() if job.owner is not None))
    now = datetime.now(UTC)
    lost = [
        title
        for title, job in held.items()
        if job.owner in gone or (job.lease_until is not None and job.lease_until < now)
    ]
    kept = {title: job.owner for title, job in held.items() if title not in lost}
    alive = count_alive(settings)
    at_work = listed([f"{owner} works on {title}" for title, owner in kept.items()])
    if (lost or waiting) and not alive and not kept:
        stuck = [f"{title} lost its worker" for title in lost]
        stuck += [f"{title} waits" for title in waiting]
        return "problem", f"No worker is running, but {some(stuck)}. Start one with: facepriv worker"
    if lost:
        return "notice", f"The worker of {listed(lost)} is gone. Another takes over within a minute."
    numbers = f"{count(alive, 'worker')} running on this machine, {count(len(waiting), 'job')} waiting"
    return "ok", f"{numbers}; {at_work}." if at_work else f"{numbers}."


def _in_state(store: Store, state: JobState) -> dict[str, RunSummary | AuditSummary | StudySummary]:
    tables: dict[str, RunStore | AuditStore | StudyStore] = {
        "run": store.runs,
        "audit": store.audits,
        "study": store.studies,
    }
    return {
        f"{noun} {each.id}": each for noun, table in tables.items() for each in table.list(states=[state], limit=_MANY)
    }


def check_retention(store: Store) -> Finding:
    """Check whether a data set or a template set has passed its retention date."""
    past = [(record.name, record.retain_until) for record in expired(store)]
    past += [(record.name, record.retain_until) for record in expired_template_sets(store)]
    if past:
        names = some([f"{name} ({until})" for name, until in past])
        return "problem", f"Past their retention date: {names}. Delete with: facepriv purge --expired"
    return "ok", "No data set has passed its retention date."


def check_access_log(store: Store) -> Finding:
    """Check that every line of the access log follows from the one before."""
    chain = store.access.verify()
    if chain.broken_at is not None:
        return "problem", (
            f"Line {chain.broken_at:,} does not match the line before: a line was changed, removed or written by "
            "something other than facepriv. Compare the log with a backup."
        )
    if not chain.protected:
        return "problem", (
            "The database does not protect the log any more: its triggers are missing or changed, so lines may have "
            "been, too. Compare the log with a backup, and restore it."
        )
    if not chain.lines:
        return "ok", "No line yet."
    return "ok", (
        f"{count(chain.lines, 'line')}, none changed; hash of the last: {chain.last[:16]}. Note it elsewhere: "
        "`facepriv access --expect` then shows whether the log was cut short or rewritten."
    )


def _existing(place: Path) -> Path:
    """Return the folder, or the nearest existing one above it."""
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:,.1f} GB"
