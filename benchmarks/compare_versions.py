"""Whether two versions of facepriv compute the same: image bytes, figures of runs and audits, at one seed.

Usage: python benchmarks/compare_versions.py make FOLDER [--images IMAGES] [--command PROGRAM]
       python benchmarks/compare_versions.py compare FOLDER OTHER

``make`` does the whole job with one version: it imports the demo faces and, with --images, a folder of photos, perturbs
each by algorithm1, colour-field and semantic, and audits the data sets as they are and the demo run of semantic. It
writes what ``--json`` gives and the SHA-256 of every perturbed image to FOLDER. PROGRAM is the ``facepriv`` of the
version to try, by default that of this environment. ``compare`` prints every figure and every image that differs; ids,
times and versions may. Its exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEMO = Path(__file__).resolve().parents[1] / "facepriv" / "datasets" / "demo_faces"
IMAGES_PER_SUBJECT = 2
METHODS = ("algorithm1", "colour-field", "semantic")
SEED = "7"
AUDITED_IMAGES = "60"
AUDITED_METHOD = "semantic"
NOT_COMPARED = {
    *("id", "run_id", "audit_id", "job_id", "image_id", "image_ids"),
    *("created_at", "finished_at", "seconds", "libraries", "facepriv_version", "version"),
}
MOST_SHOWN = 40


def make(folder: Path, images: Path | None, command: list[str]) -> None:
    """Do the whole job with one version and write down what came out."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "FACEPRIV_HOME": home}

        def facepriv(*arguments: str) -> None:
            subprocess.run([*command, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)

        facepriv("import", str(copy_demo(Path(home, "demo-faces"))), "--name", "demo", "--yes", "--no-quality")
        datasets = ["demo"]
        if images is not None:
            facepriv("import", str(images), "--name", "photos", "--yes", "--json", str(folder / "import-photos.json"))
            datasets.append("photos")
        for dataset in datasets:
            for method in METHODS:
                name = f"{dataset}-{method}"
                result = folder / f"run-{name}.json"
                facepriv("perturb", dataset, "--method", method, "--seed", SEED, "--json", str(result))
                run = str(json.loads(result.read_text())["run_id"])
                with tempfile.TemporaryDirectory() as exported:
                    facepriv("export", run, "--out", str(Path(exported, "images")))
                    write_hashes(Path(exported), folder / f"images-{name}.json")
                if name == f"demo-{AUDITED_METHOD}":
                    facepriv("audit", "--run", run, "--seed", SEED, "--json", str(folder / f"audit-of-run-{name}.json"))
            audit = folder / f"audit-{dataset}.json"
            facepriv("audit", dataset, "--seed", SEED, "--limit", AUDITED_IMAGES, "--json", str(audit))


def copy_demo(folder: Path) -> Path:
    """Copy two demo images a subject, those that `facepriv demo` imports, with their labels; return the folder."""
    subjects: Counter[str] = Counter()
    with (DEMO / "faces.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    chosen = []
    for row in rows:
        subjects[row["subject"]] += 1
        if subjects[row["subject"]] <= IMAGES_PER_SUBJECT:
            chosen.append(row)
            target = folder / row["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(DEMO / row["file"], target)
    with (folder / "faces.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(chosen)
    return folder


def write_hashes(folder: Path, file: Path) -> None:
    """Write the SHA-256 of every PNG below a folder, by its path inside."""
    hashes = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.png"))
    }
    file.write_text(json.dumps(hashes, indent=2))


def differences(a: Any, b: Any, place: str = "") -> Iterator[str]:
    """Yield a line for every figure in which two documents differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b} - NOT_COMPARED):
            if key not in a or key not in b:
                yield f"{place}.{key}: only in the {'second' if key not in a else 'first'}"
            else:
                yield from differences(a[key], b[key], f"{place}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from differences(x, y, f"{place}[{i}]")
    elif a != b:
        yield f"{place}: {str(a)[:80]} -> {str(b)[:80]}"


def compare(first: Path, second: Path) -> bool:
    """Print what differs between two folders; return whether nothing does."""
    same = True
    for name in sorted({path.name for path in (*first.glob("*.json"), *second.glob("*.json"))}):
        if not ((first / name).exists() and (second / name).exists()):
            print(f"{name}: only in one of the folders")
            same = False
            continue
        a, b = (json.loads((folder / name).read_text()) for folder in (first, second))
        lines = list(differences(a, b))
        print(f"{name}: {f'{len(lines)} differences' if lines else 'the same'}")
        for line in lines[:MOST_SHOWN]:
            print(f"    {line}")
        same = same and not lines
    return same


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    making = parts.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--images", type=Path)
    making.add_argument("--command", type=Path)
    comparing = parts.add_parser("compare")
    comparing.add_argument("first", type=Path)
    comparing.add_argument("second", type=Path)
    given = parser.parse_args()
    if given.part == "make":
        command = [sys.executable, "-m", "facepriv"] if given.command is None else [str(given.command)]
        make(given.folder, given.images, command)
    elif not compare(given.first, given.second):
        sys.exit(1)


if __name__ == "__main__":
    main()
