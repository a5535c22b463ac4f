"""The table of runs in a browser: rows are selected, deleted and brought back; links stay in the tab."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from facepriv.store import open_store
from tests.browser.conftest import ROOT, serving
from tests.browser.test_journey import settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEAD, ROW, BOX = 36, 35, 16
"""Heights of the table's head and of a row, and how far from its left edge the boxes lie that select rows, pixels."""


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 1400})
    yield context.new_page()
    context.close()


def asked(page) -> dict[str, list[str]]:
    """Return the query parameters of the page's address."""
    return parse_qs(urlsplit(page.url).query)


def select(page, row: int) -> None:
    """Click on the box that selects a row of the table."""
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = table.bounding_box()
    page.mouse.click(box["x"] + BOX, box["y"] + HEAD + row * ROW + ROW / 2)
    page.wait_for_timeout(800)
    settle(page)


def test_rows_are_selected_deleted_and_brought_back(page, filled_copy) -> None:
    with serving(ROOT / "app.py", filled_copy.home, FACEPRIV_AUTO_WORKER="false") as site:
        page.goto(site + "/runs?dataset=few")
        settle(page)
        page.wait_for_timeout(1500)
        select(page, 0)
        assert asked(page)["pick"] == ["2"]
        select(page, 1)
        assert sorted(asked(page)["pick"]) == ["1", "2"]
        page.reload()
        settle(page)
        page.get_by_role("button", name="Delete 2 runs").click()
        page.get_by_text("Deleted run").wait_for()
        settle(page)
        with open_store(filled_copy) as store:
            assert store.runs.count() == 0
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("button", name="Undo").wait_for(state="detached")
        settle(page)
        with open_store(filled_copy) as store:
            assert store.runs.count() == 2
        select(page, 1)
        page.get_by_role("button", name="Open run 1").click()
        page.get_by_role("heading", name="Run 1", exact=True).wait_for()
        settle(page)
        page.get_by_text("Flips", exact=True).click()
        page.wait_for_url("**run_part=Flips**")
        assert asked(page)["run"] == ["1"]
        assert len(page.context.pages) == 1, "everything stays in the tab"
        # A mark of the figure opens its run.
        page.goto(site + "/runs?dataset=few&view=Figure&x=Images+asked+for&y=Images+flipped")
        settle(page)
        page.locator(".scatterlayer .point").first.wait_for()
        page.wait_for_timeout(1000)
        mark = page.locator(".scatterlayer .point").first.bounding_box()
        page.mouse.click(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
        page.wait_for_url("**run=**")
        assert asked(page)["run"][0] in ("1", "2")
