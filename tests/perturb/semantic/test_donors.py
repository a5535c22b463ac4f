"""The side and the donor that the key draws for an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.perturb.semantic.donors import PREFIX, draw_donor
from facepriv.types import FEMALE, MALE, Face

KEY = b"a key of thirty-two bytes, so be"
ARRAYS = {
    PREFIX + "female": np.linspace(-3, -1, 6).reshape(3, 2),
    PREFIX + "male": np.linspace(1, 3, 10).reshape(5, 2),
}


def face_of(subject: str, label: int | None = None, fill: int = 0) -> Face:
    return Face(
        image_id="1",
        subject=subject,
        label=label,
        pixels=np.full((4, 4, 3), fill, dtype=np.uint8),
        landmarks=np.zeros((68, 2), dtype=np.float32),
        box=(0, 0, 4, 4),
    )


@settings(deadline=None, max_examples=50)
@given(subject=st.text(max_size=20), fill=st.integers(0, 255), draw_by=st.sampled_from(["subject", "image"]))
def test_the_label_the_place_and_the_order_change_nothing(subject, fill, draw_by):
    face = face_of(subject, fill=fill)
    draws = [
        draw_donor(other, ARRAYS, key=KEY, draw_by=draw_by)
        for other in (face, replace(face, label=MALE), replace(face, label=FEMALE), replace(face, image_id="77"))
    ]
    assert {drawn.side for drawn in draws} == {draws[0].side}
    for drawn in draws:
        np.testing.assert_array_equal(drawn.margins, draws[0].margins)
        assert (np.sign(drawn.margins) == drawn.side).all(), "a donor of that side"


def test_sides_are_even_and_independent_of_any_label():
    sides = np.array([draw_donor(face_of(f"{n}"), ARRAYS, key=KEY, draw_by="subject").side for n in range(2000)])
    labels = np.where(np.arange(2000) % 2, MALE, FEMALE)
    assert abs((sides == MALE).mean() - 0.5) < 3.5 * 0.5 / np.sqrt(2000)
    assert abs((sides == labels).mean() - 0.5) < 3.5 * 0.5 / np.sqrt(2000)


def test_images_of_a_person_agree_by_subject_and_are_drawn_apart_by_image():
    faces = [face_of("one", fill=n) for n in range(64)]
    assert len({draw_donor(face, ARRAYS, key=KEY, draw_by="subject").side for face in faces}) == 1
    assert len({draw_donor(face, ARRAYS, key=KEY, draw_by="image").side for face in faces}) == 2


def test_another_key_draws_anew():
    faces = [face_of(f"{n}") for n in range(64)]
    one, other = ([draw_donor(f, ARRAYS, key=key, draw_by="subject").side for f in faces] for key in (KEY, KEY[::-1]))
    assert one != other


@pytest.mark.parametrize("names", [("Zoe\u0301", "Zo\u00e9")])
def test_a_name_is_the_same_however_its_accents_are_written(names):
    drawn = [draw_donor(face_of(name), ARRAYS, key=KEY, draw_by="subject") for name in names]
    np.testing.assert_array_equal(drawn[0].margins, drawn[1].margins)
