"""The crop of ADR 0002 keeps what was measured for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import take_crop
from facepriv.imaging.decode import decode
from facepriv.metrics.gender import gender_error

PHOTOS = Path(__file__).parents[3] / "shared" / "london-40"


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real photos to measure on are not part of the repository")
@pytest.mark.parametrize(("make", "most", "most_women"), [(DlibGender, 0.0125, 0.025), (LeviHassner, 0.075, 0.125)])
def test_error_on_real_photos(make, most, most_women):
    network = make()
    images = read_folder(PHOTOS).images
    scores = []
    for image in images:
        face = acquire(decode(image.path, name=image.name, max_pixels=1_000_000).pixels)
        scores.append(network.score(take_crop(network.crop(face), face.pixels)[None])[0])
    rates = gender_error(np.array(scores), np.array([image.label for image in images]))
    assert rates.all <= most
    assert rates.female <= most_women
