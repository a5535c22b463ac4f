"""Faces for all tests: the demo set's, found once a process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.perturb.candidates import Gallery
from facepriv.types import Face

MAX_PIXELS = 1_000_000


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
def make_gallery() -> Callable[[list[Face]], Gallery]:
    """Give a gallery of faces held in memory."""
    return Gallery.of
