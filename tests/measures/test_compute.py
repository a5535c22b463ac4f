"""Measures: what is known is skipped, what is new is saved, and what fails costs nobody else anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.config import Settings
from facepriv.errors import FaceprivError, StoreError
from facepriv.measures import compute as computing
from facepriv.measures.compute import (
    APPEARANCE,
    RESIDUALS,
    RESTORED,
    SCORE,
    TEMPLATE,
    Measure,
    MeasuringPool,
    compute,
    compute_each,
    find_known,
)
from facepriv.measures.loaded_models import get_classifier, get_matcher, make_reference
from facepriv.measures.stored_faces import StoredFace, untouched_faces
from facepriv.schemas.base import ModelRef
from facepriv.services.datasets.importing import import_dataset
from facepriv.store import Store, open_store
from tests.finished_run import labelled_demo

GENDER = make_reference(get_classifier("dlib-gender"))
SFACE = make_reference(get_matcher("sface"))


@pytest.fixture
def store(tmp_path, make_tables: Callable) -> Iterator[Store]:
    settings = Settings(home=tmp_path / "home", workers=1)
    make_tables(settings.home)
    with open_store(settings) as opened:
        import_dataset(opened, settings, labelled_demo(tmp_path / "faces", ["s001_1", "s003_1", "s003_2"]), name="few")
        yield opened


@pytest.fixture
def faces(store: Store) -> dict[int, StoredFace]:
    record = store.datasets.get("few")
    return untouched_faces(store, record.id, store.datasets.images(record.id))


class Counting(MeasuringPool):
    """Note which measures are computed of which file."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.computed: list[tuple[str, list[str]]] = []

    def compute(self, tasks):
        for task in tasks:
            self.computed.append((task.face.sha256, [measure.name for measure in task.measures]))
            yield from super().compute([task])


def test_only_what_is_not_known_is_computed(store, faces):
    image, *others = faces
    compute(store, {image: faces[image]}, [Measure(TEMPLATE, SFACE)])
    pool = Counting(store)
    computed = compute(store, faces, [Measure(SCORE, GENDER), Measure(TEMPLATE, SFACE)], pool)
    assert pool.computed == [
        (faces[image].sha256, ["score:dlib-gender"]),
        *((faces[other].sha256, ["score:dlib-gender", "template:sface"]) for other in others),
    ]
    again = Counting(store)
    known = compute(store, faces, [Measure(SCORE, GENDER), Measure(TEMPLATE, SFACE)], again)
    assert again.computed == []
    for name, vectors in computed.items():
        for key, vector in vectors.items():
            np.testing.assert_array_equal(known[name][key], vector)


def test_files_that_several_share_are_read_once(store, faces):
    image = next(iter(faces))
    pool = Counting(store)
    computed = compute(store, {"a": faces[image], "b": faces[image]}, [Measure(RESIDUALS)], pool)
    assert len(pool.computed) == 1
    np.testing.assert_array_equal(computed[RESIDUALS]["a"], computed[RESIDUALS]["b"])


def test_what_found_the_face_tells_measures_apart(store, faces):
    compute(store, faces, [Measure(APPEARANCE)])
    others = {image: replace(face, detector_fingerprint="another detector") for image, face in faces.items()}
    assert find_known(store, others, [Measure(APPEARANCE)]) == {APPEARANCE: {}}


def test_progress_counts_files(store, faces):
    told: list[tuple[int, int]] = []
    compute(store, faces, [Measure(APPEARANCE)], progress=lambda *pair: told.append(pair))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_an_interruption_loses_no_more_than_a_batch(store, faces, monkeypatch):
    monkeypatch.setattr("facepriv.measures.compute.SAVE_EVERY", 2)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(store, faces, [Measure(APPEARANCE)], progress=stop)
    assert len(find_known(store, faces, [Measure(APPEARANCE)])[APPEARANCE]) == 2


def test_a_missing_file_is_an_error_unless_it_may_be_skipped(store, faces):
    missing = {"missing": replace(next(iter(faces.values())), sha256="0" * 64)}
    with pytest.raises(StoreError):
        compute(store, missing, [Measure(RESIDUALS)])
    computed = compute(store, missing, [Measure(RESIDUALS)], skip_damaged=True)
    assert computed == {RESIDUALS: {}}


def test_a_model_that_fails_costs_no_other_measure(store, faces, monkeypatch, caplog):
    name = "Jane Doe"

    def broken(self, inputs):
        raise ZeroDivisionError(name)

    monkeypatch.setattr(DlibGender, "score", broken)
    computed = compute(store, faces, [Measure(SCORE, GENDER), Measure(APPEARANCE)])
    assert len(computed[APPEARANCE]) == 3
    assert computed["score:dlib-gender"] == {}
    assert "score:dlib-gender could not be computed" in caplog.text
    assert name not in caplog.text


def test_a_model_of_another_version_is_refused(store, faces):
    with pytest.raises(FaceprivError, match="made with dlib-gender of version 000000000000"):
        compute(store, faces, [Measure(SCORE, ModelRef(name="dlib-gender", version="000000000000"))])


def test_faces_behind_front_ends_are_found_once_for_all_classifiers(store, faces, monkeypatch):
    calls = []
    restored_faces = computing.restored_faces
    monkeypatch.setattr(computing, "restored_faces", lambda face: calls.append(face) or restored_faces(face))
    other = make_reference(get_classifier("levi-hassner"))
    face = next(iter(faces.values())).face(store.artifacts)
    vectors = compute_each(face, [Measure(RESTORED, GENDER), Measure(RESTORED, other)])
    assert set(vectors) == {"restored:dlib-gender", "restored:levi-hassner"}
    assert len(calls) == 1
