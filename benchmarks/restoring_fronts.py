"""What front ends before a classifier undo: how many flips of each method, and what they cost on untouched images.

Usage: python benchmarks/restoring_fronts.py [FOLDER] [--images N] [--guide NAME] [--methods NAME ...]

Without a folder, the demo set, two images a subject. Every method runs with its defaults. An image counts where the
guide was right before and wrong on the stored file; its flip is undone where the guide is right again behind the front
end, with the face found anew. Errors of untouched images are judged in the same way, and a face no longer found is an
error. Times are CPU, on one thread, without the classifier.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from perturbation_methods import read_faces, spread
from rich.console import Console
from rich.table import Table

from facepriv.classify.registry import classifiers
from facepriv.imaging.restoring import RESTORERS, restored_faces, surroundings
from facepriv.perturb.base import file_scores
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import perturbers
from facepriv.types import AttributeClassifier, Face, PerturbResult

METHODS = ("colour-field", "algorithm1")


def margins(guide: AttributeClassifier, faces: Sequence[Face | None], sides: Sequence[int]) -> NDArray[np.float64]:
    """Give how far on the labels' side each score is, nats; NaN where no face was found."""
    scores = [file_scores([guide], face)[0] for face in faces]
    return np.array(scores) * np.array(sides)


def restored_margins(guide: AttributeClassifier, faces: Sequence[Face], sides: Sequence[int]) -> NDArray[np.float64]:
    """Give the same behind every front end, ``(n, fronts)``."""
    return np.array(
        [margins(guide, restored_faces(face), [side] * len(RESTORERS)) for face, side in zip(faces, sides, strict=True)]
    ).reshape(len(faces), len(RESTORERS))


def front_seconds(faces: Sequence[Face]) -> tuple[dict[str, float], float]:
    """Give mean CPU seconds an image of each front end alone, and of all with cutting out and finding anew."""
    seconds = {}
    for name, restore in RESTORERS.items():
        cuts = [surroundings(face) for face in faces]
        start = time.process_time()
        for cut in cuts:
            restore(cut)
        seconds[name] = (time.process_time() - start) / len(faces)
    start = time.process_time()
    for face in faces:
        restored_faces(face)
    return seconds, (time.process_time() - start) / len(faces)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="Folder of labelled images; default: the demo set.")
    parser.add_argument("--images", type=int, default=40, help="Most images, spread over the set.")
    parser.add_argument("--guide", default="dlib-gender")
    parser.add_argument("--methods", nargs="+", metavar="NAME", default=METHODS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    source, everyone = read_faces(options.folder)
    everyone = [face for face in everyone if face.label is not None]
    faces = spread(everyone, options.images)
    sides = [face.label or 0 for face in faces]
    guide, gallery = classifiers.create(options.guide), Gallery.of(everyone)
    right = margins(guide, faces, sides) > 0
    clean = restored_margins(guide, faces, sides) > 0
    seconds, together = front_seconds(faces[:20])
    undone = {}
    for method in options.methods:
        results = [
            perturbers.create(method)([face], [guide], gallery=gallery, seed=0, positions=[everyone.index(face)])[0]
            for face, was_right in zip(faces, right, strict=True)
            if was_right
        ]
        flipped = [result for result in results if isinstance(result, PerturbResult) and result.success]
        found = [result.file_face for result in flipped if result.file_face is not None]
        back = restored_margins(guide, found, [face.label or 0 for face in found]) > 0
        undone[f"{method} ({len(found)})"] = [*back.mean(axis=0), back.any(axis=1).mean()]
    table = Table(title=f"{len(faces)} images of the {source}, guide {options.guide}, error {1 - right.mean():.1%}")
    for head in ("front end", "error, untouched", *(f"undone of {name}" for name in undone), "CPU ms"):
        table.add_column(head, justify="left" if head == "front end" else "right")
    for number, name in enumerate(RESTORERS):
        shares = (f"{rates[number]:.0%}" for rates in undone.values())
        table.add_row(name, f"{1 - clean[:, number].mean():.1%}", *shares, f"{1000 * seconds[name]:.1f}")
    table.add_row("at least one", "", *(f"{rates[-1]:.0%}" for rates in undone.values()), "")
    table.add_row("all, faces found anew", "", *("" for _ in undone), f"{1000 * together:.0f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
