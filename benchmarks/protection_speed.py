"""Time protections of templates: a million templates of 512 numbers, streamed in parts, on one thread.

Usage: python benchmarks/protection_speed.py [--templates N] [--width D] [PROTECTION ...]

Prints seconds for all, microseconds a template, and what an exported ONNX map takes for its part. Templates are random
unit rows, four a person.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from threadpoolctl import threadpool_limits

from facepriv.protect.base import FittedProtection
from facepriv.protect.onnx_export import export_onnx
from facepriv.protect.registry import make_protection, protections
from facepriv.types import Templates

KEY = bytes(range(32))
PART = 20_000
FITTED_PEOPLE = 400
IMAGES = 4


def make_templates(count: int, width: int, seed: int) -> Templates:
    """Make random unit rows, four a person, half of the people men."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, width)) + 0.3
    person = np.arange(count) // IMAGES
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    names = person.astype(str)
    return Templates(rows, names, names, np.where(person % 2, 1, -1).astype(np.int8), "cosine", "random", "0")


def time_protection(fitted: FittedProtection, part: Templates, count: int) -> float:
    """Return seconds that so many templates take, every part with people of its own."""
    start = time.perf_counter()
    for first in range(0, count, len(part.rows)):
        size = min(len(part.rows), count - first)
        names = (np.arange(first, first + size) // IMAGES).astype(str)
        fitted.protect(part.rows[:size], names, key=KEY if fitted.card.keyed else None, labels=part.labels[:size])
    return time.perf_counter() - start


def time_onnx(fitted: FittedProtection, part: Templates) -> float:
    """Return seconds an exported map takes for one part, draws not counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.onnx"
        export_onnx(fitted, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {"rows": part.rows}
    if fitted.card.keyed:
        given["drawn"] = fitted.draw(part.subjects, key=KEY)
    if fitted.card.label_at_enrolment == "label":
        given["men"] = (part.labels == 1).astype(np.float64)[:, None]
    start = time.perf_counter()
    session.run(None, given)
    return time.perf_counter() - start


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protections", nargs="*", default=protections.names())
    parser.add_argument("--templates", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=512)
    given = parser.parse_args()
    learnt = make_templates(FITTED_PEOPLE * IMAGES, given.width, 0)
    part = make_templates(min(PART, given.templates), given.width, 1)
    with threadpool_limits(1):
        for name in given.protections:
            fitted = make_protection(name).fit(learnt, seed=0)
            seconds = time_protection(fitted, part, given.templates)
            onnx = time_onnx(fitted, part) / len(part.rows)
            print(
                f"{fitted.card.name:18} {seconds:7.1f} s for {given.templates:,} templates of {given.width}, "
                f"{1e6 * seconds / given.templates:6.2f} us each; ONNX {1e6 * onnx:6.2f} us each",
                flush=True,
            )


if __name__ == "__main__":
    main()
