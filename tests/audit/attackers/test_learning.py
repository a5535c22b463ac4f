from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression, Ridge

from facepriv.audit.attackers.estimators import (
    best_of,
    binned_association,
    learn_boosting,
    learn_neighbours,
    learn_network,
    learn_support_vectors,
    learn_tree,
)
from facepriv.audit.attackers.learning import (
    BOUND,
    balanced_weights,
    calibrate,
    fit_line,
    learn,
    learn_sum,
    rows_by_subject,
    sample_subjects,
)
from facepriv.audit.attackers.one_score import RankTransform, learn_curve, learn_line
from facepriv.audit.attackers.probes import kernel, learn_forest, linear, ridge
from facepriv.audit.attackers.similarity import learn_mean_similarity, learn_nearest

from .planted import accuracy, people, unit

LEARNERS = {
    "line": (learn_line, 1),
    "curve": (learn_curve, 1),
    "added": (learn_sum, 3),
    "straight": (ridge(linear), 4),
    "curved": (ridge(kernel), 4),
    "either": (ridge(linear, kernel), 4),
    "forest": (learn_forest, 4),
    "nearest": (learn_nearest(3), 4),
    "mean similarity": (learn_mean_similarity, 4),
    "tree": (learn_tree, 4),
    "boosting": (learn_boosting, 40),
    "support vectors": (learn_support_vectors, 4),
    "neighbours": (learn_neighbours, 4),
    "network": (learn_network, 4),
    "best": (best_of(learn_tree, learn_support_vectors), 4),
}


@pytest.fixture(params=LEARNERS)
def learner(request):
    return LEARNERS[request.param]


def some(columns, subjects=60, images=2, lean=1.5, seed=0):
    names, labels = people(subjects, images, seed)
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(labels), columns)) + lean * labels[:, None], labels, names


def test_a_line_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for lean in (0.3, 1.0, 30.0):
        labels = np.repeat([1, -1], [50, 30])
        x = 5 * (rng.normal(size=80) + lean * labels) + 7
        subjects = np.arange(80)
        weights = balanced_weights(labels, subjects)
        centre = np.average(x, weights=weights)
        size = np.sqrt(np.average((x - centre) ** 2, weights=weights))
        model = LogisticRegression(C=4.0, tol=1e-10, solver="newton-cholesky")
        model.fit(((x - centre) / size)[:, None], labels, sample_weight=weights)
        expected = model.decision_function(((x - centre) / size)[:, None])
        found = fit_line(x, labels, subjects)(x)
        kept = np.median(found / expected)
        np.testing.assert_allclose(found, kept * expected, atol=1e-5)
        assert 0 < kept < 1
        assert kept > 0.9 or lean < 1


def test_a_line_through_chance_claims_next_to_nothing():
    rng = np.random.default_rng(1)
    labels = np.resize([1, -1], 60)
    claims = [np.abs(fit_line(rng.normal(size=60), labels, np.arange(60))(np.ones(1))[0]) for _ in range(50)]
    assert np.median(claims) < 0.02
    assert max(claims) < 1.5


def test_what_is_worse_than_chance_on_people_left_out_is_not_inverted():
    labels = np.resize([1, -1], 60)
    learnt = calibrate(-1.0 * labels, lambda theirs: theirs, labels, np.arange(60))
    log_odds = learnt.posterior(np.array([-1.0, 1.0]))
    assert 0 < log_odds[1] < 0.01
    assert log_odds[0] == -log_odds[1]


def test_both_labels_and_every_person_weigh_the_same_in_sum():
    labels = np.array([1, 1, 1, -1])
    weights = balanced_weights(labels, np.array([0, 0, 1, 2]))
    assert weights[:3].sum() == pytest.approx(weights[3:].sum())
    assert weights.sum() == pytest.approx(3)


def test_subjects_are_drawn_whole():
    subjects = np.repeat(np.arange(30), 4)
    kept = sample_subjects(subjects, 41, np.random.default_rng(0))
    assert len(kept) == 40
    assert set(np.bincount(subjects[kept]).tolist()) <= {0, 4}
    np.testing.assert_array_equal(sample_subjects(subjects, 120, np.random.default_rng(0)), np.arange(120))
    assert len(sample_subjects(np.zeros(9, dtype=int), 4, np.random.default_rng(0))) == 9


def test_subjects_of_one_size_stand_together():
    found = rows_by_subject(np.array([2, 0, 2, 1, 0, 2]))
    assert [group.tolist() for group in found] == [[[3]], [[1, 4]], [[0, 2, 5]]]


def test_ranks_of_ties_are_alike():
    rank = RankTransform(np.array([1.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(rank(np.array([0.0, 1.0, 1.5, 3.0, 9.0])), [0, 0.25, 0.5, 0.875, 1])


def test_learns_a_plain_leak_and_holds_it_out(learner):
    model, columns = learner
    x, labels, names = some(columns)
    learnt = learn(model, unit(x) if columns >= 4 else x, labels, names, seed=0)
    theirs, others, _ = some(columns, seed=1)
    log_odds = learnt.posterior(unit(theirs) if columns >= 4 else theirs)
    assert accuracy(log_odds, others) > 0.85
    assert accuracy(learnt.held_out, labels) > 0.85
    assert np.abs(log_odds).max() <= BOUND


def test_held_out_of_chance_is_chance_though_a_subject_is_easily_remembered(learner):
    model, columns = learner
    names, labels = people(40, 4)
    surprise = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = np.repeat(rng.normal(size=(40, columns)), 4, axis=0) + 1e-3 * rng.normal(size=(160, columns))
        learnt = learn(model, unit(x) if columns >= 4 else x, labels, names, seed=0)
        surprise.append(np.mean(np.logaddexp(0, -learnt.held_out * labels)))
    # A line of its own through 40 people gains about a nat by chance, all together.
    assert np.mean(surprise) > np.log(2) - 1.5 / 40


@pytest.mark.parametrize("model", [learn_nearest(3), learn_mean_similarity])
def test_the_only_woman_known_is_compared_with_nobody_of_hers(model):
    x = unit(np.random.default_rng(0).normal(size=(12, 4)))
    labels = np.where(np.arange(12) == 0, -1, 1)
    learnt = learn(model, x, labels, np.arange(12).astype(str), seed=0)
    assert np.isfinite(learnt.held_out).all()
    assert np.isfinite(learnt.posterior(x)).all()


def test_rows_that_are_not_measured_teach_and_get_nothing(learner):
    model, columns = learner
    x, labels, names = some(columns)
    x[5] = np.nan
    learnt = learn(model, x, labels, names, seed=0)
    assert np.isnan(learnt.held_out[5])
    others = np.delete(np.arange(len(x)), 5)
    same = learn(model, x[others], labels[others], names[others], seed=0)
    np.testing.assert_array_equal(learnt.held_out[others], same.held_out)
    answers = learnt.posterior(np.vstack([x[5], x[6]]))
    assert np.isnan(answers[0])
    assert np.isfinite(answers[1])


@pytest.mark.parametrize("what", ["one label", "nothing varies", "nobody measured"])
def test_where_nothing_can_be_learnt_nothing_is_said(learner, what):
    model, columns = learner
    x, labels, names = some(columns)
    if what == "one label":
        labels = np.ones_like(labels)
    else:
        x = np.full_like(x, 3.0 if what == "nothing varies" else np.nan)
    learnt = learn(model, x, labels, names, seed=0)
    np.testing.assert_array_equal(np.nan_to_num(learnt.held_out), 0)
    answers = learnt.posterior(np.vstack([np.ones(columns), np.full(columns, np.nan)]))
    assert answers[0] == 0
    assert np.isnan(answers[1])


@pytest.mark.parametrize("images", [1, 3])
def test_held_out_decisions_of_a_ridge_are_those_of_fits_without_the_subject(images):
    """Check the closed form against refits by scikit-learn, decision by decision, penalty by penalty."""
    from facepriv.audit.attackers.probes import _PENALTIES, _fits

    x, labels, names = some(5, subjects=12, images=images, lean=0.5)
    subjects = np.unique(names, return_inverse=True)[1]
    weights = balanced_weights(labels, subjects)
    for penalty, (_, held_out, found) in zip(
        _PENALTIES, _fits(x, labels[:, None], np.sqrt(weights)[:, None], rows_by_subject(subjects)), strict=True
    ):
        for subject in range(12):
            own = subjects == subject
            model = Ridge(alpha=penalty, fit_intercept=False, tol=1e-12, solver="cholesky")
            model.fit(x[~own], labels[~own], sample_weight=weights[~own])
            np.testing.assert_allclose(held_out[own, 0], model.predict(x[own]), atol=1e-6)
        model.fit(x, labels, sample_weight=weights)
        np.testing.assert_allclose((x @ found)[:, 0], model.predict(x), atol=1e-6)


def test_few_images_of_many_features_are_fitted_alike():
    from facepriv.audit.attackers.probes import _PENALTIES, _fits

    x, labels, names = some(40, subjects=10, images=2, lean=0.5)
    subjects = np.unique(names, return_inverse=True)[1]
    weights = balanced_weights(labels, subjects)
    for penalty, (_, _, found) in zip(
        _PENALTIES, _fits(x, labels[:, None], np.sqrt(weights)[:, None], rows_by_subject(subjects)), strict=True
    ):
        model = Ridge(alpha=penalty, fit_intercept=False, solver="cholesky").fit(x, labels, sample_weight=weights)
        np.testing.assert_allclose((x @ found)[:, 0], model.predict(x), atol=1e-6)


def test_a_subject_held_out_of_a_curve_has_no_say_in_its_shape():
    names, labels = people(20, 2)
    x = np.random.default_rng(0).normal(labels, 1.0)
    own = names == names[0]
    first = learn(learn_curve, x, labels, names, seed=0).held_out[own]
    turned = learn(learn_curve, x, np.where(own, -labels, labels), names, seed=0).held_out[own]
    # The label still weighs a little in how much a curve through all is believed, but cannot turn what is said.
    np.testing.assert_array_equal(np.sign(turned), np.sign(first))


def test_a_curve_sees_a_narrow_cluster_beside_a_broad_one():
    rng = np.random.default_rng(0)
    labels = np.resize([1, -1], 400)
    narrow = np.arange(400) % 4 < 2
    x = np.where(narrow, rng.normal(-0.12 * labels, 0.02), rng.normal(5 * labels, 2))
    learnt = learn(learn_curve, x, labels, np.arange(400).astype(str), seed=0)
    assert (np.sign(learnt.posterior(np.array([-9.0, -5.0, -0.12, 0.12, 5.0, 9.0]))) == [-1, -1, 1, -1, 1, 1]).all()


def test_log_odds_are_calibrated():
    """Of images given log-odds near x, the share of men is near what x says."""
    rng = np.random.default_rng(0)
    labels = np.resize([1, -1], 2000)
    x = rng.normal(labels, 1.5)
    learnt = learn(learn_curve, x[:400], labels[:400], np.arange(400).astype(str), seed=0)
    log_odds = learnt.posterior(x[400:])
    for low, high in ((-2, -0.7), (-0.7, 0.7), (0.7, 2)):
        near = (log_odds > low) & (log_odds < high)
        assert logit(np.mean(labels[400:][near] == 1)) == pytest.approx(log_odds[near].mean(), abs=0.4)


def test_a_label_at_both_ends_of_a_feature_is_screened_in():
    rng = np.random.default_rng(0)
    labels = np.resize([1, -1], 200)
    x = rng.normal(size=(200, 60))
    x[:, 7] *= np.where(labels == 1, 3.0, 0.3)
    assert np.argmax(binned_association(x, labels)) == 7
    by_hand = np.zeros(60)
    groups = np.array([np.digitize(column, np.quantile(column, [0.2, 0.4, 0.6, 0.8])) for column in x.T]).T
    for group in range(5):
        by_hand += np.array([((labels == 1) - 0.5)[groups[:, column] == group].sum() ** 2 for column in range(60)])
    np.testing.assert_allclose(binned_association(x, labels), by_hand)
