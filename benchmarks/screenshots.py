"""Take pictures of every page of the dashboard: light and dark, wide and narrow, every part of a run and an audit.

Usage: python benchmarks/screenshots.py HOME FOLDER [--only NAME ...] [--vision KIND] [--readme]

HOME is a data folder with at least one complete run and an audit of it, as `facepriv demo --no-serve` makes it with
FACEPRIV_HOME set; it is copied to a temporary folder and not written to. With --readme the three pictures of README.md
are written to docs/images/ as well. With --vision the pictures are as somebody sees them who cannot tell certain
colours apart, by Chromium's own simulation. Needs playwright and Debian's Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
SCHEMES = ("light", "dark")
WIDTHS = (1280, 390)
VISIONS = ("protanopia", "deuteranopia", "tritanopia", "achromatopsia")
PATIENCE = 60_000
TALLEST = 9000
COLOURS = 128
"""Of a picture in README.md, whose file is then a third as large."""


@dataclass(frozen=True)
class View:
    """A page, and what is pressed on it before its picture is taken."""

    path: str
    part: str = ""
    """A choice of the segmented controls, by its name."""
    opened: tuple[str, ...] = ()
    """Expanders to open."""


def views(runs: list[int], audits: dict[str, int], protections: list[int]) -> dict[str, View]:
    """Name every view of a data folder with these runs, audits and protections, newest first."""
    run = runs[0]
    found = {
        "overview": View("/"),
        "data-set": View("/data-set"),
        "datasets": View("/datasets", opened=("Add a data set",)),
        **{f"datasets-{part.split()[0].lower()}": View("/datasets", part) for part in DATASET_PARTS},
        "audit": View("/audit"),
        "templates": View("/templates"),
        "protect": View("/protect"),
        "perturb": View("/perturb"),
        "perturb-parameters": View(
            "/perturb", opened=("Another attribute, or one to keep", "Parameters of the method", "What this does not")
        ),
        "runs": View("/runs"),
        **{f"run-{part.split()[0].lower()}": View(f"/runs?run={run}", part) for part in RUN_PARTS},
        "policy": View("/policy"),
        "sharing": View("/sharing"),
        "access": View("/access"),
        "help": View("/help"),
        "models": View("/models", opened=("Notes on each", "Add a network", "Not usable")),
    }
    if len(runs) > 1:
        found["comparison"] = View(f"/runs?run={runs[1]}&run={runs[0]}")
    if protections:
        found["templates-protection"] = View(f"/templates?protection={protections[0]}", opened=("Every attacker",))
    for name, number in audits.items():
        found[f"audit-{name}"] = View(f"/audit?audit={number}", opened=("What each attacker",))
    return found


DATASET_PARTS = ("Faces", "Quality", "Data sheet", "Releases", "Left out and noted", "Delete")
RUN_PARTS = ("Gender", "Flips", "Matching", "Effort and quality", "Images", "Failures", "Spec and files")
README = {"home": ("data-set", 1400), "run": ("run-images", 1600), "policy": ("policy", 1165)}
"""Pictures of README.md: the view, and how many pixels of its height are shown."""


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Serve a data folder on a free port; gives the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--no-auth"],
        env={**os.environ, "FACEPRIV_HOME": str(home), "FACEPRIV_AUTO_WORKER": "false"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                if server.poll() is not None:
                    raise SystemExit("The server did not start.") from None
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


def settle(page: Any) -> None:
    """Wait until the script has run and figures are drawn."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stMain] h1", timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=PATIENCE)
    page.wait_for_timeout(600)


def open_view(page: Any, address: str, view: View) -> None:
    """Go to a view and press what it asks for."""
    page.goto(address + view.path)
    settle(page)
    if view.part:
        page.get_by_role("radio", name=view.part, exact=True).click()
        settle(page)
    for title in view.opened:
        found = page.locator("details", has=page.locator("summary", has_text=title)).first
        if found.count() and found.get_attribute("open") is None:
            found.locator("summary").first.click()
    settle(page)


def photograph(page: Any, file: Path, width: int) -> int:
    """Save a picture of the whole page; gives by how many pixels it is wider than the window."""
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(300)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(TALLEST, max(900, height + 20))})
    page.wait_for_timeout(600)
    page.screenshot(path=file)
    main = "document.querySelector('[data-testid=stMain]')"
    return int(page.evaluate(f"(m => m.scrollWidth - m.clientWidth)({main})"))


def for_readme(source: Path, target: Path, height: int) -> None:
    """Cut a picture off below and write it small."""
    with Image.open(source) as picture:
        cut = picture.convert("RGB").crop((0, 0, picture.width, min(height, picture.height)))
    small = cut.quantize(COLOURS, dither=Image.Dither.NONE)
    target.parent.mkdir(exist_ok=True)
    small.save(target, optimize=True)
    print(f"{target.name}: {small.width} x {small.height}, {target.stat().st_size / 1000:.0f} kB")


def stored(home: Path) -> tuple[list[int], dict[str, int], list[int]]:
    """Give complete runs and protections, newest first, and the newest audits of a data set as it is and of a run."""
    from facepriv.config import Settings
    from facepriv.store import open_store

    with open_store(Settings(home=home)) as store:
        runs = [run.id for run in store.runs.list(states=("complete",))]
        audits: dict[str, int] = {}
        for one in store.audits.list(states=("complete",)):
            audits.setdefault("as-it-is" if one.run_id is None else "of-run", one.id)
        protections = [one.id for one in store.protections.list(states=("complete",))]
    return runs, audits, protections


def main() -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="views to take, by the start of their names")
    parser.add_argument("--schemes", nargs="*", default=SCHEMES, choices=SCHEMES)
    parser.add_argument("--widths", nargs="*", default=WIDTHS, type=int)
    parser.add_argument("--vision", choices=VISIONS, help="see as somebody with this colour blindness does")
    parser.add_argument("--readme", action="store_true", help="write the pictures of README.md, too")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary, "home")
        shutil.copytree(options.home, home)
        chosen = {
            name: view
            for name, view in views(*stored(home)).items()
            if not options.only or name.startswith(tuple(options.only))
        }
        with serving(home) as address, sync_playwright() as engine:
            browser = engine.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
            )
            for scheme in options.schemes:
                for width in options.widths:
                    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
                    page = context.new_page()
                    if options.vision:
                        developer = context.new_cdp_session(page)
                        developer.send("Emulation.setEmulatedVisionDeficiency", {"type": options.vision})
                    for name, view in chosen.items():
                        open_view(page, address, view)
                        beyond = photograph(page, options.folder / f"{name}-{scheme}-{width}.png", width)
                        if beyond > 0:
                            print(f"{name}-{scheme}-{width}: {beyond} pixels wider than the window")
                    context.close()
            browser.close()
    if options.readme:
        for target, (name, height) in README.items():
            if name in chosen:
                for_readme(options.folder / f"{name}-light-1280.png", IMAGES / f"{target}.png", height)


if __name__ == "__main__":
    main()
