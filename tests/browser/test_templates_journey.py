"""From an uploaded file of templates to released protected ones, in a real browser against a real server and worker."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import facepriv.protect
from facepriv.config import Settings
from facepriv.presentation.verdict import trial_verdict
from facepriv.services.protections.release import read_key
from facepriv.store import open_store
from tests.audit.templates.planted import planted
from tests.browser.conftest import ROOT, serving
from tests.browser.test_journey import LOOKS, PATIENCE, RUN_PATIENCE, choose, photograph, settle
from tests.datasets.templates.tables import read

pytestmark = [pytest.mark.browser, pytest.mark.slow]

METHOD = "donor-coordinate"
"""Cheap to fit, and keyed."""


@pytest.fixture
def templates():
    """Twelve made-up people of two templates each, whose gender shows."""
    return planted(12, 0, gap=4.0)


@pytest.fixture
def site(tmp_path):
    with serving(ROOT / "app.py", tmp_path / "home", FACEPRIV_WORKERS="1") as address:
        yield address


def write(templates, file: Path) -> Path:
    genders = np.where(templates.labels > 0, "male", "female")
    np.savez(file, template=templates.rows, record=templates.records, subject=templates.subjects, gender=genders)
    return file


def saved(page, button: str) -> bytes:
    """Press a button that downloads a file, and return what came."""
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name=button).click()
    return download.value.path().read_bytes()


def test_from_a_file_of_templates_to_a_release(chromium, site, templates, tmp_path, screenshots):
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(site + "/templates")
    settle(page)
    page.get_by_text("There is no template set yet").wait_for(timeout=PATIENCE)
    page.get_by_label("Name of the template set").fill("doors")
    uploads = page.locator("[data-testid=stFileUploaderDropzoneInput]")
    uploads.nth(0).set_input_files(write(templates, tmp_path / "doors.npz"))
    page.get_by_text("doors.npz").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("24 templates of 12 people added as “doors”").wait_for(timeout=PATIENCE)
    settle(page)
    choose(page, "Protection", METHOD)
    settle(page)
    page.get_by_role("button", name="Start the trial").click()
    page.get_by_text("You may close this page; the work continues.").first.wait_for(timeout=PATIENCE)
    page.get_by_text("What attackers learn against what recognition loses").wait_for(timeout=RUN_PATIENCE)
    settle(page)
    with open_store(Settings(home=tmp_path / "home")) as store:
        trial = store.protections.get(1)
    assert trial.result is not None, trial.error
    verdict = page.get_by_role("group", name="Verdict", exact=True).inner_text()
    assert trial_verdict(trial.result, trial.spec).finding in verdict

    report = saved(page, "Download the report").decode()
    assert trial_verdict(trial.result, trial.spec).finding in report.replace("&#39;", "'")
    page.get_by_text("I have read this verdict").click()
    page.get_by_role("button", name="Prepare the release").click()
    page.get_by_text("24 templates protected.").wait_for(timeout=PATIENCE)
    archive, key_file = saved(page, "Protected templates (zip)"), tmp_path / "key.json"
    key_file.write_bytes(saved(page, "Key file"))
    page.context.close()
    check_release(archive, key_file, templates, tmp_path / "out")
    with open_store(Settings(home=tmp_path / "home")) as store:
        actions = {line.action for line in store.access.list()}
    assert {"templates-imported", "protection-started", "report-made", "templates-protected"} <= actions
    # Servers and workers that still run have empty folders for their unnamed files.
    left = [path for path in (tmp_path / "home" / "tmp").rglob("*") if path.is_file()]
    assert left == [], "nothing of the release stays on the server"
    for scheme, width in LOOKS:
        look(chromium, site, screenshots, scheme, width)


def check_release(archive: bytes, key_file: Path, templates, folder: Path) -> None:
    """Check what was downloaded: the manifest, the protected templates, the map, and no key among them."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        assert sorted(packed.namelist()) == ["manifest.json", "map.npz", "map.onnx", "templates.npz"]
        packed.extractall(folder)
    key = read_key(key_file)
    for file in folder.iterdir():
        content = file.read_bytes()
        assert key not in content
        assert key.hex().encode() not in content
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["protection"] == METHOD
    assert manifest["keyed"]
    assert manifest["templates"] == 24
    assert manifest["not_covered"]
    released = read(folder / "templates.npz").templates
    np.testing.assert_array_equal(released.records, templates.records)
    np.testing.assert_array_equal(released.subjects, templates.subjects)
    assert not released.labels.any(), "labels are not released"
    assert np.abs(released.rows - templates.rows).max() > 0.01
    fitted = facepriv.protect.load(folder / "map.npz")
    protected = fitted.protect(templates.rows, templates.subjects, key=key)
    np.testing.assert_allclose(released.rows, protected, atol=1e-6)


def look(chromium, site, screenshots, scheme, width):
    """Take a picture of the trial, which must not be wider than the window."""
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(site + "/templates?protection=1")
    page.get_by_text("Not covered").first.wait_for(timeout=PATIENCE)
    settle(page)
    photograph(page, screenshots / f"protection-{scheme}-{width}.png", width)
    beyond = page.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))")
    assert beyond <= 0, f"the trial is {beyond} px wider than a window of {width} px"
    context.close()
