"""A protocol's accuracy: by hand, against a search by brute force, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.audit.matching.comparison_protocol import best_threshold, protocol_result
from facepriv.errors import BadInputError

SCORE = st.integers(-20, 20).map(lambda n: n / 4)


@st.composite
def protocols(draw: st.DrawFn) -> tuple[list[float], list[bool], list[int]]:
    """Two to five folds, each with a mated and a non-mated pair that are compared and more that may not be."""
    scores: list[float] = []
    mated: list[bool] = []
    folds: list[int] = []
    for fold in range(1, draw(st.integers(2, 5)) + 1):
        kinds = [True, False, *draw(st.lists(st.booleans(), max_size=6))]
        scores += [draw(SCORE), draw(SCORE), *(draw(SCORE | st.just(float("nan"))) for _ in kinds[2:])]
        mated += kinds
        folds += [fold] * len(kinds)
    return scores, mated, folds


def test_by_hand() -> None:
    # Fold 2 alone is parted best between 0.2 and 0.8, fold 1 alone between 0.4 and 0.6.
    scores = [0.9, 0.6, 0.4, 0.1, 0.8, 0.45, 0.2, np.nan]
    mated = [True, True, False, False, True, True, False, False]
    got = protocol_result(scores, mated, [1] * 4 + [2] * 4)
    first, second = got.folds
    assert first.fold == 1
    assert second.fold == 2
    assert first.threshold == pytest.approx((0.2 + 0.45) / 2)
    assert first.fmr == 0.5
    assert first.fnmr == 0.0
    assert first.accuracy == 0.75
    assert second.threshold == pytest.approx(0.5)
    assert second.fmr == 0.0
    assert second.fnmr == 0.5
    assert second.mated == 2
    assert second.non_mated == 1
    assert second.failed_mated == 0
    assert second.failed_non_mated == 1
    assert second.accuracy == pytest.approx(2 / 3)
    assert second.accuracy_with_failures == 0.5
    assert got.accuracy == pytest.approx((3 / 4 + 2 / 3) / 2)
    # Two values: the standard error of their mean is half their distance.
    assert got.accuracy_error == pytest.approx((3 / 4 - 2 / 3) / 2)
    assert got.accuracy_with_failures_error == pytest.approx(0.125)
    assert got.fmr == pytest.approx(1 / 3)
    assert got.fnmr == 0.25
    assert got.pairs == 8
    assert got.failed == 1


def test_the_standard_error_is_that_of_the_lfw_report() -> None:
    """Deviation over ten folds, divided by n - 1, over the root of ten."""
    rng = np.random.default_rng(0)
    mated = np.tile([True] * 30 + [False] * 30, 10)
    scores = rng.normal(mated * 1.5, 1.0)
    got = protocol_result(scores, mated, np.repeat(np.arange(1, 11), 60))
    each = np.array([one.accuracy for one in got.folds])
    assert got.accuracy == pytest.approx(each.mean())
    assert got.accuracy_error == pytest.approx(np.sqrt(((each - each.mean()) ** 2).sum() / 9) / np.sqrt(10))
    assert 0.7 < got.accuracy < 0.85


@given(
    mated=st.lists(SCORE, min_size=1, max_size=12),
    non_mated=st.lists(SCORE, min_size=1, max_size=12),
)
def test_no_threshold_is_better(mated: list[float], non_mated: list[float]) -> None:
    def right(threshold: float) -> int:
        return sum(s >= threshold for s in mated) + sum(s < threshold for s in non_mated)

    chosen = right(best_threshold(mated, non_mated))
    every = [*mated, *non_mated]
    assert chosen == max(right(t) for t in [*every, max(every) + 1])


def test_of_equally_good_gaps_the_widest_is_halved() -> None:
    assert best_threshold([3.0, 9.0], [1.0, 5.0]) == 7.0  # 1|3 and 5|9 are as good, with one error each
    assert best_threshold([1.0], [0.0]) == 0.5
    low = 1.0
    high = float(np.nextafter(low, 2))
    assert best_threshold([high], [low]) == high


@settings(deadline=None, max_examples=40)
@given(case=protocols(), factor=st.sampled_from([0.25, 2.0, 8.0]))
def test_scale_order_and_names_of_folds_do_not_matter(
    case: tuple[list[float], list[bool], list[int]], factor: float
) -> None:
    scores, mated, folds = (np.array(part) for part in case)
    got = protocol_result(scores, mated, folds)
    scaled = protocol_result(scores * factor, mated, folds)
    assert [one.threshold for one in scaled.folds] == pytest.approx([one.threshold * factor for one in got.folds])
    order = np.random.default_rng(1).permutation(len(scores))
    mixed = protocol_result(scores[order], mated[order], folds[order])
    assert mixed == got
    renamed = protocol_result(scores, mated, folds * 7)
    assert renamed.accuracy == got.accuracy
    assert renamed.fmr == got.fmr
    assert renamed.fnmr == got.fnmr


@settings(deadline=None, max_examples=40)
@given(case=protocols())
def test_every_pair_is_counted_once_and_rates_agree(case: tuple[list[float], list[bool], list[int]]) -> None:
    scores, mated, folds = case
    got = protocol_result(scores, mated, folds)
    assert got.pairs == len(scores)
    assert got.failed == sum(np.isnan(scores))
    for one in got.folds:
        assert one.accuracy is not None
        assert one.fmr is not None
        assert one.fnmr is not None
        compared = one.mated + one.non_mated
        assert one.accuracy == pytest.approx(1 - (one.fmr * one.non_mated + one.fnmr * one.mated) / compared)
        assert one.accuracy_with_failures <= one.accuracy
        assert one.mated + one.failed_mated == sum(m and f == one.fold for m, f in zip(mated, folds, strict=True))
    assert got.accuracy_with_failures <= got.accuracy + 1e-12


@settings(deadline=None, max_examples=40)
@given(case=protocols(), wild=st.lists(SCORE, min_size=1, max_size=5))
def test_a_folds_own_scores_do_not_choose_its_threshold(
    case: tuple[list[float], list[bool], list[int]], wild: list[float]
) -> None:
    scores, mated, folds = case
    own = [i for i, fold in enumerate(folds) if fold == 1]
    changed = list(scores)
    for i, value in zip(own, wild, strict=False):
        changed[i] = value
    assert protocol_result(changed, mated, folds).folds[0].threshold == (
        protocol_result(scores, mated, folds).folds[0].threshold
    )


def test_a_fold_of_which_nothing_could_be_compared_is_counted_and_not_averaged() -> None:
    scores = [0.9, 0.1, 0.8, 0.2, np.nan, np.nan]
    got = protocol_result(scores, [True, False] * 3, [1, 1, 2, 2, 3, 3])
    assert got.folds[2].accuracy is None
    assert got.folds[2].fmr is None
    assert got.accuracy == 1.0
    assert got.failed == 2
    assert got.accuracy_with_failures == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("scores", "mated", "folds", "code"),
    [
        ([1.0, 0.0], [True, False], [1, 1], "one-fold"),
        ([], [], [], "one-fold"),
        ([1.0, 0.0], [True], [1, 2], "bad-protocol"),
        ([np.inf, 0.0], [True, False], [1, 2], "bad-protocol"),
        ([1.0, 0.0], [True, False], [1, 2], "protocol-too-small"),
        ([np.nan, np.nan, np.nan, np.nan], [True, False] * 2, [1, 1, 2, 2], "protocol-too-small"),
    ],
)
def test_what_cannot_be_evaluated(scores: list[float], mated: list[bool], folds: list[int], code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        protocol_result(scores, mated, folds)
    assert caught.value.code == code
