"""What is promised of jobs before they begin and after a tenth of their images or attacks, and what they take.

Usage: python benchmarks/estimates.py [--people N] [--pieces] [--reference] [NAME ...]

Jobs on demo faces: colour-field, semantic (two guides), audit (images as they are), policy (an audit of a run),
protection. By default the first three, each in an installation where nothing was measured yet, and once more where the
first time was.

--reference instead measures the reference speeds of facepriv/services/jobs/reference_speeds.py, on faces of two sizes,
and prints them. It counts processor time in one process, so that it does not matter what else the machine does; what a
job takes besides (``rest``) is not measured so, and stands in that file by hand.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2

from facepriv import stopwatch
from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder, read_demo
from facepriv.perturb.registry import perturbers
from facepriv.protect.registry import protections
from facepriv.schemas.requests import (
    AuditRequest,
    DatasetSource,
    ProtectionRequest,
    Request,
    RunRequest,
    TemplatesRequest,
)
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs import leased_job
from facepriv.services.jobs.kinds import kinds
from facepriv.services.jobs.planning import seconds_left
from facepriv.services.jobs.pool_process import JobRef, set_up_process
from facepriv.services.jobs.reference_speeds import REFERENCE
from facepriv.services.jobs.speeds import VERSIONS_JUDGED, perturbing_seconds
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.stopwatch import NOTHING, Taken
from facepriv.store import Store, open_store
from facepriv.types import Actor

ME = Actor("benchmark", "command line")
SETS = ("demo", "large")
TENTH = 0.1
TWO_GUIDES = ("dlib-gender", "levi-hassner")
JOBS: dict[str, Callable[[], Request]] = {
    "colour-field": lambda: RunRequest(dataset="demo", method="colour-field"),
    "semantic": lambda: RunRequest(dataset="demo", method="semantic", guides=TWO_GUIDES),
    "audit": lambda: AuditRequest(dataset="demo"),
    "policy": lambda: AuditRequest(run=1),
    "protection": lambda: ProtectionRequest(templates="templates", others=("all",)),
}
DEFAULT = ("colour-field", "semantic", "audit")


class Inline(WorkerPool):
    """One process, this one: every call is computed when it is handed out."""

    lost = (OSError,)
    blames_bystanders = False
    max_crashes = 1
    width = 1

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Compute a call."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*given))
        except Exception as error:
            future.set_exception(error)
        return future

    def job(self, job: JobRef) -> JobRef:
        """Return the job, which this process reads in the database."""
        return job

    def steps(self) -> tuple[int, int]:
        """Return nothing of lessons."""
        return 0, 0

    def reset_steps(self) -> None:
        """Forget nothing."""

    def end(self, *, at_once: bool = False) -> None:
        """End nothing."""


@contextmanager
def installation(people: int, sets: Sequence[str] = SETS[:1]) -> Iterator[tuple[Store, Settings]]:
    """Make an installation with demo faces of so many people; those of a second set are fewer and larger."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        with open_store(settings) as store:
            for number, name in enumerate(sets, start=1):
                import_dataset(store, settings, write_faces(Path(folder) / name, people, number), name=name)
            yield store, settings


def write_faces(folder: Path, people: int, times: int) -> Path:
    """Write demo faces of some people, so many times as large, with the labels: two of each, of large ones one."""
    lines = ["file,subject,gender"]
    folder.mkdir()
    items = read_demo(images_per_subject=2 if times == 1 else 1).images
    chosen = sorted({(item.label or 0, item.subject) for item in items})
    wanted = {subject for sex in (-1, 1) for _, subject in [each for each in chosen if each[0] == sex][: people // 2]}
    for item in (item for item in items if item.subject in wanted):
        pixels = cv2.imread(str(demo_folder() / "images" / item.subject / Path(item.name).name))
        large = cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC) if times > 1 else pixels
        cv2.imwrite(str(folder / Path(item.name).name), large)
        lines.append(f"{Path(item.name).name},{item.subject},{'male' if item.label == 1 else 'female'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def measure(store: Store, settings: Settings, request: Request) -> tuple[float, float, float, float, float]:
    """Do a job; return what was promised (seconds, low, high), promised after a tenth of its work, and what it took."""
    record = submit(store, settings, request, ME)
    job_id = kinds.create(request.kind).job_id(store, record.id)
    plan = store.job_plans.get(job_id)
    assert plan is not None
    longest = max(plan.stages, key=lambda stage: stage.seconds * (stage.steps > 1)).stage
    seen: list[float] = []
    begun = time.monotonic()

    def look(number: int, stage: str, done: int, total: int) -> None:
        if not seen and stage == longest and done >= max(1, TENTH * total):
            left = seconds_left(plan, store.jobs.get(job_id), datetime.now(UTC))
            seen.append(time.monotonic() - begun + (left or 0.0))

    run_worker(settings, job_id=job_id, on_progress=look)
    took = time.monotonic() - begun
    after = next(iter(seen), float("nan"))
    assert store.jobs.get(job_id).state == "complete", store.jobs.get(job_id).error
    return plan.seconds, plan.low, plan.high, after, took


def show_pieces(store: Store) -> None:
    """Print how often each piece was done, and how many times as long as at the reference speed it took."""
    for what, speed in sorted(store.speeds.all().items()):
        each = speed.seconds / max(speed.steps, 1e-9)
        print(f"  {what:<70}{speed.steps:>8.0f} x {each:8.4f} s {speed.seconds / max(speed.expected, 1e-9):>8.2f}")


def prepare(store: Store, settings: Settings, name: str) -> None:
    """Do what has to be there before a job."""
    if name == "policy":
        submit(store, settings, RunRequest(dataset="demo", method="colour-field", limit=40), ME)
    elif name == "protection":
        source = DatasetSource(dataset="demo", matcher="sface")
        submit(store, settings, TemplatesRequest(source=source, name="templates"), ME)
    run_worker(settings, kinds=kinds.names(), until_idle=True)


def compare(names: Sequence[str], people: int, *, pieces: bool) -> None:
    """Print promise and truth of each job, the first time and once it was measured."""
    print(f"{'job':<14}{'measured':>10}{'promised':>20}{'after 10 %':>12}{'took':>8}{'off by':>8}{'after':>8}")
    for name in names:
        known: dict[str, Any] = {}
        for measured in ("nothing", "once"):
            with installation(people) as (store, settings):
                prepare(store, settings, name)
                store.speeds.add(known)
                promised, low, high, after, took = measure(store, settings, JOBS[name]())
                known = store.speeds.all()
                if pieces:
                    show_pieces(store)
            off, later = (max(each / took, took / each) for each in (promised, after))
            spread = f"{promised:.0f} ({low:.0f} to {high:.0f})"
            print(f"{name:<14}{measured:>10}{spread:>20}{after:>12.0f}{took:>8.0f}{off:>8.2f}{later:>8.2f}", flush=True)


def measure_reference(people: int) -> None:
    """Do jobs of all kinds on faces of two sizes, and print what each piece takes."""
    found: dict[str, dict[str, Taken]] = {name: {} for name in SETS}
    stopwatch.clock = time.process_time
    with installation(people, SETS) as (store, settings):
        set_up_process(settings, lambda part, done, total: None)
        pool = Inline(settings)
        for name in SETS:
            mine = found[name]

            def keep(_: Store, pieces: Mapping[str, Taken], mine: dict[str, Taken] = mine) -> None:
                for what, taken in pieces.items():
                    mine[what] = mine.get(what, NOTHING).plus(taken)

            leased_job.keep_speeds = keep
            requests: list[Request] = [
                RunRequest(dataset=name, method=method, guides=("dlib-gender",)) for method in perturbers.names()
            ]
            requests.append(AuditRequest(dataset=name))
            source = DatasetSource(dataset=name, matcher="sface")
            requests.append(TemplatesRequest(source=source, name=f"templates of {name}"))
            for request in requests:
                print(f"# {request.kind} {getattr(request, 'method', '')} on {name}", flush=True)
                number = submit(store, settings, request, ME).id
                run_worker(settings, kinds=kinds.names(), until_idle=True, pool=pool)
                if request.kind == "run" and getattr(request, "method", "") == "mixing":
                    run = number
            audit = submit(store, settings, AuditRequest(run=run), ME)
            trial = ProtectionRequest(templates=f"templates of {name}", others=("all",))
            submit(store, settings, trial, ME)
            run_worker(settings, kinds=kinds.names(), until_idle=True, pool=pool)
            print(f"# audit of a run: {store.audits.get(audit.id).state}; {len(protections.names())} protections")
    for what in sorted({what for each in found.values() for what in each}):
        print(f'    "{shorten(what)}": ({", ".join(f"{each:.3g}" for each in fit(what, found))}),')


def shorten(what: str) -> str:
    """Return a piece without what differs between runs of a method."""
    words = what.split("|")
    return "|".join(words[:2]) if words[0] in ("perturb", "learn", "judge", "panel") else what


def fit(what: str, found: Mapping[str, Mapping[str, Taken]]) -> tuple[float, float]:
    """Return seconds a step and seconds a unit that fit what was measured at both sizes best, neither below 0."""
    points = [
        (each[what].scale / each[what].steps, each[what].seconds / each[what].steps)
        for each in found.values()
        if what in each
    ]
    words = what.split("|")
    if words[0] == "perturb":
        guards = [name for name in words[4].split("+") if name]
        asking = perturbing_seconds(words[1], [words[2]], guards)
        points = [(scale, max(0.0, seconds - asking)) for scale, seconds in points]
    points.sort()
    if words[0] in VERSIONS_JUDGED:
        scores = VERSIONS_JUDGED[words[0]] * REFERENCE["score|dlib-gender"][0]
        points = [(scale, max(0.0, seconds - scores)) for scale, seconds in points]
    (first, low), (second, high) = points[0], points[-1]
    if first == second or high <= low:
        return (low + high) / 2, 0.0
    each = min((high - low) / (second - first) if second > first else 0.0, min(low / first, high / second))
    return max(0.0, (low - each * first + high - each * second) / 2), max(0.0, each)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(DEFAULT), metavar="NAME", help=", ".join(JOBS))
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--pieces", action="store_true", help="also show what each piece took")
    parser.add_argument("--reference", action="store_true")
    given = parser.parse_args()
    if given.reference:
        measure_reference(given.people)
    else:
        compare(given.names, given.people, pieces=given.pieces)


if __name__ == "__main__":
    main()
