"""Look whether everything is in order: database, files, models, disk, permissions, workers, retention.

Every check looks for itself and goes on with what can be looked at: a damaged database hides no open permission.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from facepriv.config import Settings
from facepriv.errors import FaceprivError, StoreBusyError, StoreError
from facepriv.own_models.stored import list_unreadable
from facepriv.services.datasets.retention import expired
from facepriv.services.jobs.presence import Presence, count_alive
from facepriv.services.models.catalogue import ModelStatus, list_models
from facepriv.store import (
    ArtifactStore,
    AuditSummary,
    Inventory,
    JobState,
    RunSummary,
    Store,
    migrate,
    open_artifacts,
    open_store,
)
from facepriv.store.engine import Database
from facepriv.store.inspection import find_damage
from facepriv.weights.files import locate
from facepriv.wording import count, listed, some

Status = Literal["ok", "notice", "problem"]
Progress = Callable[[int, int], None]
"""Called with files hashed and files in all."""

DATABASE, CONTENT = "database", "database content"
FILES, ORPHANS, HASHES = "artifact files", "orphans", "artifact contents"
WORKERS, RETENTION = "workers", "retention"
ACCESS = "access log"
MODELS, DISK, PERMISSIONS = "models", "disk", "permissions"

LEAST_FREE_BYTES = 1_000_000_000
"""Free space below which a run of some thousand images, or the rewriting of a database, may fail."""
KEY_FILES = "*.policy-key.json"
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MANY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check found."""

    name: str
    status: Status
    sentence: str
    """What is so, and where it is not as it should be, what to do."""


def examine(
    settings: Settings,
    *,
    quick: bool = False,
    least_free: int = LEAST_FREE_BYTES,
    on_progress: Progress | None = None,
) -> tuple[Check, ...]:
    """Make all checks, without changing anything.

    Parameters
    ----------
    quick
        Do not hash the artifact files, which takes as long as reading them all.
    least_free
        Bytes that must be free on every disk that holds data.
    on_progress
        Told of every file that was hashed.
    """
    checks: list[Check] = []

    def add(name: str, look: Callable[[], Check]) -> None:
        try:
            checks.append(look())
        except StoreError as error:
            checks.append(_problem(name, str(error)))

    with _opened(settings) as (store, opening):
        checks.append(opening)
        if store is not None or opening.status == "problem":
            add(CONTENT, lambda: check_content(settings))
        if store is not None:
            stock = cache(store.take_inventory)
            add(FILES, lambda: check_files(stock()))
            add(ORPHANS, lambda: check_orphans(stock()))
        artifacts = open_artifacts(settings) if store is None else store.artifacts
        add(HASHES, lambda: _skipped() if quick else check_hashes(artifacts, on_progress))
        if store is not None:
            add(WORKERS, lambda: check_queue(store, settings))
            add(RETENTION, lambda: check_retention(store))
            add(ACCESS, lambda: check_access_log(store))
    checks += [check_models(list_models()), check_disks(settings, least_free), check_permissions(settings)]
    return tuple(checks)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Store | None, Check]]:
    """Return the stores, or None where the database cannot be used, and what that tells."""
    file = database_file(settings)
    if file is not None and not file.exists():
        yield None, _notice(DATABASE, f"There is no database at {file} yet; import a data set.")
        return
    try:
        store = open_store(settings)
    except FaceprivError as error:
        yield None, _problem(DATABASE, str(error))
        return
    with store:
        yield store, _ok(DATABASE, f"It opens and has revision {migrate.head()}.")


def database_file(settings: Settings) -> Path | None:
    """Return the SQLite file; None where the database is a server's."""
    url = settings.database_url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def check_content(settings: Settings) -> Check:
    """Look through the whole database file, whatever its revision; raises StoreError if it cannot be read at all."""
    database = Database(settings.database_url)
    try:
        damage = find_damage(database)
    finally:
        database.close()
    if damage:
        return _problem(CONTENT, f"The database is damaged ({damage}); restore a backup of it.")
    return _ok(CONTENT, "Its pages, indexes and references between rows are whole.")


def check_files(stock: Inventory) -> Check:
    """Look whether every file that rows refer to is there."""
    if not stock.missing:
        return _ok(FILES, "Every file that rows refer to is there.")
    number = len(frozenset().union(*stock.missing.values()))
    return _problem(
        FILES,
        f"{count(number, 'file')} of {some(list(stock.missing))} {'is' if number == 1 else 'are'} missing; restore "
        "from a backup, or purge the data set and import it again.",
    )


def check_orphans(stock: Inventory) -> Check:
    """Look whether files lie there that belong to nothing."""
    if not stock.orphans:
        return _ok(ORPHANS, "No file lies there that belongs to nothing.")
    return _notice(
        ORPHANS,
        f"{count(len(stock.orphans), 'file')} that no row refers to; unless an import or a run is under way, remove "
        "with: facepriv collect",
    )


def check_hashes(artifacts: ArtifactStore, on_progress: Progress | None = None) -> Check:
    """Read every artifact file and compare its bytes with the hash that it is named by.

    Raises
    ------
    StoreBusyError
        If the artifacts cannot be reached.
    """
    files = tuple(artifacts.list())
    damaged: list[tuple[str, str]] = []
    for number, file in enumerate(files, start=1):
        try:
            artifacts.get(*file)
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
        return _problem(
            HASHES,
            f"The bytes of {count(len(damaged), 'file')} cannot be read or no longer have their hash ({names}); "
            "restore from a backup, or purge the data set and import it again.",
        )
    return _ok(HASHES, f"{count(len(files), 'file')} read; all have their hashes.")


def _skipped() -> Check:
    return _notice(HASHES, "Not read with --quick; leave it out to hash all.")


def check_models(models: Sequence[ModelStatus]) -> Check:
    """Look whether weights are here and have the pinned hash, and whether enough models can be used."""
    unreadable = list_unreadable()
    if unreadable:
        return _problem(
            MODELS,
            f"Of your own models cannot be read any more: {some(unreadable)}; remove with: facepriv model remove NAME",
        )
    changed = [one for one in models if not one.usable and any(map(locate, one.card.weights))]
    if changed:
        return _problem(MODELS, changed[0].reason)
    lacking = [one for one in models if not one.usable]
    for kind in ("detector", "classifier", "matcher"):
        kindred = [one for one in models if one.kind == kind]
        if not any(one.usable for one in kindred):
            return _problem(MODELS, f"No {kind} can be used. {kindred[0].reason}")
    if lacking:
        names = listed([one.card.name for one in lacking])
        return _notice(
            MODELS, f"Not here: {names}; facepriv models says how to get them. All others have their hashes."
        )
    return _ok(MODELS, f"All {len(models)} are here and their weights have their hashes.")


def check_disks(settings: Settings, least_free: int = LEAST_FREE_BYTES) -> Check:
    """Look how much room is left where data, database and artifacts lie."""
    file = database_file(settings)
    places = [settings.home, settings.artifacts, settings.temporary, *([] if file is None else [file.parent])]
    disks = {place.stat().st_dev: place for place in map(_existing, places)}
    free = {place: shutil.disk_usage(place).free for place in disks.values()}
    tight = {place: left for place, left in free.items() if left < least_free}
    least = f"at least {_gigabytes(least_free)} should be"
    if tight:
        told = listed([f"{_gigabytes(left)} are free on the disk of {place}" for place, left in tight.items()])
        return _problem(DISK, f"Only {told}; {least}, so make room.")
    return _ok(DISK, f"{_gigabytes(min(free.values()))} are free; {least}.")


def check_permissions(settings: Settings) -> Check:
    """Look whether anybody else may read the data folder, the database, artifacts or keys, and whose they are."""
    if not settings.home.is_dir():
        return _notice(PERMISSIONS, f"There is no data folder at {settings.home} yet.")
    owner = settings.home.stat().st_uid
    exposed: list[Path] = []
    foreign: list[Path] = []
    for path in _private(settings):
        try:
            state = path.lstat()
        except FileNotFoundError:
            continue  # work under way may remove its files meanwhile
        if state.st_mode & _OPEN_TO_OTHERS:
            exposed.append(path)
        if state.st_uid != owner:
            foreign.append(path)
    if exposed:
        return _problem(
            PERMISSIONS,
            f"{count(len(exposed), 'path')} may be read or changed by other users "
            f"({some(exposed, 3)}); close with: chmod -R go= {settings.home}",
        )
    if foreign:
        return _problem(
            PERMISSIONS,
            f"{count(len(foreign), 'path')} of another owner than the data folder's "
            f"({some(foreign, 3)}); give them to the user who runs facepriv, with chown.",
        )
    if owner != os.geteuid():
        return _notice(
            PERMISSIONS,
            f"{settings.home} belongs to user {owner} and you are {os.geteuid()}; run facepriv as its owner.",
        )
    return _ok(PERMISSIONS, "Data folder, database, artifacts and keys are their owner's alone.")


def _private(settings: Settings) -> Iterator[Path]:
    """Return what must be closed to others by itself; all else is closed by the data folder around it."""
    yield settings.home
    file = database_file(settings)
    if file is not None:
        yield from sorted(file.parent.glob(f"{file.name}*"))
    yield from sorted(settings.home.glob("*.log"))
    yield from sorted(settings.home.rglob(KEY_FILES))
    if settings.artifacts.is_dir():
        yield settings.artifacts
        yield from sorted(settings.artifacts.rglob("*"))


def check_queue(store: Store, settings: Settings) -> Check:
    """Look which workers hold what, whether they are alive, and whether anything waits in vain."""
    held, waiting = _in_state(store, "running"), _in_state(store, "waiting")
    gone = set(Presence(settings).gone(one.owner for one in held.values() if one.owner is not None))
    now = datetime.now(UTC)
    lost = [
        title
        for title, one in held.items()
        if one.owner in gone or (one.lease_until is not None and one.lease_until < now)
    ]
    kept = {title: one.owner for title, one in held.items() if title not in lost}
    alive = count_alive(settings)
    at_work = listed([f"{title} is held by {owner}" for title, owner in kept.items()])
    if (lost or waiting) and not alive and not kept:
        stuck = [f"{title} was lost by its worker" for title in lost]
        stuck += [f"{title} waits" for title in waiting]
        return _problem(WORKERS, f"No worker is alive, but {some(stuck)}; start one with: facepriv worker")
    if lost:
        return _notice(WORKERS, f"The worker of {listed(lost)} is gone; another takes it up within a minute.")
    told = f"{count(alive, 'worker')} of this machine alive, {len(waiting):,} waiting"
    return _ok(WORKERS, f"{told}; {at_work}." if at_work else f"{told}.")


def _in_state(store: Store, state: JobState) -> dict[str, RunSummary | AuditSummary]:
    runs = {f"run {one.id}": one for one in store.runs.list(states=[state], limit=_MANY)}
    return {**runs, **{f"audit {one.id}": one for one in store.audits.list(states=[state], limit=_MANY)}}


def check_retention(store: Store) -> Check:
    """Look whether a data set is past the day until which it may be kept."""
    past = expired(store)
    if past:
        names = some([f"{record.name} ({record.retain_until})" for record in past])
        return _problem(
            RETENTION, f"Past the day until which they may be kept: {names}; remove with: facepriv purge --expired"
        )
    return _ok(RETENTION, "No data set is past the day until which it may be kept.")


def check_access_log(store: Store) -> Check:
    """Look whether every line of the access log follows from the one before."""
    chain = store.access.verify()
    if chain.broken_at is not None:
        return _problem(
            ACCESS,
            f"Line {chain.broken_at:,} does not follow from the one before: a line was changed, removed or written by "
            "something else than facepriv; compare it with a backup.",
        )
    if not chain.lines:
        return _ok(ACCESS, "No line yet.")
    return _ok(
        ACCESS,
        f"{count(chain.lines, 'line')}, each following from the one before; the last is {chain.last[:16]}. Note that "
        "elsewhere: `facepriv access --expect` then tells whether the log was cut off or rewritten since.",
    )


def _ok(name: str, sentence: str) -> Check:
    return Check(name=name, status="ok", sentence=sentence)


def _notice(name: str, sentence: str) -> Check:
    return Check(name=name, status="notice", sentence=sentence)


def _problem(name: str, sentence: str) -> Check:
    return Check(name=name, status="problem", sentence=sentence)


def _existing(place: Path) -> Path:
    """Return the folder, or the one above it where it would be made."""
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:,.1f} GB"
