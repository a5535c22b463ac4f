"""How much faster two processes perturb than one: in a local pool, and on a Dask cluster of processes on loopback.

Usage: python benchmarks/workers_at_scale.py [--images N] [--rounds N] [--method NAME] [--no-dask]

Runs on demo faces, judged by two classifiers and no matcher, with one process and with two in turns. Processes are
started, models loaded and the gallery read before the clock runs, by a run on the first images; then the seconds are
those of the perturbing stage alone, which every image goes through in one transaction of its own. Printed: images a
second (best round), the ratio of two to one, the memory of the largest process that computed (peak resident set), and
whether all runs came to the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from facepriv.config import Settings
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.importing import import_demo
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import WorkerPool, make_pool
from facepriv.services.runs.execution import PERTURBING
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store, open_store

WARMING = 4


class Stopwatch:
    """Takes the time of the perturbing stage, and looks at the processes meanwhile."""

    def __init__(self, computing: list[int]) -> None:
        self.begun = self.ended = 0.0
        self.computing = computing
        self.peak_bytes = 0

    def __call__(self, run_id: int, stage: str, done: int, total: int) -> None:
        if stage != PERTURBING:
            return
        now = time.perf_counter()
        self.begun = self.begun or now
        self.ended = now
        if done == total:
            self.peak_bytes = max(map(peak_bytes, self.computing or children()), default=0)


def children() -> list[int]:
    """Return the processes of the local pool."""
    listing = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(child) for file in listing for child in file.read_text().split()]


def peak_bytes(process: int) -> int:
    """Return the largest resident set that a process has had."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def timed(
    store: Store, settings: Settings, pool: WorkerPool, spec: RunSpec, computing: list[int]
) -> tuple[int, Stopwatch]:
    """Do a run with a pool that is ready; return its id and what the watch saw."""
    warm = spec.model_copy(
        update={"image_ids": spec.image_ids[:WARMING], "image_sha256": spec.image_sha256[:WARMING], "seed": 1}
    )
    run_worker(settings, job_id=store.runs.get(store.runs.create(warm)).job_id, pool=pool)
    run = store.runs.get(store.runs.create(spec))
    watch = Stopwatch(computing)
    run_worker(settings, job_id=run.job_id, pool=pool, on_progress=watch)
    assert store.runs.get(run.id).state == "complete", store.runs.get(run.id).error
    return run.id, watch


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[int]]]:
    """Run a Dask scheduler and workers; yield its address and the workers' process ids."""
    common = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        file = Path(folder, "scheduler.json")

        def start(*words: str) -> int:
            process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, **common)  # type: ignore[call-overload]
            stack.callback(process.wait)
            stack.callback(process.kill)
            return int(process.pid)

        options = ("--host", "127.0.0.1", "--no-dashboard")
        start("distributed.cli.dask_scheduler", *options, "--port", "0", "--scheduler-file", str(file))
        while not (file.exists() and file.read_text().endswith("}")):  # it is made first, written into afterwards
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        more = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0")
        yield address, [start("distributed.cli.dask_worker", address, *options, *more) for _ in range(workers)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--method", default="colour-field")
    parser.add_argument("--no-dask", action="store_true")
    options = parser.parse_args()
    kinds = ["pool"] if options.no_dask else ["pool", "dask"]
    rates: dict[tuple[str, int], float] = {}
    memory: dict[str, int] = {}
    outcomes = set()
    with tempfile.TemporaryDirectory() as folder:
        base = Settings(home=Path(folder, "home"))
        with open_store(base) as store:
            import_demo(store, base, images_per_subject=max(1, -(-options.images // 60)))
            spec = prepare_run(
                store, RunRequest(dataset="demo", method=options.method, matchers=[], limit=options.images)
            )
            for _ in range(options.rounds):
                for kind in kinds:
                    for width in (1, 2):
                        with contextlib.ExitStack() as stack:
                            settings, computing = base.model_copy(update={"workers": width}), []
                            if kind == "dask":
                                address, computing = stack.enter_context(cluster(width))
                                settings = base.model_copy(update={"executor": "dask", "scheduler": address})
                            pool = stack.enter_context(make_pool(settings))
                            run_id, watch = timed(store, settings, pool, spec, computing)
                        rate = len(spec.image_ids) / (watch.ended - watch.begun)
                        rates[kind, width] = max(rates.get((kind, width), 0.0), rate)
                        memory[kind] = max(memory.get(kind, 0), watch.peak_bytes)
                        outcomes.add(tuple(row.artifact_sha256 for row in store.runs.run_images(run_id)))
    print(f"{options.method}, {len(spec.image_ids)} images, best of {options.rounds} rounds")
    print(f"{'':8}{'one':>14}{'two':>14}{'ratio':>8}{'largest process':>18}")
    for kind in kinds:
        one, two = rates[kind, 1], rates[kind, 2]
        print(f"{kind:8}{one:10.2f} im/s{two:10.2f} im/s{two / one:8.2f}{memory[kind] / 2**20:14,.0f} MiB")
    if "dask" in kinds:
        print(f"dask with two, as a share of the pool with two: {rates['dask', 2] / rates['pool', 2]:.2f}")
    print(f"all runs the same bytes: {'yes' if len(outcomes) == 1 else 'NO'}")


if __name__ == "__main__":
    main()
