"""How well the age classifiers tell two age groups.

Usage: python benchmarks/age_classifiers.py (FOLDER --ages CSV --key COLUMN --age COLUMN | --demo) [--images N]
       [--boundaries 30,40]

Printed for each classifier and boundary: images of at least that age, accuracy, the share called older, the area under
the ROC curve where there are images of both groups, and the median size of the score in nats.

The demo faces are composites of four donors each, and their ages the weighted means of the donors' ages: a figure on
them says how a network reads an average face, not how well it tells anybody's age.
"""

from __future__ import annotations

import argparse
import csv
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import demo_folder, read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.metrics.matching import auc
from facepriv.perturb.base import score_face
from facepriv.types import Face, LabelledImage

NETWORKS = ("dlib-age", "levi-hassner-age")
MAX_PIXELS = 50_000_000


def main() -> None:
    """Score every image once for every classifier and boundary, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--ages", type=Path, help="table of ages")
    parser.add_argument("--key", default="face_id", help="column with the start of a file's name")
    parser.add_argument("--age", default="face_age", help="column of ages in years")
    parser.add_argument("--images", type=int, help="at most so many, evenly spread")
    parser.add_argument("--boundaries", default="30,40")
    options = parser.parse_args()
    if options.demo == (options.folder is not None) or (options.folder is not None and options.ages is None):
        parser.error("name a folder with --ages, or --demo")
    if options.demo:
        images, ages = read_demo().images, demo_ages()
    else:
        images = read_folder(options.folder).images
        ages = ages_by_start(images, options.ages, options.key, options.age)
    chosen = spread([image for image in images if image.name in ages], options.images)
    print(f"{len(chosen)} images with an age, {len(images)} in all")
    faces = [load(image) for image in chosen]
    years = np.array([ages[image.name] for image in chosen])
    for boundary in map(int, options.boundaries.split(",")):
        older = years >= boundary
        for name in NETWORKS:
            network = classifiers.create(f"{name}@{boundary}")
            scores = np.array([score_face(network, face) for face in faces])
            area = f"{auc(scores[older], scores[~older]):.3f}" if 0 < older.sum() < len(older) else "none"
            print(
                f"{network.name:22} older {older.sum():4d}  right {100 * np.mean((scores >= 0) == older):5.1f} %  "
                f"called older {100 * np.mean(scores >= 0):5.1f} %  AUC {area}  median "
                f"score {np.median(abs(scores)):.1f}"
            )


def demo_ages() -> dict[str, float]:
    """Give the ages of the demo faces by image."""
    with (demo_folder() / "faces.csv").open(encoding="utf-8") as stream:
        return {row["file"]: float(row["age"]) for row in csv.DictReader(stream)}


def ages_by_start(images: Sequence[LabelledImage], table: Path, key: str, age: str) -> dict[str, float]:
    """Give ages by image from a table whose key is the start of a file's name; images without a number are left out."""
    found: dict[str, float] = {}
    with table.open(encoding="utf-8") as stream:
        rows = {row[key]: row[age] for row in csv.DictReader(stream)}
    for image in images:
        said = rows.get(Path(image.name).name.split("_")[0], "")
        if said.replace(".", "", 1).isdecimal():
            found[image.name] = float(said)
    return found


def spread(images: Sequence[LabelledImage], most: int | None) -> list[LabelledImage]:
    """Take at most so many images, evenly spread."""
    if most is None or most >= len(images):
        return list(images)
    return [images[i * len(images) // most] for i in range(most)]


def load(image: LabelledImage, image_id: str = "") -> Face:
    """Decode an image and find its face."""
    pixels = decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels
    return acquire(pixels, image_id=image_id, subject=image.subject, label=image.label, several="largest")


if __name__ == "__main__":
    main()
