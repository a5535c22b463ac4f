"""Attackers find leaks that were planted, as much of them as there is, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.evidence import Evidence
from facepriv.imaging.restoring import RESTORERS

from .planted import accuracy, auc, bits, guess, mixture, normal, optimum, people, seen, unit

APART, WIDE = 2.5, 1.5
"""Untouched scores: normal around plus or minus so many nats, and so wide."""
STOP, NARROW = 0.15, 0.03
"""Scores of perturbed images that stop just past zero."""


def half(n, seed=3):
    """Perturb half of the images, drawn one by one."""
    return np.random.default_rng(seed).permutation(np.arange(n) % 2 == 0)


def scored(stopping, subjects=300, images=1, seed=1):
    """Make untouched scores, and perturbed ones that stop just past zero, or like untouched ones of the opposite."""
    rng = np.random.default_rng(seed)
    names, labels = people(subjects, images)
    before = rng.normal(APART * labels, WIDE)
    after = rng.normal(-STOP * labels, NARROW) if stopping == "fixed" else rng.normal(-APART * labels, WIDE)
    return labels, Evidence(labels, seen(names, before), seen(names, after))


def test_one_untouched_score_is_read_as_well_as_can_be():
    labels, evidence = scored("fixed")
    best, most = optimum(normal(APART, WIDE), normal(-APART, WIDE))
    log_odds = guess("score", evidence)
    assert accuracy(log_odds, labels) == pytest.approx(best, abs=0.03)
    assert bits(log_odds, labels) == pytest.approx(most, abs=0.08)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_sign_is_inverted_where_all_are_perturbed(p):
    labels, evidence = scored("fixed")
    log_odds = guess("sign", evidence, np.full(len(labels), p == 1))
    right = np.sign(evidence.release(np.full(len(labels), p == 1)).scores["guide"]) == labels
    assert right.mean() == (0.0 if p == 1 else pytest.approx(0.95, abs=0.03))
    assert accuracy(log_odds, labels) == pytest.approx(max(right.mean(), 1 - right.mean()), abs=0.001)


def test_the_size_betrays_a_fixed_stop_that_the_sign_hides():
    labels, evidence = scored("fixed")
    chosen = half(len(labels))
    best, most = optimum(
        mixture(0.5, normal(APART, WIDE), normal(-STOP, NARROW)),
        mixture(0.5, normal(-APART, WIDE), normal(STOP, NARROW)),
    )
    assert best > 0.95
    assert accuracy(guess("sign", evidence, chosen), labels) == pytest.approx(0.5, abs=0.06)
    log_odds = guess("score", evidence, chosen, variants=True)
    assert accuracy(log_odds["guide: curve"], labels) == pytest.approx(best, abs=0.04)
    assert bits(log_odds["guide: curve"], labels) == pytest.approx(most, abs=0.2)
    assert accuracy(log_odds["guide: line"], labels) < best - 0.1
    assert accuracy(guess("score", evidence, chosen), labels) == pytest.approx(best, abs=0.04)


@pytest.mark.parametrize("attacker", ["sign", "score"])
def test_matched_scores_tell_nothing(attacker):
    labels, evidence = scored("matched")
    log_odds = guess(attacker, evidence, half(len(labels)))
    assert accuracy(log_odds, labels) == pytest.approx(0.5, abs=0.06)
    assert bits(log_odds, labels) == pytest.approx(0.0, abs=0.03)


def test_scores_without_any_spread_are_answered_with_nothing():
    names, labels = people(20, 2)
    evidence = Evidence(labels, seen(names, np.full(len(labels), 3.0)))
    for variant in guess("score", evidence, variants=True).values():
        np.testing.assert_array_equal(variant, 0.0)


def test_a_leak_in_two_scores_together_is_detector_fingerprint_the_ensemble_alone():
    names, labels = people(200, 1)
    rng = np.random.default_rng(5)
    first = rng.normal(0, 2, len(labels))
    evidence = Evidence(labels, seen(names, {"a": first, "b": labels * first + rng.normal(0, 0.5, len(labels))}))
    assert accuracy(guess("score", evidence), labels) == pytest.approx(0.5, abs=0.08)
    log_odds = guess("ensemble", evidence, variants=True)
    assert accuracy(log_odds["straight"], labels) > 0.85
    assert bits(guess("ensemble", evidence), labels) > 0.4


def templates(kind, subjects=120, images=2, wide=16, seed=8):
    """Make templates that tell the label along a line, or by an exclusive or of two directions."""
    names, labels = people(subjects, images)
    rng = np.random.default_rng(seed)
    person = np.repeat(rng.normal(size=(subjects, wide)), images, axis=0)
    rows = 0.5 * person + 0.2 * rng.normal(size=(len(labels), wide))
    if kind == "line":
        rows[:, 0] += labels
    else:
        side = np.repeat(rng.choice([-1, 1], subjects), images)
        rows[:, 0] += 3 * side
        rows[:, 1] += 3 * side * labels
    score = np.repeat(rng.normal(size=subjects), images)
    return labels, Evidence(labels, seen(names, score, templates={"matcher": unit(rows)}))


def test_templates_that_tell_along_a_line():
    labels, evidence = templates("line")
    found = {name: accuracy(log_odds, labels) for name, log_odds in guess("template", evidence, variants=True).items()}
    assert {f"matcher: {model}" for model in ("straight", "curved", "nearest", "mean similarity")} < set(found)
    assert min(found.values()) > 0.75, found
    assert accuracy(guess("retrained", evidence), labels) > 0.85
    assert accuracy(guess("score", evidence), labels) == pytest.approx(0.5, abs=0.12)


def test_templates_that_tell_by_an_exclusive_or():
    labels, evidence = templates("exclusive or")
    found = {name: accuracy(log_odds, labels) for name, log_odds in guess("template", evidence, variants=True).items()}
    assert found["matcher: straight"] == pytest.approx(0.5, abs=0.12)
    assert found["matcher: mean similarity"] == pytest.approx(0.5, abs=0.12)
    assert found["matcher: curved"] > 0.8
    assert found["matcher: nearest"] > 0.9
    assert accuracy(guess("template", evidence), labels) > 0.9


def test_the_template_attacker_learns_from_untouched_images_and_is_led_astray():
    labels, evidence = templates("line")
    turned = {
        name: rows * np.where(np.arange(rows.shape[1]) == 0, -1, 1)
        for name, rows in evidence.untouched.templates.items()
    }
    after = seen(evidence.untouched.subjects, evidence.untouched.scores, templates=turned)
    everything = np.ones(len(labels), dtype=bool)
    both = Evidence(labels, evidence.untouched, after)
    assert accuracy(guess("template", both, everything), labels) < 0.2
    assert accuracy(guess("retrained", both, everything), labels) > 0.85


def test_the_retrained_classifier_reads_appearance():
    names, labels = people(100, 2)
    rng = np.random.default_rng(2)
    person = np.repeat(rng.normal(size=(100, 300)), 2, axis=0)
    appearance = person + 0.3 * rng.normal(size=person.shape)
    appearance[:, :40] += 0.4 * labels[:, None]
    evidence = Evidence(labels, seen(names, np.zeros(len(labels)), appearance=appearance))
    assert accuracy(guess("retrained", evidence), labels) > 0.75


def test_a_leak_behind_one_front_end_is_detector_fingerprint_restoring():
    labels, evidence = scored("matched", subjects=200)
    rng = np.random.default_rng(4)
    names = evidence.untouched.subjects

    def restored(score, which):
        columns = score[:, None] + 0.1 * rng.normal(size=(len(score), len(RESTORERS)))
        columns[:, list(RESTORERS).index("grey")] = evidence.untouched.scores["guide"] + 0.3 * rng.normal(
            size=len(score)
        )
        return {"guide": columns} if which else {}

    before, after = evidence.untouched.scores["guide"], evidence.perturbed.scores["guide"]
    evidence = Evidence(
        labels, seen(names, before, restored=restored(before, 1)), seen(names, after, restored=restored(after, 1))
    )
    chosen = half(len(labels))
    found = guess("restoring", evidence, chosen, variants=True)
    best, _ = optimum(normal(APART, WIDE), normal(-APART, WIDE))
    assert accuracy(found["guide: grey"], labels) == pytest.approx(best, abs=0.04)
    assert accuracy(found["guide: blur"], labels) == pytest.approx(0.5, abs=0.08)
    assert accuracy(found["guide: all front ends"], labels) > best - 0.08
    assert accuracy(guess("restoring", evidence, chosen), labels) > best - 0.06


def test_a_front_end_that_loses_the_face_costs_the_others_nothing():
    labels, evidence = scored("matched", subjects=80)
    score = evidence.untouched.scores["guide"]
    columns = np.repeat(score[:, None], len(RESTORERS), axis=1)
    columns[::3, 1] = np.nan
    lossy = Evidence(labels, seen(evidence.untouched.subjects, score, restored={"guide": columns}))
    found = guess("restoring", lossy, variants=True)
    second = list(RESTORERS)[1]
    np.testing.assert_array_equal(np.isnan(found[f"guide: {second}"]), np.arange(80) % 3 == 0)
    assert accuracy(found["guide: all front ends"], labels) > 0.85


def marked(stopping, mark, subjects=200):
    """Leave a mark in the residuals of perturbed images."""
    labels, evidence = scored(stopping, subjects=subjects)
    rng = np.random.default_rng(6)
    noise = rng.normal(size=(2, len(labels), 6))
    noise[1, :, 2] += mark
    before, after = evidence.untouched, evidence.perturbed
    return labels, Evidence(
        labels,
        seen(before.subjects, before.scores, residuals=noise[0]),
        seen(before.subjects, after.scores, residuals=noise[1]),
    )


def test_a_mark_of_perturbation_lets_the_detector_invert():
    labels, evidence = marked("matched", mark=6.0)
    chosen = half(len(labels))
    best, most = optimum(normal(APART, WIDE), normal(-APART, WIDE))
    assert accuracy(guess("score", evidence, chosen), labels) == pytest.approx(0.5, abs=0.08)
    log_odds = guess("detector", evidence, chosen)
    assert accuracy(log_odds, labels) == pytest.approx(best, abs=0.04)
    assert bits(log_odds, labels) == pytest.approx(most, abs=0.15)


def test_a_stop_just_past_zero_is_mark_enough():
    labels, evidence = scored("fixed", subjects=200)
    assert evidence.untouched.residuals.shape == (200, 0)
    assert accuracy(guess("detector", evidence, half(200)), labels) > 0.9


def test_no_mark_no_detection():
    labels, evidence = marked("matched", mark=0.0)
    log_odds = guess("detector", evidence, half(len(labels)))
    assert accuracy(log_odds, labels) == pytest.approx(0.5, abs=0.08)
    assert bits(log_odds, labels) == pytest.approx(0.0, abs=0.04)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_detector_falls_back_on_the_score_where_all_images_are_alike(p):
    labels, evidence = marked("fixed", mark=6.0)
    log_odds = guess("detector", evidence, np.full(len(labels), p == 1))
    assert accuracy(log_odds, labels) > 0.9


def test_an_image_that_could_not_be_perturbed_is_no_example_of_a_perturbed_one():
    labels, evidence = marked("matched", mark=6.0)
    rng = np.random.default_rng(9)
    stuck = rng.random(len(labels)) < 0.3
    after = evidence.perturbed.replace_rows(stuck, evidence.untouched)
    chosen = half(len(labels))
    log_odds = guess("detector", Evidence(labels, evidence.untouched, after), chosen)
    best, _ = optimum(normal(APART, WIDE), normal(-APART, WIDE))
    assert accuracy(log_odds, labels) > best - 0.06


def test_images_drawn_one_by_one_add_up_and_people_drawn_do_not():
    subjects, images, p = 150, 4, 0.3
    names, labels = people(subjects, images)
    rng = np.random.default_rng(14)
    evidence = Evidence(labels, seen(names, rng.normal(4 * labels, 1)), seen(names, rng.normal(-4 * labels, 1)))
    one_by_one = rng.permutation(np.arange(len(labels)) < p * len(labels))
    by_person = np.repeat(rng.permutation(np.arange(subjects) < p * subjects), images)
    found = {
        name: {n: accuracy(odds, labels) for n, odds in guess("several-images", evidence, drawn, variants=True).items()}
        for name, drawn in (("image", one_by_one), ("subject", by_person))
    }
    assert list(found["image"]) == ["n = 1", "n = 2", "all"]
    # Four votes, each right in 70 % of the cases: at most one wrong, and half of the ties of two.
    expected = 0.7**4 + 4 * 0.3 * 0.7**3 + 0.5 * 6 * 0.3**2 * 0.7**2
    assert found["image"]["n = 1"] == pytest.approx(1 - p, abs=0.02)
    assert found["image"]["all"] == pytest.approx(expected, abs=0.05)
    for number in ("n = 1", "n = 2", "all"):
        assert found["subject"][number] == pytest.approx(1 - p, abs=0.02), number
    chosen = guess("several-images", evidence, one_by_one)
    assert accuracy(chosen, labels) == pytest.approx(expected, abs=0.05)
    assert auc(chosen, labels) > 0.75


def test_pooled_sums_of_like_images_do_not_claim_too_much():
    subjects, images = 100, 8
    names, labels = people(subjects, images)
    rng = np.random.default_rng(13)
    person = np.repeat(rng.normal(0, 1.5, subjects), images)
    evidence = Evidence(labels, seen(names, labels + person + 0.1 * rng.normal(size=len(labels))))
    one, most = (guess("several-images", evidence, variants=True)[number] for number in ("n = 1", "all"))
    ideal = 2 * evidence.untouched.scores["guide"] / 1.5**2
    assert accuracy(most, labels) == pytest.approx(accuracy(ideal, labels), abs=0.05)
    assert bits(most, labels) == pytest.approx(bits(ideal, labels), abs=0.08)
    assert bits(most, labels) == pytest.approx(bits(one, labels), abs=0.03)
