import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, recall_score

from facepriv.errors import BadInputError
from facepriv.metrics.gender import confusion, gender_error, predicted_labels, score_histograms

# A subnormal score times a factor may come to -0, which says male.
SCORES = st.one_of(
    st.floats(-30, 30, allow_subnormal=False), st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, -0.1, 0.1])
)
IMAGES = st.lists(st.tuples(SCORES, st.sampled_from([-1, 0, 1])), max_size=60)


def split(images):
    return np.array([f for f, _ in images], dtype=float), np.array([g for _, g in images], dtype=int)


def test_table_4_of_the_paper():
    # Counts of Table 4 (top); its error is Table 3's 14.9 %.
    scores = np.concatenate([np.full(1762, 0.4), np.full(17, -0.2), np.full(521, 0.1), np.full(1300, -2.0)])
    labels = np.concatenate([np.full(1779, 1), np.full(1821, -1)])
    counts = confusion(scores, labels)
    assert counts.male == {"male": 1762, "female": 17, "failed": 0}
    assert counts.female == {"male": 521, "female": 1300, "failed": 0}
    error = gender_error(scores, labels)
    assert error.all == pytest.approx(0.149, abs=5e-4)
    assert error.male == pytest.approx(17 / 1779)
    assert error.female == pytest.approx(521 / 1821)


def test_zero_predicts_male():
    assert predicted_labels([0.0, -0.0, -1e-300, np.nan]).tolist() == [1, 1, -1, 0]
    error = gender_error([0.0, 0.0], [1, -1])
    assert error.male == 0.0
    assert error.female == 1.0


@given(IMAGES)
def test_agrees_with_scikit_learn(images):
    f, g = split(images)
    counts = confusion(f, g)
    seen = ~np.isnan(f) & (g != 0)
    truth, guess = g[seen], np.where(f[seen] >= 0, 1, -1)
    if truth.size:
        expected = confusion_matrix(truth, guess, labels=[1, -1])
        assert [counts.male["male"], counts.male["female"]] == expected[0].tolist()
        assert [counts.female["male"], counts.female["female"]] == expected[1].tolist()
    error = gender_error(f, g)
    for label, rate in ((1, error.male), (-1, error.female)):
        if (truth == label).any():
            assert rate == pytest.approx(1 - recall_score(truth, guess, pos_label=label))
        else:
            assert rate is None
    assert error.all == (pytest.approx(np.mean(truth != guess)) if truth.size else None)


@given(IMAGES, st.randoms())
def test_order_does_not_matter(images, random):
    shuffled = images[:]
    random.shuffle(shuffled)
    assert confusion(*split(images)) == confusion(*split(shuffled))
    assert gender_error(*split(images)) == gender_error(*split(shuffled))


@given(IMAGES, st.floats(0.01, 100))
def test_a_positive_factor_does_not_matter(images, factor):
    f, g = split(images)
    assert gender_error(f, g) == gender_error(f * factor, g)


@given(st.lists(st.tuples(st.floats(-30, 30).filter(bool), st.sampled_from([-1, 0, 1])), max_size=60))
def test_swapping_the_genders_swaps_the_figures(images):
    f, g = split(images)
    error, swapped = gender_error(f, g), gender_error(-f, -g)
    assert error.all == swapped.all
    assert error.male == swapped.female
    assert error.female == swapped.male


@given(IMAGES)
def test_no_image_is_lost_in_the_confusion_matrix(images):
    f, g = split(images)
    counts = confusion(f, g)
    assert sum(counts.male.values()) == np.sum(g == 1)
    assert sum(counts.female.values()) == np.sum(g == -1)
    assert counts.male["failed"] + counts.female["failed"] == np.sum(np.isnan(f) & (g != 0))


@given(IMAGES, st.integers(1, 50))
def test_histograms_hold_every_acquired_image(images, bins):
    f, g = split(images)
    after = -f[::-1]
    found = score_histograms(f, after, g, bins=bins)
    assert found.before.edges == found.after.edges
    assert 0.0 in found.before.edges
    assert bins <= len(found.before.edges) - 1 <= bins + 2
    zero = found.before.edges.index(0.0)
    for histogram, scores in ((found.before, f), (found.after, after)):
        for name, label in (("male", 1), ("female", -1)):
            mine = scores[(g == label) & ~np.isnan(scores)]
            assert sum(histogram.counts[name]) == mine.size
            # Bins right of zero hold exactly the images predicted male.
            assert sum(histogram.counts[name][zero:]) == np.sum(mine >= 0)


def test_given_edges_are_kept_and_catch_what_lies_outside():
    found = score_histograms([-9.0, 0.5, np.inf], [0.0, 1.0, np.nan], [1, 1, -1], bins=[-1.0, 0.0, 1.0])
    assert found.before.edges == [-1.0, 0.0, 1.0]
    assert found.before.counts == {"male": [1, 1], "female": [0, 1]}
    assert found.after.counts == {"male": [0, 2], "female": [0, 0]}


@pytest.mark.parametrize("bins", [0, [1.0], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_bins_without_sense_are_refused(bins):
    with pytest.raises(BadInputError, match="bin"):
        score_histograms([0.1], [0.2], [1], bins=bins)


@pytest.mark.parametrize(
    ("scores", "labels", "code"),
    [
        ([0.1, 0.2], [1], "bad-shape"),
        ([[0.1]], [1], "bad-shape"),
        ([0.1], [2], "bad-label"),
        ([0.1], [0.5], "bad-label"),
    ],
)
def test_bad_input_is_named(scores, labels, code):
    for function in (gender_error, confusion):
        with pytest.raises(BadInputError) as caught:
            function(scores, labels)
        assert caught.value.code == code


def test_phases_of_unequal_size_are_refused():
    with pytest.raises(BadInputError, match="same images"):
        score_histograms([0.1, 0.2], [0.1], [1, 1])


def test_nothing_in_gives_none():
    error = gender_error([], [])
    assert error.all is None
    assert error.male is None
    assert error.female is None
    assert sum(score_histograms([], [], []).before.counts["male"]) == 0
