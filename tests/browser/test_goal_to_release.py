"""A newcomer's way from uploaded images to a signed release, in a real browser: its clicks are counted."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.services.accounts.users import add_user
from facepriv.store import open_store
from tests.actors import TEST
from tests.browser.conftest import ROOT, serving
from tests.browser.test_journey import PATIENCE, choose, photograph, settle
from tests.pages.conftest import write_faces
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "correct horse battery"
MOST_CLICKS = 25
LONG = 900_000
SUBJECTS_EACH = int(os.environ.get("FACEPRIV_JOURNEY_SUBJECTS") or 15)
"""Women and men; 30 are all of the demo set."""


class Hand:
    """One person's browser, whose clicks are counted; a key press on a slider counts as one, as does a chosen file."""

    def __init__(self, page, clicks: list[str]) -> None:
        self.page, self._clicks = page, clicks

    def click(self, role: str, name: str, *, exact: bool = True) -> None:
        """Click what a person sees by that name."""
        self.press(self.page.get_by_role(role, name=name, exact=exact).first, name)

    def press(self, locator, name: str) -> None:
        """Click a thing, and wait until the page has answered."""
        self._clicks.append(name)
        locator.click(timeout=PATIENCE)
        settle(self.page)

    def save(self, locator, name: str) -> bytes:
        """Click what downloads a file, and return what came."""
        self._clicks.append(name)
        with self.page.expect_download(timeout=PATIENCE) as download:
            locator.click(timeout=PATIENCE)
        return download.value.path().read_bytes()

    def choose_file(self, place: int, file: Path) -> None:
        """Choose a file to upload."""
        self._clicks.append(file.name)
        self.page.locator("[data-testid=stFileUploaderDropzoneInput]").nth(place).set_input_files(file)
        self.page.get_by_text(file.name).first.wait_for(timeout=PATIENCE)

    def sees(self, text: str, patience: float = PATIENCE) -> None:
        """Wait until a text is there."""
        self.page.get_by_text(text).first.wait_for(timeout=patience)
        settle(self.page)


@pytest.fixture
def settings(tmp_path) -> Settings:
    """A data folder with an auditor and an officer, and nothing else."""
    settings = Settings(home=tmp_path / "home", workers=2)
    with open_store(settings) as store:
        for name, role in (("ada", "auditor"), ("otto", "officer")):
            add_user(store, name, role, password=PASSWORD, actor=TEST)
    return settings


@pytest.fixture
def site(settings):
    with serving(ROOT / "app.py", settings.home, login=True, FACEPRIV_WORKERS="2") as address:
        yield address


def sign_in(chromium, site: str, name: str, clicks: list[str]) -> Hand:
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(site)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    hand = Hand(page, clicks)
    hand.click("button", "Sign in")
    return hand


def packed(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(folder.iterdir()):
            out.write(file, file.name)
    return archive


def test_from_a_goal_to_a_signed_release(chromium, site, settings, tmp_path, screenshots):
    faces = packed(write_faces(tmp_path / "faces", subjects_each=SUBJECTS_EACH), tmp_path / "staff.zip")
    clicks: list[str] = []
    begun, times = time.monotonic(), {}

    def took(stage: str) -> None:
        times[stage] = round(time.monotonic() - begun)

    ada = sign_in(chromium, site, "ada", clicks)

    # Data
    ada.click("link", "Datasets", exact=False)
    ada.page.get_by_label("Name of the data set").fill("staff")
    ada.choose_file(0, faces)
    ada.click("button", "Preview")
    ada.sees("Preview of “staff”")
    ada.click("button", "Import")
    ada.sees("imported as “staff”", LONG)
    took("imported")

    # Measure
    ada.click("link", "Audit it", exact=False)
    ada.click("button", "Start the audit", exact=False)
    ada.sees("Not tried", LONG)
    took("measured")

    # Protect
    ada.click("link", "Protect", exact=False)
    photograph(ada.page, screenshots / "goal.png", 1280)
    slider = ada.page.get_by_role("slider", name="How much time may it take?")
    clicks.append("time")
    slider.press("Home")  # two minutes: one setting is tried whatever it takes
    settle(ada.page)
    ada.click("button", "Start the study")
    ada.sees("Apply to all images", LONG)
    took("searched")
    photograph(ada.page, screenshots / "found.png", 1280)
    ada.click("button", "Apply to all images")
    ada.page.get_by_role("link", name="Go on to the release").wait_for(timeout=LONG)
    settle(ada.page)
    took("applied")

    # Release
    ada.click("link", "Go on to the release")
    ada.page.get_by_text("I have read this verdict").wait_for(timeout=PATIENCE)
    ada.press(ada.page.get_by_text("I have read this verdict"), "acknowledge")
    ada.click("button", "Prepare the release")
    ada.sees("ready")
    key = ada.save(ada.page.get_by_role("button", name="1. Key file"), "key")
    archive = ada.save(ada.page.get_by_text("2. Images (zip)"), "archive")
    took("released")
    photograph(ada.page, screenshots / "released.png", 1280)

    # Sign-off
    ada.click("link", "Share these results with a privacy officer")
    clicks += ["officer", "otto"]
    choose(ada.page, "Officer with an account", "otto")
    ada.click("button", "Share")
    otto = sign_in(chromium, site, "otto", clicks)
    otto.sees("Shared by ada")
    otto.press(otto.page.get_by_role("tab", name="Comments and sign-off"), "tab")
    otto.press(otto.page.get_by_text("Accepted", exact=True), "accepted")
    otto.click("button", "Send")
    otto.sees("You are about to sign: accepted")
    otto.click("button", "Sign")
    with open_store(settings) as store:
        assert wait_until(store.remarks.list)
        (signed,) = store.remarks.list()
        (released,) = store.releases.list()
    took("signed")
    ada.page.goto(f"{site}/data-set?dataset=staff")
    ada.sees("The five steps")
    photograph(ada.page, screenshots / "home-signed.png", 1280)
    (screenshots / "journey.json").write_text(json.dumps({"clicks": clicks, "seconds": times}, indent=1))

    assert (signed.author, signed.decision) == ("otto", "accepted")
    assert released.released_by == "ada"
    assert len(clicks) <= MOST_CLICKS, clicks
    assert "key" in json.loads(key)
    with zipfile.ZipFile(io.BytesIO(archive)) as handed:
        names = handed.namelist()
        manifest = handed.read("manifest.csv")
    assert hashlib.sha256(manifest).hexdigest() == released.manifest_sha256
    assert sum(name.startswith("images/") for name in names) == released.items == 4 * SUBJECTS_EACH
