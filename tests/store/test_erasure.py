"""Deleted rows leave no bytes in the database's files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import NewImage, Store, open_store
from facepriv.store.engine import Database
from facepriv.store.records import NewDataset
from facepriv.types import Problem
from tests.postgresql import Server

SUBJECT = "Ada-of-the-northern-studio"
LANDMARKS = np.linspace(0.123, 301.7, 136, dtype=np.float32).reshape(68, 2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def add_people(store: Store, name: str, subject: str, landmarks: np.ndarray) -> int:
    """A data set of as many images as fill some pages, with a problem."""
    with store.datasets.importing(NewDataset(name=name, source="", reader="")) as importing:
        for number in range(40):
            importing.add(
                NewImage(
                    name=f"{subject}/{number}.png",
                    subject=subject,
                    label=None,
                    width=300,
                    height=400,
                    source_sha256=f"{number:064x}",
                    box=(0, 0, 10, 10),
                    landmarks=landmarks,
                )
            )
        importing.problem(Problem(f"{subject}.txt", "not-an-image", f"{subject}.txt is no image."))
    return importing.dataset_id


def in_files(settings: Settings, *wanted: bytes) -> list[bool]:
    """Say for each run of bytes whether the database, its journal or its index of it holds them."""
    data = b"".join(file.read_bytes() for file in sorted(settings.home.glob("facepriv.sqlite*")))
    return [one in data for one in wanted]


def test_neither_names_nor_landmarks_can_be_read_any_more(settings: Settings) -> None:
    traces = (SUBJECT.encode(), LANDMARKS.astype("<f4").tobytes()[:64], b"the-set-that-goes")
    other = np.ascontiguousarray(LANDMARKS[::-1])
    kept = (b"Grace", other.astype("<f4").tobytes()[:64])
    with open_store(settings) as store, open_store(settings) as beside:
        going = add_people(store, "the-set-that-goes", SUBJECT, LANDMARKS)
        add_people(store, "stays", "Grace", other)
        assert beside.datasets.counts(going).images == 40, "another process has the database open"
        assert in_files(settings, *traces, *kept) == [True] * 5
        store.datasets.delete(going)
        assert any(in_files(settings, *traces)), "what was deleted is still in the journal"
        store.erase_deleted()
        assert in_files(settings, *traces, *kept) == [False] * 3 + [True] * 2
        assert (settings.home / "facepriv.sqlite-wal").stat().st_size == 0


def test_every_connection_overwrites_what_it_deletes(settings: Settings) -> None:
    """Also without the database being rewritten, once the journal has gone into it."""
    with open_store(settings) as store:
        going = add_people(store, "the-set-that-goes", SUBJECT, LANDMARKS)
        store.datasets.delete(going)
    with open_store(settings) as store:
        assert store.datasets.list() == ()
    assert in_files(settings, SUBJECT.encode(), LANDMARKS.astype("<f4").tobytes()[:64]) == [False, False]


def test_the_tables_of_a_server_are_written_anew(settings_for: Callable[..., Settings], postgresql: Server) -> None:
    traces = (SUBJECT.encode(), LANDMARKS.astype("<f4").tobytes()[:64])
    with open_store(settings_for("postgresql")) as store:
        going = add_people(store, "the-set-that-goes", SUBJECT, LANDMARKS)
        assert in_tables(postgresql, *traces) == [True, True]
        store.datasets.delete(going)
        assert any(in_tables(postgresql, *traces)), "deleting alone leaves the bytes"
        assert "administrator's hands" in store.erase_deleted()
        assert in_tables(postgresql, *traces) == [False, False]


def in_tables(postgresql: Server, *wanted: bytes) -> list[bool]:
    """Say for each run of bytes whether a file of the server's tables and indexes holds them."""
    postgresql.execute("CHECKPOINT")
    data = b"".join(file.read_bytes() for file in Path(postgresql.folder).glob("base/*/*") if file.is_file())
    return [one in data for one in wanted]


@pytest.mark.slow
def test_a_reader_that_stays_is_told_of(settings: Settings) -> None:
    with open_store(settings) as store:
        going = add_people(store, "the-set-that-goes", SUBJECT, LANDMARKS)
        reader = Database(settings.database_url)
        reading, done = threading.Event(), threading.Event()

        def read() -> None:
            with reader.reading() as session:
                session.execute(text("SELECT count(*) FROM images")).scalar_one()
                reading.set()
                done.wait(120)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            assert reading.wait(30)
            store.datasets.delete(going)
            with pytest.raises(StoreError, match=r"another process is reading; .* facepriv collect"):
                store.erase_deleted()
        finally:
            done.set()
            thread.join()
            reader.close()
        store.erase_deleted()
        assert in_files(settings, SUBJECT.encode()) == [False]
