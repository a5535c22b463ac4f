"""Comparing all pairs of a database as large as LFW, and pairs drawn at random from a million templates.

Usage: python benchmarks/all_pairs.py [--images N] [--subjects S] [--million N] [--pairs P] [--repeats R] [--seed SEED]

Templates are made up: unit rows of 128 numbers around one centre for each subject, with some subjects alike and some
images far from their centre, so that scores overlap as a good matcher's do. Most subjects have one image and a few have
hundreds, as in LFW. Two databases, each in a fresh process of its own:

- as large as LFW: time of the bare matrix products of the tiles, of the one product of all with all, and of the
  comparison (pilot, pairs, bins, error rates), each the median of the repeats, and their ratios within each repeat. The
  bare products run with as many threads as OMP_NUM_THREADS says, by default one; the comparison uses all cores;
- a million templates: all mated pairs, and non-mated ones drawn at random, with the standard error of FMR.

Memory is the peak of the process (VmHWM), interpreter and libraries included.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.matching_phases import SAMPLE
from facepriv.audit.matching.pairs import SAMPLE_TILE, Pairs
from facepriv.audit.matching.score_bins import ScoreBins
from facepriv.audit.matching.streamed_scores import fmr_standard_errors, pilot, stream_all, stream_sample
from facepriv.match.templates import cosine_similarity
from facepriv.metrics.binned_matching import binned_matching
from facepriv.schemas.figures import Matching

WIDTH = 128
LFW_IMAGES, LFW_SUBJECTS = 13_233, 5_749
_BLOCK = 8192


def database(images: int, subjects: int, seed: int) -> tuple[NDArray[np.float32], list[str]]:
    """Templates and subjects, in no order; every subject has an image, and the rest falls to them by a power law."""
    random = np.random.default_rng(seed)
    popular = 1 / np.arange(2, LFW_SUBJECTS + 2)
    more = random.choice(LFW_SUBJECTS, size=images - subjects, p=popular / popular.sum())
    # As many lists of popular people as LFW fits in, so that nobody has more images than in LFW.
    more = (more + LFW_SUBJECTS * random.integers(-(-subjects // LFW_SUBJECTS), size=more.size)) % subjects
    subject = random.permutation(np.concatenate([np.arange(subjects), more]))
    centres = random.standard_normal((subjects, WIDTH), dtype=np.float32)
    alike = random.standard_normal((subjects // 20 + 1, WIDTH), dtype=np.float32)
    templates = np.empty((images, WIDTH), dtype=np.float32)
    for start in range(0, images, _BLOCK):
        of = subject[start : start + _BLOCK]
        spread = random.gamma(4, 0.25, size=(len(of), 1))
        rows = 0.9 * centres[of] + 0.4 * alike[of % len(alike)] + spread * random.normal(size=(len(of), WIDTH))
        templates[start : start + _BLOCK] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return templates, [f"subject {number}" for number in subject]


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_mb() -> float:
    """Peak memory of this process alone; what `getrusage` says may be its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("Expected a line VmHWM in /proc/self/status; this benchmark runs on Linux.")


def described(found: Matching) -> str:
    points = "; ".join(
        f"FMR {point.fmr:.6%}"
        + ("" if point.fmr_standard_error is None else f" +- {point.fmr_standard_error:.6%}")
        + f" FNMR {point.fnmr:.4%} at {point.threshold:.6f}"
        for point in found.operating_points
        if point.fmr is not None
    )
    return (
        f"  {found.mated:,} mated, {found.non_mated:,} non-mated comparisons\n"
        f"  AUC {found.auc:.6f} (within {found.auc_error:.1e}), EER {found.eer:.4%} (within {found.eer_error:.1e})\n"
        f"  {points}"
    )


def compare_all_pairs(options: argparse.Namespace) -> None:
    templates, subjects = database(options.images, options.subjects, options.seed)
    in_order = Pairs(templates, None, subjects, cosine_similarity)

    def bare() -> None:
        for tile in in_order.tiles():
            cosine_similarity(in_order.gallery.templates(tile.rows), in_order.probes.templates(tile.columns))

    def streamed() -> Matching:
        pairs = Pairs(templates, None, subjects, cosine_similarity)
        found = pilot(pairs)
        return binned_matching(stream_all(pairs, ScoreBins.around([found.scores], [found.cut]), found.cut), 0)

    result = streamed()
    after_streaming = peak_mb()
    taken: dict[str, list[float]] = {"tiles": [], "whole": [], "streamed": []}
    for _ in range(options.repeats):
        taken["tiles"].append(seconds(bare))
        taken["streamed"].append(seconds(streamed))
        taken["whole"].append(seconds(lambda: templates @ templates.T))
    tiles, whole, ours = (median(taken[name]) for name in ("tiles", "whole", "streamed"))
    print(f"{options.images:,} templates of {options.subjects:,} subjects, seconds")
    print(f"  bare product of the same tiles   {tiles:8.3f}")
    print(f"  bare product of all with all     {whole:8.3f}")
    print(f"  comparison                       {ours:8.3f}")
    for name, what in (("tiles", "same tiles"), ("whole", "all with all")):
        ratios = sorted(one / other for one, other in zip(taken["streamed"], taken[name], strict=True))
        print(f"  comparison / {what}: median {median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}")
    print(f"  peak memory {after_streaming:.0f} MB, before any product of all with all")
    print(described(result))


def sample_pairs(options: argparse.Namespace) -> None:
    templates, subjects = database(options.million, int(options.million * LFW_SUBJECTS / LFW_IMAGES), options.seed)
    start = time.perf_counter()
    pairs = Pairs(templates, None, subjects, cosine_similarity)
    found = pilot(pairs)
    bins = ScoreBins.around([found.scores], [found.cut])
    tiles = -(-options.pairs // SAMPLE_TILE**2)
    sampled = stream_sample(pairs, bins, found.cut, tiles=tiles, seed=options.seed)
    result = binned_matching(sampled, 0)
    thresholds = [point.threshold for point in result.operating_points]
    errors = fmr_standard_errors(pairs, thresholds, tiles=tiles, seed=options.seed)
    points = [
        point.model_copy(update={"fmr_standard_error": error})
        for point, error in zip(result.operating_points, errors, strict=True)
    ]
    taken = time.perf_counter() - start
    print(f"{options.million:,} templates ({templates.nbytes / 2**20:.0f} MB)")
    print(f"  {taken:.1f} s, peak memory {peak_mb():.0f} MB, {pairs.non_mated:,} non-mated pairs exist")
    print(described(result.model_copy(update={"operating_points": points})))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=LFW_IMAGES)
    parser.add_argument("--subjects", type=int, default=LFW_SUBJECTS)
    parser.add_argument("--million", type=int, default=1_000_000, help="templates to draw pairs from")
    parser.add_argument("--pairs", type=int, default=SAMPLE, help="pairs drawn, about")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["all", "sample"], help="do one of the two, in this process")
    options = parser.parse_args(arguments)
    if options.only == "all":
        compare_all_pairs(options)
    elif options.only == "sample":
        sample_pairs(options)
    else:
        given = sys.argv[1:] if arguments is None else arguments
        for part in ("all", "sample"):
            subprocess.run([sys.executable, __file__, *given, "--only", part], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
