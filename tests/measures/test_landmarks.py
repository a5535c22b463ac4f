"""Runs over the points of another landmarker than the detector's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.imaging.triangulation import triangulate
from facepriv.measures.compute import LANDMARKS, Measure, compute
from facepriv.measures.landmarks import Points, find_points, points_of
from facepriv.measures.stored_faces import StoredFace, face_of, image_pixels, untouched_faces
from facepriv.perturb.registry import methods_for_any_landmarks
from facepriv.presentation.run_tables import comparison_rows
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool
from facepriv.services.runs.estimate import estimate_run
from facepriv.services.runs.execution import LOCATING
from facepriv.services.runs.pictures import run_pair
from facepriv.services.runs.preparing import landmarker_name, prepare_run
from facepriv.store import Store, open_store
from tests.finished_run import FAST, METHOD, Finished, labelled_demo, start_run
from tests.services.jobs.test_dask_pool import on, running_cluster
from tests.services.runs.test_execution import interrupt_after, result_of, rows_of
from tests.stasm import needs_stasm

pytestmark = pytest.mark.xdist_group("finished-run")
FOUR = ("s001_1", "s002_1", "s003_1", "s006_1")
STASM = "stasm-77"


def spec_of(store: Store, name: str = "four", **options: object) -> RunSpec:
    given = {"method": METHOD, "parameters": FAST, "classifiers": [], "matchers": [], "landmarker": STASM}
    return prepare_run(store, RunRequest(dataset=name, **{**given, **options}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def settings_here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("meshed") / "home", workers=1)


@pytest.fixture(scope="module")
def process(settings_here: Settings) -> Iterator[LocalPool]:
    """One process for several runs: starting it costs more than they do."""
    with LocalPool(settings_here) as pool:
        yield pool


@pytest.fixture(scope="module")
def meshed(settings_here: Settings, process: LocalPool) -> Iterator[Finished]:
    """A run over Stasm's points, computed by one process."""
    settings, folder = settings_here, labelled_demo(settings_here.home / "faces", FOUR)
    with open_store(settings) as store:
        import_dataset(store, settings, folder, name="four")
        run = start_run(store, spec_of(store))
        run_worker(settings, job_id=run.job_id, pool=process)
        record = store.runs.get(run.id)
        assert record.state == "complete", record.error
        yield Finished(store, settings, record)


def points_in(finished: Finished) -> dict[int, Points | None]:
    images = finished.store.datasets.images(finished.run.dataset_id)
    return find_points(finished.store, finished.run.spec, images)


@needs_stasm
class TestMeshed:
    """What a run over 77 points is."""

    def test_every_image_was_turned(self, meshed: Finished):
        assert landmarker_name(meshed.run.spec) == STASM
        assert meshed.run.spec.landmarker.version == landmarkers.create(STASM).version
        assert meshed.run.result.judged == 4
        assert meshed.run.result.flipped.all == 1.0

    def test_the_points_of_every_image_are_kept(self, meshed: Finished):
        known = points_in(meshed)
        for image in meshed.store.datasets.images(meshed.run.dataset_id):
            face = face_of(image, image_pixels(meshed.store, image))
            found = landmarkers.create(STASM).locate(face.pixels, face.box, face.landmarks)
            np.testing.assert_array_equal(known[image.id], found)

    def test_only_triangles_of_the_77_points_are_changed_and_drawn(self, meshed: Finished):
        known = points_in(meshed)
        for image_id in meshed.run.spec.image_ids[:2]:
            pair = run_pair(meshed.store, meshed.run.id, image_id)
            mesh = triangulate(known[image_id], *pair.before.shape[:2])
            changed = (pair.before != pair.after).any(axis=2)
            assert changed.any()
            assert not changed[mesh.owner < 0].any()
            assert {point for edge in pair.mesh for point in edge} == set(map(tuple, mesh.points.tolist()))

    def test_the_attackers_landmarks_are_the_detectors(self, meshed: Finished):
        for row in meshed.store.runs.run_images(meshed.run.id):
            assert row.after_landmarks.shape == (68, 2)

    def test_where_no_points_are_found_the_image_fails_and_is_no_candidate(
        self, meshed: Finished, process, tmp_path, monkeypatch
    ):
        """That nothing was found is kept, too, so that nobody looks again."""
        store = meshed.store
        more = ("s001_2", "s002_1", "s003_1")
        import_dataset(store, meshed.settings, labelled_demo(tmp_path / "faces", more), name="more")
        spec = spec_of(store, "more")
        image = store.datasets.images(spec.dataset.id)[0]
        face = face_of(image, image_pixels(store, image))
        with monkeypatch.context() as patched:
            patched.setattr(StoredFace, "face", lambda *_: replace(face, pixels=np.full_like(face.pixels, 90)))
            compute(store, untouched_faces(store, spec.dataset.id, [image]), [Measure(LANDMARKS, spec.landmarker)])
        assert find_points(store, spec, [image]) == {image.id: None}
        run = start_run(store, spec)
        run_worker(meshed.settings, job_id=run.job_id, pool=process)
        done = store.runs.get(run.id)
        assert done.result.failures.by_reason == {"no-landmarks": 1}
        (item,) = done.result.failures.items
        assert item.image_id == image.id
        assert item.stage == "acquire-before"
        assert item.sentence.startswith("The landmarks stasm-77 were expected")
        assert done.result.judged == 2
        assert image.id not in {row.candidate_image_id for row in store.runs.run_images(run.id)}
        assert run_pair(store, run.id, image.id).mesh == []

    @pytest.mark.slow
    def test_an_interrupted_run_ends_with_the_same_whatever_the_number_of_processes(self, meshed: Finished, process):
        store = meshed.store
        run = start_run(store, meshed.run.spec)
        with pytest.raises(KeyboardInterrupt):
            run_worker(meshed.settings, job_id=run.job_id, on_progress=interrupt_after(2), pool=process)
        seen = []
        two = meshed.settings.model_copy(update={"workers": 2})
        run_worker(two, job_id=run.job_id, on_progress=lambda _, stage, done, total: seen.append((stage, total)))
        assert rows_of(store, run.id) == rows_of(store, meshed.run.id)
        assert result_of(store.runs.get(run.id)) == result_of(meshed.run)
        assert [total for stage, total in seen if stage == LOCATING] == [0], "points are found once only"

    def test_it_is_told_in_the_spec_and_beside_other_runs(self, meshed: Finished):
        spec = meshed.run.spec
        assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
        rows = comparison_rows([("Run", spec, meshed.run.result)])
        assert {"Figure": "Landmarks", "Run": STASM} in rows

    def test_points_that_are_kept_take_no_time_in_a_plan(self, meshed: Finished):
        given = {"method": METHOD, "parameters": FAST, "landmarker": STASM}
        first = estimate_run(meshed.store, meshed.settings, RunRequest(dataset=1, **given), 4).stages[0]
        assert first.stage == LOCATING
        assert first.seconds == first.fixed == 0

    def test_points_that_are_not_kept_any_more_are_searched_to_be_drawn(self, meshed: Finished, monkeypatch):
        image = meshed.store.datasets.images(meshed.run.dataset_id)[0]
        face = face_of(image, image_pixels(meshed.store, image))
        kept = points_of(meshed.store, meshed.run.spec, image, face)
        with monkeypatch.context() as patched:
            patched.setattr("facepriv.__version__", "0.0.0")
            np.testing.assert_array_equal(points_of(meshed.store, meshed.run.spec, image, face), kept)
        monkeypatch.setattr("facepriv.imaging.landmarkers.stasm_77.version", lambda name: "2.0.1")
        assert points_of(meshed.store, meshed.run.spec, image, face) is None


@needs_stasm
@pytest.mark.slow
def test_a_cluster_finds_the_same_points_and_gives_the_same_bytes(meshed: Finished, tmp_path):
    """Its processes neither reach the database nor know any points when the run begins."""
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    with running_cluster(tmp_path) as cluster:
        settings = on(cluster, Settings(home=tmp_path / "home"))
        with open_store(settings) as store:
            import_dataset(store, settings, labelled_demo(tmp_path / "faces", FOUR), name="four")
            run = start_run(store, spec_of(store))
            run_worker(settings, job_id=run.job_id)
            done = store.runs.get(run.id)
            assert done.result is not None, done.error
            both = ((store, done), (meshed.store, meshed.run))
            ours, theirs = ([row.artifact_sha256 for row in s.runs.run_images(one.id)] for s, one in both)
            assert ours == theirs
            ours, theirs = (list(points_in(Finished(s, settings, one)).values()) for s, one in both)
            np.testing.assert_array_equal(ours, theirs)


class TestPlanning:
    """What is said before a run is queued; nothing of it needs Stasm unless it says so."""

    def test_a_run_over_the_detectors_points_is_the_same_as_ever(self, finished: Finished):
        """Neither its object nor what is stored of it tells of landmarkers."""
        spec = prepare_run(finished.store, RunRequest(dataset="six", method=METHOD, landmarker="dlib-68"))
        assert spec == prepare_run(finished.store, RunRequest(dataset="six", method=METHOD))
        assert spec.landmarker is None
        assert "landmarker" not in spec.model_dump_json()
        assert RunSpec.model_validate_json(spec.model_dump_json()) == spec

    @needs_stasm
    @pytest.mark.parametrize("method", ["colour-field", "semantic"])
    def test_methods_made_for_the_68_refuse_others(self, finished: Finished, method):
        with pytest.raises(BadInputError, match=f"{method} is made for the landmarks dlib-68") as caught:
            prepare_run(finished.store, RunRequest(dataset="six", method=method, landmarker=STASM))
        assert caught.value.code == "other-landmarks"
        assert str(caught.value).endswith("algorithm1, descent or mixing.")

    def test_methods_that_take_any(self):
        assert methods_for_any_landmarks() == ["algorithm1", "descent", "mixing"]

    @pytest.mark.parametrize("method", [METHOD, "colour-field"])
    def test_unknown_landmarkers(self, finished: Finished, method):
        with pytest.raises(UnknownNameError, match="no landmarker called 'oracle'; choose one of: dlib-68, stasm-77"):
            prepare_run(finished.store, RunRequest(dataset="six", method=method, landmarker="oracle"))

    def test_where_stasm_is_not_built_no_run_is_queued(self, finished: Finished, monkeypatch):
        monkeypatch.setattr("facepriv.imaging.landmarkers.stasm_77.version", lambda name: "2.0.1")
        with pytest.raises(ModelUnavailableError, match="Build it with: make stasm"):
            prepare_run(finished.store, RunRequest(dataset="six", method=METHOD, landmarker=STASM))
