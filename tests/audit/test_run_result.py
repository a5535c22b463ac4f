"""The result of a run of six images, its figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.audit.run_result import JudgedImage, RunSetup, Templates, run_result
from facepriv.schemas.figures import Rates
from facepriv.schemas.runs import FailureItem, LearnedItem, RunResult
from facepriv.types import FEMALE, MALE

NAN = float("nan")


def dot(gallery, probes):
    return gallery @ probes.T


def result_of(images, templates, *, seconds=1.0, learned=(), **setup) -> RunResult:
    return run_result(images, templates, RunSetup(**setup), seconds=seconds, learned=learned)


def judged(number, subject, label, before, after, **changes) -> JudgedImage:
    values = {
        "image_id": number,
        "name": f"{number}.png",
        "subject": subject,
        "label": label,
        "perturbed": True,
        "success": True,
        "updates": 100 * number,
        "evaluations": 200 * number,
        "psnr_db": 30.0 + number,
        "ssim": 0.9,
        "scores": {("guide", "before"): before, ("guide", "after"): after},
    }
    return JudgedImage(**{**values, **changes})


def failure(number, stage, reason) -> FailureItem:
    return FailureItem(image_id=number, name=f"{number}.png", stage=stage, reason=reason, sentence="It failed.")


IMAGES = [
    judged(1, "anna", FEMALE, -4.0, 0.5),
    judged(2, "anna", FEMALE, 1.0, 1.0, updates=0, evaluations=1, psnr_db=NAN, ssim=NAN),  # wrong from the start
    judged(3, "bert", MALE, 3.0, -0.2, psnr_db=float("inf")),
    judged(4, "bert", MALE, 2.0, 0.1, success=False, failure=failure(4, "perturb", "not-flipped")),
    judged(
        5,
        "carl",
        MALE,
        6.0,
        NAN,
        perturbed=False,
        success=False,
        updates=0,
        evaluations=0,
        psnr_db=NAN,
        ssim=NAN,
        failure=failure(5, "perturb", "no-candidate"),
    ),
    judged(
        6,
        "dora",
        None,
        NAN,
        NAN,
        perturbed=False,
        success=False,
        updates=0,
        evaluations=0,
        psnr_db=NAN,
        ssim=NAN,
        scores={},
        failure=failure(6, "acquire-before", "no-face"),
    ),
]
# anna and bert point along axes of their own; the images without a version have no template.
BEFORE = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0.6, 0.8], [NAN, NAN]], dtype=np.float32)
AFTER = np.array([[0.8, 0.6], [1, 0], [0.6, 0.8], [0, 1], [NAN, NAN], [NAN, NAN]], dtype=np.float32)


@pytest.fixture(scope="module")
def result() -> RunResult:
    return result_of(IMAGES, {"dot": Templates(BEFORE, AFTER, dot)}, classifiers=["guide"], seconds=2.5)


def test_counts(result):
    assert result.images == 6
    assert result.judged == 4
    assert result.subjects == 4
    assert result.seconds == 2.5
    assert result.evaluations_total == 200 + 1 + 600 + 800


def test_gender_error_of_those_that_were_scored(result):
    error = result.gender_error["guide"]
    assert error.before.all == 1 / 5
    assert error.before.female == 1 / 2
    assert error.before.male == 0.0
    assert error.after.all == 3 / 4
    assert error.after.female == 1.0
    assert error.after.male == 1 / 2


def test_confusion_counts_labelled_images_without_a_score_as_failed(result):
    matrices = result.gender_confusion["guide"]
    assert matrices.before.female == {"male": 1, "female": 1, "failed": 0}
    assert matrices.before.male == {"male": 3, "female": 0, "failed": 0}
    assert matrices.after.female == {"male": 2, "female": 0, "failed": 0}
    assert matrices.after.male == {"male": 1, "female": 1, "failed": 1}


def test_histograms_hold_every_score_of_a_labelled_image(result):
    histograms = result.gender_scores["guide"]
    assert histograms.before.edges == histograms.after.edges
    assert {k: sum(v) for k, v in histograms.before.counts.items()} == {"male": 3, "female": 2}
    assert {k: sum(v) for k, v in histograms.after.counts.items()} == {"male": 2, "female": 2}


def test_flipped_is_of_the_images_that_have_a_version(result):
    assert result.flipped.all == 3 / 4
    assert result.flipped.female == 1.0
    assert result.flipped.male == 1 / 2


def test_flipped_is_what_the_guides_say_where_success_is_to_come_near_a_score():
    images = [
        judged(1, "anna", FEMALE, -4.0, 0.5),
        judged(2, "bert", MALE, 3.0, 0.4),  # landed on its own side
        judged(3, "carl", MALE, 3.0, -0.4, success=False),  # flipped, but missed its score
        judged(4, "dora", FEMALE, -3.0, NAN, success=False),
        judged(5, "eve", None, 2.0, -1.0),
        judged(6, "fay", None, -2.0, -1.0),
    ]
    rows = np.eye(6, dtype=np.float32)
    result = result_of(
        images, {"dot": Templates(rows, rows, dot)}, classifiers=["guide"], guides=["guide"], seconds=1.0
    )
    assert result.flipped.all == 3 / 6
    assert result.flipped.female == 1 / 2
    assert result.flipped.male == 1 / 2
    assert result.updates.all.n == 4, "effort is of images that came near their scores"


def test_flipped_asks_every_guide():
    both = {"scores": {("a", "before"): 3.0, ("b", "before"): 3.0, ("a", "after"): -1.0, ("b", "after"): 1.0}}
    images = [judged(1, "bert", MALE, 0, 0, **both), judged(2, "carl", MALE, 0, 0, **both)]
    rows = np.eye(2, dtype=np.float32)
    shares = [
        result_of(images, {"dot": Templates(rows, rows, dot)}, classifiers=["a", "b"], guides=guides, seconds=1.0)
        for guides in (["a"], ["a", "b"])
    ]
    assert [one.flipped.all for one in shares] == [1.0, 0.0]


def test_effort_is_of_the_images_that_were_changed_with_success(result):
    # 2 was wrong before the first update, 4 was not turned.
    assert result.updates.all.n == 2
    assert result.updates.all.mean == 200.0
    assert result.updates.all.standard_error == pytest.approx(100.0)  # of 100 and 300: 141.4 / sqrt(2)
    assert result.updates.female.n == 1
    assert result.updates.female.mean == 100
    assert result.updates.female.standard_error is None
    assert result.updates.male.n == 1
    assert result.updates.male.mean == 300.0
    assert result.evaluations.all.n == 2
    assert result.evaluations.all.mean == 400.0


def test_quality_is_of_the_images_that_changed_inside_the_box(result):
    # 2 was not changed; 3 only outside its face box, where PSNR is infinite.
    assert result.psnr_db.n == 2
    assert result.psnr_db.mean == 32.5
    assert result.psnr_db.minimum == 31.0
    assert result.ssim.n == 2
    assert result.ssim.mean == 0.9


def test_matching_before(result):
    phase = result.matching["dot"].before
    assert phase.mated == 2
    assert phase.non_mated == 8
    assert phase.failed == 1
    # Mated 1, 1; non-mated: four times 0, and carl's 0.6, 0.6, 0.8, 0.8.
    assert phase.auc == 1.0
    assert phase.eer == 0.0
    assert sum(phase.histogram.counts["mated"]) == 2
    assert sum(phase.histogram.counts["non_mated"]) == 8


def test_matching_after(result):
    phase = result.matching["dot"].after
    # Mated 0.8, 0.8; non-mated 1-3: 0.96, 1-4: 0.6, 2-3: 0.6, 2-4: 0; so 6 of 8 pairs are in order.
    assert phase.mated == 2
    assert phase.non_mated == 4
    assert phase.failed == 2
    assert phase.auc == 6 / 8


def test_matching_across_leaves_out_the_same_image(result):
    phase = result.matching["dot"].cross
    # Five before with four after, less the four pairs of one image; carl has nobody of his own.
    assert phase.mated == 4
    assert phase.non_mated == 12
    assert phase.failed == 2


def test_the_phases_share_their_bins(result):
    phases = result.matching["dot"]
    assert phases.before.histogram.edges == phases.after.histogram.edges == phases.cross.histogram.edges


def test_fmr_figures_are_withheld_where_pairs_are_too_few(result):
    for phase in (result.matching["dot"].before, result.matching["dot"].cross):
        assert phase.fmr100 is phase.fmr1000 is None
        assert not any(point.supported for point in phase.operating_points)


def test_failures_are_counted_by_reason_and_listed_in_order(result):
    assert result.failures.total == 3
    assert result.failures.by_reason == {"not-flipped": 1, "no-candidate": 1, "no-face": 1}
    assert [(item.image_id, item.stage) for item in result.failures.items] == [
        (4, "perturb"),
        (5, "perturb"),
        (6, "acquire-before"),
    ]


def test_order_of_images_changes_no_figure(result):
    order = [3, 0, 5, 2, 4, 1]
    again = result_of(
        [IMAGES[i] for i in order],
        {"dot": Templates(BEFORE[order], AFTER[order], dot)},
        classifiers=["guide"],
        seconds=2.5,
    )
    one, other = result.model_dump(mode="json"), again.model_dump(mode="json")
    one["failures"].pop("items")
    other["failures"].pop("items")
    one["failures"]["by_reason"] = dict(sorted(one["failures"]["by_reason"].items()))
    other["failures"]["by_reason"] = dict(sorted(other["failures"]["by_reason"].items()))
    assert one == other


def test_a_run_in_which_everything_failed_is_a_result_too():
    images = [
        replace(image, perturbed=False, success=False, updates=0, evaluations=0, psnr_db=NAN, ssim=NAN, scores={})
        for image in IMAGES
    ]
    nothing = np.full((6, 1), np.nan, dtype=np.float32)
    result = result_of(images, {"dot": Templates(BEFORE, nothing, dot)}, classifiers=["guide"], seconds=0.0)
    assert result.judged == 0
    assert result.gender_error["guide"].after.all is None
    assert result.updates.all.mean is result.psnr_db.mean is result.flipped.all is None
    assert result.matching["dot"].cross.auc is None
    assert result.matching["dot"].cross.failed == 6
    assert RunResult.model_validate_json(result.model_dump_json(by_alias=True)) == result


def test_no_image_and_no_matcher():
    result = result_of([], {}, classifiers=["guide"], seconds=0.0)
    assert result.images == 0
    assert result.judged == 0
    assert result.failures.total == 0
    assert result.matching == {}


def test_flips_that_last_are_shares_of_the_images_tried():
    images = [
        replace(IMAGES[0], survived={"grey": False, "jpeg90": True}),
        replace(IMAGES[1], survived={"jpeg90": True, "grey": True}),
        replace(IMAGES[2], survived={"jpeg90": False, "grey": False}),
        *IMAGES[3:],  # 4 was perturbed but not tried in versions, 5 and 6 have none
    ]
    result = result_of(images, {}, classifiers=["guide"], seconds=1.0)
    assert list(result.survival) == ["jpeg90", "grey"], "in the order of the versions"
    assert result.survival["jpeg90"] == Rates(all=2 / 3, male=0.0, female=1.0)
    assert result.survival["grey"] == Rates(all=1 / 3, male=0.0, female=1 / 2)
    assert list(result.flips()) == ["file", "jpeg90", "grey"]


def test_the_fixed_crops_share_is_of_the_first_guide():
    # anna's first is flipped under the original's crop, bert's is not; a score of nobody is not counted.
    fixed = [0.5, NAN, 2.0, -1.0, 3.0, NAN]
    images = [replace(image, fixed_score=score) for image, score in zip(IMAGES, fixed, strict=True)]
    result = result_of(images, {}, classifiers=["guide"], seconds=1.0, guides=["guide"])
    assert result.flipped_fixed == Rates(all=2 / 3, male=1 / 2, female=1.0)
    assert list(result.flips()) == ["file", "fixed"]
    assert result_of(IMAGES, {}, classifiers=["guide"], seconds=1.0, guides=["guide"]).flipped_fixed is None


def test_an_image_without_a_label_leaves_the_guides_own_side_under_the_fixed_crop():
    scores = {("guide", "before"): 2.0, ("guide", "after"): -1.0}
    image = judged(1, "eva", None, 2.0, -1.0, scores=scores, fixed_score=-0.5)
    result = result_of([image], {}, classifiers=["guide"], seconds=1.0, guides=["guide"])
    assert result.flipped_fixed == Rates(all=1.0, male=None, female=None)


def test_stops_and_notes_are_counted_by_image():
    images = [
        replace(IMAGES[0], stop="flipped", notes=("slow", "slow", "odd")),
        replace(IMAGES[2], stop="flipped", notes=("slow",)),
        replace(IMAGES[3], stop="rounds"),
        IMAGES[4],
    ]
    learned = LearnedItem(source="demo", dataset="demo", subjects=2, images=3, evaluations=4, sha256="0" * 64)
    result = result_of(
        images, {}, classifiers=["guide"], seconds=1.0, kind="visible", guards=["dot"], learned=[learned]
    )
    assert result.stops == {"flipped": 2, "rounds": 1}
    assert result.notes == {"slow": 2, "odd": 1}
    assert result.kind == "visible"
    assert result.guards == ["dot"]
    assert result.learned == [learned]


def test_a_jury_is_counted_from_the_same_scores():
    result = result_of(IMAGES, {}, classifiers=["guide"], jury=["guide"])
    assert result.jury is not None
    assert result.jury.majority.after.all.value == result.gender_error["guide"].after.all
    assert result.jury.jurors["guide"].before.female.value == result.gender_error["guide"].before.female
    assert result_of(IMAGES, {}, classifiers=["guide"]).jury is None
