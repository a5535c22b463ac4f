"""Every perturbation method on the same faces with the same guide, judged alike: a table and a picture.

Usage: python benchmarks/perturbation_methods.py [FOLDER | --demo] [--images N] [--guide NAME] [--methods NAME ...]
                                                 [--out DIR] [--list]

Measured on one thread. Success is judged on the stored file with the face found anew in it, and in versions of the file
(JPEG 90, 75 % of the size, greyscale). CPU seconds are those of the method alone, without the judge. The variants of
the methods stand in `VARIANTS`; every registered method that is not named there is run with its defaults. A method that
learns does so on the other half of the subjects. ``--out docs`` writes docs/methods.md and its picture anew. General
attacks need requirements-bench.txt, and how they are applied is written in outside_methods.py.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from outside_methods import OUTSIDE, toolbox
from rich.console import Console
from rich.table import Table

import facepriv.imaging.acquire as finder
from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.errors import FaceprivError, FailureToAcquireError, ModelUnavailableError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.quality import psnr_db, ssim
from facepriv.imaging.versions import VERSIONS
from facepriv.match.registry import matchers
from facepriv.perturb.base import Learned, Perturbation, Perturber, file_scores, score_face
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import perturbers
from facepriv.types import AttributeClassifier, Face, FaceMatcher, PerturbResult, PublishedClassifier

MAX_PIXELS = 50_000_000
MATCHERS = ("sface", "dlib-resnet")
OTHERS = ("dlib-gender", "levi-hassner")
"""Classifiers whose errors are shown where they were no guides."""


@dataclass(frozen=True)
class Variant:
    """A row of the table."""

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    guides: tuple[str, ...] = ()
    """Further guides beside the one asked for."""
    guards: tuple[str, ...] = ()
    most: int | None = None
    """Most images, for what takes minutes an image."""


VARIANTS: dict[str, Variant] = {
    "Algorithm 1, transcription": Variant("transcription", most=16),
    "Algorithm 1": Variant("algorithm1"),
    "Algorithm 1, survives JPEG and resize": Variant("algorithm1", {"survive_jpeg90": True, "survive_resize75": True}),
    "descent": Variant("descent"),
    "descent, one gradient": Variant("descent", {"stages": 1, "survive_jpeg90": False, "survive_resize75": False}),
    "descent, sharp seams": Variant("descent", {"seams": "sharp"}),
    "descent, fine": Variant("descent", {"seams": "fine"}),
    "descent, survives greyscale": Variant("descent", {"survive_grey": True}),
    "descent, at least 36 dB": Variant("descent", {"psnr": 36.0}),
    "descent, SFace at least .95": Variant("descent", {"similarity": 0.95}, guards=("sface",), most=16),
    "descent, two guides": Variant("descent", guides=("levi-hassner",), most=16),
    "colour-field": Variant("colour-field"),
    "colour-field, survives greyscale": Variant("colour-field", {"survive_grey": True}),
    "colour-field, learnt direction": Variant("colour-field", {"learned": True}),
    "colour-field, two guides": Variant("colour-field", guides=("levi-hassner",), most=16),
    "semantic": Variant("semantic", guards=("sface", "dlib-resnet"), most=16),
    "semantic, two guides": Variant("semantic", guides=("levi-hassner",), guards=("sface", "dlib-resnet"), most=16),
    "SimBA-DCT": Variant("simba"),
    "SimBA-DCT, 5 looks, margin 1": Variant("simba", {"looks": 5, "margin": 1.0}),
    "Square Attack 8/255": Variant("square", {"most": 1000}),
}


@dataclass
class Row:
    """What was measured of one variant; arrays have one value an image."""

    name: str
    images: int
    failures: int
    flips: dict[str, float]
    """Shares by version of the file, ``file`` itself first; an image that a method refused has not flipped."""
    evaluations: float
    seconds: float
    forward: float
    finding: float
    psnr: float
    psnr_worst: float
    ssim: float
    similarity: dict[str, float]
    errors: dict[str, float]
    learning: int = 0


class Timed:
    """A classifier that adds up the CPU time of its forward passes."""

    def __init__(self, classifier: AttributeClassifier) -> None:
        self.card, self.attribute = classifier.card, classifier.attribute
        self.name, self.version = classifier.name, classifier.version
        self.crop = classifier.crop
        self.score = self._timed(classifier.score)
        if isinstance(classifier, PublishedClassifier):
            self.score_published = self._timed(classifier.score_published)
        self.seconds = 0.0

    def _timed(self, score: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(given: Any) -> Any:
            start = time.process_time()
            scores = score(given)
            self.seconds += time.process_time() - start
            return scores

        return run


class Clock:
    """CPU time of a method's own work: in all, in its guides' forward passes, and in finding faces."""

    def __init__(self, method: Perturber, guides: Sequence[Timed]) -> None:
        self.all = self.forward = self.finding = 0.0
        self._guides = guides
        self._run = method.run
        method.run = self.run  # type: ignore[method-assign]

    def run(self, *args: Any, **kwargs: Any) -> Perturbation:
        """Run the method and add up."""
        before = sum(guide.seconds for guide in self._guides)
        searches = {name: getattr(finder, name) for name in ("find_faces", "_find_from")}
        for name, search in searches.items():
            setattr(finder, name, self._timed(search))
        start = time.process_time()
        try:
            return self._run(*args, **kwargs)
        finally:
            self.all += time.process_time() - start
            for name, search in searches.items():
                setattr(finder, name, search)
            self.forward += sum(guide.seconds for guide in self._guides) - before

    def _timed(self, find: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return find(*args, **kwargs)
            finally:
                self.finding += time.process_time() - start

        return timed


class Bench:
    """The faces, and what is measured of them once."""

    def __init__(self, faces: list[Face], images: int, guide: str) -> None:
        self.all = faces
        self.gallery = Gallery.of(faces)
        self.faces = spread(faces, images)
        self.guide = guide
        self.matchers: dict[str, FaceMatcher] = {name: matchers.create(name) for name in MATCHERS}
        self.judges: dict[str, AttributeClassifier] = usable(dict.fromkeys((guide, *OTHERS)))
        self.templates = {name: matcher.embed(self.faces) for name, matcher in self.matchers.items()}
        self.untouched = {
            name: error_rate([score_face(judge, face) for face in self.faces], [face.label for face in self.faces])
            for name, judge in self.judges.items()
        }

    def measure(self, name: str, variant: Variant) -> Row:
        """Run a variant and measure."""
        chosen = spread(self.faces, variant.most or len(self.faces))
        timed = [Timed(classifiers.create(one)) for one in dict.fromkeys((self.guide, *variant.guides))]
        guards = [matchers.create(one) for one in variant.guards]
        method = make(variant)
        learned = self._learn(method, timed, guards)
        # Models are loaded at first use; that is no cost of a method.
        for guide in timed:
            score_face(guide, chosen[0])
        clock = Clock(method, timed)
        results: list[PerturbResult] = []
        of: list[Face] = []
        for face in chosen:
            position = next(i for i, one in enumerate(self.all) if one is face)
            (result,) = method(
                [face],
                timed,
                gallery=self.gallery,
                seed=0,
                positions=[position],
                guards=guards,
                learned=learned[fold(face.subject, self.all)] if learned else None,
            )
            if isinstance(result, PerturbResult):
                results.append(result)
                of.append(face)
        judged = [name for name in self.judges if name not in {guide.name for guide in timed}]
        distances = [psnr_db(face.pixels, result.pixels, face.box) for face, result in zip(of, results, strict=True)]
        return Row(
            name=name,
            images=len(chosen),
            failures=len(chosen) - len(results),
            flips={
                "file": sum(result.success for result in results) / len(chosen),
                **{one: sum(result.survived[one] for result in results) / len(chosen) for one in VERSIONS},
            },
            evaluations=median([result.evaluations for result in results]),
            seconds=clock.all / len(chosen),
            forward=clock.forward / max(clock.all, 1e-9),
            finding=clock.finding / max(clock.all, 1e-9),
            psnr=median(distances),
            psnr_worst=float(np.quantile(distances, 0.05, method="lower")) if distances else float("nan"),
            ssim=median([ssim(face.pixels, result.pixels, face.box) for face, result in zip(of, results, strict=True)]),
            similarity={one: self._similarity(one, of, results) for one in self.matchers},
            errors={
                one: error_rate(
                    [file_scores([self.judges[one]], result.file_face)[0] for result in results],
                    [face.label for face in of],
                )
                for one in judged
            },
            learning=sum(one.evaluations for one in learned.values()) if learned else 0,
        )

    def _learn(
        self, method: Perturber, guides: Sequence[Timed], guards: Sequence[FaceMatcher]
    ) -> dict[int, Learned] | None:
        """Learn on each half of the subjects for the other."""
        if not method.learns:
            return None
        return {
            half: method.learn(
                Gallery.of([face for face in self.all if fold(face.subject, self.all) != half]),
                guides,
                guards=guards,
                rng=np.random.default_rng(half),
            )
            for half in (0, 1)
        }

    def _similarity(self, name: str, faces: Sequence[Face], results: Sequence[PerturbResult]) -> float:
        matcher, rows = self.matchers[name], {face.image_id: i for i, face in enumerate(self.faces)}
        scores = [
            float(matcher.compare(self.templates[name][[rows[face.image_id]]], matcher.embed([result.file_face]))[0, 0])
            for face, result in zip(faces, results, strict=True)
            if result.file_face is not None
        ]
        return median(scores)


def spread(faces: list[Face], images: int) -> list[Face]:
    """Take so many faces, evenly spread over the list."""
    if images >= len(faces):
        return faces
    return [faces[int(i * len(faces) / images)] for i in range(images)]


def median(values: Sequence[float]) -> float:
    """Give the median of numbers, leaving out those that are none; NaN of nothing."""
    kept = [value for value in values if not np.isnan(value)]
    return float(np.median(kept)) if kept else float("nan")


def error_rate(scores: Sequence[float], labels: Sequence[int | None]) -> float:
    """Give the share of labelled faces that scores take for the other gender; a face not found is no score."""
    pairs = [(s, g) for s, g in zip(scores, labels, strict=True) if g is not None and not np.isnan(s)]
    return sum((s >= 0) != (g > 0) for s, g in pairs) / len(pairs) if pairs else float("nan")


def fold(subject: str, faces: Sequence[Face]) -> int:
    """Give a subject's half, 0 or 1: every other subject of either gender, in the order of their names."""
    own = next(face.label for face in faces if face.subject == subject)
    names = sorted({face.subject for face in faces if face.label == own})
    return names.index(subject) % 2


def usable(names: Sequence[str] | dict[str, None]) -> dict[str, AttributeClassifier]:
    """Make the classifiers whose weights are here."""
    made: dict[str, AttributeClassifier] = {}
    for name in names:
        try:
            made[name] = classifiers.create(name)
        except ModelUnavailableError:
            continue
    return made


def make(variant: Variant) -> Perturber:
    """Make a method: one of ours by its registered name, or one of `OUTSIDE`."""
    if variant.method in OUTSIDE:
        return OUTSIDE[variant.method](**variant.parameters)
    return perturbers.create(variant.method, **variant.parameters)


def variants(wanted: Sequence[str] | None) -> dict[str, Variant]:
    """Give the rows to measure: those of the table and every other registered method; or those of wanted methods.

    A name is a row's or a method's.
    """
    known = dict(VARIANTS)
    for name in perturbers.names():
        if name not in {variant.method for variant in known.values()}:
            known[name] = Variant(name)
    if wanted:
        unknown = set(wanted) - set(known) - {variant.method for variant in known.values()}
        if unknown:
            sys.exit(f"There is no method or row called {', '.join(sorted(unknown))}; --list shows all.")
        known = {name: one for name, one in known.items() if name in wanted or one.method in wanted}
    missing = {name for name, one in known.items() if one.method in ("simba", "square") and not toolbox()}
    if missing:
        print(f"Left out, for want of requirements-bench.txt: {', '.join(sorted(missing))}.")
    registered = {*perturbers.names(), *OUTSIDE}
    return {name: one for name, one in known.items() if name not in missing and one.method in registered}


def read_faces(folder: Path | None) -> tuple[str, list[Face]]:
    """Find the faces of the demo set (two images a subject) or of a folder; those without one face are left out."""
    images = read_demo(images_per_subject=2).images if folder is None else read_folder(folder).images
    faces = []
    for image in images:
        try:
            faces.append(
                acquire(
                    decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels,
                    image_id=image.name,
                    subject=image.subject,
                    label=image.label,
                )
            )
        except FailureToAcquireError:
            continue
    return "demo set" if folder is None else "folder", faces


def columns(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Give heads and cells of the table."""
    others = list(dict.fromkeys(name for row in rows for name in row.errors))
    heads = ["method", "images", "flips", "JPEG 90", "75 %", "grey", "evaluations", "CPU s", "forward", "finding"]
    heads += ["PSNR dB", "worst 5 %", "SSIM", *MATCHERS, *(f"{name} error" for name in others)]
    cells = []
    for row in rows:
        cells.append(
            [
                row.name,
                str(row.images) + (f" ({row.failures} refused)" if row.failures else ""),
                *(f"{row.flips[one]:.0%}" for one in ("file", "jpeg90", "resize75", "grey")),
                f"{row.evaluations:.0f}" + (f" + {row.learning} once" if row.learning else ""),
                f"{row.seconds:.2f}",
                f"{row.forward:.0%}",
                f"{row.finding:.0%}",
                f"{row.psnr:.1f}",
                f"{row.psnr_worst:.1f}",
                f"{row.ssim:.3f}",
                *(f"{row.similarity[one]:.3f}" for one in MATCHERS),
                *(f"{row.errors[one]:.0%}" if one in row.errors else "guide" for one in others),
            ]
        )
    return heads, cells


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    heads, cells = columns(rows)
    table = Table()
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right", no_wrap=number == 0)
    for row in cells:
        table.add_row(*row)
    Console(width=190).print(table)


def markdown(rows: Sequence[Row], bench: Bench, source: str, picture: bool) -> str:
    """Write the page."""
    heads, cells = columns(rows)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" + "---:|" * (len(heads) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in cells]
    errors = ", ".join(f"{name} {rate:.0%}" for name, rate in bench.untouched.items())
    people = len({face.subject for face in bench.faces})
    return "\n".join(
        [
            "# Perturbation methods, measured",
            "",
            f"One run on {len(bench.faces)} images of {people} people of the {source}; guide `{bench.guide}`, one "
            f"thread. Candidates come from all {len(bench.all)} images. Errors before: {errors}.",
            "",
            "A flip counts on the stored file, with the face located again in it: as it is, after JPEG of quality "
            "90, at 75 % of the size, and in greyscale. Evaluations are images scored by the guides (median per "
            "image); `once` marks those spent on learning. CPU seconds (mean per image) are the method's own, with "
            "the shares spent in the guides' forward passes and in finding faces. PSNR (median, and the worst "
            "twentieth) and SSIM are measured inside the face box. The matchers' columns give the median cosine "
            "between original and perturbed image. Errors of classifiers that were not guides show whether a flip "
            "transfers to them.",
            "",
            *lines,
            "",
            *(["![Image quality and cost against flips that last](images/methods.png)", ""] if picture else []),
            f"Made by `python benchmarks/perturbation_methods.py --images {len(bench.faces)} --out docs`, which also "
            "says how the general attacks are applied. Times vary from machine to machine; the rest is the same on "
            "every run.",
            "",
        ]
    )


def draw(rows: Sequence[Row], path: Path) -> bool:
    """Draw image quality and cost against the share of flips that last; say whether matplotlib is there to do it."""
    try:
        import matplotlib
    except ImportError:
        print("No picture was drawn, for want of requirements-bench.txt.")
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 6), sharey=True)
    markers = "osD^v<>pP*Xhd"
    for number, row in enumerate(rows):
        style = {"marker": markers[number % len(markers)], "color": f"C{number % 10}", "s": 70, "edgecolor": "black"}
        left.scatter(row.psnr, 100 * row.flips["jpeg90"], label=row.name, linewidth=0.5, **style)
        right.scatter(row.evaluations, 100 * row.flips["jpeg90"], linewidth=0.5, **style)
    left.set_xlabel("PSNR of the face box, median, dB (right is gentler)")
    left.set_ylabel("flipped on the stored file after JPEG 90, %")
    right.set_xlabel("evaluations of the guides, median an image (left is cheaper)")
    right.set_xscale("log")
    for axes in (left, right):
        axes.set_ylim(-3, 103)
        axes.grid(alpha=0.3)
    figure.legend(loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.04 + 0.028 * ((len(rows) + 3) // 4), 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return True


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="Folder of labelled images; default: the demo set.")
    parser.add_argument("--demo", action="store_true", help="The demo set, two images a subject.")
    parser.add_argument("--images", type=int, default=120, help="Most images, spread over the set.")
    parser.add_argument("--guide", default="dlib-gender")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="Rows or methods; default: all.")
    parser.add_argument("--out", type=Path, metavar="DIR", help="Write methods.md and images/methods.png there.")
    parser.add_argument("--list", action="store_true", help="Print the rows and end.")
    options = parser.parse_args()
    chosen = variants(options.methods)
    if options.list:
        for name, variant in chosen.items():
            print(f"{name}: {variant.method} {variant.parameters or ''}".rstrip())
        return
    if options.demo and options.folder is not None:
        parser.error("Give a folder or --demo, not both.")
    cv2.setNumThreads(1)
    source, faces = read_faces(options.folder)
    bench = Bench(faces, options.images, options.guide)
    rows = []
    for name, variant in chosen.items():
        start = time.process_time()
        try:
            rows.append(bench.measure(name, variant))
        except FaceprivError as error:
            print(f"{name} was left out: {error}", file=sys.stderr)
            continue
        heads, (cells,) = columns(rows[-1:])
        figures = ", ".join(f"{head} {cell}" for head, cell in zip(heads[1:], cells[1:], strict=True))
        print(f"{name} ({time.process_time() - start:.0f} s in all): {figures}", file=sys.stderr, flush=True)
        if options.out is not None:
            # After every row, since the whole takes long.
            picture = draw(rows, options.out / "images" / "methods.png")
            (options.out / "methods.md").write_text(markdown(rows, bench, source, picture), encoding="utf-8")
    show(rows)


if __name__ == "__main__":
    main()
