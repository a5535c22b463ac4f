"""How much the packaged matchers notice each pattern of the colour field.

Usage: python benchmarks/matcher_sensitivity.py [--faces N] [--write]

Every pattern is added to demo faces, one at a time, and the change of the templates taken. Printed are the mean square
changes by colour direction and fineness, and how alike the faces are in it. With --write the matrix that the method
uses is written again. Takes some minutes.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.match.registry import matchers
from facepriv.perturb.colour_field.cosine_field import AXES, CosineField, Pattern
from facepriv.perturb.colour_field.matcher_sensitivity import FILE
from facepriv.perturb.colour_field.method import CORE, MORE
from facepriv.perturb.common.face_frame import face_frame

MATCHERS = ("dlib-resnet", "sface")
SUBJECTS = (0, 7, 13, 17, 26, 33, 46, 54)
"""Places of the faces in the demo set."""
MAX_PIXELS = 50_000_000
STEP = 8.0
BANDS = ((5, 7), (7, 9), (9, 11), (11, 14.1))


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=len(SUBJECTS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    images = read_demo(images_per_subject=1).images
    chosen = [images[i] for i in SUBJECTS[: options.faces]]
    faces = [acquire(decode(i.path, name=i.name, max_pixels=MAX_PIXELS).pixels, several="largest") for i in chosen]
    patterns = [*CORE["colour"], *MORE["colour"]]
    total = np.zeros((len(patterns), len(patterns)))
    for name in MATCHERS:
        matcher = matchers.create(name)
        each = []
        for face in faces:
            field = CosineField(face_frame(face), patterns)
            moved = [replace(face, pixels=field.apply(face.pixels, STEP * unit)) for unit in np.eye(len(patterns))]
            jacobian = (matcher.embed(moved) - matcher.embed([face])).astype(np.float64).T / STEP
            each.append(jacobian.T @ jacobian)
        mean = np.mean(each, axis=0)
        total += mean / np.trace(mean)
        print(f"{name}: mean square change of the template by one grey level, in millionths")
        diagonal = np.diag(mean)
        for axis in AXES:
            shares = []
            for low, high in BANDS:
                rows = [r for r, p in enumerate(patterns) if p.axis == axis and low <= np.hypot(p.i, p.j) < high]
                shares.append(f"{low:g} to {high:g} half waves {1e6 * diagonal[rows].mean():6.1f}")
            print(f"  {axis:14} " + "   ".join(shares))
        unit = [one / np.linalg.norm(one) for one in each]
        alike = [float((a * b).sum()) for n, a in enumerate(unit) for b in unit[:n]]
        print(f"  cosine between the matrices of two faces: {np.mean(alike):.2f} in the mean" if alike else "")
    if options.write:
        print(f"written with {write(FILE, patterns, total)} directions")


def write(path: Path, patterns: Sequence[Pattern], sensitivity: NDArray[np.float64], *, share: float = 0.995) -> int:
    """Store a measured matrix by the principal directions that make up a share of its trace; return their number."""
    values, vectors = np.linalg.eigh(sensitivity / np.trace(sensitivity))
    order = np.argsort(-values)
    kept = int(np.searchsorted(np.cumsum(values[order]), share)) + 1
    factor = vectors[:, order[:kept]] * np.sqrt(np.maximum(values[order[:kept]], 0))
    names = list(AXES)
    table = np.array([(names.index(p.axis), p.i, p.j) for p in patterns], dtype=np.int8)
    np.savez_compressed(path, patterns=table, factor=factor.astype(np.float32))
    return kept


if __name__ == "__main__":
    main()
