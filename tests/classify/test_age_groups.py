"""Age in two groups: what the networks' classes are made into, and how well that tells real ages."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from facepriv.classify.age_groups import older_shares
from facepriv.classify.dlib import DlibAge
from facepriv.classify.levi_hassner import BANDS, LeviHassnerAge
from facepriv.classify.registry import classifiers
from facepriv.errors import BadInputError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.perturb.base import score_face

PHOTOS = Path(__file__).parents[3] / "shared" / "london-40"


@pytest.mark.parametrize(
    ("boundary", "band", "share"),
    [(40, 5, 4 / 6), (38, 5, 1.0), (44, 5, 0.0), (35, 5, 1.0), (35, 4, 0.0), (30, 4, 3 / 8), (1, 0, 2 / 3)],
)
def test_a_band_that_holds_the_boundary_counts_by_its_years(boundary, band, share):
    first, last = BANDS[band]
    years = [year >= boundary for year in range(first, last + 1)]
    assert older_shares(BANDS, boundary)[band] == pytest.approx(share) == np.mean(years)


@pytest.mark.parametrize("make", [DlibAge, LeviHassnerAge])
@pytest.mark.parametrize("boundary", [0, 101, -3, 40.0, "forty", True, None])
def test_a_boundary_that_is_none(make, boundary):
    with pytest.raises(BadInputError) as caught:
        make(boundary)
    assert caught.value.code == "bad-boundary"
    assert make.card.name in str(caught.value)


@pytest.mark.parametrize("name", ["dlib-age", "levi-hassner-age"])
def test_a_higher_boundary_makes_everybody_younger(name, faces):
    scores = np.array(
        [[score_face(classifiers.create(f"{name}@{b}"), face) for face in faces[:3]] for b in (1, 20, 30, 40, 60, 80)]
    )
    assert (np.diff(scores, axis=0) < 0).all()
    assert (scores[0] > 0).all()
    assert (scores[-1] < 0).all()


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real photos to measure on are not part of the repository")
@pytest.mark.parametrize(("name", "least"), [("dlib-age@40", 0.92), ("levi-hassner-age@40", 0.88)])
def test_accuracy_on_real_photos(name, least):
    with (PHOTOS / "london_info.csv").open(encoding="utf-8") as stream:
        ages = {row["face_id"]: float(row["face_age"]) for row in csv.DictReader(stream)}
    network, right = classifiers.create(name), []
    for path in sorted(PHOTOS.glob("*.jpg")):
        face = acquire(decode(path, name=path.name, max_pixels=1_000_000).pixels)
        right.append((score_face(network, face) >= 0) == (ages[path.name[:3]] >= network.boundary))
    assert np.mean(right) >= least
