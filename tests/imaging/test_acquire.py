"""One face is found, none and several are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.errors import FailureToAcquireError
from facepriv.imaging import acquire as acquiring
from facepriv.imaging.acquire import (
    DOUBLE_UP_TO,
    LANDMARKS,
    acquire,
    find_again,
    find_faces,
    find_faces_turned,
    look_again,
    turned,
)
from facepriv.imaging.versions import VERSIONS, make_version


def test_finds_face_and_landmarks(faces):
    for face in faces:
        height, width = face.pixels.shape[:2]
        left, top, right, bottom = face.box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert face.landmarks.shape == (LANDMARKS, 2)
        assert face.landmarks.dtype == np.float32
        eyes, chin = face.landmarks[36:48].mean(axis=0), face.landmarks[8]
        assert top < eyes[1] < chin[1]


def test_no_face():
    with pytest.raises(FailureToAcquireError, match="No frontal face") as caught:
        acquire(np.full((200, 200, 3), 90, np.uint8))
    assert caught.value.code == "no-face"


def test_several_faces_are_refused_or_the_largest_is_taken(faces):
    import PIL.Image

    height, width = faces[0].pixels.shape[:2]
    large = PIL.Image.fromarray(faces[2].pixels).resize((width * 3 // 2, height * 3 // 2))
    both = np.zeros((height * 3 // 2, width + width * 3 // 2, 3), np.uint8)
    both[:height, :width] = faces[0].pixels
    both[:, width:] = np.asarray(large)
    with pytest.raises(FailureToAcquireError, match="2 faces") as caught:
        acquire(both)
    assert caught.value.code == "several-faces"
    assert acquire(both, several="largest").box[0] > width - 20


def test_a_small_face_is_found_in_the_doubled_image(faces):
    import PIL.Image

    small = PIL.Image.fromarray(faces[0].pixels).resize((110, 110 * 300 // 240), PIL.Image.Resampling.BOX)
    assert len(find_faces(np.asarray(small))) == 1


def test_finds_the_same_in_a_view_of_other_memory_order(faces):
    turned = np.asfortranarray(faces[0].pixels)
    np.testing.assert_array_equal(acquire(turned).landmarks, faces[0].landmarks)


def test_a_large_image_is_not_doubled():
    """Doubling some ten megapixels takes gigabytes; a face as small as that is not what the image was taken for."""
    import PIL.Image

    from facepriv.datasets.demo import demo_folder

    with PIL.Image.open(demo_folder() / "images" / "s001" / "s001_1.jpg") as photo:
        small = np.asarray(photo.resize((88, 110), PIL.Image.Resampling.BOX))
    large = np.zeros((DOUBLE_UP_TO + 1, 600, 3), np.uint8)
    large[: small.shape[0], : small.shape[1]] = small
    assert find_faces(large) == []
    assert len(find_faces(large[:-1])) == 1


def in_a_row(faces, *sizes):
    """One picture of faces side by side, each scaled by a factor, and where each begins."""
    import PIL.Image

    scaled = [
        np.asarray(PIL.Image.fromarray(f.pixels).resize((int(f.pixels.shape[1] * s), int(f.pixels.shape[0] * s))))
        for f, s in zip(faces, sizes, strict=True)
    ]
    picture = np.zeros((max(each.shape[0] for each in scaled), sum(each.shape[1] for each in scaled), 3), np.uint8)
    starts = np.cumsum([0, *(each.shape[1] for each in scaled)])
    for each, start in zip(scaled, starts, strict=False):
        picture[: each.shape[0], start : start + each.shape[1]] = each
    return picture, starts


def test_of_several_faces_the_middle_one_can_be_taken(faces):
    picture, starts = in_a_row([faces[0], faces[2], faces[0]], 1.4, 1, 1)
    assert len(find_faces(picture)) == 3
    left, _, right, _ = acquire(picture, several="middle").box
    assert starts[1] - 20 < left < right < starts[2] + 20
    assert acquire(picture, several="largest").box[2] < starts[1] + 20


def test_a_face_is_found_again_where_it_was_and_not_where_a_larger_one_is(faces):
    picture, _ = in_a_row([faces[0], faces[2]], 1, 1.4)
    small = acquire(picture[:, : faces[0].pixels.shape[1]])
    found = find_again(small, picture)
    assert np.abs(np.subtract(found.box, small.box)).max() <= 12
    (alone,) = find_faces(faces[2].pixels)
    assert find_again(small, faces[2].pixels).box == alone[0]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_photo_that_lies_on_its_side_is_turned(faces, turns):
    lying = turned(faces[0].pixels, turns)
    found, back = find_faces_turned(lying)
    assert back == (4 - turns) % 4
    np.testing.assert_array_equal(turned(lying, back), faces[0].pixels)
    assert found[0][0] == faces[0].box


def test_what_shows_no_face_in_any_turn_is_not_turned():
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert find_faces_turned(noise) == ([], 0)


@pytest.fixture
def searches(monkeypatch):
    """Whole searches made, one entry each."""
    made = []
    search = acquiring.find_faces

    def counting(pixels):
        made.append(pixels.shape)
        return search(pixels)

    monkeypatch.setattr(acquiring, "find_faces", counting)
    return made


@pytest.mark.parametrize("enlarged", [1, 2, 3])
@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_a_look_among_faces_of_one_size_finds_what_the_whole_search_finds(faces, searches, version, enlarged):
    for face in faces[:4]:
        pixels = face.pixels.repeat(enlarged, axis=0).repeat(enlarged, axis=1)
        face = acquire(pixels)
        noise = np.random.default_rng(0).normal(0, 5, pixels.shape)
        changed = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        changed = changed if version is None else make_version(changed, version)
        searches.clear()
        seen = look_again(face, changed)
        if enlarged > 1:
            assert searches == [], "the whole search is for faces that are not where they were"
        wanted = find_again(face, changed)
        assert seen.box == wanted.box
        np.testing.assert_array_equal(seen.landmarks, wanted.landmarks)
        assert seen.pixels is changed


def test_the_whole_search_decides_where_the_face_is_smaller_or_gone(faces, searches):
    face = acquire(faces[0].pixels.repeat(3, axis=0).repeat(3, axis=1))
    smaller = np.zeros_like(face.pixels)
    smaller[100:400, 200:440] = faces[0].pixels
    searches.clear()
    assert look_again(face, smaller).box == find_again(face, smaller).box
    assert look_again(face, np.zeros_like(face.pixels)) is None
    assert len(searches) == 3


def test_of_several_faces_a_look_takes_the_one_where_the_face_was(faces):
    both = np.concatenate([faces[0].pixels, faces[2].pixels], axis=1)
    for box, _ in find_faces(both):
        face = replace(faces[0], pixels=both, box=box)
        assert look_again(face, both).box == box
