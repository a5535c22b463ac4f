import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from facepriv.errors import BadInputError
from facepriv.metrics.estimates import rule_of_three_limit
from facepriv.metrics.resampling import draw_counts
from facepriv.metrics.subject_bootstrap import SubjectBootstrap


def database(seed, men=12, women=9, most=6):
    """Subjects with 1 to ``most`` images: subjects, labels, and scores that share a part within a subject."""
    random = np.random.default_rng(seed)
    gender = np.repeat([1, -1], [men, women])
    subject = np.repeat(np.arange(men + women), random.integers(1, most + 1, men + women))
    scores = random.normal(size=men + women)[subject] + random.normal(size=subject.size) + gender[subject]
    return np.array([f"s{i:02d}" for i in subject]), gender[subject], scores.round(1)


def copies(bootstrap, resample):
    """Indices of images as a resample has them: an image as often as its subject was drawn."""
    return np.repeat(np.arange(bootstrap.images), bootstrap.counts[bootstrap.subject_index, resample])


@pytest.mark.parametrize("seed", range(5))
def test_every_replicate_is_the_figure_of_the_copied_images(seed):
    subjects, labels, scores = database(seed)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=40, seed=seed)
    right = (scores * labels > 0).astype(float)
    found = {
        "all": bootstrap.mean(right),
        "male": bootstrap.mean(right, "male"),
        "balanced": bootstrap.balanced_mean(right),
        "auc": bootstrap.auc(scores),
    }
    for resample in range(40):
        take = copies(bootstrap, resample)
        r, g = right[take], labels[take]
        expected = {
            "all": r.mean(),
            "male": r[g > 0].mean(),
            "balanced": (r[g > 0].mean() + r[g < 0].mean()) / 2,
            "auc": roc_auc_score(g, scores[take]),
        }
        for name, estimate in found.items():
            assert estimate.replicates[resample] == pytest.approx(expected[name], abs=1e-12), name


def test_auc_agrees_with_scikit_learn_weighted_by_the_counts():
    subjects, labels, scores = database(7, men=5, women=14)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=300, seed=3)
    estimate = bootstrap.auc(scores)
    assert estimate.value == pytest.approx(roc_auc_score(labels, scores))
    for resample in range(0, 300, 23):
        weights = bootstrap.counts[bootstrap.subject_index, resample]
        expected = roc_auc_score(labels, scores, sample_weight=weights)
        assert estimate.replicates[resample] == pytest.approx(expected, abs=1e-12)


def test_one_subject_fewer_than_there_are_is_drawn_of_each_gender():
    counts = draw_counts(np.repeat([1, -1], [7, 4]), 500, seed=1)
    assert (counts[:7].sum(axis=0) == 6).all()
    assert (counts[7:].sum(axis=0) == 3).all()
    # Each subject alike: 6/7 a resample on average, with a standard error of about 0.04.
    assert np.abs(counts[:7].mean(axis=1) - 6 / 7).max() < 0.2


def test_standard_error_of_a_mean_of_equal_subjects_is_the_textbook_one():
    random = np.random.default_rng(0)
    values = random.normal(size=30)
    labels = np.repeat([1, -1], 15)
    bootstrap = SubjectBootstrap(np.arange(30), labels, resamples=20_000)
    estimate = bootstrap.mean(values, "male", scale="real")
    assert estimate.standard_error == pytest.approx(values[:15].std(ddof=1) / np.sqrt(15), rel=0.03)


def test_contributions_explain_the_replicates():
    subjects, labels, scores = database(1, men=40, women=40)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=500)
    for estimate in (
        bootstrap.balanced_mean((scores * labels > 0).astype(float)),
        bootstrap.mean(scores, scale="real"),
        bootstrap.auc(scores),
    ):
        assert estimate.influence.sum() == pytest.approx(0, abs=1e-12)
        first_order = bootstrap.counts.T.astype(float) @ estimate.influence
        assert np.corrcoef(first_order, estimate.replicates)[0, 1] > 0.98
        assert first_order.std() == pytest.approx(estimate.standard_error, rel=0.1)


def test_degrees_of_freedom_are_those_of_the_subjects_that_vary():
    labels = np.repeat([1, -1], 40)
    bootstrap = SubjectBootstrap(np.arange(80), labels, resamples=50)
    one, few, many = np.zeros(80), np.zeros(80), np.zeros(80)
    one[0] = 1
    few[:4] = 1
    many[:20] = 1
    assert bootstrap.mean(one, "male").degrees_of_freedom == 3
    assert 7 < bootstrap.mean(few, "male").degrees_of_freedom < 12
    assert bootstrap.mean(many, "male").degrees_of_freedom == 39
    normal = np.random.default_rng(0).normal(size=80)
    assert 25 < bootstrap.balanced_mean(normal, scale="real").degrees_of_freedom <= 78


def test_order_of_images_and_names_that_sort_alike_change_nothing():
    subjects, labels, scores = database(2)
    order = np.random.default_rng(0).permutation(labels.size)
    renamed = np.array(["person-" + name for name in subjects])
    expected = SubjectBootstrap(subjects, labels, resamples=50)
    for other, x in (
        (SubjectBootstrap(subjects[order], labels[order], resamples=50), scores[order]),
        (SubjectBootstrap(renamed, labels, resamples=50), scores),
    ):
        np.testing.assert_allclose(other.auc(x).replicates, expected.auc(scores).replicates, atol=1e-12)
        np.testing.assert_allclose(
            other.balanced_mean(x, scale="real").replicates,
            expected.balanced_mean(scores, scale="real").replicates,
            atol=1e-12,
        )


def test_any_other_names_change_the_interval_by_no_more_than_its_noise():
    subjects, labels, scores = database(3, men=30, women=30)
    shuffled = {name: f"x{i}" for i, name in enumerate(np.random.default_rng(1).permutation(np.unique(subjects)))}
    right = (scores * labels > 0).astype(float)
    one = SubjectBootstrap(subjects, labels).balanced_mean(right)
    other = SubjectBootstrap([shuffled[name] for name in subjects], labels).balanced_mean(right)
    assert one.value == pytest.approx(other.value)
    assert one.degrees_of_freedom == pytest.approx(other.degrees_of_freedom)
    assert one.standard_error == pytest.approx(other.standard_error, rel=0.08)


def test_a_draw_given_twice_is_that_draw():
    subjects, labels, scores = database(4)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=60)
    twice = np.stack([scores, scores])
    for figure in (bootstrap.auc, lambda x: bootstrap.balanced_mean(x, scale="real")):
        assert figure(twice).value == pytest.approx(figure(scores).value)
        np.testing.assert_allclose(figure(twice).replicates, figure(scores).replicates)
        np.testing.assert_allclose(figure(twice).influence, figure(scores).influence, atol=1e-15)


def test_draws_are_averaged():
    subjects, labels, scores = database(4)
    other = np.random.default_rng(5).normal(size=scores.size)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=60)
    both = bootstrap.auc(np.stack([scores, other]))
    np.testing.assert_allclose(
        both.replicates, (bootstrap.auc(scores).replicates + bootstrap.auc(other).replicates) / 2
    )
    assert both.value == pytest.approx((bootstrap.auc_value(scores) + bootstrap.auc_value(other)) / 2)


def test_images_not_measured_are_left_out():
    subjects, labels, scores = database(5)
    gone = np.random.default_rng(0).random(scores.size) < 0.3
    scores[gone] = np.nan
    bootstrap = SubjectBootstrap(subjects, labels, resamples=30)
    mean, auc = bootstrap.mean(scores, scale="real"), bootstrap.auc(scores)
    assert mean.value == pytest.approx(scores[~gone].mean())
    assert auc.value == pytest.approx(roc_auc_score(labels[~gone], scores[~gone]))
    for resample in range(30):
        take = copies(bootstrap, resample)
        take = take[~gone[take]]
        assert mean.replicates[resample] == pytest.approx(scores[take].mean())
        assert auc.replicates[resample] == pytest.approx(roc_auc_score(labels[take], scores[take]))


def test_nothing_measured_gives_nothing():
    bootstrap = SubjectBootstrap(["a", "b", "c", "d"], [1, 1, -1, -1], resamples=20)
    nothing = np.full(4, np.nan)
    for estimate in (bootstrap.mean(nothing), bootstrap.balanced_mean(nothing), bootstrap.auc(nothing)):
        interval = estimate.interval()
        assert interval.value is None
        assert interval.low is None
        assert interval.high is None


def test_rule_of_three_where_no_error_was_seen():
    subjects, labels, _ = database(6, men=20, women=10)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=50)
    right = np.ones(labels.size)
    men = bootstrap.mean(right, "male").interval()
    assert men.value == 1.0
    assert men.high == 1.0
    assert men.unseen
    assert men.low == pytest.approx(0.05 ** (1 / 20))
    # Either gender's errors weigh one half, and there are only ten women.
    assert bootstrap.balanced_mean(right).interval().low == pytest.approx(0.05 ** (1 / 20))
    wrong = bootstrap.mean(0 * right, "female").interval()
    assert wrong.value == 0.0
    assert wrong.low == 0.0
    assert wrong.unseen
    assert wrong.high == pytest.approx(1 - 0.05 ** (1 / 10))
    assert bootstrap.auc(labels).interval().low == pytest.approx(0.05 ** (1 / 10))
    assert 3 / rule_of_three_limit(1000) == pytest.approx(1000, rel=0.01)


def test_one_error_seen_leaves_no_more_certain_than_none():
    labels = np.repeat([1, -1], 120)
    subjects = np.repeat(np.arange(60), 4)
    bootstrap = SubjectBootstrap(subjects, labels)
    wrong = np.zeros(240)
    none = bootstrap.mean(wrong).interval()
    wrong[0] = 1
    one = bootstrap.mean(wrong).interval()
    wrong[:4] = 1
    person = bootstrap.mean(wrong).interval()
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 60))
    assert none.high <= one.high < person.high
    assert 0 < one.low < 1 / 240 < one.high
    # The exact interval of a person in sixty, by which nobody could be more certain, is 0.04 to 8.9 %.
    assert 0.0004 < person.low < 1 / 60 < person.high < 0.1


def test_a_difference_is_as_uncertain_as_its_two_rates_together():
    labels = np.repeat([1, -1], 100)
    subjects = np.repeat(np.arange(100), 2)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=400)
    random = np.random.default_rng(0)
    few, many = (random.random(200) > error for error in (0.02, 0.3))
    first, second = (bootstrap.balanced_mean(flags.astype(float)) for flags in (many, few))
    rates, found = (first.interval(), second.interval()), second.minus(first).interval()
    assert found.value == pytest.approx(rates[1].value - rates[0].value)
    # Hardly correlated: the ends are those of independent rates.
    down = np.hypot(rates[1].value - rates[1].low, rates[0].high - rates[0].value)
    assert found.value - found.low == pytest.approx(down, rel=0.15)
    same = first.minus(first).interval()
    assert same.high < found.high - found.value, "what both have in common cancels"


def test_a_classifier_that_always_says_male_is_a_guess_with_an_interval():
    subjects, labels, _ = database(6, men=10, women=10)
    interval = SubjectBootstrap(subjects, labels, resamples=50).balanced_mean((labels > 0).astype(float)).interval()
    limit = 1 - 0.05 ** (1 / 10)
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.5 - limit / 2)
    assert interval.high == pytest.approx(0.5 + limit / 2)
    assert interval.unseen


def test_constant_scores_say_nothing():
    subjects, labels, _ = database(6)
    auc = SubjectBootstrap(subjects, labels, resamples=50).auc(np.zeros(labels.size)).interval()
    assert auc.value == 0.5
    assert auc.low == 0.5
    assert auc.high == 0.5


def test_errors_of_one_subject_alone_leave_a_wide_interval_within_range():
    labels = np.repeat([1, -1], 50)
    subjects = np.repeat(np.arange(20), 5)
    right = np.ones(100)
    right[:5] = 0
    men = SubjectBootstrap(subjects, labels).mean(right, "male").interval()
    assert men.value == 0.9
    assert 0.2 < men.low < 0.7
    assert 0.98 < men.high < 1
    spread = np.ones(100)
    spread[:50:10] = 0  # as many errors, in five subjects
    other = SubjectBootstrap(subjects, labels).mean(spread, "male").interval()
    assert other.value == 0.9
    assert men.low < other.low < other.high < men.high


def test_paired_difference_is_narrower_than_either_figure():
    subjects, labels, before = database(8, men=40, women=40)
    after = before + np.random.default_rng(9).normal(size=before.size) * 0.1 - 0.2 * labels
    bootstrap = SubjectBootstrap(subjects, labels)
    one, other = bootstrap.auc(before), bootstrap.auc(after)
    difference = other.minus(one)
    assert difference.value == other.value - one.value
    np.testing.assert_array_equal(difference.replicates, other.replicates - one.replicates)
    interval = difference.interval()
    assert interval.high < 0
    assert difference.standard_error < 0.5 * one.standard_error


def test_no_difference_seen_is_not_no_difference():
    subjects, labels, scores = database(8, men=20, women=20)
    accuracy = SubjectBootstrap(subjects, labels, resamples=50).balanced_mean((scores * labels > 0).astype(float))
    interval = accuracy.minus(accuracy).interval()
    assert interval.value == 0
    assert interval.unseen
    assert interval.high == pytest.approx(1 - 0.05 ** (1 / 40))
    assert interval.low == -interval.high


def test_positive_figures_have_positive_intervals_and_others_any():
    labels = np.repeat([1, -1], 5)
    values = np.array([0.01, 0.01, 0.01, 0.01, 9.0] * 2)
    bootstrap = SubjectBootstrap(np.arange(10), labels)
    positive = bootstrap.balanced_mean(values, scale="positive").interval()
    assert 0 < positive.low < positive.value < positive.high
    assert positive.value**2 == pytest.approx(positive.low * positive.high)
    real = bootstrap.balanced_mean(values, scale="real").interval()
    assert real.low < 0
    assert real.low + real.high == pytest.approx(2 * real.value)


def test_a_subject_with_both_labels_counts_for_both_and_is_drawn_once():
    subjects = ["a", "a", "a", "b", "c", "d"]
    bootstrap = SubjectBootstrap(subjects, [1, 1, -1, 1, -1, -1], resamples=30)
    assert list(bootstrap.genders) == [1, 1, -1, -1]
    mean = bootstrap.mean([1, 1, 0, 1, 1, 1], "female")
    assert mean.value == pytest.approx(2 / 3)


def test_same_seed_same_figures_and_other_seed_others():
    subjects, labels, scores = database(1)
    one, again, other = (SubjectBootstrap(subjects, labels, resamples=30, seed=s).auc(scores) for s in (4, 4, 5))
    np.testing.assert_array_equal(one.replicates, again.replicates)
    assert (one.replicates != other.replicates).any()


@pytest.mark.parametrize(
    ("subjects", "labels", "code"),
    [
        (["a", "b", "c"], [1, -1, -1], "too-few-subjects"),
        (["a", "b", "c"], [1, 1, 1], "too-few-subjects"),
        ([], [], "too-few-subjects"),
        (["a", "b", "c", "d"], [1, 1, -1], "bad-shape"),
        ([["a", "b"]], [1, -1], "bad-shape"),
        (["a", "b", "c", "d"], [1, 1, -1, 0], "bad-label"),
        (["a", "b", "c", "d"], [1, 1, -1, 2], "bad-label"),
    ],
)
def test_bad_subjects_and_labels_are_refused(subjects, labels, code):
    with pytest.raises(BadInputError) as caught:
        SubjectBootstrap(subjects, labels)
    assert caught.value.code == code


def test_bad_values_are_refused():
    subjects, labels = ["a", "b", "c", "d"], [1, 1, -1, -1]
    bootstrap = SubjectBootstrap(subjects, labels, resamples=5)
    with pytest.raises(BadInputError) as caught:
        bootstrap.mean([1, 2, 3], scale="real")
    assert caught.value.code == "bad-shape"
    with pytest.raises(BadInputError) as caught:
        bootstrap.mean([0, 1, 2, 0])
    assert caught.value.code == "out-of-range"
    with pytest.raises(BadInputError) as caught:
        SubjectBootstrap(subjects, labels, resamples=1)
    assert caught.value.code == "out-of-range"
    with pytest.raises(BadInputError) as caught:
        bootstrap.mean([1, 1, 1, 0]).minus(SubjectBootstrap(subjects, labels, resamples=6).mean([1, 1, 1, 0]))
    assert caught.value.code == "not-paired"


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_a_real_mean_may_be_exactly_0_or_1_in_one_gender_though_its_values_differ(mean):
    subjects, labels, scores = database(3)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=40, seed=0)
    values = np.where(labels == 1, np.abs(scores), 0.0)
    women = np.flatnonzero(labels == -1)
    values[women] = mean
    values[women[:2]] = mean - 0.5, mean + 0.5
    estimate = bootstrap.balanced_mean(values, scale="real")
    assert estimate.value == pytest.approx((values[labels == 1].mean() + mean) / 2)
    interval = estimate.interval()
    assert interval.low < estimate.value < interval.high
