"""Linear probes on templates."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.perturb.semantic.probes import train_probe


def people(rng: np.random.Generator, subjects: int, apart: float) -> tuple[np.ndarray, list[int], list[str]]:
    labels = [1 if number % 2 else -1 for number in range(subjects) for _ in range(2)]
    own = np.repeat(rng.normal(size=(subjects, 16)), 2, axis=0) + 0.1 * rng.normal(size=(2 * subjects, 16))
    own[:, 3] += apart * np.array(labels)
    rows = own / np.linalg.norm(own, axis=1, keepdims=True)
    return rows, labels, [str(number // 2) for number in range(2 * subjects)]


def test_probe_tells_people_it_never_met():
    rng = np.random.default_rng(0)
    probe = train_probe(*people(rng, 40, 3.0))
    rows, labels, _ = people(rng, 40, 3.0)
    assert (np.sign(probe.score(rows)) == labels).mean() > 0.9
    assert np.argmax(np.abs(probe.weights[:-1])) == 3


def test_spread_is_that_of_held_out_subjects():
    rng = np.random.default_rng(1)
    probe = train_probe(*people(rng, 20, 0.0))
    rows, _, _ = people(rng, 200, 0.0)
    assert probe.spread == pytest.approx(np.std(probe.score(rows)), rel=0.5)


def test_lost_templates_are_left_out_and_scored_as_nan():
    rng = np.random.default_rng(2)
    rows, labels, subjects = people(rng, 20, 3.0)
    whole = train_probe(rows[2:], labels[2:], subjects[2:])
    rows[:2] = np.nan
    probe = train_probe(rows, labels, subjects)
    np.testing.assert_allclose(probe.weights, whole.weights)
    assert np.isnan(probe.score(rows)[:2]).all()
    assert np.isfinite(probe.score(rows)[2:]).all()
