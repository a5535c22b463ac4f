"""The few figures of runs and audits that lists show: read from specs and results once, and kept beside them."""

from __future__ import annotations

import inspect
import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import inf
from types import ModuleType
from typing import Any, TypeVar, cast

import facepriv
from facepriv.errors import FaceprivError, UnknownNameError
from facepriv.presentation import run_numbers, verdict
from facepriv.presentation.run_numbers import Numbers, numbers_of_audit, numbers_of_run
from facepriv.presentation.run_tables import changed_parameters
from facepriv.presentation.verdict import Level, audit_verdict, released
from facepriv.store import AuditSummary, RunSummary, Store

BATCH = 20
"""Results that are read before what was read is kept."""
Work = TypeVar("Work", RunSummary, AuditSummary)
Figures = TypeVar("Figures")


@dataclass(frozen=True)
class RunFigures:
    """What a list shows of a run besides its summary."""

    settings: str
    """Parameters that are not the method's defaults."""
    numbers: Numbers
    complete: bool
    """Whether a result was read, too."""


@dataclass(frozen=True)
class AuditFigures:
    """What a list shows of a complete audit besides its summary."""

    level: Level
    attacker: str
    """Name of the strongest attacker; empty where nobody attacked."""
    numbers: Numbers


def read_runs(store: Store, runs: Sequence[RunSummary], *, seconds: float = inf) -> dict[int, RunFigures]:
    """Return the figures of runs by number: known ones, and others read until so many seconds are over."""
    known = _known(store, runs, lambda kept: RunFigures(**kept))
    stale = [run for run in runs if run.id not in known or (run.state == "complete" and not known[run.id].complete)]
    return known | _read(store, stale, lambda run: _of_run(store, run.id), seconds)


def read_audits(store: Store, audits: Sequence[AuditSummary], *, seconds: float = inf) -> dict[int, AuditFigures]:
    """Return the figures of complete audits by number, as `read_runs`."""
    known = _known(store, audits, lambda kept: AuditFigures(**kept))
    stale = [audit for audit in audits if audit.id not in known and audit.state == "complete"]
    return known | _read(store, stale, lambda audit: _of_audit(store, audit.id), seconds)


def keep_figures(store: Store, noun: str, number: int) -> None:
    """Read the figures of what has just become complete, so that no list has to."""
    with suppress(FaceprivError):  # a list reads them itself
        if noun == "run":
            read_runs(store, [store.runs.summary(number)])
        else:
            read_audits(store, [store.audits.summary(number)])


def _of_run(store: Store, number: int) -> RunFigures:
    run = store.runs.get(number)
    numbers = numbers_of_run(run.spec, run.result)
    return RunFigures(changed_parameters(run.spec), numbers, run.result is not None)


def _of_audit(store: Store, number: int) -> AuditFigures:
    audit = store.audits.get(number)
    result = audit.result
    if result is None:
        return AuditFigures("unknown", "", {})
    run = None if audit.run_id is None else store.runs.get(audit.run_id).result
    matching = {} if run is None else run.matching
    strongest = {line.condition: line.attacker for line in result.headlines}
    level = audit_verdict(result, most_loss=audit.spec.most_fnmr_loss, matching=matching).level
    return AuditFigures(level, strongest.get(released(result), ""), numbers_of_audit(result, matching))


def _known(store: Store, work: Collection[Work], make: Callable[[dict[str, Any]], Figures]) -> dict[int, Figures]:
    kept = store.figures.list(VERSION, [one.job_id for one in work])
    return {one.id: make(kept[one.job_id]) for one in work if one.job_id in kept}


def _read(store: Store, work: Sequence[Work], read: Callable[[Work], Figures], seconds: float) -> dict[int, Figures]:
    until = time.monotonic() + seconds
    found: dict[int, Figures] = {}
    for start in range(0, len(work), BATCH):
        batch: dict[int, Mapping[str, Any]] = {}
        for one in work[start : start + BATCH]:
            if time.monotonic() >= until:
                break
            try:
                found[one.id] = read(one)
            except UnknownNameError:  # deleted meanwhile
                continue
            batch[one.job_id] = asdict(cast(Any, found[one.id]))
        if not batch:
            break
        store.figures.save(VERSION, batch)
    return found


def _version(*modules: ModuleType) -> int:
    """Return a number that changes with the code which the figures follow from."""
    code = facepriv.__version__
    for module in modules:
        try:
            code += inspect.getsource(module)
        except (OSError, TypeError):  # packed without its source: then the release alone tells
            continue
    return zlib.crc32(code.encode()) & 0x7FFFFFFF


VERSION = _version(verdict, run_numbers)
"""Of what was kept; of another version, it is read anew."""
