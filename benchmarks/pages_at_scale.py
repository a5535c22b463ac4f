"""How long pages take to be made on a large installation.

Usage: python benchmarks/pages_at_scale.py [--images N] [--runs N] [--sets N] [--repeats N]

Large are 13,000 images in one run, and 1,000 runs on 50 data sets beside it. The data folder is made up
(benchmarks/large_store.py) in a temporary folder. Each page is made in a new session by Streamlit's own test runner,
which does everything but send it to a browser: the best of some repeats after a first visit, which also imports
libraries and reads the verdicts that a process keeps, and is printed by itself. Beside it the same page on a small
installation (4 images in the run, 5 runs), and the ratio of the two: what does not grow with the data is near 1.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["FACEPRIV_AUTO_WORKER"] = "false"

import streamlit as st
from large_store import LARGE, fill
from streamlit.testing.v1 import AppTest

ROUTER = Path(__file__).parent.parent / "pages" / "router.py"
PARTS = ("Gender", "Flips", "Effort and quality", "Images", "Failures", "Spec and files")


def visits(run: int) -> dict[str, tuple[str, dict[str, str], str | None]]:
    """Name pages with their address and, of a run, the part that is shown."""
    return {
        "Overview": ("overview", {}, None),
        "Data set, of 20 runs": ("data_set", {"dataset": "1"}, None),
        "Data set, the large one": ("data_set", {"dataset": LARGE}, None),
        "Datasets": ("datasets", {}, None),
        "Runs, the list": ("runs", {}, None),
        **{f"Run, {part}": ("runs", {"run": str(run)}, part) for part in PARTS},
        "Perturb": ("perturb", {}, None),
        "Audit": ("audit", {}, None),
        "Policy": ("policy", {}, None),
    }


def seconds_of(page: str, query: dict[str, str], part: str | None) -> float:
    """Open a page in a new session, and give the seconds that its last run took."""
    app = AppTest.from_file(ROUTER, default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    start = time.perf_counter()
    app.run()
    if page != "overview":
        start = time.perf_counter()
        app.switch_page(f"{page}.py").run()
    if part is not None and part != PARTS[0]:
        start = time.perf_counter()
        app.segmented_control("run_part").set_value(part).run()
    took = time.perf_counter() - start
    assert not app.exception, app.exception
    return took


def measure(home: Path, run: int, repeats: int) -> dict[str, float]:
    """Give the best time of every page."""
    os.environ["FACEPRIV_HOME"] = str(home)
    os.environ["FACEPRIV_LOGIN"] = "false"
    st.cache_data.clear()
    found = {}
    for title, visit in visits(run).items():
        first = seconds_of(*visit)
        print(f"{home.name}, {title}, first: {first:.2f} s", flush=True)
        found[title] = min(seconds_of(*visit) for _ in range(repeats))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=13_000)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small = measure(Path(folder, "small"), fill(Path(folder, "small"), images=4, runs=5), options.repeats)
        large_run = fill(Path(folder, "large"), images=options.images, runs=options.runs, sets=options.sets)
        large = measure(Path(folder, "large"), large_run, options.repeats)
    size = f"{options.images:,} images, {options.runs:,} runs, {options.sets} data sets"
    print(f"{'':28}{'small':>9}{'large':>9}{'ratio':>7}   ({size})")
    for title, seconds in large.items():
        print(f"{title:28}{small[title]:8.2f}s{seconds:8.2f}s{seconds / small[title]:7.1f}")
    print(f"slowest page: {max(large.values()):.2f} s")


if __name__ == "__main__":
    main()
