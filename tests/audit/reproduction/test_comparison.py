"""The comparison counts right, tests right, and its sentences follow from the figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from facepriv.audit.reproduction import paper
from facepriv.audit.reproduction.candidate_test import compare_candidates, signed_rank_p
from facepriv.schemas.reproductions import EXPERIMENTS, Reproduction
from tests.reproduction_case import COUNT, EACH, LABELS, MATCHER, SUBJECTS, A, B, case, made, six_runs


@pytest.fixture(scope="module")
def found() -> Reproduction:
    return made(six_runs())


def error(found, experiment, slot, candidates="opposite"):
    (row,) = [
        row
        for row in found.gender_error
        if (row.experiment, row.slot, row.candidates) == (experiment, slot, candidates)
    ]
    return row


def test_table_3_has_every_row_beside_both_data_sets(found):
    rows = {(row.experiment, row.candidates, row.slot) for row in found.gender_error}
    guided = {(e, c, s) for e in ("by-a", "by-b", "mixing") for c in ("opposite", "same") for s in ("a", "b")}
    assert rows == guided | {("original", None, "a"), ("original", None, "b")}
    for row in found.gender_error:
        assert row.published == {
            dataset: table[row.experiment][row.slot] for dataset, table in paper.GENDER_ERROR.items()
        }
        assert row.remark.endswith(".")


def test_errors_are_counted(found):
    assert error(found, "original", "a", None).ours.all == 0
    own = error(found, "by-a", "a")
    assert own.wrong == COUNT - 1
    assert own.scored == COUNT
    assert own.ours.all == pytest.approx((COUNT - 1) / COUNT)
    assert error(found, "by-a", "b").wrong == 0
    assert error(found, "by-b", "b").wrong == COUNT - 1
    assert error(found, "mixing", "a").ours.all == 0.5


def test_remarks_tell_the_difference_in_points(found):
    ours = 100 * (COUNT - 1) / COUNT
    assert f"{ours - 76.6:.1f} points more than on MUCT" in error(found, "by-a", "a").remark
    assert f"{ours - 90.0:.1f} points more than on LFW" in error(found, "by-a", "a").remark
    assert "14.9 points fewer than on MUCT" in error(found, "original", "a", None).remark
    assert "1 image of ours stayed unflipped (1 at the limit of sweeps)" in error(found, "by-a", "a").remark
    assert "as in the paper, what fools first leaves second nearly as it was" in error(found, "by-a", "b").remark
    assert (
        "+9.2 on MUCT and +13.8 on LFW: what fools second carries over to first less"
        in error(found, "by-b", "a").remark
    )
    assert "As in the paper, a mix is about as near" in error(found, "mixing", "a").remark
    control = error(found, "mixing", "a", "same").remark
    assert "same label change the error by +50.0 points, those of the opposite label by +50.0" in control


def test_remarks_follow_the_figures():
    """Other figures, other sentences."""
    everything = range(COUNT)
    few = made(six_runs(wrong_a=range(2), wrong_b=everything))
    assert "carries over to second more than in the paper" in error(few, "by-a", "b").remark
    assert "points fewer than on MUCT" in error(few, "by-a", "a").remark
    assert "first thus still sees the label in 91.7 % of the mixes" in error(few, "mixing", "a").remark
    assert "second takes a mix for the candidate's gender" in error(few, "mixing", "b").remark
    third = made(six_runs(wrong_a=range(3), wrong_b=everything))
    assert "as in the paper, a part of what fools second carries over to first" in error(third, "by-b", "a").remark


def test_no_verdict_hangs_on_two_images():
    two = made(six_runs(wrong_b=range(2)))
    assert "+8.3 points from the originals" in error(two, "by-a", "b").remark
    assert "too few to say that it differs" in error(two, "by-a", "b").remark
    three = made(six_runs(wrong_b=range(3)))
    assert "carries over to second more than in the paper" in error(three, "by-a", "b").remark
    assert "too few to say that it differs" in error(made(six_runs(wrong_a=range(15))), "mixing", "a").remark


def test_says_how_many_files_held_at_the_first_pass():
    anchors = [1] * 6 + [0] * (COUNT - 6)
    own = error(made(six_runs(anchors=anchors)), "by-a", "a").remark
    assert f"of {COUNT} images that took updates, {COUNT - 6} ({100 * (COUNT - 6) / COUNT:.1f} %) passed it" in own


def test_table_4_is_that_of_the_first_guide(found):
    assert [row.candidates for row in found.confusion] == ["opposite", "same"]
    for row in found.confusion:
        assert row.classifier == A
        assert row.published == paper.CONFUSIONS
        assert row.ours.after.female == {"male": COUNT // 2, "female": 0, "failed": 0}
        assert row.ours.after.male == {"male": 1, "female": COUNT // 2 - 1, "failed": 0}
        assert "women called male: 0.0 % against 28.6 % before, 100.0 % against 68.9 % after" in row.remark


def test_figure_5_has_all_scores_in_the_same_bins(found):
    for by_experiment in found.gender_scores.values():
        assert list(by_experiment) == list(EXPERIMENTS)
        assert len({tuple(one.edges) for one in by_experiment.values()}) == 1
        for histogram in by_experiment.values():
            assert sum(histogram.counts["male"]) == LABELS.count(1)
            assert sum(histogram.counts["female"]) == LABELS.count(-1)
    one = found.gender_scores["a"]["by-a"]
    middles = np.array(one.edges[:-1])
    assert np.array(one.counts["male"])[middles >= 0].sum() == 1, "men but for the first have moved below 0"


def test_matching_is_said_to_hold_or_to_suffer(found):
    rows = {(row.experiment, row.candidates) for row in found.matching}
    assert len(rows) == len(found.matching) == 6
    assert all(row.matcher == MATCHER for row in found.matching)
    of = {row.experiment: row.remark for row in found.matching}
    assert "the curves hardly part" in of["by-a"]
    assert "the curves hardly part" in of["by-b"]
    assert "mixing leaves matching as it is" in of["mixing"]
    pairs = SUBJECTS * EACH * (EACH - 1) // 2
    assert of["by-a"].endswith(f"One genuine pair is {100 / pairs:.1f} points of FNMR.")
    blurred = {row.experiment: row.remark for row in made(six_runs(noise=2.0)).matching}
    assert "matching suffers more than in the paper" in blurred["by-a"]
    assert "mixing costs matching" in blurred["mixing"]


def test_without_matchers_nothing_is_said_of_matching():
    alone = made(six_runs(matchers=False))
    assert alone.matching == []
    assert not any("Matchers" in remark for remark in alone.remarks)


def test_updates_by_guide_and_label(found):
    assert len(found.updates) == 8
    for row in found.updates:
        assert row.ours.mean == 10
        slot = "a" if row.experiment == "by-a" else "b"
        assert row.published_mean == paper.UPDATES[slot][row.gender].mean
        assert row.remark.startswith(f"{10 / row.published_mean:.2f} times the paper's mean.")
    assert found.updates[0].remark.endswith("Men take 1.00 times the women's updates, in the paper 1.63 times.")


def by_subject(means) -> list[int]:
    """Updates of all images, equal for both of a subject."""
    return [value for value in means for _ in range(EACH)]


def test_candidates_that_differ_everywhere_are_found_out():
    same = by_subject(range(1000, 1000 + SUBJECTS))
    opposite = by_subject([1000 + n - (n + 1) * 10 for n in range(SUBJECTS)])
    everything = range(COUNT)
    test = compare_candidates(
        case("by-a", "opposite", wrong_a=everything, updates=opposite),
        case("by-a", "same", wrong_a=everything, updates=same),
    )
    assert test.images == COUNT
    assert test.subjects == SUBJECTS
    assert test.opposite_fewer == 1
    assert test.p_subjects == pytest.approx(2 / 2**SUBJECTS)
    assert test.p_images < test.p_subjects
    assert "Unlike the paper" in test.remark
    assert "opposite-label candidates take fewer" in test.remark


def test_candidates_that_differ_by_chance_are_not():
    rng = np.random.default_rng(11)
    everything = range(COUNT)
    spurious = 0
    for _ in range(100):
        a, b = (by_subject(rng.integers(500, 1500, SUBJECTS)) for _ in range(2))
        test = compare_candidates(
            case("by-a", "opposite", wrong_a=everything, updates=a, matchers=False),
            case("by-a", "same", wrong_a=everything, updates=b, matchers=False),
        )
        spurious += "Unlike the paper" in test.remark
        assert "Unlike the paper" in test.remark or "subjects would show a large one only" in test.remark
    assert spurious <= 12, "5 in 100 are to be expected"


def test_only_images_that_both_flipped_are_compared():
    test = compare_candidates(
        case("by-a", "opposite", wrong_a=range(4), updates=[5] * COUNT),
        case("by-a", "same", wrong_a=range(2, 8), updates=[0, 0, 0, 7, 7, 7, 7, 7] + [7] * (COUNT - 8)),
    )
    assert test.images == 1, "image 3; image 2 took no update"
    assert test.subjects == 1, "image 3; image 2 took no update"
    assert test.mean_opposite == 5
    assert test.mean_same == 7
    assert "1 subject cannot show a difference" in test.remark


def test_equal_updates_have_no_p(found):
    for test in found.candidate_tests:
        assert test.p_images is None
        assert test.p_subjects is None
        assert test.opposite_fewer == 0


def test_signed_rank_leaves_zeros_out():
    x = np.array([3.0, -1.0, 4.0, 1.5, -5.0, 9.0, 2.5, 0.0, 0.0])
    assert signed_rank_p(x) == pytest.approx(wilcoxon(x[x != 0]).pvalue)
    assert signed_rank_p(np.zeros(4)) is None
    assert signed_rank_p(np.zeros(0)) is None


def test_says_that_a_sample_is_small(found):
    assert found.small
    assert found.men == LABELS.count(1)
    assert found.women == LABELS.count(-1)
    assert any(f"one image is {100 / COUNT:.1f} points" in remark for remark in found.remarks)


def test_survives_json(found):
    text = found.model_dump_json(by_alias=True)
    assert '"schema":"facepriv.reproduce/1"' in text
    assert Reproduction.model_validate_json(text) == found
    assert found.classifiers == {"a": A, "b": B}
