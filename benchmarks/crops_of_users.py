"""Under how many of the crops that users make a perturbed file fools `dlib-gender`, for any method.

Usage: python benchmarks/crops_of_users.py [--method colour-field] [--set margin=3 ...] [--folder F] [--images N]

N images (one a person) of the demo set, or of a folder that `facepriv import` reads, are perturbed with `dlib-gender`
as guide. Then the network is fed with the crops of several kinds of users. No method sees any of them but the first.
Printed: the share of files whose verdict is wrong, of all, men and women, and of untouched ones.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import dlib
import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image as Pillow
from rich.console import Console
from rich.table import Table

from facepriv.classify.dlib import PADDING, DlibGender
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.face_chip import FIVE_POINTS
from facepriv.imaging.quality import psnr_db
from facepriv.imaging.versions import jpeg, resize
from facepriv.perturb.base import PerturbResult
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import perturbers
from facepriv.types import Face
from facepriv.weights.files import require, require_all

MAX_PIXELS = 50_000_000
SIZE = DlibGender.size
Pixels = NDArray[np.uint8]
Box = dlib.rectangle

_detector = dlib.get_frontal_face_detector()
_five = dlib.shape_predictor(str(require(FIVE_POINTS)))
_sixty_eight = dlib.shape_predictor(str(require_all(DETECTOR)[0]))
_cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")


def hog(pixels: Pixels, doublings: int = 0) -> Box | None:
    """Return the largest face of dlib's detector."""
    return max(_detector(pixels, doublings), key=lambda box: box.area(), default=None)


def haar(pixels: Pixels) -> Box | None:
    """Return the largest face of OpenCV's cascade."""
    boxes = _cascade.detectMultiScale(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 1.1, 5)
    if not len(boxes):
        return None
    left, top, width, height = (int(side) for side in max(boxes, key=lambda box: box[2] * box[3]))
    return dlib.rectangle(left, top, left + width, top + height)


def chip(
    pixels: Pixels,
    find: Callable[[Pixels], Box | None] = hog,
    points: dlib.shape_predictor = _five,
    shift: float = 0.0,
    turn: float = 0.0,
    scale: float = 1.0,
    through: tuple[int, Pillow.Resampling] | None = None,
) -> Pixels | None:
    """Cut the chip, moved by pixels, degrees and a factor, or brought to size from a larger one by Pillow."""
    box = find(pixels)
    if box is None:
        return None
    size = SIZE if through is None else through[0]
    details = dlib.get_face_chip_details(points(pixels, box), size, PADDING)
    rect, middle = details.rect, details.rect.dcenter()
    half_x, half_y = rect.width() * scale / 2, rect.height() * scale / 2
    moved = dlib.drectangle(
        middle.x - half_x + shift, middle.y - half_y + shift, middle.x + half_x + shift, middle.y + half_y + shift
    )
    place = moved if (shift, turn, scale) != (0.0, 0.0, 1.0) else rect
    cut = dlib.extract_image_chip(
        pixels, dlib.chip_details(place, dlib.chip_dims(size, size), details.angle + math.radians(turn))
    )
    return cut if through is None else np.asarray(Pillow.fromarray(cut).resize((SIZE, SIZE), through[1]))


CROPS: dict[str, Callable[[Pixels], Pixels | None]] = {
    "the publisher's package": chip,
    "detector on the doubled image": partial(chip, find=partial(hog, doublings=1)),
    "OpenCV's cascade": partial(chip, find=haar),
    "68 points": partial(chip, points=_sixty_eight),
    "a pixel beside": partial(chip, shift=1.0),
    "turned by 2 degrees": partial(chip, turn=2.0),
    "3 % larger": partial(chip, scale=1.03),
    "3 % smaller": partial(chip, scale=0.97),
    "256 pixels, then bilinear": partial(chip, through=(256, Pillow.Resampling.BILINEAR)),
    "256 pixels, then bicubic": partial(chip, through=(256, Pillow.Resampling.BICUBIC)),
    "256 pixels, then Lanczos": partial(chip, through=(256, Pillow.Resampling.LANCZOS)),
    "after JPEG 75": lambda pixels: chip(jpeg(pixels, 75)),
    "after a resize to 60 %": lambda pixels: chip(resize(pixels, 0.6)),
    "mirrored": lambda pixels: chip(np.ascontiguousarray(pixels[:, ::-1])),
}


def main() -> None:
    """Perturb and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="colour-field")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the method")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    faces = read_faces(options.folder, options.images)
    method = perturbers.create(options.method, **dict(_setting(text) for text in options.set))
    network = DlibGender()
    results = method(faces, [network], gallery=Gallery.of(faces), seed=options.seed)
    done = [(face, result) for face, result in zip(faces, results, strict=True) if isinstance(result, PerturbResult)]
    labels = np.array([face.label for face, _ in done])
    print(
        f"{len(done)} of {len(faces)} images, {np.mean([result.evaluations for _, result in done]):.0f} evaluations, "
        f"{np.mean([psnr_db(face.pixels, result.pixels, face.box) for face, result in done]):.1f} dB"
    )
    table = Table("crop", "wrong", "men", "women", "untouched", "no face")
    for name, crop in CROPS.items():
        scores = {
            "after": score(network, crop, {face.image_id: result.pixels for face, result in done}),
            "before": score(network, crop, {face.image_id: face.pixels for face, _ in done}),
        }
        wrong = scores["after"] * labels < 0
        seen = np.isfinite(scores["after"])
        table.add_row(
            name,
            *(f"{100 * np.mean(wrong[seen & who]):.1f} %" for who in (labels != 0, labels > 0, labels < 0)),
            f"{100 * np.mean((scores['before'] * labels < 0)[np.isfinite(scores['before'])]):.1f} %",
            str(int((~seen).sum())),
        )
    Console(width=110).print(table)


def read_faces(folder: Path | None, count: int) -> list[Face]:
    """Read one labelled image of each of the first people, evenly over the set."""
    read = read_demo(images_per_subject=1) if folder is None else read_folder(folder)
    first = {image.subject: image for image in reversed(read.images) if image.label is not None}
    chosen = [first[subject] for subject in sorted(first)]
    chosen = chosen[:: max(1, len(chosen) // count)][:count]
    faces = []
    for image in chosen:
        pixels = decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels
        faces.append(acquire(pixels, image_id=image.name, subject=image.subject, label=image.label, several="largest"))
    return faces


def score(
    network: DlibGender, crop: Callable[[Pixels], Pixels | None], images: Mapping[str, Pixels]
) -> NDArray[np.float64]:
    """Score images under a crop; NaN where no face is found."""
    crops = [crop(pixels) for pixels in images.values()]
    return np.array([np.nan if cut is None else float(network.score(cut[None].astype(np.float32))[0]) for cut in crops])


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, yaml.safe_load(value)


if __name__ == "__main__":
    main()
