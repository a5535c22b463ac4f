"""How long pages take in a browser: from a click in the dashboard until the page is there and its script has ended.

Usage: python benchmarks/pages_in_browser.py HOME [--repeats N]

HOME is a data folder with complete runs and audits, as `facepriv demo --no-serve` makes it with FACEPRIV_HOME set; it
is copied to a temporary folder. The server, the WebSocket and Chromium are real. Every page is opened once to import
libraries, and then some times more; the table gives the median and the slowest of these. Figures that are still being
drawn are not waited for.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from screenshots import CHROMIUM, PATIENCE, serving, settle

PAGES = ("Datasets", "Audit", "Perturb", "Policy", "Runs", "Models", "Overview")
THERE = """([title, path]) => document.querySelector('[data-testid=stMain] h1')?.innerText === title
    && location.pathname === path
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""
"""The page has this title and address, and no script runs."""


def seconds_to(page: Any, press: Callable[[], None], title: str, path: str) -> float:
    """Press something, and give the seconds until the page that it leads to is there."""
    start = time.perf_counter()
    press()
    page.wait_for_function(THERE, arg=[title, path], timeout=PATIENCE)
    return time.perf_counter() - start


def by_navigation(page: Any, name: str) -> float:
    """Go to a page by the navigation."""
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)
    path = "/" if name == "Overview" else f"/{name.lower()}"
    return seconds_to(page, link.click, "facepriv" if name == "Overview" else name, path)


def by_link(page: Any, start: str, label: str, title: str) -> float | None:
    """Go to a page by a link on another one; None where there is no such link."""
    by_navigation(page, start)
    settle(page)
    link = page.get_by_test_id("stMain").get_by_role("link", name=re.compile(label)).first
    if not link.count():
        return None
    return seconds_to(page, link.click, title, f"/{title.lower()}")


def measure(page: Any, repeats: int) -> dict[str, list[float]]:
    """Give the seconds of every way."""
    ways: dict[str, Callable[[], float | None]] = {
        **{name: (lambda name=name: by_navigation(page, name)) for name in PAGES},
        "A run, from the overview": lambda: by_link(page, "Overview", "^.*Open run", "Runs"),
        "Two runs side by side": lambda: by_link(page, "Overview", "Compare", "Runs"),
        "An audit, from its policy": lambda: by_link(page, "Policy", "Open audit", "Audit"),
    }
    found: dict[str, list[float]] = {title: [] for title in ways}
    for turn in range(repeats + 1):
        for title, go in ways.items():
            took = go()
            page.wait_for_timeout(300)
            if turn and took is not None:
                found[title].append(took)
    return found


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary, "home")
        shutil.copytree(options.home, home)
        with serving(home) as address, sync_playwright() as engine:
            browser = engine.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
            )
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.goto(address)
            settle(page)
            found = measure(page, options.repeats)
            browser.close()
    print(f"{'':28}{'median':>9}{'slowest':>9}   ({options.repeats} visits each)")
    for title, seconds in found.items():
        if seconds:
            print(f"{title:28}{statistics.median(seconds):8.2f}s{max(seconds):8.2f}s")
        else:
            print(f"{title:28}        –        –   (nothing of that kind in this data folder)")


if __name__ == "__main__":
    main()
