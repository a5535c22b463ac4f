"""Figures, themes and paper: what is drawn can be read in light and dark, on a phone and in print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facepriv.report.files import write_page
from facepriv.services.sharing.report import report_of
from facepriv.store import open_store
from tests.browser.test_journey import settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WITH_FIGURES = ["/audit?audit=2", "/policy?run=1", "/runs?run=1", "/protect?study=1"]
LIGHT, DARK = "rgb(17, 17, 17)", "rgb(250, 250, 250)"
BELOW_TOOLBARS = """() => [...document.querySelectorAll(".js-plotly-plot")].flatMap(figure => {
    const box = element => element.getBoundingClientRect();
    const buttons = [...figure.querySelectorAll(".modebar-group")].map(box);
    const words = [...figure.querySelectorAll(".legend, .annotation, .gtitle, .xtick, .ytick, .g-xtitle, .g-ytitle")];
    return words.map(word => [word.textContent, buttons.some(bar =>
        bar.left < box(word).right && box(word).left < bar.right &&
        bar.top < box(word).bottom && box(word).top < bar.bottom)]);
})"""
"""By word of a figure: whether buttons of its toolbar lie on it."""
COLOURS = """() => [...new Set([...document.querySelectorAll(
    ".xtick text, .ytick text, .infolayer text, .legend text")].map(word => getComputedStyle(word).fill))]"""


@pytest.fixture
def page(chromium):
    context = chromium.new_context(color_scheme="light", viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def choose_theme(page, name: str) -> None:
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_test_id(f"stMainMenuItem-theme-{name}").click()
    page.keyboard.press("Escape")
    page.wait_for_timeout(1000)


@pytest.mark.parametrize("width", [1280, 390])
def test_toolbars_lie_on_nothing(page, filled_site, width):
    page.set_viewport_size({"width": width, "height": 900})
    for path in WITH_FIGURES:
        page.goto(filled_site + path)
        settle(page)
        page.wait_for_selector(".js-plotly-plot .modebar-group", state="attached")
        page.wait_for_timeout(500)
        words = page.evaluate(BELOW_TOOLBARS)
        assert words
        assert [word for word, covered in words if covered] == []


def test_figures_follow_the_theme_of_the_system_and_of_the_menu(page, filled_site):
    page.goto(filled_site + "/policy?run=1")
    settle(page)
    page.wait_for_selector(".js-plotly-plot .xtick")
    assert page.evaluate(COLOURS) == [LIGHT]
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(1000)
    assert page.evaluate(COLOURS) == [DARK]
    choose_theme(page, "Light")
    assert page.evaluate(COLOURS) == [LIGHT]
    choose_theme(page, "Dark")
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(1000)
    assert page.evaluate(COLOURS) == [DARK], "what was chosen goes before the system's"


def test_a_theme_is_remembered_at_every_address(page, filled_site):
    def scheme() -> str:
        return page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme")

    page.goto(filled_site + "/runs")
    settle(page)
    assert scheme() == "light"
    choose_theme(page, "Dark")
    for path in ("/", "/runs?run=1", "/policy"):
        page.goto(filled_site + path)
        settle(page)
        assert scheme() == "dark", path
    choose_theme(page, "System")
    page.goto(filled_site)
    settle(page)
    assert scheme() == "light"


@pytest.fixture(scope="module")
def report(filled, tmp_path_factory) -> Path:
    """The report of the run with its audit."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    with open_store(filled) as store:
        write_page(report_of(store, 1), file)
    return file


def test_a_report_has_a_theme_that_is_remembered(page, report):
    def grounds() -> list[str]:
        shown = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
        return [*page.locator("body").evaluate(shown), *page.evaluate(COLOURS)]

    light, dark = ["rgb(255, 255, 255)", *["rgb(29, 29, 27)"] * 2], ["rgb(23, 22, 20)", *["rgb(236, 236, 234)"] * 2]
    page.goto(report.as_uri())
    page.wait_for_selector(".main-svg")
    assert grounds() == light
    page.get_by_label("Theme").select_option("Dark")
    assert grounds() == dark
    page.reload()
    page.wait_for_selector(".main-svg")
    assert grounds() == dark
    assert page.get_by_label("Theme").input_value() == "Dark"
    page.emulate_media(color_scheme="dark")
    page.get_by_label("Theme").select_option("Light")
    assert grounds() == light
    page.get_by_label("Theme").select_option("System")
    assert grounds() == dark
    assert page.locator(".bg").evaluate_all("all => all.every(e => getComputedStyle(e).fillOpacity == 0)")


def test_a_report_is_printed_alike_from_every_window_and_theme(chromium, report, tmp_path):
    printed = []
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(report.as_uri())
        page.wait_for_selector(".main-svg")
        page.emulate_media(media="print")
        assert page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate(COLOURS) == ["rgb(29, 29, 27)"]
        assert not page.get_by_label("Theme").is_visible()
        page.emulate_media(media="screen")
        before = page.locator(".js-plotly-plot .main-svg").first.get_attribute("width")
        printed.append(page.pdf(prefer_css_page_size=True, outline=True, tagged=True, print_background=True))
        page.wait_for_timeout(300)
        assert page.locator(".js-plotly-plot .main-svg").first.get_attribute("width") == before
        page.close()
    pages = [len(re.findall(rb"/Type\s*/Page\b", pdf)) for pdf in printed]
    assert pages[0] == pages[1] > 3
    assert abs(len(printed[0]) - len(printed[1])) < 1000, "but for the moment of printing"
    assert b"/Outlines" in printed[0]
