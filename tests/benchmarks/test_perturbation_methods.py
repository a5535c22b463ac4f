"""What the benchmark of the methods computes itself: who learns from whom, shares, squares, and its table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.perturb.base import CountingClassifier
from facepriv.perturb.common.anchored_crop import AnchoredCrop

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import outside_methods
import perturbation_methods as bench


def test_halves_part_the_subjects_of_either_gender(faces):
    halves = {face.subject: bench.fold(face.subject, faces) for face in faces}
    for label in (-1, 1):
        own = [halves[subject] for subject in {face.subject for face in faces if face.label == label}]
        assert sorted(own) in ([0, 0, 1], [0, 1, 1])


def test_faces_are_spread_over_the_set():
    assert bench.spread(list(range(10)), 4) == [0, 2, 5, 7]
    assert bench.spread([1, 2], 5) == [1, 2]


def test_error_rate_counts_labelled_faces_that_were_found():
    assert bench.error_rate([1.0, -1.0, 2.0, np.nan, 3.0], [1, 1, -1, -1, None]) == pytest.approx(2 / 3)
    assert np.isnan(bench.error_rate([], []))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 20, 30, 40), (10, 20, 20)),
        ((10, 20, 30, 60), (0, 20, 40)),
        ((80, 0, 100, 60), (40, 0, 60)),
        ((-5, -5, 300, 300), (10, 0, 90)),
    ],
)
def test_square_around_a_box_stays_in_the_image(box, expected):
    assert outside_methods.square_around(box, 90, 100) == expected


def test_attacked_square_is_scored_as_the_guide_scores_the_image(faces):
    face = faces[0]
    guide = CountingClassifier(DlibGender())
    square = outside_methods.AttackedSquare(guide, face, face.label, 0.1)
    start = square.of(face.pixels)
    np.testing.assert_array_equal(square.into(face.pixels, start), face.pixels)

    held, turned = square.probabilities(start[None])[0]
    margin = AnchoredCrop.of(DlibGender(), face).score(face.pixels) * face.label
    assert held + turned == pytest.approx(1)
    assert np.log(held / turned) == pytest.approx((margin + 0.1) / outside_methods.SOFTNESS, abs=1e-3)
    square.probabilities(start[None])
    assert guide.evaluations == 1, "an image that has just been scored is not charged again"
    # The square holds all that the guide sees: without it there is nothing left of the face.
    assert square.probabilities(np.zeros_like(start)[None])[0, 0] != pytest.approx(held, abs=1e-3)


def test_rows_are_chosen_by_row_or_method_and_all_registered_methods_have_one():
    assert {one.method for one in bench.variants(["algorithm1"]).values()} == {"algorithm1"}
    assert set(bench.variants(["Algorithm 1"])) == {"Algorithm 1"}
    assert {one.method for one in bench.variants(["descent, fine"]).values()} == {"descent"}
    assert set(bench.perturbers.names()) <= {one.method for one in bench.variants(None).values()}
    with pytest.raises(SystemExit, match="no method or row called nothing"):
        bench.variants(["nothing"])


@pytest.mark.slow
def test_measures_what_the_method_does(faces):
    quick = {"stages": 1, "survive_jpeg90": False, "survive_resize75": False}
    measured = bench.Bench(faces, 2, "dlib-gender")
    row = measured.measure("one gradient", bench.Variant("descent", quick))
    chosen = [faces[0], faces[len(faces) // 2]]
    direct = bench.perturbers.create("descent", **quick)(
        chosen, [DlibGender()], gallery=bench.Gallery.of(faces), seed=0, positions=[0, len(faces) // 2]
    )
    assert row.images == 2
    assert row.failures == 0
    assert row.flips["file"] == np.mean([result.success for result in direct])
    assert row.flips["grey"] == np.mean([result.survived["grey"] for result in direct])
    assert row.evaluations == np.median([result.evaluations for result in direct])
    assert 0 < row.forward + row.finding < 1
    assert row.psnr == pytest.approx(
        np.median([bench.psnr_db(face.pixels, one.pixels, face.box) for face, one in zip(chosen, direct, strict=True)])
    )
    assert "dlib-gender" not in row.errors, "the guide is no other classifier"

    heads, cells = bench.columns([row])
    assert [len(one) for one in cells] == [len(heads)]
    page = bench.markdown([row], measured, "test set", picture=False)
    assert "One run on 2 images of 2 people of the test set" in page
    assert f"| one gradient | 2 | {row.flips['file']:.0%} |" in page
    assert "methods.png" not in page


def test_an_image_that_a_method_refuses_is_counted_and_has_not_flipped(faces):
    women = [face for face in faces if face.label == -1]
    row = bench.Bench(women, 2, "dlib-gender").measure("descent", bench.Variant("descent"))
    assert row.failures == 2
    assert row.flips["file"] == 0
    assert bench.columns([row])[1][0][1] == "2 (2 refused)"
