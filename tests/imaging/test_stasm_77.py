"""Stasm's landmarks: of the face that the detector found, wherever it is and however large."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facepriv.errors import FailureToAcquireError, ModelUnavailableError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import eye_centres
from facepriv.imaging.landmarkers.registry import landmarkers, no_landmarks
from facepriv.imaging.landmarkers.stasm_77 import RELEASE, Stasm77
from facepriv.services.models.catalogue import list_models
from tests.stasm import needs_stasm

PUPILS, CHIN, FOREHEAD = [38, 39], 6, 14
"""Of Stasm's points; the viewer's left comes first, as with the detector's."""


def located(face):
    return Stasm77().locate(face.pixels, face.box, face.landmarks)


@needs_stasm
def test_agrees_with_the_detector_on_eyes_and_chin(faces):
    """Two models, trained on other people by others."""
    for face in faces[:4]:
        points, side = located(face), face.box[2] - face.box[0]
        assert np.abs(points[PUPILS] - eye_centres(face.landmarks)).max() < 0.06 * side
        assert np.abs(points[CHIN] - face.landmarks[8]).max() < 0.12 * side
        assert points[FOREHEAD, 1] < face.landmarks[17:27, 1].min(), "the forehead lies above the brows"


@needs_stasm
@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_finds_small_and_large_faces(faces, factor):
    """Its own detector overlooks faces narrower than 100 pixels."""
    face = faces[0]
    resized = acquire(cv2.resize(face.pixels, None, fx=factor, fy=factor), several="largest")
    points = (located(resized) + 0.5) / factor - 0.5
    assert np.abs(points - located(face)).max() < 0.05 * (face.box[2] - face.box[0])


@needs_stasm
def test_takes_the_face_in_the_box(faces):
    """Of two people side by side, each box has its own points, as if the other were not there."""
    left, right = faces[0], faces[4]
    height = max(left.pixels.shape[0], right.pixels.shape[0])
    both = np.zeros((height, left.pixels.shape[1] + right.pixels.shape[1], 3), dtype=np.uint8)
    both[: left.pixels.shape[0], : left.pixels.shape[1]] = left.pixels
    both[: right.pixels.shape[0], left.pixels.shape[1] :] = right.pixels
    shift = left.pixels.shape[1]
    box = (right.box[0] + shift, right.box[1], right.box[2] + shift, right.box[3])
    side = right.box[2] - right.box[0]
    found = Stasm77().locate(both, box, right.landmarks)
    assert np.abs(found - (shift, 0) - located(right)).max() < 0.1 * side
    assert np.abs(Stasm77().locate(both, left.box, left.landmarks) - located(left)).max() < 0.1 * side


@needs_stasm
@pytest.mark.parametrize("box", [(20, 20, 120, 120), (-50, -50, 3, 3), (400, 300, 500, 400)])
def test_says_so_where_there_is_no_face(box):
    blank = np.full((200, 160, 3), 128, dtype=np.uint8)
    with pytest.raises(FailureToAcquireError, match="landmarks stasm-77 were expected") as caught:
        Stasm77().locate(blank, box, np.zeros((68, 2), dtype=np.float32))
    assert caught.value.code == "no-landmarks"
    assert str(caught.value) == str(no_landmarks("stasm-77"))


@needs_stasm
def test_another_face_than_the_boxs_is_none(faces):
    """A box beside the face, so near that Stasm is shown the face too."""
    face = faces[0]
    left, top, right, _ = face.box
    with pytest.raises(FailureToAcquireError):
        Stasm77().locate(face.pixels, (left, top - 40, right, top), face.landmarks)


def test_where_it_is_not_built_it_says_how(monkeypatch):
    def absent(name):
        from importlib.metadata import PackageNotFoundError

        raise PackageNotFoundError(name)

    monkeypatch.setattr("facepriv.imaging.landmarkers.stasm_77.version", absent)
    with pytest.raises(ModelUnavailableError, match="must be built from its source"):
        Stasm77().ready()
    (status,) = [one for one in list_models() if one.card.name == "stasm-77"]
    assert not status.usable
    assert status.how == "make stasm"


def test_another_release_is_refused(monkeypatch):
    monkeypatch.setattr("facepriv.imaging.landmarkers.stasm_77.version", lambda name: "2.0.1")
    with pytest.raises(ModelUnavailableError, match=f"stasm {RELEASE} was expected, but 2.0.1 is installed"):
        Stasm77().ready()


@needs_stasm
def test_its_library_is_told_apart_by_build():
    assert len(landmarkers.create("stasm-77").build) == 64
    assert landmarkers.create("dlib-68").build == ""
