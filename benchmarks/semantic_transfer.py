"""Whether the method `semantic` turns classifiers that had no part in it, and what matchers make of that.

Usage: python benchmarks/semantic_transfer.py (FOLDER | --demo) [--other FOLDER|demo] [--learn folds|other] [--images N]

Every classifier in turn is left out of the guiding and judges: the packaged gender networks, and a linear probe on each
matcher's templates. With a probe its matcher is left out of the guards too. All is judged on the stored PNG with
the face found anew in it.

Three groups of people never mix: those who are perturbed, those learnt from, and those on whose templates the judging
probes are trained.

--learn folds   the data set is cut into folds by subject; each is perturbed with what was learnt from the others, and
                the judging probes are trained on --other; without --other on a third fold
--learn other   one half of --other, by subject, is learnt from, and the judging probes are trained on the other half

Printed for each: gender error of every classifier (a star marks one left out), women / men / all; for every matcher the
share accepted, original against perturbed, at the threshold of FMR 0.1 % of the untouched set, the least and the median
similarity, and FNMR at FMR 0.1 % of untouched against other untouched images, then against other perturbed ones.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.quality import psnr_db
from facepriv.match.registry import matchers
from facepriv.metrics.matching import operating_point
from facepriv.perturb.base import score_face
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import perturbers
from facepriv.perturb.semantic.probes import Probe, train_probe
from facepriv.types import Face, Image, PerturbResult

MAX_PIXELS = 50_000_000
FMR = 0.001
GENDER = ("dlib-gender", "levi-hassner")
MATCHERS = ("sface", "dlib-resnet")
JUDGES = (*GENDER, *MATCHERS)


@dataclass(frozen=True, eq=False)
class Group:
    """Who is perturbed, who is learnt from, and on whom judging probes are trained."""

    perturbed: list[Face]
    learnt: list[Face]
    judging: list[Face]


def main() -> None:
    """Print the table."""
    options = parse()
    cv2.setNumThreads(1)
    data = read("demo" if options.demo else options.folder)
    other = read(options.other) if options.other else None
    groups = plan(data, other, options.learn, options.folds)
    wanted = set(choose(data, options.images))
    embedded = {name: matchers.create(name).embed(data) for name in MATCHERS}
    probes = {name: [probe_of(name, group.judging) for group in groups] for name in MATCHERS}
    row = {face.image_id: number for number, face in enumerate(data)}
    owner = {face.image_id: number for number, group in enumerate(groups) for face in group.perturbed}
    chosen = [face for face in data if face.image_id in wanted]
    rows = [row[face.image_id] for face in chosen]
    print(f"{len(chosen)} of {len(data)} images; learnt from {[len(group.learnt) for group in groups]} images, judging")
    print(
        f"probes trained on {[len(group.judging) for group in groups]}; parameters {settings(options.set) or 'default'}"
    )
    columns = "".join(f"{name + ('' if name in GENDER else ' probe'):>24}" for name in JUDGES)
    print(f"{'left out':14}{columns}   sface, dlib-resnet: accepted %, least/median similarity, FNMR before > after %")
    sheet = [np.concatenate([tile(face.pixels, face) for face in chosen[: options.tiles]], axis=1)]
    errors_before = {
        name: judge(name, chosen, {k: v[rows] for k, v in embedded.items()}, owner, probes) for name in JUDGES
    }
    print(f"{'(untouched)':14}" + "".join(f"{rates(errors_before[name], chosen):>24}" for name in JUDGES))
    left_out = []
    for out in options.leave.split(","):
        start = time.process_time()
        results = perturb(groups, wanted, out, settings(options.set))
        seconds = time.process_time() - start
        done = [face for face in chosen if isinstance(results.get(face.image_id), PerturbResult)]
        failed = len(chosen) - len(done)
        outcome = {face.image_id: results[face.image_id] for face in done}
        found = [outcome[face.image_id].file_face for face in done]
        lost = sum(face is None for face in found)
        kept = [(face, again) for face, again in zip(done, found, strict=True) if again is not None]
        faces, again = [k[0] for k in kept], [k[1] for k in kept]
        after = {name: matchers.create(name).embed(again) for name in MATCHERS}
        wrong = {name: judge(name, again, after, owner, probes) for name in JUDGES}
        cells = "".join(f"{rates(wrong[name], faces) + ('*' if name == out else ' '):>24}" for name in JUDGES)
        line = "  ".join(match_cell(name, data, embedded[name], faces, row, after[name]) for name in MATCHERS)
        psnr = np.median([psnr_db(f.pixels, outcome[f.image_id].pixels, f.box) for f in faces])
        cost = np.median([outcome[f.image_id].evaluations for f in faces]) / max(1, len(GENDER) - (out in GENDER))
        stops = {
            s: sum(outcome[f.image_id].stop == s for f in faces) for s in {outcome[f.image_id].stop for f in faces}
        }
        print(f"{out:14}{cells}   {line}")
        print(
            f"{'':14}PSNR {psnr:.1f} dB, {cost:.0f} looks an image, {seconds / len(chosen):.1f} s CPU an image with "
            f"learning and judging, {failed} failed, {lost} faces lost, {stops}",
            flush=True,
        )
        if out in JUDGES:
            left_out.append(np.mean(wrong[out]))
        pictures = [outcome[f.image_id].pixels if f.image_id in outcome else f.pixels for f in chosen[: options.tiles]]
        sheet.append(np.concatenate([tile(p, f) for p, f in zip(pictures, chosen, strict=False)], axis=1))
    if left_out:
        print(f"error of a classifier left out, mean of {len(left_out)}: {np.mean(left_out):.1%}")
    if options.sheet:
        cv2.imwrite(str(options.sheet), np.concatenate(sheet)[..., ::-1])


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=str)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--other", help="a folder, or demo")
    parser.add_argument("--learn", choices=("folds", "other"), default="folds")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--images", type=int, default=0, help="perturb so many images only; 0 = all")
    parser.add_argument("--leave", default=",".join(("nothing", *JUDGES)), help="what to leave out, in turn")
    parser.add_argument("--set", default="", help="parameters of the method: name=value,name=value")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")
    parser.add_argument("--tiles", type=int, default=16, help="images on the contact sheet")
    options = parser.parse_args()
    if bool(options.folder) == options.demo:
        parser.error("name a folder, or --demo")
    if options.learn == "other" and not options.other:
        parser.error("--learn other needs --other")
    return options


def settings(text: str) -> dict[str, float]:
    """Read ``name=value,name=value``."""
    return {k: float(v) for k, v in (part.split("=") for part in text.split(",") if part)}


def read(source: str) -> list[Face]:
    """Find the faces of a folder or of the demo set."""
    images = read_demo(images_per_subject=2).images if source == "demo" else read_folder(Path(source)).images
    return [
        acquire(
            decode(i.path, name=i.name, max_pixels=MAX_PIXELS).pixels,
            image_id=i.name,
            subject=i.subject,
            label=i.label,
            several="largest",
        )
        for i in images
        if i.label is not None
    ]


def parts(faces: list[Face], count: int) -> list[list[Face]]:
    """Cut a data set by subject into so many parts with the genders evenly spread."""
    rng = np.random.default_rng(2017)
    number: dict[str, int] = {}
    for label in (-1, 1):
        subjects = rng.permutation(sorted({face.subject for face in faces if face.label == label}))
        number |= {subject: i % count for i, subject in enumerate(subjects)}
    return [[face for face in faces if number[face.subject] == i] for i in range(count)]


def plan(data: list[Face], other: list[Face] | None, learn: str, folds: int) -> list[Group]:
    """Say who is perturbed with what is learnt from whom, and judged by probes trained on whom."""
    if learn == "other":
        assert other is not None
        half, rest = parts(other, 2)
        return [Group(data, half, rest)]
    if other is not None:
        cut = parts(data, folds)
        return [Group(fold, [f for p in cut if p is not fold for f in p], other) for fold in cut]
    cut = parts(data, 3)
    return [Group(cut[i], cut[(i + 1) % 3], cut[(i + 2) % 3]) for i in range(3)]


def choose(faces: list[Face], most: int) -> list[str]:
    """Choose images of whole subjects, women and men in turn."""
    if not most:
        return [face.image_id for face in faces]
    women, men = (sorted({f.subject for f in faces if f.label == label}) for label in (-1, 1))
    turn = [subject for pair in zip(women, men, strict=False) for subject in pair]
    return [face.image_id for subject in turn for face in faces if face.subject == subject][:most]


def perturb(groups: list[Group], wanted: set[str], out: str, parameters: dict[str, float]) -> dict[str, object]:
    """Perturb every group with everything but what is left out."""
    guides = [classifiers.create(name) for name in GENDER if name != out]
    guards = [matchers.create(name) for name in MATCHERS if name != out]
    results: dict[str, object] = {}
    for group in groups:
        faces = [face for face in group.perturbed if face.image_id in wanted]
        if not faces:
            continue
        method = perturbers.create("semantic", **parameters)
        learned = method.learn(Gallery.of(group.learnt), guides, guards=guards, rng=np.random.default_rng(0))
        came = method(faces, guides, gallery=Gallery.of(faces), seed=0, guards=guards, learned=learned)
        results |= {result.image_id: result for result in came}
    return results


def probe_of(name: str, faces: list[Face]) -> Probe:
    """Train a judging probe."""
    templates = matchers.create(name).embed(faces)
    return train_probe(templates, [int(f.label or 0) for f in faces], [f.subject for f in faces])


def judge(
    name: str,
    faces: list[Face],
    templates: dict[str, NDArray[np.float32]],
    owner: dict[str, int],
    probes: dict[str, list[Probe]],
) -> NDArray[np.bool_]:
    """Say of each face whether a classifier takes it for the other gender."""
    if name in GENDER:
        classifier = classifiers.create(name)
        scores = np.array([score_face(classifier, face) for face in faces])
    else:
        rows = zip(faces, templates[name], strict=True)
        scores = np.array([probes[name][owner[face.image_id]].score(row[None])[0] for face, row in rows])
    return np.where(scores >= 0, 1, -1) != np.array([face.label for face in faces])


def rates(wrong: NDArray[np.bool_], faces: list[Face]) -> str:
    """Write error rates of women, men and all, percent."""
    labels = np.array([face.label for face in faces])
    return f"{wrong[labels < 0].mean():.0%} / {wrong[labels > 0].mean():.0%} / {wrong.mean():.1%}"


def match_cell(
    name: str,
    data: list[Face],
    untouched: NDArray[np.float32],
    faces: list[Face],
    row: dict[str, int],
    after: NDArray[np.float32],
) -> str:
    """Write what a matcher makes of perturbed faces: accepted, similarity, FNMR before and after."""
    matcher = matchers.create(name)
    rows = np.array([row[face.image_id] for face in faces])
    subjects = np.array([face.subject for face in data], dtype=object)
    same = subjects[:, None] == subjects[rows][None]
    others = np.arange(len(data))[:, None] != rows[None]

    def point(probes: NDArray[np.float32]) -> tuple[float, float]:
        scores = matcher.compare(untouched, probes)
        at = operating_point(scores[same & others], scores[~same], FMR)
        return float(at.threshold or 0), float(at.fnmr if at.fnmr is not None else np.nan)

    threshold, _ = point(untouched[rows])
    everyone = matcher.compare(untouched, untouched)
    alike = subjects[:, None] == subjects[None]
    whole = operating_point(everyone[alike & ~np.eye(len(data), dtype=bool)], everyone[~alike], FMR)
    threshold = float(whole.threshold or threshold)
    itself = np.array([matcher.compare(untouched[r][None], after[i][None])[0, 0] for i, r in enumerate(rows)])
    accepted = (itself >= threshold).mean()
    before, then = point(untouched[rows])[1], point(after)[1]
    return f"{accepted:.1%}, {itself.min():.3f}/{np.median(itself):.3f}, {before:.1%} > {then:.1%}"


def tile(pixels: Image, face: Face, side: int = 220) -> Image:
    """Cut out a face with some surroundings for the contact sheet."""
    left, top, right, bottom = face.box
    margin = round(0.35 * (right - left))
    height, width = pixels.shape[:2]
    rows = slice(max(0, top - margin), min(height, bottom + margin))
    cut = pixels[rows, max(0, left - margin) : min(width, right + margin)]
    return cv2.resize(np.ascontiguousarray(cut), (side, side), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
