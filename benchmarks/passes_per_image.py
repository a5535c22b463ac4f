"""How often a run and an audit of it decode an image's files, search them for a face, and show them to each model.

Usage: python benchmarks/passes_per_image.py [--images N] [--methods colour-field,algorithm1]

The demo set is perturbed with every classifier and matcher that can be used here judging, then audited with the
attackers who need no model of their own. What the method does to find its perturbation is counted apart: only the rest,
the measuring, can be done twice for nothing. All runs in this process, whose functions are counted. Printed for each
method and job: stored files decoded, searches for a face (also those among faces of the last size only), and
images shown to each model, a mean over the images; then the CPU seconds an image, and the share of each in them.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from rich.table import Table

from facepriv.classify.registry import classifiers
from facepriv.config import Settings
from facepriv.imaging import acquire, png
from facepriv.match.registry import matchers
from facepriv.perturb.registry import perturbers
from facepriv.schemas.requests import AuditRequest, RunRequest
from facepriv.services.audits.preparing import prepare_audit
from facepriv.services.datasets.importing import DEMO, import_demo
from facepriv.services.jobs.pool_process import set_up_process
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store, open_store

ATTACKERS = ("sign", "score")


class Here(LocalPool):
    """Compute in this process, at once, where what is called can be counted."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        set_up_process(settings, lambda part, done, total: None)

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Call a function."""
        future: Future[Any] = Future()
        future.set_result(function(*given))
        return future


ALL = "CPU s"


class Counts:
    """How often things are done, and the CPU seconds that they take; of all together under `ALL`."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()


class Passes:
    """Counts of what is called, apart for what happens inside a perturbation method."""

    def __init__(self, method: str) -> None:
        self.measuring, self.inside = Counts(), Counts()
        self._counted = self.measuring
        self._method = type(perturbers.create(method))

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count within the block."""
        places: list[tuple[Any, str, str]] = [(png, "decode", "decodes")]
        places += [(acquire, search, "face searches") for search in ("find_faces", "_find_from")]
        # Every way of scoring goes through the logits.
        places += [(type(classifiers.create(name)), "logits", name) for name in usable_classifiers()]
        places += [(type(matchers.create(name)), "embed", name) for name in usable_matchers()]
        patches = [mock.patch.object(owner, name, self._count(owner, name, what)) for owner, name, what in places]
        patches.append(mock.patch.object(self._method, "run", self._apart(self._method.run)))
        for patch in patches:
            patch.start()
        start = time.process_time()
        try:
            yield
        finally:
            self.measuring.seconds[ALL] = time.process_time() - start - self.inside.seconds[ALL]
            for patch in patches:
                patch.stop()

    def _count(self, owner: Any, name: str, what: str) -> Callable[..., Any]:
        function = getattr(owner, name)

        def counting(*given: Any, **named: Any) -> Any:
            # Models are shown several images at a time; the functions are given one.
            self._counted.calls[what] += len(given[1]) if isinstance(owner, type) else 1
            with self._timed(what):
                return function(*given, **named)

        return counting

    def _apart(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def apart(*given: Any, **named: Any) -> Any:
            self._counted = self.inside
            try:
                with self._timed(ALL):
                    return run(*given, **named)
            finally:
                self._counted = self.measuring

        return apart

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        counted, start = self._counted, time.process_time()
        try:
            yield
        finally:
            counted.seconds[what] += time.process_time() - start


def count_passes(store: Store, settings: Settings, method: str, images: int) -> dict[str, Counts]:
    """Count what a run and an audit of it do, by job."""
    run = store.runs.get(store.runs.create(prepare_run(store, RunRequest(dataset=DEMO, method=method, limit=images))))
    of_run, of_audit = Passes(method), Passes(method)
    with of_run.counted(), Here(settings) as pool:
        run_worker(settings, job_id=run.job_id, pool=pool)
    assert store.runs.get(run.id).state == "complete", store.runs.get(run.id).error
    audit = store.audits.get(
        store.audits.create(prepare_audit(store, AuditRequest(run=run.id, attackers=ATTACKERS, draws=1)))
    )
    with of_audit.counted(), Here(settings) as pool:
        run_worker(settings, job_id=audit.job_id, pool=pool)
    assert store.audits.get(audit.id).state == "complete", store.audits.get(audit.id).error
    return {
        f"{method}: within the method": of_run.inside,
        f"{method}: run": of_run.measuring,
        f"{method}: audit": of_audit.measuring,
    }


def main() -> None:
    """Perturb, audit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--methods", default="colour-field,algorithm1")
    options = parser.parse_args()
    columns = ["decodes", "face searches", *usable_classifiers(), *usable_matchers()]
    passes, times = Table("An image's", *columns), Table("Share of the time of an image's", ALL, *columns)
    for method in options.methods.split(","):
        # A store of its own: what an earlier run has measured would not be measured again.
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(home=Path(home) / "home", workers=1)
            with open_store(settings) as store:
                import_demo(store, settings)
                for what, counts in count_passes(store, settings, method, options.images).items():
                    passes.add_row(what, *(f"{counts.calls[column] / options.images:.2f}" for column in columns))
                    seconds = counts.seconds[ALL]
                    shares = [f"{counts.seconds[column] / seconds:.0%}" for column in columns]
                    times.add_row(what, f"{seconds / options.images:.2f}", *shares)
    for table in (passes, times):
        Console(width=140).print(table)


if __name__ == "__main__":
    main()
