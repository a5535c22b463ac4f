"""A leak that a short script of scikit-learn's finds, an attacker finds, too; and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from facepriv.audit.evidence import Evidence
from facepriv.imaging.restoring import RESTORERS

from .planted import accuracy, guess, people, seen, unit

POINTS = 0.03
"""How much better a script may be."""
GREY = list(RESTORERS).index("grey")


def script(model, x, target, subjects, seed=0):
    """Predict every image by a model of other people."""
    predicted = np.empty_like(target)
    for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(x, target, subjects):
        predicted[test] = clone(model).fit(x[train], target[train]).predict(x[test])
    return predicted


def drawn(count, rng):
    return rng.permutation(np.arange(count) % 2 == 0)


def gender_in_residuals(rng):
    names, labels = people(150, 1)
    residuals = rng.normal(size=(150, 20)) + 0.35 * labels[:, None]
    evidence = Evidence(labels, seen(names, rng.normal(size=150), residuals=residuals))
    return evidence, None, script(LogisticRegression(), residuals, labels, names)


def gender_in_residuals_inverted_where_perturbed(rng):
    names, labels = people(150, 1)
    chosen = drawn(150, rng)
    residuals = rng.normal(size=(2, 150, 12))
    residuals[0, :, :3] += labels[:, None]
    residuals[1, :, :3] -= labels[:, None]
    residuals[1, :, 3] += 6
    scores = rng.normal(size=150)
    evidence = Evidence(labels, *(seen(names, scores, residuals=each) for each in residuals))
    x = evidence.release(chosen).residuals
    four = script(LinearDiscriminantAnalysis(), x, labels + 4 * chosen, names)
    return evidence, chosen, np.where(four > 2, four - 4, four)


def templates_inverted_where_perturbed(rng):
    names, labels = people(120, 2)
    chosen = drawn(240, rng)
    rows = rng.normal(size=(2, 240, 24))
    rows[0, :, 0] += 2.5 * labels
    rows[1, :, 0] -= 2.5 * labels
    rows[1, :, 1] += 6
    before, after = (seen(names, rng.normal(size=240), templates={"matcher": unit(each)}) for each in rows)
    evidence = Evidence(labels, before, after)
    four = script(
        LinearDiscriminantAnalysis(), evidence.release(chosen).templates["matcher"], labels + 4 * chosen, names
    )
    return evidence, chosen, np.where(four > 2, four - 4, four)


def a_filtered_score_inverted_where_perturbed(rng):
    names, labels = people(160, 1)
    chosen = drawn(160, rng)
    filtered = rng.normal(size=(2, 160, len(RESTORERS)))
    filtered[0, :, GREY] += 1.5 * labels
    filtered[1, :, GREY] -= 1.5 * labels
    residuals = rng.normal(size=(2, 160, 6))
    residuals[1, :, 2] += 4
    evidence = Evidence(
        labels,
        *(
            seen(names, rng.normal(size=160), restored={"guide": filtered[state]}, residuals=residuals[state])
            for state in (0, 1)
        ),
    )
    released = evidence.release(chosen)
    x = np.column_stack([released.restored["guide"][:, GREY], released.residuals])
    four = script(LinearDiscriminantAnalysis(), x, labels + 4 * chosen, names)
    return evidence, chosen, np.where(four > 2, four - 4, four)


def of_person(x, subjects, statistic):
    names, member = np.unique(subjects, return_inverse=True)
    return np.array([statistic(x[subjects == name]) for name in names])[member]


def templates_averaged_over_a_person(rng):
    names, labels = people(100, 6)
    rows = rng.normal(size=(600, 16))
    rows[:, 0] += 0.75 * labels
    rows = unit(rows)
    evidence = Evidence(labels, seen(names, rng.normal(size=600), templates={"matcher": rows}))
    means = of_person(rows, names, lambda own: own.mean(axis=0))
    return evidence, None, script(LinearDiscriminantAnalysis(), means, labels, names)


def the_extreme_score_among_a_persons_images(rng):
    names, labels = people(120, 5)
    scores = rng.normal(size=600)
    scores[np.arange(120) * 5 + rng.integers(5, size=120)] += 3 * labels[::5]
    evidence = Evidence(labels, seen(names, scores))
    ends = of_person(scores, names, lambda own: np.array([own.min(), own.max()]))
    return evidence, None, script(LogisticRegression(), ends, labels, names)


def filtered_scores_of_two_classifiers_together(rng):
    names, labels = people(200, 1)
    filtered = {name: rng.normal(size=(200, len(RESTORERS))) for name in ("guide", "other")}
    for columns in filtered.values():
        columns[:, GREY] += 0.85 * labels
    scores = {name: rng.normal(size=200) for name in filtered}
    evidence = Evidence(labels, seen(names, scores, restored=filtered))
    x = np.column_stack([columns[:, GREY] for columns in filtered.values()])
    return evidence, None, script(LogisticRegression(), x, labels, names)


def one_template_axis_among_many(rng):
    names, labels = people(200, 1)
    rows = rng.normal(size=(200, 64))
    rows[:, 5] = np.where(labels == 1, rng.choice([-2, 2], 200), 0) + 0.7 * rng.normal(size=200)
    rows = unit(rows)
    evidence = Evidence(labels, seen(names, rng.normal(size=200), templates={"matcher": rows}))
    return evidence, None, script(GradientBoostingClassifier(random_state=0), rows, labels, names)


LEAKS = {
    gender_in_residuals: "joined",
    gender_in_residuals_inverted_where_perturbed: "detector",
    templates_inverted_where_perturbed: "joined",
    a_filtered_score_inverted_where_perturbed: "detector",
    templates_averaged_over_a_person: "pooled",
    the_extreme_score_among_a_persons_images: "pooled",
    filtered_scores_of_two_classifiers_together: "restoring",
    one_template_axis_among_many: "template",
}
EARLIER = ("score", "template")
"""Attackers who read one thing of one image by itself, and miss what takes more."""


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_what_a_script_finds_an_attacker_finds(leak):
    evidence, perturbed, predicted = leak(np.random.default_rng(2))
    found = accuracy(1.0 * predicted, evidence.labels)
    assert found > 0.7, "the script finds the leak"
    ours = accuracy(guess(LEAKS[leak], evidence, perturbed, 0.0 if perturbed is None else 0.5), evidence.labels)
    assert ours > found - POINTS
