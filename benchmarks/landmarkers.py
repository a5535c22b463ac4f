"""What other landmarks change in Algorithm 1: the same faces perturbed over the triangles of each landmarker.

Usage: python benchmarks/landmarkers.py (FOLDER | --demo) [--images N] [--method NAME] [--guide NAME] [--draw FOLDER]

Only faces in which every landmarker finds its points are taken, and candidates come from them too. Measured on one
thread. Crops are made from the detector's 68 landmarks throughout, and flips are judged on the stored file with the
face found anew in it. CPU seconds are those of perturbing and of judging; finding points is told apart. ``--draw``
writes pictures of the triangles.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from facepriv.audit.reproduction.candidate_test import signed_rank_p
from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.errors import FailureToAcquireError, ModelUnavailableError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.imaging.quality import psnr_db, ssim
from facepriv.imaging.triangulation import triangle_edges, triangulate
from facepriv.perturb.base import Perturber, score_face
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import perturbers
from facepriv.types import AttributeClassifier, Face, Landmarker, PerturbFailure, PerturbResult

MAX_PIXELS = 50_000_000
DRAWN = 4
VERSIONS = {"jpeg90": "JPEG 90", "resize75": "75 %"}


@dataclass(frozen=True)
class Row:
    """What one landmarker gives; medians over the images unless named otherwise."""

    name: str
    faces: int
    missed: int
    """Faces in which it finds no points."""
    locating: float
    """CPU seconds a face."""
    triangles: float
    covered: float
    """Pixels inside triangles, as a share of the detector's box."""
    flipped: float
    survived: dict[str, float]
    updates: float
    evaluations: float
    anchors: float
    psnr: float
    psnr_worst: float
    ssim: float
    seconds: float
    """CPU seconds an image, mean."""
    failures: int
    each: dict[str, dict[str, float]]
    """PSNR and updates of every changed image, by its id."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--method", default="algorithm1")
    parser.add_argument("--guide", default="dlib-gender")
    parser.add_argument("--draw", type=Path)
    options = parser.parse_args(arguments)
    if (options.folder is None) == (not options.demo):
        parser.error("give a folder, or --demo")
    cv2.setNumThreads(1)
    faces = _faces(options.folder, options.images)
    found, notes = {}, []
    for name in landmarkers.names():
        one = landmarkers.create(name)
        try:
            one.ready()
        except ModelUnavailableError as error:
            notes.append(str(error))
            continue
        found[name] = _located(one, faces)
    everywhere = [all(mesh is not None for mesh in each) for each in zip(*(m for m, _ in found.values()), strict=True)]
    guide = classifiers.create(options.guide)
    method = perturbers.create(options.method)
    rows = []
    for name, (meshes, seconds) in found.items():
        chosen = [
            replace(face, mesh=mesh) for face, mesh, taken in zip(faces, meshes, everywhere, strict=True) if taken
        ]
        missed = sum(mesh is None for mesh in meshes)
        rows.append(_measured(name, chosen, method, guide, missed, seconds / max(len(faces), 1)))
        if options.draw is not None:
            _draw(options.draw, name, chosen[:DRAWN])
    _print(rows, f"{method.title}, guide {guide.name}, {sum(everywhere)} of {len(faces)} faces")
    for note in notes:
        print(note)
    return 0


def _faces(folder: Path | None, most: int) -> list[Face]:
    items = (read_demo(images_per_subject=1) if folder is None else read_folder(folder)).images
    # Evenly from all over, so that both labels are among them.
    step = max(1, len(items) // max(most, 1))
    faces = []
    for number, item in enumerate(items[::step][:most]):
        pixels = decode(item.path, name=item.name, max_pixels=MAX_PIXELS).pixels
        try:
            faces.append(acquire(pixels, image_id=str(number), subject=item.subject, label=item.label))
        except FailureToAcquireError as error:
            print(f"Left out, {error.code}: one image.")
    return faces


def _located(one: Landmarker, faces: Sequence[Face]) -> tuple[list[NDArray[np.float32] | None], float]:
    """Give the points of every face, None where there are none, and the CPU seconds that took."""
    one.locate(faces[0].pixels, faces[0].box, faces[0].landmarks)  # models are loaded at first use
    start = time.process_time()
    meshes: list[NDArray[np.float32] | None] = []
    for face in faces:
        try:
            meshes.append(one.locate(face.pixels, face.box, face.landmarks))
        except FailureToAcquireError:
            meshes.append(None)
    return meshes, time.process_time() - start


def _measured(
    name: str, faces: list[Face], method: Perturber, guide: AttributeClassifier, missed: int, locating: float
) -> Row:
    gallery = Gallery.of(faces)
    score_face(guide, faces[0])  # weights are read at first use
    start = time.process_time()
    results = method(faces, [guide], gallery=gallery, seed=0)
    seconds = (time.process_time() - start) / len(faces)
    done = [(face, one) for face, one in zip(faces, results, strict=True) if isinstance(one, PerturbResult)]
    # Images that were wrong before stay as they are and would have no PSNR.
    moved = [(face, one) for face, one in done if one.updates]
    psnr = [psnr_db(face.pixels, one.pixels, face.box) for face, one in moved]
    triangles, covered = zip(*(_shape(face) for face in faces), strict=True)

    def median(values: Sequence[float]) -> float:
        return float(np.median(values)) if len(values) else float("nan")

    return Row(
        name=name,
        faces=len(faces),
        missed=missed,
        locating=locating,
        triangles=median(triangles),
        covered=median(covered),
        flipped=sum(one.flipped for _, one in done) / len(faces),
        survived={v: sum(one.survived[v] for _, one in done) / len(faces) for v in VERSIONS},
        updates=median([one.updates for _, one in moved]),
        evaluations=median([one.evaluations for _, one in moved]),
        anchors=float(np.mean([len(one.anchors) for _, one in moved])) if moved else float("nan"),
        psnr=median(psnr),
        psnr_worst=float(np.percentile(psnr, 5)) if psnr else float("nan"),
        ssim=median([ssim(face.pixels, one.pixels, face.box) for face, one in moved]),
        seconds=seconds,
        failures=sum(isinstance(one, PerturbFailure) for one in results),
        each={
            "PSNR": {face.image_id: value for (face, _), value in zip(moved, psnr, strict=True)},
            "updates": {face.image_id: float(one.updates) for face, one in moved},
        },
    )


def _shape(face: Face) -> tuple[int, float]:
    """Give the number of a face's triangles, and the share of the box's area that they cover."""
    mesh = triangulate(face.points, *face.pixels.shape[:2])
    left, top, right, bottom = face.box
    return len(mesh.triangles), float((mesh.owner >= 0).sum()) / ((right - left) * (bottom - top))


def _print(rows: Sequence[Row], title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for row in rows:
        table.add_column(row.name, justify="right")
    lines = {
        "faces without points": [f"{row.missed}" for row in rows],
        "CPU s to find the points, mean": [f"{row.locating:.3f}" for row in rows],
        "triangles": [f"{row.triangles:.0f}" for row in rows],
        "area of triangles / of the detector's box": [f"{row.covered:.2f}" for row in rows],
        "flipped": [f"{row.flipped:.0%}" for row in rows],
        **{f"flipped after {t}": [f"{row.survived[v]:.0%}" for row in rows] for v, t in VERSIONS.items()},
        "updates": [f"{row.updates:,.0f}" for row in rows],
        "evaluations": [f"{row.evaluations:,.0f}" for row in rows],
        "re-anchored, mean": [f"{row.anchors:.1f}" for row in rows],
        "PSNR of the box, dB": [f"{row.psnr:.1f}" for row in rows],
        "PSNR, worst twentieth": [f"{row.psnr_worst:.1f}" for row in rows],
        "SSIM of the box": [f"{row.ssim:.3f}" for row in rows],
        "CPU s an image, mean": [f"{row.seconds:.2f}" for row in rows],
        "failures": [f"{row.failures}" for row in rows],
    }
    for name, cells in lines.items():
        table.add_row(name, *cells)
    for what in ("PSNR", "updates"):
        table.add_row(f"more {what} than {rows[0].name}", "", *(_compared(rows[0], row, what) for row in rows[1:]))
    Console().print(table)


def _compared(first: Row, other: Row, what: str) -> str:
    """Say in how many images one value is higher than the other, and how likely that is by chance."""
    pairs = [(value, other.each[what][name]) for name, value in first.each[what].items() if name in other.each[what]]
    differences = np.array([there - here for here, there in pairs])
    p = signed_rank_p(differences)
    return f"{int((differences > 0).sum())} of {len(pairs)}" + ("" if p is None else f" (p = {p:.2g})")


def _draw(folder: Path, name: str, faces: Sequence[Face]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for face in faces:
        picture = np.ascontiguousarray(face.pixels[..., ::-1])
        points = [tuple(map(int, np.rint(point))) for point in face.points]
        for a, b in triangle_edges(face.points).tolist():
            cv2.line(picture, points[a], points[b], (0, 255, 0), 1, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"{name}-{face.image_id}.png"), picture)


if __name__ == "__main__":
    raise SystemExit(main())
