"""How quantities are written."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "pages"))

from parts.formats import count, duration, moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3599.5, "1 h"),
        (3660, "1 h 1 min"),
        (-5, "0 s"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_count_has_the_right_ending():
    assert [count(n, "image") for n in (0, 1, 1200)] == ["0 images", "1 image", "1,200 images"]


def test_moment_says_its_zone():
    assert moment(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == "2026-01-02 03:04 UTC"
    assert moment(None) == "–"
