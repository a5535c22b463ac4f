"""The benchmark of protections' speed on few templates."""

from __future__ import annotations

import numpy as np

from benchmarks.protection_speed import make_templates, time_onnx, time_protection
from facepriv.protect.registry import make_protection


def test_it_times_every_template():
    templates = make_templates(80, 24, 0)
    np.testing.assert_allclose(np.linalg.norm(templates.rows, axis=1), 1, atol=1e-6)
    assert len(np.unique(templates.subjects)) == 20
    for name in ("recommended", "transport"):
        fitted = make_protection(name).fit(templates, seed=0)
        assert time_protection(fitted, templates, 100) > 0
        assert time_onnx(fitted, templates) > 0
