"""How quantities are written."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest

from facepriv.presentation.formats import moment, plain
from facepriv.wording import count, duration


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


@pytest.mark.parametrize(
    "name",
    ["[click](http://x)", "![p](x)", ":red[hi]", "$a$", "**b**", "_i_", "`c`", "<b>", "# h", "a|b", "&amp;", "~~s~~"],
)
def test_signs_of_markdown_are_shown_not_followed(name):
    written = plain(name)
    assert not set(re.sub(r"&#\d+;", "", written)) & set("\\`*[]<>#|~$_&")
    assert html.unescape(written).replace("\u2060", "") == name


def test_addresses_and_icons_are_broken_and_plain_names_stay():
    assert plain("http://x.org www.x.org a@b.org :material/home:").count("\u2060") == 4
    for name in ("s001_1.jpg", "dlib-gender", "Ann-Marie O'Neil (2).png", "FACEPRIV_HOME", "12:30", "+0.12", "-0.10"):
        assert plain(name) == name
    assert plain("a\nb") == "a b"
    assert [plain(text) for text in ("- a", "1. a", "+ a")] == ["&#45; a", "1&#46; a", "&#43; a"]
