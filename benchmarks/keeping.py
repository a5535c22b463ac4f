"""What turning gender does to age, and what keeping the age costs.

Usage: python benchmarks/keeping.py (FOLDER | --demo) [--images N] [--methods colour-field,algorithm1] [--weights 0,1]
       [--keep dlib-age@30] [--guide dlib-gender]

Printed for each method and weight (0 keeps nothing): images flipped, of how many the kept classifier's verdict changed,
the mean and the largest size of the change of its score, median PSNR of the face box, and the mean number of
evaluations, those of the kept classifier included. All is judged on the stored PNG with the face found anew in it.
Then the same changes for the age classifiers that had no part in it.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from age_classifiers import load, spread

from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.quality import psnr_db
from facepriv.perturb.base import KeptClassifiers, score_face
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import perturbers
from facepriv.types import AttributeClassifier, Face, PerturbResult

JUDGES = ("dlib-age@30", "dlib-age@40", "levi-hassner-age@40")


def main() -> None:
    """Perturb the same images with and without keeping, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--methods", default="colour-field,algorithm1")
    parser.add_argument("--weights", default="0,1")
    parser.add_argument("--keep", default="dlib-age@30")
    parser.add_argument("--guide", default="dlib-gender")
    options = parser.parse_args()
    if options.demo == (options.folder is not None):
        parser.error("name a folder, or --demo")
    images = read_demo(images_per_subject=1).images if options.demo else read_folder(options.folder).images
    faces = [load(image, str(number)) for number, image in enumerate(spread(images, options.images))]
    guide, kept = classifiers.create(options.guide), classifiers.create(options.keep)
    judges = [classifiers.create(name) for name in dict.fromkeys((kept.name, *JUDGES))]
    for name in options.methods.split(","):
        for weight in map(float, options.weights.split(",")):
            results = perturbers.create(name)(
                faces,
                [guide],
                gallery=Gallery.of(faces),
                seed=0,
                keep=KeptClassifiers([kept], weight) if weight else None,
            )
            print(f"{name}, " + (f"{kept.name} kept at {weight:g}" if weight else "nothing kept"), flush=True)
            show(faces, results, judges)


def show(faces: Sequence[Face], results: Sequence[object], judges: Sequence[AttributeClassifier]) -> None:
    """Print what became of the faces."""
    done = [
        (face, one, one.file_face)
        for face, one in zip(faces, results, strict=True)
        if isinstance(one, PerturbResult) and one.file_face is not None
    ]
    quality = np.median([psnr_db(face.pixels, one.pixels, face.box) for face, one, _ in done])
    effort = np.mean([one.evaluations for _, one, _ in done])
    flips = sum(one.flipped for _, one, _ in done)
    print(f"  flipped {flips} of {len(faces)}  PSNR {quality:.1f} dB  evaluations {effort:,.0f}")
    for judge in judges:
        before = np.array([score_face(judge, face) for face, _, _ in done])
        after = np.array([score_face(judge, found) for _, _, found in done])
        change = np.abs(after - before)
        print(
            f"  {judge.name:22} verdict changed {int(((before >= 0) != (after >= 0)).sum()):3d}  "
            f"mean change {change.mean():.2f} nats  largest {change.max():.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
