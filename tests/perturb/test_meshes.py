"""Methods that take any landmarker's points lay their triangles over those, and leave crops to the detector's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangulate
from facepriv.perturb.base import score_face
from facepriv.perturb.common.mean_faces import bounded
from facepriv.perturb.gallery import Gallery, choose_candidate, landmark_correlation
from facepriv.perturb.mixing.method import mix
from facepriv.perturb.registry import perturbers
from facepriv.types import Face, PerturbFailure, PerturbResult

ANY = {
    "algorithm1": {"eps": 0.3},
    "descent": {"survive_jpeg90": False, "survive_resize75": False, "stages": 1},
    "mixing": {},
}
"""Methods with parameters under which an image takes a moment."""


@pytest.fixture
def meshed(faces) -> list[Face]:
    """Faces with a mesh that reaches up the forehead: 78 points, which no other landmarker gives."""
    return [replace(face, mesh=bounded(face.landmarks).astype(np.float32)) for face in faces]


def test_points_are_the_landmarks_unless_there_is_a_mesh(faces, meshed):
    assert faces[0].points is faces[0].landmarks
    assert meshed[0].points is meshed[0].mesh
    assert Gallery.of(faces).points.shape[1:] == (68, 2)
    assert Gallery.of(meshed).points.shape[1:] == (78, 2)
    np.testing.assert_array_equal(Gallery.of(meshed).face(meshed[2].image_id).mesh, meshed[2].mesh)


def test_which_methods_take_any():
    assert {name for name in perturbers.names() if perturbers.load(name).landmarkers is None} == set(ANY)


@pytest.mark.parametrize("name", ANY)
def test_only_the_mesh_is_moved(meshed, name):
    face = meshed[0]
    (result,) = perturbers.create(name, **ANY[name])([face], [DlibGender()], gallery=Gallery.of(meshed), seed=0)
    assert isinstance(result, PerturbResult)
    changed = (result.pixels != face.pixels).any(axis=2)
    forehead = triangulate(face.mesh, *face.pixels.shape[:2]).owner >= 0
    forehead &= triangulate(face.landmarks, *face.pixels.shape[:2]).owner < 0
    assert changed[forehead].any(), "which the 68 landmarks alone leave alone"
    if name != "mixing":  # its outline moves too
        assert not changed[triangulate(face.mesh, *face.pixels.shape[:2]).owner < 0].any()
        assert result.trajectory[0] == pytest.approx(score_face(DlibGender(), face), abs=0.5)
    assert result.file_face.mesh is None
    assert result.file_face.landmarks.shape == (68, 2)


def test_candidates_are_those_whose_mesh_correlates_best(meshed):
    others = [face for face in meshed if face.subject != meshed[0].subject]
    best = max(others, key=lambda o: landmark_correlation(meshed[0].mesh, o.mesh[None])[0])
    assert choose_candidate(meshed[0], Gallery.of(meshed)) == best.image_id


@pytest.mark.parametrize("name", ANY)
def test_a_gallery_of_other_points_is_refused(faces, meshed, name):
    (result,) = perturbers.create(name)([meshed[0]], [DlibGender()], gallery=Gallery.of(faces), seed=0)
    assert isinstance(result, PerturbFailure)
    assert result.code == "landmark-count"
    assert "78 points a face was expected" in result.sentence


def test_mixing_needs_points_alike_that_span_a_face(faces, meshed):
    with pytest.raises(BadInputError, match="with 78 points was expected"):
        mix(meshed[0], faces[4], 0.5)
    flat = replace(meshed[0], mesh=np.column_stack([np.arange(78), np.zeros(78)]).astype(np.float32))
    with pytest.raises(BadInputError, match="span a face") as caught:
        mix(flat, meshed[4], 0.5)
    assert caught.value.code == "degenerate-landmarks"


def test_mixing_a_meshed_face_with_itself_is_itself(meshed):
    np.testing.assert_allclose(mix(meshed[0], meshed[0], 0.5), meshed[0].pixels, atol=1)
