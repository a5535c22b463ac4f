"""From an empty installation to a result, in a real browser against a real server and worker."""

from __future__ import annotations

import re
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.presentation.run_tables import gender_error_rows
from facepriv.store import RunRecord, open_store
from tests.browser.conftest import ROOT, serving
from tests.pages.conftest import write_faces

pytestmark = pytest.mark.browser

PATIENCE = 60_000
RUN_PATIENCE = 300_000
PAGES = {
    "overview": "/",
    "data-set": "/data-set?dataset=journey",
    "datasets": "/datasets",
    "audit": "/audit",
    "perturb": "/perturb",
    "runs": "/runs",
    "policy": "/policy",
}
PARTS = ["Gender", "Matching", "Effort and quality", "Images", "Failures", "Spec and files"]
LOOKS = [("light", 1280), ("dark", 1280), ("light", 420)]


def settle(page) -> None:
    """Wait until the script has run and nothing went wrong."""
    idle = "[data-testid=stApp][data-test-script-state=notRunning]"
    while True:
        page.wait_for_selector(idle, timeout=PATIENCE)
        page.wait_for_selector("[data-testid=stMain] h1", timeout=PATIENCE)
        page.wait_for_timeout(700)
        if page.locator(idle).count():  # else what was just clicked had not reached the script before
            break
    assert page.locator("[data-testid=stException]").count() == 0, page.locator(
        "[data-testid=stException]"
    ).inner_text()


def choose(page, label: str, option: str) -> None:
    """Choose from a list, which a script that still runs may close again."""
    from playwright.sync_api import TimeoutError as NotOffered

    offered = page.get_by_role("option", name=option)
    for _ in range(5):
        page.get_by_role("combobox", name=label).click()
        with suppress(NotOffered):
            offered.click(timeout=PATIENCE / 5)
            return
    raise AssertionError(f"{option} is not offered under {label}")


def photograph(page, file: Path, width: int) -> None:
    """Save a picture of the whole page."""
    page.set_viewport_size({"width": width, "height": 900})
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(8000, max(900, height + 20))})
    page.wait_for_timeout(600)
    page.screenshot(path=file)


@pytest.fixture
def site(tmp_path):
    with serving(ROOT / "app.py", tmp_path / "home", FACEPRIV_WORKERS="2") as address:
        yield address


def state(tmp_path) -> RunRecord:
    """Look at the run past the page."""
    with open_store(Settings(home=tmp_path / "home")) as store:
        return store.runs.get(1)


@pytest.mark.slow
def test_first_visit_to_result(chromium, site, tmp_path, screenshots):
    faces = write_faces(tmp_path / "faces")
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for image in sorted(faces.glob("*.jpg")):
            out.write(image, image.name)
        out.writestr("fake.jpg", "this is text")

    elsewhere, pictures, media = [], {}, set()

    def answered(response):
        kind = response.url.removeprefix(site).split("/")[1]
        if kind in ("pictures", "viewers"):
            pictures[response.url] = response.headers
        elif kind == "media" and "image" in response.headers["content-type"]:
            media.add(response.url)

    def new_browser():
        page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.on("request", lambda r: None if r.url.startswith((site, "data:", "blob:")) else elsewhere.append(r.url))
        page.on("response", answered)
        return page

    page = new_browser()
    page.goto(site)
    settle(page)
    page.get_by_text("There is no data yet").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Import images", exact=True).click()
    page.get_by_label("Name of the data set").fill("journey")
    uploads = page.locator("[data-testid=stFileUploaderDropzoneInput]")
    uploads.nth(0).set_input_files(archive)
    page.get_by_text("faces.zip").wait_for(timeout=PATIENCE)
    uploads.nth(1).set_input_files(faces / "labels.csv")
    page.get_by_text("labels.csv").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_text("Preview of “journey”").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text(re.compile("Importing “journey”|imported as “journey”")).first.wait_for(timeout=PATIENCE)
    # Close the browser at once and come back: the import has gone on.
    page.context.close()
    page = new_browser()
    page.goto(site + "/datasets")
    page.get_by_text("8 images of 4 subjects imported as “journey”").wait_for(timeout=PATIENCE)
    page.get_by_text("fake.jpg").first.wait_for(timeout=PATIENCE)
    settle(page)
    photograph(page, screenshots / "imported-light-1280.png", 1280)

    page.get_by_role("link", name="Perturb it").click()
    page.get_by_text("Fool one classifier, unnoticeably").click()
    settle(page)
    page.get_by_role("button", name="Start the run").click()
    page.get_by_text(re.compile(r"perturbing: [1-7] of 8")).first.wait_for(timeout=PATIENCE)
    photograph(page, screenshots / "running-light-1280.png", 1280)
    before = state(tmp_path)
    assert before.state == "running"
    # Close the browser: the work goes on with nobody looking, and whoever comes back sees it.
    page.context.close()
    end = time.monotonic() + RUN_PATIENCE / 1000
    while (now := state(tmp_path)).state == "running" and (now.stage, now.done) == (before.stage, before.done):
        assert time.monotonic() < end, "the run stood still without a browser"
        time.sleep(0.2)
    page = new_browser()
    page.goto(site + "/perturb")
    page.get_by_text("New run").wait_for(timeout=PATIENCE)
    while (now := state(tmp_path)).state == "running":
        assert time.monotonic() < end, "the run did not end"
        time.sleep(0.2)
    assert now.state == "complete", now.error
    page.get_by_text("Running", exact=True).wait_for(state="hidden", timeout=PATIENCE)
    page.goto(site)
    settle(page)
    page.get_by_role("link", name="Open run 1").click()
    table = page.locator("[data-testid=stTable]", has_text="Gender error").first
    table.wait_for(timeout=PATIENCE)
    with open_store(Settings(home=tmp_path / "home")) as store:
        expected = gender_error_rows(store.runs.get(1).result)
    shown = [[cell.strip() for cell in row.split("\t")] for row in table.locator("tbody tr").all_inner_texts()]
    assert shown == [list(row.values()) for row in expected]
    page.get_by_role("radio", name="Images", exact=True).click()
    slide(page)
    loaded = len(pictures)
    page.get_by_role("radio", name="Gender", exact=True).click()
    settle(page)
    page.get_by_role("radio", name="Images", exact=True).click()
    slide(page)
    assert len(pictures) == loaded, "what was loaded has the same address again"
    assert media == set(), "no image by way of Streamlit"
    page.context.close()

    assert len(pictures) == 8 + 4, "the gallery; the viewer, before, after and difference"
    assert {headers.get("cache-control") for headers in pictures.values()} == {"no-store"}
    assert elsewhere == [], "the dashboard must ask nothing from other servers"
    with open_store(Settings(home=tmp_path / "home")) as store:
        assert store.runs.get(1).state == "complete"
        actions = {line.action for line in store.access.list()}
    assert actions >= {"dataset-imported", "run-started", "faces-viewed"}

    for scheme, width in LOOKS:
        look(chromium, site, screenshots, scheme, width)


def slide(page):
    """Move the line of the viewer, which stands in a frame as high as itself."""
    viewer = page.frame_locator("[data-testid=stIFrame]")
    line = viewer.get_by_label("Dividing line")
    line.wait_for(timeout=PATIENCE)
    settle(page)
    at = int(line.input_value())
    line.press("ArrowRight")
    moved = "e => e.ownerDocument.getElementById('stage').style.getPropertyValue('--split')"
    assert line.evaluate(moved) == f"{at + 1}%"
    heights = """frame => [
        frame.parentElement.clientHeight, frame.clientHeight, frame.contentDocument.documentElement.scrollHeight
    ]"""
    assert len(set(page.locator("[data-testid=stIFrame]").evaluate(heights))) == 1, "no gap, no scroll bar"


def look(chromium, site, screenshots, scheme, width):
    """Visit every page and every part of a run, and take its picture."""
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    for name, path in PAGES.items():
        page.goto(site + path)
        settle(page)
        photograph(page, screenshots / f"{name}-{scheme}-{width}.png", width)
    page.goto(site + "/runs?run=1")
    page.get_by_text("Part of the result").wait_for(timeout=PATIENCE)
    for part in PARTS:
        page.get_by_role("radio", name=part, exact=True).click()
        settle(page)
        name = part.lower().replace(" ", "-")
        photograph(page, screenshots / f"run-{name}-{scheme}-{width}.png", width)
        beyond = page.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))")
        assert beyond <= 0, f"{part} is {beyond} px wider than a window of {width} px"
    context.close()


@pytest.mark.slow
def test_no_page_runs_without_the_router(chromium, app_copy, tmp_path):
    """On a server whose router has named no page yet, a direct hit on a page's address runs the router only."""
    ran = tmp_path / "ran.txt"
    with serving(app_copy, tmp_path / "home", RAN=str(ran)) as address:
        page = chromium.new_page()
        for path in PAGES.values():
            page.goto(address + path)
            page.get_by_text("router ran").wait_for(timeout=PATIENCE)
        page.close()
    assert set(ran.read_text().split()) == {"router"}
