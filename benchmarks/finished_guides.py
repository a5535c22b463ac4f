"""How long guides stay turned after `semantic`, with and without `finish`: front ends, and files passed on.

Usage: python benchmarks/finished_guides.py (FOLDER | demo) [--other FOLDER|demo] [--images N] [--set name=value,...]
           [--out FILE.md]

Images are perturbed with both packaged gender classifiers as guides and both packaged matchers as guards, learned from
other people as ``benchmarks/unseen.py --learn both`` does (--learn folds without --other). Shown is, for each guide,
how often it misjudges the stored file, what each of the eleven front ends of the `restoring` attacker makes of it, and
files compressed, halved, shown on a screen or sent over a social network, none of which a method may look at. The face
is found anew each time; where none is found the guide is not counted as wrong.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import cv2
import numpy as np
from unseen import GENDER, MATCHERS, NOTHING, Outcome, Row, choose, markdown, parts_of, perturb, plan, read

from facepriv.classify.registry import classifiers
from facepriv.imaging.acquire import find_again
from facepriv.imaging.panel import PANEL_TITLES, PANEL_VERSIONS
from facepriv.imaging.quality import psnr_db
from facepriv.imaging.restoring import RESTORERS, restored_faces
from facepriv.match.registry import matchers
from facepriv.perturb.base import file_scores
from facepriv.schemas.requests import read_settings
from facepriv.types import Face

FILE, ANY_FRONT = "the stored file", "at least one front end undoes it"
VERSIONS = ("jpeg75", "resize50", "screenshot", "social")
"""Of the panel."""
SETTINGS = ("finish=false", "finish=true")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder, or demo")
    parser.add_argument("--other", help="a folder of other people, or demo")
    parser.add_argument("--images", type=int, default=20, help="perturb so many images only; 0 = all")
    parser.add_argument("--set", default="", help="further parameters of semantic, name=value,name=value")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    data, other = read(options.data), read(options.other) if options.other else None
    groups, chosen = plan(data, other, "both" if other else "folds", 2), choose(data, options.images)
    shares: dict[str, dict[str, float]] = {}
    quality: list[str] = []
    for setting in SETTINGS:
        parameters = read_settings([setting, *parts_of(options.set)])
        outcome = perturb(groups, chosen, NOTHING, "semantic", parameters)
        quality.append(described(setting, outcome))
        for guide in GENDER:
            shares[f"{guide}, {setting}"] = turned(guide, outcome)
    rows: list[Row] = [
        {"after": what, **{column: f"{share[what]:.0%}" for column, share in shares.items()}}
        for what in next(iter(shares.values()))
    ]
    text = "\n".join([f"{len(chosen)} images; misjudged by the guide:", "", *markdown(rows), "", *quality])
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def turned(name: str, outcome: Outcome) -> dict[str, float]:
    """Return how often a guide misjudges the file and what was made of it, by what was done."""
    guide = classifiers.create(name)
    wrong: dict[str, list[bool]] = {}
    for face, again in zip(outcome.faces, outcome.again, strict=True):
        versions: dict[str, Face | None] = {FILE: again}
        fronts = restored_faces(again) if again is not None else [None] * len(RESTORERS)
        versions |= {f"front end {front}": version for front, version in zip(RESTORERS, fronts, strict=True)}
        for version in VERSIONS:
            made = None if again is None else PANEL_VERSIONS[version](again.pixels)
            versions[PANEL_TITLES[version]] = None if again is None or made is None else find_again(again, made)
        sides = {what: wrong_side(file_scores([guide], version)[0], face) for what, version in versions.items()}
        sides[ANY_FRONT] = sides[FILE] and not all(sides[f"front end {front}"] for front in RESTORERS)
        for what, is_wrong in sides.items():
            wrong.setdefault(what, []).append(is_wrong)
    return {what: float(np.mean(values)) for what, values in wrong.items()}


def wrong_side(score: float, face: Face) -> bool:
    """Return whether a score is on the other side than the label."""
    return bool(np.isfinite(score) and score * (face.label or 0) < 0)


def described(setting: str, outcome: Outcome) -> str:
    """Return what the change costs."""
    psnr = np.median([psnr_db(f.pixels, image, f.box) for f, image in zip(outcome.faces, outcome.images, strict=True)])
    found = [(face, again) for face, again in zip(outcome.faces, outcome.again, strict=True) if again is not None]
    similar = []
    for name in MATCHERS:
        matcher = matchers.create(name)
        rows = matcher.compare(matcher.embed([face for face, _ in found]), matcher.embed([again for _, again in found]))
        similar.append(f"{name} {np.nanmedian(np.diag(rows)):.3f}")
    return (
        f"{setting}: {psnr:.1f} dB, similarity to the original {', '.join(similar)} (medians), "
        f"{outcome.seconds:.1f} CPU s an image."
    )


if __name__ == "__main__":
    main()
