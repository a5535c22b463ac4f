"""Genuine matches that a release loses at a threshold, on templates made up so that the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.policy.matches_lost import count_matches_lost, find_threshold, has_enough_pairs
from facepriv.policy.mixed_utility import pair_scores

PEOPLE, EACH, WIDTH = 12, 3, 32


def cosine(gallery, probes):
    return gallery @ probes.T


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    subjects = [f"p{person:02}" for person in range(PEOPLE) for _ in range(EACH)]
    centres = np.repeat(rng.normal(size=(PEOPLE, WIDTH)), EACH, axis=0)
    before = unit(centres + 0.2 * rng.normal(size=centres.shape))
    strangers = unit(rng.normal(size=before.shape))
    labels = np.repeat([1, -1] * (PEOPLE // 2), EACH)
    return subjects, labels, before, strangers


def lost(people, after, flags, threshold=0.6, fmr=0.01):
    subjects, labels, before, _ = people
    pairs = pair_scores(before, after, subjects, cosine)
    return count_matches_lost(pairs, subjects, labels, flags, threshold, fmr, resamples=200)


EVERYBODY = [np.ones(PEOPLE * EACH, dtype=bool)]


def test_nothing_is_lost_where_nothing_is_changed(people):
    *_, before, strangers = people
    for after, flags in ((before, EVERYBODY), (strangers, [~EVERYBODY[0]])):
        result = lost(people, after, flags)
        assert result.lost.value == 0.0
        assert result.lost.high < 0.5


def test_all_is_lost_where_nobody_is_recognised_any_more(people):
    result = lost(people, people[3], EVERYBODY)
    assert result.lost.value == 1.0
    assert result.fmr < 0.01


def test_new_photos_count_where_the_release_matches_itself(people):
    """A turn that all images share leaves them as similar to each other, and unlike any image as it is."""
    before = people[2]
    turned = np.roll(before, 7, axis=1)
    assert lost(people, turned, EVERYBODY).lost.value > 0.9


def test_people_who_were_made_alike_cost_matches_though_all_scores_rise(people):
    """Everybody nearly one face: all are accepted, strangers too, unless the threshold is raised."""
    *_, strangers = people
    alike = unit(strangers[:1] + 0.3 * strangers)
    accepts_all = -1.0
    assert lost(people, alike, EVERYBODY, accepts_all, fmr=1.0).lost.value == 0.0
    result = lost(people, alike, EVERYBODY, accepts_all, fmr=0.01)
    assert result.fmr == 1.0
    assert result.lost.value > 0.9


def test_the_loss_of_a_mix_lies_between(people):
    rng = np.random.default_rng(1)
    draws = [rng.random(PEOPLE * EACH) < 0.5 for _ in range(5)]
    result = lost(people, people[3], draws)
    # A pair is kept if neither is changed, a quarter of the time, or one of two where a new photo comes in.
    assert 0.6 < result.lost.value < 0.9
    assert result.lost.low < result.lost.value < result.lost.high


def test_an_image_without_a_template_any_more_is_lost(people):
    after = people[2].copy()
    after[0] = np.nan
    pairs_of_first = EACH - 1
    result = lost(people, after, EVERYBODY)
    assert result.lost.value == pytest.approx(pairs_of_first / (PEOPLE * EACH * (EACH - 1) / 2))


def test_a_threshold_keeps_to_its_rate(people):
    subjects, _, before, _ = people
    for fmr in (0.01, 0.1):
        threshold = find_threshold(before, subjects, cosine, fmr)
        pairs = pair_scores(before, before, subjects, cosine)
        others = pairs.scores[0][~pairs.mated]
        assert np.mean(others >= threshold.value) <= fmr
        assert threshold.supported == (len(others) >= 3 / fmr)
    assert find_threshold(before[:1], subjects[:1], cosine, 0.1) is None


def test_too_few_people_with_two_images_are_refused(people):
    subjects, labels, before, _ = people
    assert has_enough_pairs(subjects, labels.tolist())
    assert not has_enough_pairs(subjects[::EACH], labels[::EACH].tolist())
    few = slice(0, 2 * EACH)
    pairs = pair_scores(before[few], before[few], subjects[few], cosine)
    with pytest.raises(BadInputError) as error:
        count_matches_lost(pairs, subjects[few], labels[few], [EVERYBODY[0][few]], 0.5, 0.01)
    assert error.value.code == "too-few-subjects"
