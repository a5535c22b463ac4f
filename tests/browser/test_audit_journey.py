"""From a new data set to what it tells, in a real browser against a real server and worker."""

from __future__ import annotations

import re
import time

import pytest

from facepriv.config import Settings
from facepriv.presentation.audit_tables import baseline_rows
from facepriv.services.datasets.importing import import_dataset
from facepriv.store import AuditRecord, open_store
from tests.browser.conftest import ROOT, serving
from tests.browser.test_journey import LOOKS, PATIENCE, RUN_PATIENCE, photograph, settle
from tests.pages.conftest import write_faces

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def settings(tmp_path):
    """Settings of a data folder with the data set ``crowd``, as small as an audit allows."""
    settings = Settings(home=tmp_path / "home", workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, write_faces(tmp_path / "faces", subjects_each=5, images_each=1), name="crowd")
    return settings


@pytest.fixture
def site(settings):
    with serving(ROOT / "app.py", settings.home, FACEPRIV_WORKERS="1") as address:
        yield address


def state(settings) -> AuditRecord:
    """Look at the audit past the page."""
    with open_store(settings) as store:
        return store.audits.get(1)


def test_from_a_data_set_to_its_audit(chromium, site, settings, screenshots):
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(site + "/datasets")
    settle(page)
    page.get_by_role("link", name="Audit", exact=True).click()
    page.get_by_text("New audit").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Start the audit").click()
    page.get_by_text(re.compile(r"measuring: \d+ of 10|attacking: \d+ of \d+")).first.wait_for(timeout=PATIENCE)
    assert page.url == f"{site}/audit?dataset=crowd&audit=1"
    photograph(page, screenshots / "auditing-light-1280.png", 1280)
    # Close the browser: the work goes on with nobody looking, and the address brings back what came of it.
    page.context.close()
    end = time.monotonic() + RUN_PATIENCE / 1000
    while (now := state(settings)).state == "running":
        assert time.monotonic() < end, "the audit did not end"
        time.sleep(0.5)
    assert now.state == "complete", now.error
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(site + "/audit?audit=1")
    table = page.locator("[data-testid=stTable]", has_text="Gender error").first
    table.wait_for(timeout=PATIENCE)
    shown = [[cell.strip() for cell in row.split("\t")] for row in table.locator("tbody tr").all_inner_texts()]
    assert shown == [list(row.values()) for row in baseline_rows(now.result)]
    page.get_by_text(now.result.not_tried[-1]).wait_for(timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the result as JSON").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert f'"verdict": "{now.result.verdict}"' in text
    # The page writes it down after the browser has the file.
    wanted = {"audit-started", "result-downloaded"}
    for _ in range(PATIENCE // 500):
        with open_store(settings) as store:
            done = {line.action for line in store.access.list()}
        if done >= wanted:
            break
        page.wait_for_timeout(500)
    assert done >= wanted
    page.context.close()
    for scheme, width in LOOKS:
        look(chromium, site, screenshots, scheme, width)


def test_the_data_set_goes_along_and_back_leads_to_the_page_before(chromium, site, settings, tmp_path):
    with open_store(settings) as store:
        faces = write_faces(tmp_path / "more", subjects_each=2, images_each=1)
        import_dataset(store, settings, faces, name="more")
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(site)
    settle(page)
    page.get_by_role("link", name="crowd · step 2 of 5").click()
    page.get_by_text("Data set crowd").wait_for(timeout=PATIENCE)
    for name in ("Perturb", "Audit"):
        settle(page)
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", name=name, exact=True).wait_for(timeout=PATIENCE)
        settle(page)
        assert page.url == f"{site}/{name.lower()}?dataset=crowd"
        assert page.get_by_role("link", name="Data set crowd: what is done and what is next").count() == 1
    page.go_back()
    page.get_by_role("heading", name="Perturb", exact=True).wait_for(timeout=PATIENCE)
    settle(page)
    page.go_back()
    page.get_by_text("Data set crowd").wait_for(timeout=PATIENCE)
    assert page.url == f"{site}/data-set?dataset=crowd"
    page.context.close()


def look(chromium, site, screenshots, scheme, width):
    """Take a picture of the audit, which must not be wider than the window."""
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(site + "/audit?audit=1")
    page.get_by_role("heading", name="Not tried", exact=True).wait_for(timeout=PATIENCE)
    settle(page)
    photograph(page, screenshots / f"audit-{scheme}-{width}.png", width)
    beyond = page.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))")
    assert beyond <= 0, f"the audit is {beyond} px wider than a window of {width} px"
    context.close()
