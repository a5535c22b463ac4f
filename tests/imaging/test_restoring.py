"""Front ends keep size and face, do what their names say, and undo a planted colour field where they claim to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.imaging.restoring import LONGEST, RESTORERS, restored_faces, surroundings

NAMES = ["grey", "smooth-colour", "flatten-colour", "jpeg50", "blur", "median", "denoise", "levels", "mirror"]
NAMES += ["sheared", "sheared-levels"]


def _field(face, size=12.0):
    """The face with a smooth, mirror-symmetric pattern of colour that leaves its luma nearly alone."""
    left, top, right, bottom = face.box
    height, width = face.pixels.shape[:2]
    x = (np.arange(width) - (left + right) / 2) / (right - left)
    y = (np.arange(height) - (top + bottom) / 2) / (bottom - top)
    wave = size * np.cos(6 * np.pi * x) * np.cos(6 * np.pi * y)[:, None]
    axis = np.array([1.0, -0.509, 0.0])
    return np.clip(np.rint(face.pixels + wave[..., None] * axis), 0, 255).astype(np.uint8)


def test_names_and_order_are_what_results_are_kept_under():
    assert list(RESTORERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_front_ends_keep_shape_and_input(faces, name):
    cut = surroundings(faces[0])
    for pixels in (cut, np.asfortranarray(cut), cut[:, ::-1], np.full((41, 63, 3), 255, np.uint8), cut[:1, :1]):
        before = pixels.copy()
        restored = RESTORERS[name](pixels)
        assert restored.shape == pixels.shape
        assert restored.dtype == np.uint8
        np.testing.assert_array_equal(pixels, before)
        np.testing.assert_array_equal(RESTORERS[name](pixels), restored)


def test_a_read_only_image_will_do(faces):
    cut = surroundings(faces[0])
    cut.setflags(write=False)
    for restore in RESTORERS.values():
        restore(cut)


def test_grey_is_grey_and_flat_colour_has_one_tint(faces):
    cut = surroundings(faces[0])
    grey = RESTORERS["grey"](cut).astype(int)
    assert np.ptp(grey, axis=2).max() == 0
    flat = RESTORERS["flatten-colour"](cut).astype(int)
    unclipped = ((flat > 0) & (flat < 255)).all(axis=2)
    tint = (flat[..., 0] - flat[..., 2])[unclipped]
    assert np.ptp(tint) <= 2  # rounding of three channels
    assert tint.mean() > 5  # skin stays warm, which grey is not


@pytest.mark.parametrize("name", ["grey", "smooth-colour", "flatten-colour"])
def test_a_planted_colour_field_is_taken_away(faces, name):
    face = faces[0]
    before, planted = surroundings(face), surroundings(replace(face, pixels=_field(face)))
    left_over = RESTORERS[name](planted).astype(float) - RESTORERS[name](before)
    there = planted.astype(float) - before
    assert there.std() > 2
    assert left_over.std() < 0.25 * there.std()


def test_levels_are_eight_and_a_mirror_twice_is_none(faces):
    cut = surroundings(faces[0])
    assert len(np.unique(RESTORERS["levels"](cut))) <= 8
    np.testing.assert_array_equal(RESTORERS["mirror"](RESTORERS["mirror"](cut)), cut)


def test_faces_are_found_anew_behind_every_front_end(faces):
    for face in faces[:4]:
        restored = restored_faces(face)
        assert len(restored) == len(RESTORERS)
        for one in restored:
            assert one is not None
            assert one.image_id == face.image_id
            assert one.subject == face.subject
            assert one.label == face.label
            assert one.landmarks.shape == (68, 2)
            height, width = one.pixels.shape[:2]
            assert abs((one.box[0] + one.box[2]) / 2 / width - 0.5) < 0.2
            assert 0.3 < (one.box[3] - one.box[1]) / height < 0.7


def test_surroundings_are_of_one_size_whatever_the_photo_is(faces):
    import cv2

    face = faces[0]
    large = replace(
        face,
        pixels=cv2.resize(face.pixels, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC),
        landmarks=face.landmarks * 6,
        box=tuple(6 * side for side in face.box),
    )
    assert max(surroundings(large).shape) == LONGEST
    assert max(surroundings(face).shape) <= LONGEST
    small = surroundings(replace(face, box=(50, 100, 70, 120)))
    assert small.shape == (40, 40, 3)
    small[:] = 0
    assert face.pixels[90:130, 40:80].any()


def test_no_face_is_none_and_no_crash(faces):
    flat = replace(faces[0], pixels=np.full_like(faces[0].pixels, 128))
    assert restored_faces(flat) == [None] * len(RESTORERS)
    assert restored_faces(replace(faces[0], box=(900, 900, 950, 950))) == [None] * len(RESTORERS)
