"""What Algorithm 1 costs on demo faces: evaluations, and where the CPU time goes.

Usage: python benchmarks/algorithm1_cost.py [--subjects N] [--guide NAME]

Printed for one thread: evaluations and updates an image (median), share of CPU time inside the network's forward pass,
in looks at the stored file, and in everything else; and the CPU time as a multiple of the bare forward passes, timed in
the same run.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time

import numpy as np
from numpy.typing import NDArray

import facepriv.perturb.algorithm1 as algorithm1
from facepriv.classify import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.perturb import perturbers
from facepriv.perturb.candidates import Gallery
from facepriv.types import AttributeClassifier, Face, PerturbResult

MAX_PIXELS = 50_000_000


class Timed:
    """A classifier that adds up the CPU time of its forward passes."""

    def __init__(self, classifier: AttributeClassifier) -> None:
        self.card, self.attribute = classifier.card, classifier.attribute
        self.name, self.version = classifier.name, classifier.version
        self.crop, self._score = classifier.crop, classifier.score
        self.seconds = 0.0

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score and add up."""
        start = time.process_time()
        scores = self._score(inputs)
        self.seconds += time.process_time() - start
        return scores


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=12)
    parser.add_argument("--guide", default="dlib-gender")
    options = parser.parse_args()
    read = read_demo(images_per_subject=1).images
    faces = [
        acquire(
            decode(i.path, name=i.name, max_pixels=MAX_PIXELS).pixels, image_id=i.name, subject=i.subject, label=i.label
        )
        for i in read
    ]
    pixels = {face.image_id: face.pixels for face in faces}
    gallery = Gallery(
        image_ids=[face.image_id for face in faces],
        subjects=[face.subject for face in faces],
        labels=[face.label for face in faces],
        landmarks=np.stack([face.landmarks for face in faces]),
        boxes=[face.box for face in faces],
        read=pixels.__getitem__,
    )
    chosen = faces[:: max(1, len(faces) // options.subjects)][: options.subjects]

    looks = 0.0
    find_again = algorithm1.find_again

    def timed_find(face: Face, stored: NDArray[np.uint8]) -> Face | None:
        nonlocal looks
        start = time.process_time()
        found = find_again(face, stored)
        looks += time.process_time() - start
        return found

    algorithm1.find_again = timed_find
    guide = Timed(classifiers.create(options.guide))
    method = perturbers.create("algorithm1")
    method(chosen[:1], [guide], gallery=gallery, seed=0)
    guide.seconds = looks = 0.0
    start = time.process_time()
    results = [r for r in method(chosen, [guide], gallery=gallery, seed=0) if isinstance(r, PerturbResult)]
    total = time.process_time() - start

    evaluations = np.array([r.evaluations for r in results])
    updates = np.array([r.updates for r in results])
    print(f"{len(results)} images, guide {options.guide}, one thread")
    print(f"updates an image (median)          {np.median(updates):8.0f}")
    print(f"evaluations an image (median)      {np.median(evaluations):8.0f}")
    print(f"anchorings an image (mean)         {np.mean([len(r.anchors) for r in results]):8.2f}")
    print(f"CPU share of forward passes        {guide.seconds / total:8.1%}")
    print(f"CPU share of looks at the file     {looks / total:8.1%}")
    print(f"CPU share of everything else       {1 - (guide.seconds + looks) / total:8.1%}")
    print(f"CPU time / bare forward passes     {total / guide.seconds:8.2f}")
    print(f"flips that held at the first look  {np.mean([r.success and not r.anchors for r in results]):8.1%}")
    print(f"flipped on the stored file         {np.mean([r.success for r in results]):8.1%}")


if __name__ == "__main__":
    main()
