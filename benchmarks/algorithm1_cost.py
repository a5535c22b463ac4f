"""What Algorithm 1 costs: evaluations, where the CPU time of its loop goes, and how much the plain loop would take.

Usage: python benchmarks/algorithm1_cost.py [--images N] [--guide NAME] [--folder FOLDER] [--side PIXELS] [--no-plain]

Faces are the demo set's, or those of a folder that facepriv can import. Printed for one thread, measured in one run on
the same faces: evaluations and updates an image (median), and shares of the loop's CPU time (all of `Algorithm1.run`,
triangles and warp included, without the judging that follows) in the guide's `score`, in ONNX Runtime alone, and in
looks at the file. Then the same faces by the pseudo-code transcribed (tests/perturb/transcription.py), counted from its
first score on: its time as a multiple of the engine's whole time, once with a crop made anew for every score, as a
classifier given images would make it, and once with the crop's matrix kept between anchorings. Decisions, trajectory
and pixels are compared. A face looked for costs the same in all of them.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.errors import FailureToAcquireError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.perturb.algorithm1 import loop
from facepriv.perturb.algorithm1.method import Algorithm1
from facepriv.perturb.base import Context, CountingClassifier, Perturbation, score_face, side_of
from facepriv.perturb.gallery import Gallery
from facepriv.types import AttributeClassifier, Face

MAX_PIXELS = 50_000_000


class Clock:
    """Adds up the CPU time of calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function with its time added up."""

        def call(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.process_time() - start

        return call


class Timed:
    """A classifier that adds up the CPU time of its scores."""

    def __init__(self, classifier: AttributeClassifier, clock: Clock) -> None:
        self.card, self.attribute = classifier.card, classifier.attribute
        self.name, self.version = classifier.name, classifier.version
        self.crop = classifier.crop
        self.score: Callable[[NDArray[np.float32]], NDArray[np.float64]] = clock.timed(classifier.score)


def read_faces(folder: Path | None, side: int | None) -> list[Face]:
    """Find the faces of the demo set or of a folder, shrunk to ``side``; images without exactly one are left out."""
    images = (read_demo(images_per_subject=2) if folder is None else read_folder(folder)).images
    faces = []
    for image in images:
        pixels = decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels
        if side is not None and side < max(pixels.shape[:2]):
            ratio = side / max(pixels.shape[:2])
            pixels = cv2.resize(pixels, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        try:
            faces.append(acquire(pixels, image_id=image.name, subject=image.subject, label=image.label))
        except FailureToAcquireError:
            continue
    return faces


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--guide", default="dlib-gender")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--side", type=int, help="shrink images to so many pixels on their longer side")
    parser.add_argument("--no-plain", action="store_true", help="leave the plain loop out")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    faces = read_faces(options.folder, options.side)
    gallery = Gallery.of(faces)
    chosen = faces[:: max(1, len(faces) // options.images)][: options.images]

    scoring, looking, network = Clock(), Clock(), Clock()
    network_of: Any = network_calls(options.guide)
    if network_of is not None:
        network_of.run = network.timed(network_of.run)
    loop.look_again = looking.timed(loop.look_again)
    plain_guide = classifiers.create(options.guide)
    guide = Timed(plain_guide, scoring)
    method = Algorithm1()

    def engine(face: Face) -> tuple[Perturbation, int]:
        counting = CountingClassifier(guide)
        done = method.run(face, [counting], Context(gallery, np.random.default_rng(0)))
        return done, counting.evaluations

    engine(chosen[0])
    scoring.seconds = looking.seconds = network.seconds = 0.0
    start = time.process_time()
    done = [engine(face) for face in chosen]
    total = time.process_time() - start
    forward = network.seconds

    print(f"{len(done)} images, guide {options.guide}, one thread")
    print(f"updates an image (median)             {np.median([d.updates for d, _ in done]):8.0f}")
    print(f"evaluations an image (median)         {np.median([n for _, n in done]):8.0f}")
    print(f"anchorings an image (mean)            {np.mean([len(d.anchors) for d, _ in done]):8.2f}")
    print(f"flipped                               {np.mean([d.stop == 'flipped' for d, _ in done]):8.1%}")
    print(f"CPU ms an image                       {1000 * total / len(done):8.1f}")
    print(f"CPU share of the guide's score        {scoring.seconds / total:8.1%}")
    if network_of is not None:
        print(f"CPU share of ONNX Runtime alone       {forward / total:8.1%}")
    print(f"CPU share of looks at the file        {looking.seconds / total:8.1%}")
    print(f"CPU share of everything else          {1 - (scoring.seconds + looking.seconds) / total:8.1%}")
    if not options.no_plain:
        compare(chosen, [d for d, _ in done], plain_guide, gallery, total)


def network_calls(guide: str) -> Any:
    """Give ONNX Runtime's session class where the guide is run by it."""
    if guide != "dlib-gender":
        return None
    import onnxruntime

    return onnxruntime.InferenceSession


def compare(
    faces: list[Face], done: list[Perturbation], guide: AttributeClassifier, gallery: Gallery, total: float
) -> None:
    """Run the pseudo-code on the same faces and print its time and whether it came to the same."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.perturb.transcription import algorithm1 as transcribed

    for text, keep_crop in (("crop made anew for every score", False), ("crop's matrix kept", True)):
        seconds, alike = 0.0, 0
        for face, ours in zip(faces, done, strict=True):
            assert ours.candidate_id is not None
            candidate = gallery.read(ours.candidate_id), gallery.face_landmarks(ours.candidate_id)
            side = side_of(face, score_face(guide, face))
            plain = transcribed(face, *candidate, guide, side, keep_crop=keep_crop)
            seconds += plain.loop_seconds
            alike += (
                np.array_equal(plain.trajectory, ours.trajectory)
                and tuple(plain.anchors) == ours.anchors
                and np.array_equal(plain.pixels, ours.pixels)
            )
        print(f"plain loop, {text}:")
        print(f"    CPU time / the engine's           {seconds / total:8.2f}")
        print(f"    same trajectory, anchors, pixels  {alike:5d} of {len(faces)}")


if __name__ == "__main__":
    main()
