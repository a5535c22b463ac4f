"""A few demo images as folders, and one finished run that several modules look at."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import Phase, RunSpec
from facepriv.services.accounts import passwords
from facepriv.services.accounts.users import add_user
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.runs.scores import compute_scores
from facepriv.store import AuditRecord, RunRecord, Store, open_store
from facepriv.store.rows import AttemptRow, DatasetRow, RemarkRow, ShareRow
from facepriv.types import Terms
from tests.actors import CLI
from tests.store.tampering import delete_rows, set_columns

GENDERS = {"s001": "female", "s002": "female", "s003": "male", "s006": "male"}
METHOD = "algorithm1"
FAST = {"eps": 0.3, "candidates": "opposite"}
"""Parameters of it under which an image takes some dozen updates instead of a thousand."""


def copy_demo(folder: Path, names: Sequence[str]) -> Path:
    """Copy demo images such as ``s001_1`` into a folder, side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(demo_folder() / "images" / name[:4] / f"{name}.jpg", folder)
    return folder


def write_labels(path: Path, rows: Sequence[Sequence[object]], header: Sequence[str] = ("file", "subject", "gender")):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def labelled_demo(folder: Path, names: Sequence[str]) -> Path:
    """Copy demo images with a label table."""
    copy_demo(folder, names)
    write_labels(folder / "labels.csv", [(f"{name}.jpg", name[:4], GENDERS[name[:4]]) for name in names])
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", workers=1)


@pytest.fixture
def store(settings: Settings, make_tables: Callable[[Path], None]) -> Iterator[Store]:
    if not settings.home.exists():
        make_tables(settings.home)
    with open_store(settings) as opened:
        yield opened


def start_run(store: Store, spec: RunSpec) -> RunRecord:
    """Put a run into the queue."""
    return store.runs.get(store.runs.create(spec))


def start_audit(store: Store, spec: AuditSpec) -> AuditRecord:
    """Put an audit into the queue."""
    return store.audits.get(store.audits.create(spec))


@dataclass(frozen=True)
class Finished:
    """A store with one complete run."""

    store: Store
    settings: Settings
    run: RunRecord


def candidates_of(finished: Finished) -> dict[str, set[str]]:
    """Say whose faces went into the perturbed images of whom."""
    subjects = {image.id: image.subject for image in finished.store.datasets.images(finished.run.dataset_id)}
    found: dict[str, set[str]] = {subject: set() for subject in subjects.values()}
    for row in finished.store.runs.run_images(finished.run.id):
        if row.candidate_image_id is not None:
            found[subjects[row.image_id]].add(subjects[row.candidate_image_id])
    return found


def scores_of(store: Store, run: RunRecord, classifier: str) -> dict[tuple[int, Phase], float]:
    """Return a classifier's scores of a run's images, by image and phase."""
    return {
        (image_id, phase): score
        for image_id, scores in compute_scores(store, run).items()
        for (name, phase), score in scores.items()
        if name == classifier
    }


SIX = ("s001_1", "s001_2", "s002_1", "s003_1", "s003_2", "s006_1")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A run on six images of four subjects, computed by one process, judged by two models of each kind."""
    home = tmp_path_factory.mktemp("finished")
    folder = labelled_demo(home / "faces", SIX)
    settings = Settings(home=home / "home", workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, folder, name="six")
        spec = prepare_run(
            store,
            RunRequest(
                dataset="six",
                method=METHOD,
                parameters=FAST,
                classifiers=["levi-hassner"],
                matchers=["dlib-resnet", "sface"],
            ),
        )
        run = start_run(store, spec)
        run_worker(settings, job_id=run.job_id)
        record = store.runs.get(run.id)
        assert record.state == "complete", record.error
        yield Finished(store, settings, record)


@pytest.fixture
def small_spec(store: Store, settings: Settings, tmp_path: Path) -> Callable[..., RunSpec]:
    """Import a few demo images and give the spec of a run that one classifier judges."""

    def make(names: Sequence[str] = ("s001_1", "s003_1", "s003_2"), **options: object) -> RunSpec:
        import_dataset(store, settings, labelled_demo(tmp_path / "faces", names), name="few")
        given = {"method": METHOD, "parameters": FAST, "classifiers": [], "matchers": []}
        return prepare_run(store, RunRequest(dataset="few", **{**given, **options}))  # type: ignore[arg-type]

    return make


@pytest.fixture
def with_terms(finished: Finished) -> Iterator[Callable[[frozenset[str]], Terms]]:
    """Give the finished run's data set terms of use that let some subjects out, until the test ends."""

    def give(showable: frozenset[str]) -> Terms:
        terms = Terms("Only some people may be shown.", showable)
        set_columns(finished.settings, DatasetRow, terms=terms)
        return terms

    yield give
    set_columns(finished.settings, DatasetRow, terms=None)


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hash passwords at a thousandth of the cost; gives the hashes that were verified against, in order."""
    verified: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            verified.append(str(hash))
            return super().verify(hash, password)

    cheap = Counting(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    passwords._nobody.cache_clear()
    yield verified
    passwords._nobody.cache_clear()


class Clock:
    """Moves the time by which tries of passwords are counted."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(passwords, "datetime", made)
    return made


@pytest.fixture
def shop(finished: Finished) -> Iterator[Store]:
    """The store of the finished run, with users: officers Ada and bob, and the auditor eve.

    What a test audits, shares and says goes after it.
    """
    store = finished.store
    for name, role in (("Ada", "officer"), ("bob", "officer"), ("eve", "auditor")):
        if store.users.find(name) is None:
            add_user(store, name, role, password="correct horse battery", actor=CLI)
    yield store
    for audit in store.audits.list():
        store.audits.delete(audit.id)
    for row in (ShareRow, AttemptRow, RemarkRow):
        delete_rows(finished.settings, row)


@pytest.fixture
def run_id(finished: Finished) -> int:
    return finished.run.id
