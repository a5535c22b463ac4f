"""The viewer's page: words of others stay words, equal views are equal pages, and own files are served."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette

from facepriv.web.pages import ASSETS, assets
from facepriv.web.viewer import PairView, ViewerImage, asset, viewer_page
from tests.pages.conftest import Pictures
from tests.web.asgi import ask

HOSTILE = """"><script>alert(1)</script><svg onload='alert(1)'>{{ 7 * 7 }}&lt;"""


def view(text="face", **changes):
    def shown(kind):
        return ViewerImage(f"/pictures/{kind}", f"{kind} {text}", f"alt of {kind} {text}")

    values = {
        "title": text,
        "width": 30,
        "height": 40,
        "before": shown("before"),
        "after": shown("after"),
        "difference": shown("difference"),
        "difference_note": text,
        "candidate": shown("candidate"),
        "mesh": [((0.0, 0.0), (9.25, 19.5)), ((1.0, 2.0), (3.0, 4.0))],
    }
    return PairView(**values | changes)


def test_words_of_others_stay_words():
    usual, odd = (Pictures(viewer_page(view(text)).decode()) for text in ("face", HOSTILE))
    assert [tag for tag, _ in odd.tags] == [tag for tag, _ in usual.tags]
    assert [set(attributes) for _, attributes in odd.tags] == [set(attributes) for _, attributes in usual.tags]
    assert odd.images[0]["alt"] == f"alt of before {HOSTILE}"
    assert odd.captions == [f"candidate {HOSTILE}"]


def test_the_page_runs_no_script_but_the_own_files():
    page = viewer_page(view()).decode()
    own = [f'<script src="{asset("theme.js")}">', f'<script src="{asset("viewer.js")}" defer>']
    assert re.findall(r"<script[^>]*>[^<]*", page) == own
    assert not re.search(r"\son\w+=", page)
    assert "http" not in page.replace("http-equiv", "")


def test_equal_views_are_equal_pages_that_follow_the_theme():
    assert viewer_page(view()) == viewer_page(view())
    assert asset("theme.js").encode() in viewer_page(view())


def test_edges_run_between_pixel_centres():
    (lines,) = [a["d"] for tag, a in Pictures(viewer_page(view()).decode()).tags if tag == "path"]
    assert lines == "M0.5 0.5L9.8 20.0M1.5 2.5L3.5 4.5"


@pytest.mark.parametrize(
    ("lacking", "gone"),
    [
        ({"mesh": []}, {"show-mesh", "mesh", "edges"}),
        ({"difference": None}, {"show-difference", "difference", "difference-note"}),
        (
            {"after": None, "difference": None},
            {"split", "after", "after-side", "right-tag", "divider"}
            | {"show-difference", "difference", "difference-note"},
        ),
    ],
)
def test_what_there_is_not_has_no_control(lacking, gone):
    def ids(page):
        return {attributes["id"] for _, attributes in Pictures(page.decode()).tags if "id" in attributes}

    assert ids(viewer_page(view())) - ids(viewer_page(view(**lacking))) == gone


def fetch(path):
    return ask(Starlette(routes=[assets]), path)


@pytest.mark.parametrize("name", ["viewer.js", "viewer.css"])
def test_own_files_are_served(name):
    answer = fetch(asset(name).partition("?")[0])
    assert answer.status == 200
    assert answer.body == (ASSETS / name).read_bytes()


@pytest.mark.parametrize("path", ["/assets/../viewer.py", "/assets/%2e%2e/viewer.py", "/assets/", "/assets/other.js"])
def test_no_other_file_is(path):
    assert fetch(path).status == 404
