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
from pathlib import Path
from typing import Literal

from facepriv.config import Settings
from facepriv.errors import FaceprivError, StoreBusyError, StoreError
from facepriv.services.models import ModelStatus, list_models
from facepriv.services.presence import Presence, count_alive
from facepriv.services.retention import expired
from facepriv.store import ArtifactStore, AuditSummary, RunState, RunSummary, Store, migrate, open_artifacts, open_store
from facepriv.store.engine import Database
from facepriv.store.soundness import find_damage
from facepriv.weights import locate
from facepriv.wording import count, listed, some

Status = Literal["ok", "notice", "problem"]
Progress = Callable[[int, int], None]
"""Called with files hashed and files in all."""

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
    """Make all checks; nothing is changed.

    Parameters
    ----------
    quick
        Do not hash the artifact files, which takes as long as reading them all.
    least_free
        Bytes that must be free on every disk that holds data.
    """
    checks: list[Check] = []
    with _opened(settings) as (store, opening):
        checks.append(opening)
        if store is not None or opening.status == "problem":
            checks.append(check_content(settings))
        artifacts = open_artifacts(settings) if store is None else store.artifacts
        if store is not None:
            checks += check_files(store)
        checks.append(_skipped() if quick else check_hashes(artifacts, on_progress))
        if store is not None:
            checks += [check_queue(store, settings), check_retention(store)]
    checks += [check_models(list_models()), check_disks(settings, least_free), check_permissions(settings)]
    return tuple(checks)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Store | None, Check]]:
    """Give the stores, or None where the database cannot be used, and what that tells."""
    name = "database"
    file = database_file(settings)
    if file is not None and not file.exists():
        yield (
            None,
            Check(name=name, status="notice", sentence=f"There is no database at {file} yet; import a data set."),
        )
        return
    try:
        store = open_store(settings)
    except FaceprivError as error:
        yield None, Check(name=name, status="problem", sentence=str(error))
        return
    with store:
        yield store, Check(name=name, status="ok", sentence=f"It opens and has revision {migrate.head()}.")


def database_file(settings: Settings) -> Path | None:
    """Give the SQLite file; None where the database is a server's."""
    url = settings.database_url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def check_content(settings: Settings) -> Check:
    """Look through the whole database file, whatever its revision."""
    name = "database content"
    try:
        database = Database(settings.database_url)
        try:
            damage = find_damage(database)
        finally:
            database.close()
    except StoreError as error:
        return Check(name=name, status="problem", sentence=str(error))
    if damage:
        return Check(
            name=name, status="problem", sentence=f"The database is damaged ({damage}); restore a backup of it."
        )
    return Check(name=name, status="ok", sentence="Its pages, indexes and references between rows are whole.")


def check_files(store: Store) -> list[Check]:
    """Compare rows and artifact files by name: what is missing, and what belongs to nothing."""
    try:
        stock = store.take_stock()
    except StoreError as error:
        return [Check(name="artifact files", status="problem", sentence=str(error))]
    present = Check(name="artifact files", status="ok", sentence="Every file that rows refer to is there.")
    if stock.missing:
        number = len(frozenset().union(*stock.missing.values()))
        verb = "is" if number == 1 else "are"
        present = Check(
            name="artifact files",
            status="problem",
            sentence=f"{count(number, 'file')} of {some(list(stock.missing))} {verb} missing; "
            "restore from a backup, or purge the data set and import it again.",
        )
    orphans = Check(name="orphans", status="ok", sentence="No file lies there that belongs to nothing.")
    if stock.orphans:
        orphans = Check(
            name="orphans",
            status="notice",
            sentence=f"{count(len(stock.orphans), 'file')} that no row refers to; unless an import or a run is under "
            "way, remove with: facepriv collect",
        )
    return [present, orphans]


def check_hashes(artifacts: ArtifactStore, on_progress: Progress | None = None) -> Check:
    """Read every artifact file and compare its bytes with the hash that it is named by."""
    name = "artifact contents"
    damaged: list[tuple[str, str]] = []
    try:
        files = tuple(artifacts.list())
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
    except (StoreError, OSError) as error:
        return Check(name=name, status="problem", sentence=str(error))
    if damaged:
        return Check(
            name=name,
            status="problem",
            sentence=f"The bytes of {count(len(damaged), 'file')} cannot be read or no longer have their hash "
            f"({some([sha256[:12] + suffix for sha256, suffix in damaged])}); restore from a backup, or purge the "
            "data set and import again.",
        )
    return Check(name=name, status="ok", sentence=f"{count(len(files), 'file')} read; all have their hashes.")


def _skipped() -> Check:
    return Check(name="artifact contents", status="notice", sentence="Not read with --quick; leave it out to hash all.")


def check_models(models: Sequence[ModelStatus]) -> Check:
    """Look whether weights are here and have the pinned hash, and whether enough models can be used."""
    name = "models"
    changed = [one for one in models if not one.usable and any(map(locate, one.card.weights))]
    if changed:
        return Check(name=name, status="problem", sentence=changed[0].reason)
    lacking = [one for one in models if not one.usable]
    for kind in ("detector", "classifier", "matcher"):
        kindred = [one for one in models if one.kind == kind]
        if not any(one.usable for one in kindred):
            return Check(name=name, status="problem", sentence=f"No {kind} can be used. {kindred[0].reason}")
    if lacking:
        names = listed([one.card.name for one in lacking])
        return Check(
            name=name,
            status="notice",
            sentence=f"Not here: {names}; facepriv models says how to get them. All others have their hashes.",
        )
    return Check(name=name, status="ok", sentence=f"All {len(models)} are here and their weights have their hashes.")


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
        return Check(name="disk", status="problem", sentence=f"Only {told}; {least}, so make room.")
    return Check(name="disk", status="ok", sentence=f"{_gigabytes(min(free.values()))} are free; {least}.")


def check_permissions(settings: Settings) -> Check:
    """Look whether anybody else may read the data folder, the database, artifacts or keys, and whose they are."""
    name = "permissions"
    if not settings.home.is_dir():
        return Check(name=name, status="notice", sentence=f"There is no data folder at {settings.home} yet.")
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
        return Check(
            name=name,
            status="problem",
            sentence=f"{count(len(exposed), 'path')} may be read or changed by other users "
            f"({some(exposed, 3)}); close with: chmod -R go= {settings.home}",
        )
    if foreign:
        return Check(
            name=name,
            status="problem",
            sentence=f"{count(len(foreign), 'path')} of another owner than the data folder's "
            f"({some(foreign, 3)}); give them to the user who runs facepriv, with chown.",
        )
    if owner != os.geteuid():
        return Check(
            name=name,
            status="notice",
            sentence=f"{settings.home} belongs to user {owner} and you are {os.geteuid()}; run facepriv as its owner.",
        )
    return Check(name=name, status="ok", sentence="Data folder, database, artifacts and keys are their owner's alone.")


def _private(settings: Settings) -> Iterator[Path]:
    """Give what must be closed to others by itself; all else is closed by the data folder around it."""
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
    name = "workers"
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
        return Check(
            name=name,
            status="problem",
            sentence=f"No worker is alive, but {some(stuck)}; start one with: facepriv worker",
        )
    if lost:
        return Check(
            name=name,
            status="notice",
            sentence=f"The worker of {listed(lost)} is gone; another takes it up within a minute.",
        )
    told = f"{count(alive, 'worker')} of this machine alive, {len(waiting):,} waiting"
    return Check(name=name, status="ok", sentence=f"{told}; {at_work}." if at_work else f"{told}.")


def _in_state(store: Store, state: RunState) -> dict[str, RunSummary | AuditSummary]:
    runs = {f"run {one.id}": one for one in store.runs.list(states=[state], limit=_MANY)}
    return {**runs, **{f"audit {one.id}": one for one in store.audits.list(states=[state], limit=_MANY)}}


def check_retention(store: Store) -> Check:
    """Look whether a data set is past the day until which it may be kept."""
    past = expired(store)
    if past:
        names = some([f"{record.name} ({record.retain_until})" for record in past])
        return Check(
            name="retention",
            status="problem",
            sentence=f"Past the day until which they may be kept: {names}; remove with: facepriv purge --expired",
        )
    return Check(name="retention", status="ok", sentence="No data set is past the day until which it may be kept.")


def _existing(place: Path) -> Path:
    """Give the folder, or the one above it where it would be made."""
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:,.1f} GB"
