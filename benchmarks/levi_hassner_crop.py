"""Which square serves the Levi-Hassner network best: error by gender over a grid.

Usage: python benchmarks/levi_hassner_crop.py FOLDER [--sides 3.5,3.75,4] [--below 0.5,0.6,0.7] [--upright] [--demo]

A square is given by its side and by the drop of its centre below the eyes, both in inter-eye distances, turned so that
the eyes are level unless --upright. Each line: error of all, of women, of men, and the AUC of the score.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

from facepriv.classify.levi_hassner import BELOW, SIDE, SIZE, LeviHassner
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import eye_square, take_crop
from facepriv.imaging.decode import decode
from facepriv.metrics.gender import gender_error
from facepriv.metrics.matching import auc

MAX_PIXELS = 50_000_000


def numbers(text: str) -> list[float]:
    """Read a list of numbers."""
    return [float(part) for part in text.split(",")]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--demo", action="store_true", help="use the demo set, two images of each subject")
    parser.add_argument("--sides", type=numbers, default=[SIDE])
    parser.add_argument("--below", type=numbers, default=[BELOW])
    parser.add_argument("--upright", action="store_true")
    options = parser.parse_args()
    if options.folder is None and not options.demo:
        parser.error("name a folder, or use --demo")
    read = read_demo(images_per_subject=2) if options.demo else read_folder(options.folder)
    images = [image for image in read.images if image.label is not None]
    faces = [
        acquire(decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels, label=image.label, several="largest")
        for image in images
    ]
    labels = np.array([face.label for face in faces])
    network = LeviHassner()
    print(f"{len(faces)} images   side  below   all    women  men    AUC")
    for side, below in itertools.product(options.sides, options.below):
        scores = np.array(
            [
                network.score(
                    take_crop(
                        eye_square(face, size=SIZE, side=side, below=below, level=not options.upright), face.pixels
                    )[None]
                )[0]
                for face in faces
            ]
        )
        rates = gender_error(scores, labels)
        area = auc(scores[labels > 0], scores[labels < 0])
        print(
            f"{'':12}  {side:5.2f}  {below:5.2f}  {rates.all:.3f}  {rates.female:.3f}  {rates.male:.3f}  {area:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
