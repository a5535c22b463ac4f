"""What the benchmark of the matchers' sensitivity stores."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from facepriv.perturb.colour_field.matcher_sensitivity import matcher_sensitivity
from facepriv.perturb.colour_field.method import CORE

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import matcher_sensitivity as bench

ALL = CORE["colour"]


def test_stored_matrix_is_what_was_measured(tmp_path):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 9))
    file = tmp_path / "some.npz"
    kept = bench.write(file, ALL[:5], root @ root.T, share=1 - 1e-9)
    assert kept == 5
    np.testing.assert_allclose(matcher_sensitivity(ALL[:5], file), root @ root.T / np.trace(root @ root.T), atol=1e-6)
