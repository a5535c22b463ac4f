"""The benchmark of comparing all pairs, on databases small enough for a test."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import all_pairs as bench


def test_made_up_database_has_the_tail_of_lfw():
    templates, subjects = bench.database(bench.LFW_IMAGES, bench.LFW_SUBJECTS, 0)
    sizes = sorted(Counter(subjects).values())
    assert len(sizes) == bench.LFW_SUBJECTS
    assert sizes[0] == 1
    # LFW: 4,069 subjects with one image, 530 of one subject, 242,257 mated pairs.
    assert 3_000 < sizes.count(1) < 5_000
    assert 350 < sizes[-1] < 650
    assert 200_000 < sum(size * (size - 1) // 2 for size in sizes) < 330_000
    np.testing.assert_allclose(np.linalg.norm(templates, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_prints_ratios_memory_and_figures(capfd):
    small = ["--images", "1500", "--subjects", "600", "--million", "3000", "--pairs", "500000", "--repeats", "1"]
    assert bench.main(small) == 0
    said = capfd.readouterr().out
    assert "1,500 templates of 600 subjects" in said
    assert "comparison / same tiles" in said
    assert said.count("peak memory") == 2
    assert said.count(" +- ") == 2, "only the sample has standard errors"


def test_parts_run_alone(capsys):
    assert bench.main(["--million", "2000", "--pairs", "300000", "--only", "sample"]) == 0
    assert "2,000 templates (1 MB)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        bench.main(["--only", "nothing"])
