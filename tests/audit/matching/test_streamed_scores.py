"""Scores summed up tile by tile, against all scores at once; what is drawn at random, against what it is drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.audit import threads
from facepriv.audit.matching import streamed_scores as module
from facepriv.audit.matching.comparisons import compare_all
from facepriv.audit.matching.pairs import Pairs
from facepriv.audit.matching.score_bins import ScoreBins
from facepriv.audit.matching.streamed_scores import fmr_standard_errors, pilot, stream_all, stream_sample
from facepriv.errors import BadInputError
from facepriv.metrics.binned_matching import binned_matching
from facepriv.metrics.matching import matching

NAN = float("nan")


def dot(gallery, probes):
    return gallery @ probes.T


def database(random, n, subjects, grid=None, failures=0.0, width=8):
    """Templates around centres. On a grid products are exact in float32, whatever the order they are added in."""
    subject = random.integers(0, subjects, n)
    rows = random.normal(size=(subjects, width))[subject] + random.normal(size=(n, width))
    rows = (rows if grid is None else np.round(rows * grid) / grid).astype(np.float32)
    rows[random.random(n) < failures] = NAN
    return rows, [f"s{i}" for i in subject]


def streamed(pairs, cut=None):
    found = pilot(pairs)
    bins = ScoreBins.around([found.scores], [found.cut])
    return stream_all(pairs, bins, found.cut if cut is None else cut)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 60),
    subjects=st.sampled_from([1, 3, 20, 1000]),
    failures=st.sampled_from([0.0, 0.3, 1.0]),
    grid=st.sampled_from([1, 16]),
    across=st.booleans(),
    tile=st.sampled_from([(3, 5), (16, 16), (512, 1024)]),
)
def test_equals_the_route_that_keeps_all_scores(seed, n, subjects, failures, grid, across, tile):
    random = np.random.default_rng(seed)
    gallery, names = database(random, n, subjects, grid, failures)
    probes = gallery[:, ::-1].copy() if across else None
    exact = matching(*compare_all(gallery, probes, names, dot), 0)
    found = binned_matching(streamed(Pairs(gallery, probes, names, dot, tile=tile)), 0)
    assert found.operating_points == exact.operating_points
    assert found.mated == exact.mated
    assert found.non_mated == exact.non_mated
    if exact.auc is None:
        assert found.auc is found.eer is None
    else:
        assert abs(found.auc - exact.auc) <= found.auc_error + 1e-12
        assert abs(found.eer - exact.eer) <= found.eer_error + 1e-12
    assert sum(found.histogram.counts["mated"]) == exact.mated
    assert sum(found.histogram.counts["non_mated"]) == exact.non_mated


@pytest.mark.parametrize("cut", [None, -np.inf, 1e6], ids=["from the pilot", "none", "too high"])
def test_tiles_threads_and_the_cut_change_nothing(cut, monkeypatch):
    gallery, names = database(np.random.default_rng(5), 300, 40, grid=16)

    def summed(**sizes):
        return binned_matching(streamed(Pairs(gallery, None, names, dot, **sizes), cut), 0)

    expected = binned_matching(streamed(Pairs(gallery, None, names, dot)), 0)
    monkeypatch.setattr(module, "_SLACK", 100)  # so that what is kept is cut down again and again
    assert summed() == expected
    monkeypatch.setattr(threads, "MOST_THREADS", 1)
    for tile in ((7, 11), (64, 32)):
        assert summed(tile=tile) == expected


def test_scores_of_another_range():
    """A similarity may as well be a large number less a distance."""
    gallery, names = database(np.random.default_rng(6), 400, 60, grid=8)

    def far(a, b):
        return 5000 - ((a[:, None] - b) ** 2).sum(axis=2)

    exact = matching(*compare_all(gallery, None, names, far), 0)
    found = binned_matching(streamed(Pairs(gallery, None, names, far)), 0)
    assert found.operating_points == exact.operating_points
    assert abs(found.auc - exact.auc) <= found.auc_error < 0.01


@pytest.mark.parametrize("bad", [NAN, np.inf, -np.inf])
@pytest.mark.parametrize("mated", [False, True])
def test_a_matcher_that_gives_no_number_is_refused(bad, mated):
    gallery, names = database(np.random.default_rng(7), 700, 350)
    names[1] = names[0] if mated else "alone"

    def broken(a, b):
        scores = dot(a, b)
        met = (a == gallery[0]).all(axis=1)[:, None] & (b == gallery[1]).all(axis=1)
        return np.where(met | met.T if met.shape[0] == met.shape[1] else met, np.float32(bad), scores)

    bins = ScoreBins(power=4, offset=-128)
    across = Pairs(gallery, gallery.copy(), names, broken)
    with pytest.raises(BadInputError) as caught:
        binned_matching(stream_all(across, bins, 5.0), 0)
    assert caught.value.code == "not-finite"


class CancelledError(Exception):
    pass


def test_a_wish_to_cancel_is_heard_between_tiles():
    gallery, names = database(np.random.default_rng(8), 200, 20)
    compared = []

    def compare(a, b):
        compared.append(1)
        return dot(a, b)

    pairs = Pairs(gallery, None, names, compare, tile=(8, 8))
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 5:
            raise CancelledError

    with pytest.raises(CancelledError):
        stream_all(pairs, ScoreBins(power=4, offset=-128), 5.0, check=check)
    assert len(compared) < len(list(pairs.tiles())) / 4


@pytest.mark.slow
def test_standard_errors_are_how_far_samples_scatter():
    """Samples of a database with images that match many others, against all of its pairs."""
    random = np.random.default_rng(9)
    gallery, names = database(random, 1500, 700)
    gallery *= random.gamma(4, 0.25, size=(1500, 1)).astype(np.float32)
    pairs = Pairs(gallery, None, names, dot, sample_tile=16)
    everything = np.sort(compare_all(gallery, None, names, dot)[1])
    shares = np.array([0.004, 0.001])
    thresholds = everything[-(shares * everything.size).astype(int)]
    true = [np.mean(everything >= threshold) for threshold in thresholds]
    bins = ScoreBins(power=4, offset=-128)
    off, said = [], []
    for seed in range(60):
        sample = stream_sample(pairs, bins, -np.inf, tiles=100, seed=seed)
        accepted = [np.sum(sample.greatest >= threshold) for threshold in thresholds]
        off.append(np.array(accepted) / sample.non_mated - true)
        said.append(fmr_standard_errors(pairs, thresholds.tolist(), tiles=100, seed=seed))
    scatter, error = (np.sqrt(np.mean(np.square(values), axis=0)) for values in (off, said))
    assert scatter == pytest.approx(error, rel=0.3)
    # Pairs of a tile share images: more than if all pairs had been drawn one by one.
    assert np.all(error > 1.1 * np.sqrt(shares / (100 * 16**2)))


def test_a_sample_has_all_mated_pairs_and_depends_on_its_seed_alone(monkeypatch):
    gallery, names = database(np.random.default_rng(10), 500, 60, grid=16, failures=0.1)
    bins = ScoreBins(power=4, offset=-128)
    mated = np.sort(compare_all(gallery, None, names, dot)[0])

    def draw(seed, **sizes):
        pairs = Pairs(gallery, None, names, dot, sample_tile=32, **sizes)
        sample = stream_sample(pairs, bins, 5.0, tiles=20, seed=seed)
        np.testing.assert_array_equal(sample.mated, mated)
        assert 18 * 32**2 < sample.non_mated <= 20 * 32**2
        return binned_matching(sample, 0), fmr_standard_errors(pairs, [3.0, None], tiles=20, seed=seed)

    one = draw(1)
    assert one[1][0] > 0
    assert one[1][1] is None
    assert draw(2) != one
    monkeypatch.setattr(threads, "MOST_THREADS", 1)
    assert draw(1, tile=(7, 5)) == one
