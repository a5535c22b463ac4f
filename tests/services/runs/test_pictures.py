"""Views of stored images and of what a run did to them."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.imaging.triangulation import triangulate
from facepriv.measures.stored_faces import face_of, image_pixels, stored_pixels
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.runs.pictures import mesh_edges, run_pair
from tests.finished_run import Finished, labelled_demo

pytestmark = pytest.mark.xdist_group("finished-run")


@pytest.fixture
def pair(finished: Finished):
    return run_pair(finished.store, finished.run.id, finished.run.spec.image_ids[0])


def test_before_and_after(finished: Finished, pair):
    image = finished.store.datasets.images(finished.run.dataset_id)[0]
    assert pair.before.shape == pair.after.shape == pair.difference.shape == (image.height, image.width, 3)
    assert np.array_equal(pair.before, image_pixels(finished.store, image))
    assert np.array_equal(pair.after, stored_pixels(finished.store.artifacts, pair.record.artifact_sha256))
    assert (pair.before != pair.after).any()


def test_the_difference_is_grey_where_nothing_changed(pair):
    same = (pair.before == pair.after).all(axis=2)
    assert (pair.difference[same] == 128).all()
    change = pair.after.astype(int) - pair.before
    assert np.array_equal(pair.difference, np.clip(128 + 8 * change, 0, 255))


def test_only_the_mesh_is_changed(pair):
    """Outside the triangles of the landmarks, no pixel may differ."""
    height, width = pair.before.shape[:2]
    inside = np.zeros(height * width, dtype=bool)
    for pixels in triangulate(pair.image.landmarks, height, width).pixels:
        inside[pixels] = True
    assert (pair.before == pair.after).all(axis=2).reshape(-1)[~inside].all()


def test_the_candidate_is_shown_by_name(finished: Finished, pair):
    images = {image.id: image for image in finished.store.datasets.images(finished.run.dataset_id)}
    other = images[pair.record.candidate_image_id]
    assert pair.candidate_name == other.name
    assert np.array_equal(pair.candidate, image_pixels(finished.store, other))


def test_the_mesh_has_every_edge_once(pair):
    mesh = triangulate(pair.image.landmarks, pair.image.height, pair.image.width)
    expected = set()
    for a, b, c in mesh.triangles.tolist():
        expected |= {frozenset((a, b)), frozenset((b, c)), frozenset((c, a))}
    points = [tuple(point) for point in mesh.points.tolist()]
    drawn = [frozenset((points.index(start), points.index(end))) for start, end in pair.mesh]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected


def test_unknown_images(finished: Finished):
    with pytest.raises(UnknownNameError, match="no finished image with id 999"):
        run_pair(finished.store, finished.run.id, 999)
    with pytest.raises(UnknownNameError, match="There is no run 999"):
        run_pair(finished.store, 999, 1)


def test_an_image_without_a_face(store, settings, tmp_path):
    folder = labelled_demo(tmp_path / "faces", ["s001_1"])
    PIL.Image.new("RGB", (120, 100), "white").save(folder / "s001_2.png")
    with (folder / "labels.csv").open("a") as stream:
        stream.write("s001_2.png,s001,female\n")
    report = import_dataset(store, settings, folder, name="blank")
    face, blank = store.datasets.images(report.dataset.id)
    assert face_of(face, image_pixels(store, face)).landmarks.shape == (68, 2)
    assert image_pixels(store, blank).shape == (100, 120, 3)
    assert mesh_edges(blank.landmarks) == []
    with pytest.raises(BadInputError, match="shows no usable face: No frontal face") as caught:
        face_of(blank, image_pixels(store, blank))
    assert caught.value.code == "no-face"


def test_a_damaged_file_is_not_shown(store, settings, tmp_path):
    report = import_dataset(store, settings, labelled_demo(tmp_path / "faces", ["s001_1"]), name="one")
    (image,) = store.datasets.images(report.dataset.id)
    store.artifacts.path(image.artifact_sha256).write_bytes(b"another face")
    with pytest.raises(StoreError, match="damaged"):
        image_pixels(store, image)
