"""The panel changes an image as it says, leaves the face to be found, and is nothing that a method may ask for."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.imaging.acquire import acquire
from facepriv.imaging.panel import PANEL, PANEL_TITLES, PANEL_VERSIONS
from facepriv.imaging.quality import psnr_db
from facepriv.imaging.versions import VERSIONS
from facepriv.perturb.registry import perturbers


@pytest.mark.parametrize("name", PANEL)
def test_a_version_is_another_image_of_the_same_face(faces, name):
    face = faces[0]
    before = face.pixels.copy()
    version = PANEL_VERSIONS[name](face.pixels)
    np.testing.assert_array_equal(face.pixels, before)
    assert version.dtype == np.uint8
    assert version.ndim == 3
    assert version.shape != face.pixels.shape or (version != face.pixels).any()
    found = acquire(version, several="largest")
    ratio = version.shape[1] / face.pixels.shape[1] if name != "crop" else 1.0
    assert np.ptp(found.landmarks[:, 0]) == pytest.approx(ratio * np.ptp(face.landmarks[:, 0]), rel=0.12)
    if version.shape == face.pixels.shape:
        assert 18 < psnr_db(face.pixels, version, face.box) < 60


def test_no_method_may_ask_for_a_version_of_the_panel():
    assert not set(PANEL) & set(VERSIONS)
    asked = {name for method in perturbers.names() for name in perturbers.create(method).Parameters.model_fields}
    assert not [name for name in asked if name.removeprefix("survive_") in PANEL]


def test_every_version_has_a_title_of_its_own():
    assert len(set(PANEL_TITLES.values())) == len(PANEL)
