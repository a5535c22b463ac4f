"""Whether classifiers that a method never asked are wrong about its images, and what matchers make of these.

Usage: python benchmarks/unseen.py (FOLDER | demo) [--other FOLDER|demo] [--learn folds|other|both] [--jury FOLDER]
           [--method NAME] [--set name=value,name=value ...] [--images N] [--out FILE.md] [--sheet FILE.png]

For each setting the images are perturbed with everything at hand: the packaged gender classifiers as guides and the
packaged matchers as guards, on whose templates some methods read gender, too. Then again with each classifier, or each
matcher, left out; who was left out judges: the classifier, or a linear probe on the matcher's templates. A jury of own
models (a folder of YAML files, docs/your-own-models.md), which no method may ask, judges the images that were made with
everything. All is judged on the stored PNG with the face found anew in it.

Three groups of people never mix: those who are perturbed, those learnt from, and those on whose templates the judging
probes are trained.

--learn folds   the data set is cut into folds by subject; each is perturbed with what was learnt from the others, and
                the judging probes are trained on --other; without --other on a third fold
--learn both    the same, learnt from the other folds and one half of --other, as a run adds the demo set to small
                halves; the judging probes are trained on the other half
--learn other   one half of --other, by subject, is learnt from, and the judging probes are trained on the other half

The table has a row for each setting and judge: how often it is wrong about untouched images, and then about perturbed
ones, all, women and men, with 95 % intervals over people; AUC; and of the images that it judged, for every matcher FNMR
at FMR 0.1 % of untouched against other untouched images, then against other perturbed ones, and the share accepted as
their own original at the threshold of untouched images; PSNR in the face box; lost faces; seconds.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.audit.jury import jury_of
from facepriv.classify import own as own_classifiers
from facepriv.classify.registry import classifiers
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.quality import psnr_db
from facepriv.match import own as own_matchers
from facepriv.match.registry import matchers
from facepriv.metrics.matching import operating_point
from facepriv.own_models.description import NetworkModel, read_yaml
from facepriv.own_models.stored import NETWORK, OwnModel
from facepriv.perturb.base import score_face
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import make_method
from facepriv.perturb.semantic.probes import Probe, train_probe
from facepriv.schemas.figures import Interval
from facepriv.schemas.requests import read_settings
from facepriv.schemas.runs import JuryErrors
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Image, ModelCard, PerturbResult, WeightFile
from facepriv.weights.files import sha256_of

MAX_PIXELS = 50_000_000
FMR = 0.001
GENDER = ("dlib-gender", "levi-hassner")
MATCHERS = ("sface", "dlib-resnet")
JUDGES = (*GENDER, *MATCHERS)
NOTHING = "nothing"
Row = dict[str, str]
Score = Callable[[Sequence[Face]], NDArray[np.float64]]
"""Log-odds of faces, male positive."""


@dataclass(frozen=True, eq=False)
class Group:
    """Who is perturbed, who is learnt from, and on whom judging probes are trained."""

    perturbed: list[Face]
    learnt: list[Face]
    judging: list[Face]


@dataclass(frozen=True, eq=False)
class Panel:
    """All that judge: gender by name, and matchers by name, those of the jury among both."""

    gender: dict[str, Score]
    matchers: dict[str, FaceMatcher]
    jury: tuple[str, ...] = ()
    """Names of the jury's gender classifiers."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the chosen images with something left out."""

    faces: list[Face]
    """As they were; those that could not be perturbed are not among them."""
    images: list[Image]
    """The stored images of the same faces."""
    again: list[Face | None]
    """The faces found again; None for a lost one."""
    failed: int
    seconds: float
    """CPU seconds an image, learning included."""


@dataclass(eq=False)
class Untouched:
    """The whole data set, with what judges and matchers say of it; nobody is asked twice."""

    faces: list[Face]
    panel: Panel
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    """By judge and image, as far as they were asked for."""
    templates: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def scores_of(self, name: str, faces: Sequence[Face]) -> NDArray[np.float64]:
        """Return a judge's scores of some of the faces."""
        known = self.scores.setdefault(name, {})
        unknown = [face for face in faces if face.image_id not in known]
        if unknown:
            scored = self.panel.gender[name](unknown)
            known |= {face.image_id: float(score) for face, score in zip(unknown, scored, strict=True)}
        return np.array([known[face.image_id] for face in faces])

    def templates_of(self, name: str) -> NDArray[np.float32]:
        """Return a matcher's templates of all faces."""
        if name not in self.templates:
            self.templates[name] = self.panel.matchers[name].embed(self.faces)
        return self.templates[name]

    def rows(self, faces: Sequence[Face]) -> NDArray[np.int64]:
        """Return where some of the faces stand among all."""
        row = {face.image_id: number for number, face in enumerate(self.faces)}
        return np.array([row[face.image_id] for face in faces], dtype=np.int64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    options = parse(arguments)
    cv2.setNumThreads(1)
    data, other = read(options.data), read(options.other) if options.other else None
    groups = plan(data, other, options.learn, options.folds)
    chosen = choose(data, options.images)
    own_gender, own_matching = read_jury(options.jury) if options.jury else ({}, {})
    owner = {face.image_id: number for number, group in enumerate(groups) for face in group.perturbed}
    panel = Panel(
        {**{name: score_by(classifiers.create(name)) for name in GENDER}, **probes(groups, owner), **own_gender},
        {**{name: matchers.create(name) for name in MATCHERS}, **own_matching},
        tuple(own_gender),
    )
    untouched = Untouched(data, panel)
    rows, sheet = [], [strip([face.pixels for face in chosen[: options.tiles]], chosen)]
    for setting in options.set or [""]:
        left: list[float] = []
        for left_out in options.leave.split(","):
            outcome = perturb(groups, chosen, left_out, options.method, read_settings(parts_of(setting)))
            more, errors = rows_of(setting or "default", left_out, untouched, outcome)
            rows += more
            left += [] if left_out == NOTHING or errors.after.all.value is None else [errors.after.all.value]
            print(f"{setting or 'default'}, {left_out} left out: done", file=sys.stderr, flush=True)
            stored = {face.image_id: image for face, image in zip(outcome.faces, outcome.images, strict=True)}
            sheet.append(strip([stored.get(f.image_id, f.pixels) for f in chosen[: options.tiles]], chosen))
        if len(left) > 1:
            mean = {
                "setting": setting or "default",
                "judge": f"mean of {len(left)} left out",
                "wrong": f"{np.mean(left):.0%}",
            }
            rows.append(mean)
    learnt, judging = ([str(len(g.learnt)) for g in groups], [str(len(g.judging)) for g in groups])
    people = len({face.subject for face in chosen})
    text = "\n".join(
        [
            f"`{options.method}`: {len(chosen)} of {len(data)} images of {people} people; learnt from "
            f"{', '.join(learnt)} images, judging probes trained on {', '.join(judging)}. A star marks who was left "
            "out; a jury judges images made with everything that is asked.",
            "",
            *markdown(rows),
        ]
    )
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.sheet:
        cv2.imwrite(str(options.sheet), np.concatenate(sheet)[..., ::-1])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder, or demo")
    parser.add_argument("--other", help="a folder of other people, or demo")
    parser.add_argument("--learn", choices=("folds", "other", "both"), default="folds")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--jury", type=Path, help="folder with YAML files of own models that nothing may ask")
    parser.add_argument("--method", default="semantic")
    parser.add_argument("--set", action="append", help="a setting of the method, name=value,name=value; repeatable")
    parser.add_argument("--images", type=int, default=0, help="perturb so many images only; 0 = all")
    parser.add_argument("--leave", default=",".join((NOTHING, *JUDGES)), help="what to leave out, in turn")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")
    parser.add_argument("--tiles", type=int, default=16, help="images on the contact sheet")
    options = parser.parse_args(arguments)
    if options.learn != "folds" and not options.other:
        parser.error(f"--learn {options.learn} needs --other")
    unknown = set(options.leave.split(",")) - {NOTHING, *JUDGES}
    if unknown:
        parser.error(f"--leave takes {', '.join((NOTHING, *JUDGES))}, but got {', '.join(sorted(unknown))}")
    return options


def parts_of(setting: str) -> list[str]:
    """Cut ``name=value,name=value`` into its parts."""
    return [part for part in setting.split(",") if part]


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


def read_jury(folder: Path) -> tuple[dict[str, Score], dict[str, FaceMatcher]]:
    """Return the own networks that a folder's YAML files describe, classifiers and matchers, without adding them."""
    gender: dict[str, Score] = {}
    matching: dict[str, FaceMatcher] = {}
    for file in sorted(folder.glob("*.yaml")):
        described = read_yaml(file.read_bytes())
        if not isinstance(described, NetworkModel):
            sys.exit(f"{file.name} describes a command; a jury takes networks only.")
        graph = (file.parent / described.network).resolve()
        weight = WeightFile(name=NETWORK, sha256=sha256_of(graph), package="", inside=str(graph))
        card = ModelCard(
            described.name, described.kind, described.title, described.licence, described.source, (weight,)
        )
        own = OwnModel(file.parent, described, card)
        if described.kind == "classifier":
            gender[own.name] = score_by(own_classifiers.make_classifier(own))
        else:
            matching[own.name] = own_matchers.make_matcher(own)
    return gender, matching


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
        more, judging = parts(other, 2) if learn == "both" else ([], other)
        return [Group(fold, [f for p in cut if p is not fold for f in p] + more, judging) for fold in cut]
    cut = parts(data, 3)
    return [Group(cut[i], cut[(i + 1) % 3], cut[(i + 2) % 3]) for i in range(3)]


def choose(faces: list[Face], most: int) -> list[Face]:
    """Choose images of whole subjects, women and men in turn."""
    if not most:
        return faces
    women, men = (sorted({f.subject for f in faces if f.label == label}) for label in (-1, 1))
    turn = [subject for pair in zip(women, men, strict=False) for subject in pair]
    return [face for subject in turn for face in faces if face.subject == subject][:most]


def score_by(classifier: AttributeClassifier) -> Score:
    """Return how a classifier scores faces."""
    return lambda faces: np.array([score_face(classifier, face) for face in faces], dtype=np.float64)


def probes(groups: list[Group], owner: Mapping[str, int]) -> dict[str, Score]:
    """Return judging probes on the matchers' templates; each face is judged by that of its group."""

    def probe_on(name: str) -> Score:
        matcher = matchers.create(name)
        trained: list[Probe] = []
        for group in groups:
            labels, subjects = [int(f.label or 0) for f in group.judging], [f.subject for f in group.judging]
            trained.append(train_probe(matcher.embed(group.judging), labels, subjects))
        return lambda faces: np.array(
            [trained[owner[f.image_id]].score(t[None])[0] for f, t in zip(faces, matcher.embed(faces), strict=True)]
        )

    return {name: probe_on(name) for name in MATCHERS}


def perturb(
    groups: list[Group], chosen: list[Face], left_out: str, name: str, parameters: Mapping[str, str]
) -> Outcome:
    """Perturb every group with everything but what is left out."""
    method = make_method(name, parameters)
    guides = [classifiers.create(guide) for guide in GENDER if guide != left_out]
    guards = [matchers.create(guard) for guard in MATCHERS if guard != left_out] if method.uses_guards else []
    wanted = {face.image_id for face in chosen}
    results = {}
    start = time.process_time()
    for group in groups:
        faces = [face for face in group.perturbed if face.image_id in wanted]
        if not faces:
            continue
        learned = None
        if method.learns:
            learned = method.learn(Gallery.of(group.learnt), guides, guards=guards, rng=np.random.default_rng(0))
        came = method(faces, guides, gallery=Gallery.of(faces), seed=0, guards=guards, learned=learned)
        results |= {result.image_id: result for result in came if isinstance(result, PerturbResult)}
    seconds = (time.process_time() - start) / len(chosen)
    done = [face for face in chosen if face.image_id in results]
    stored = [results[face.image_id] for face in done]
    return Outcome(done, [r.pixels for r in stored], [r.file_face for r in stored], len(chosen) - len(done), seconds)


def rows_of(setting: str, left_out: str, untouched: Untouched, outcome: Outcome) -> tuple[list[Row], JuryErrors]:
    """Return the rows of one perturbing, of who was left out or of all, and the errors of the first one."""
    panel = untouched.panel
    here = [k for k, again in enumerate(outcome.again) if again is not None]
    faces, again = [outcome.faces[k] for k in here], [face for face in outcome.again if face is not None]
    labels = np.array([face.label for face in faces])
    subjects = [face.subject for face in faces]

    def judged(names: Sequence[str]) -> tuple[JuryErrors, dict[str, JuryErrors]]:
        scores = {
            name: {"before": untouched.scores_of(name, faces), "after": panel.gender[name](again)} for name in names
        }
        jury = jury_of(scores, labels, subjects)
        assert jury is not None, "all are labelled"
        return jury.majority, jury.jurors

    single = judged(JUDGES if left_out == NOTHING else (left_out,))[1]
    rows = [
        judge_cells(setting, title(name) + ("*" if name == left_out else " (asked)"), errors)
        for name, errors in single.items()
    ]
    if left_out == NOTHING and panel.jury:
        majority, jurors = judged(panel.jury)
        rows.append(judge_cells(setting, f"majority of {len(jurors)} never asked", majority))
        rows += [judge_cells(setting, f"{name} (never asked)", errors) for name, errors in jurors.items()]
    cells = {name: match_cell(name, untouched, faces, again) for name in panel.matchers}
    psnr = [psnr_db(f.pixels, outcome.images[k], f.box) for k, f in zip(here, faces, strict=True)]
    changed = [value for value in psnr if np.isfinite(value)]
    rows[0] |= {f"{name}: FNMR; accepted": cell + "*" * (name == left_out) for name, cell in cells.items()}
    rows[0] |= {
        "PSNR": f"{np.median(changed):.1f} dB" if changed else "–",
        "lost": f"{len(outcome.again) - len(again)}",
        "failed": f"{outcome.failed}",
        "CPU s": f"{outcome.seconds:.1f}",
    }
    return rows, next(iter(single.values()))


def title(name: str) -> str:
    """Name a judge: a matcher's is the probe on its templates."""
    return f"{name} probe" if name in MATCHERS else name


def judge_cells(setting: str, judge: str, errors: JuryErrors) -> Row:
    """Return the cells of what a judge says."""
    before, after = errors.before, errors.after
    auc = [("–" if e.auc.value is None else f"{e.auc.value:.2f}") for e in (before, after)]
    return {
        "setting": setting,
        "judge": judge,
        "wrong before": share(before.all),
        "wrong": share(after.all),
        "women": share(after.female),
        "men": share(after.male),
        "AUC": " → ".join(auc),
    }


def share(interval: Interval) -> str:
    """Write a rate with its interval, in percent."""
    if interval.value is None:
        return "–"
    ends = "" if interval.low is None or interval.high is None else f" ({interval.low:.0%} to {interval.high:.0%})"
    return f"{interval.value:.0%}{ends}"


def match_cell(name: str, untouched: Untouched, faces: list[Face], again: list[Face]) -> str:
    """Write what a matcher makes of perturbed faces: FNMR before and after, and how many are still their originals."""
    matcher, everyone = untouched.panel.matchers[name], untouched.templates_of(name)
    if not faces:
        return "–"
    rows, after = untouched.rows(faces), matcher.embed(again)
    subjects = np.array([face.subject for face in untouched.faces], dtype=object)
    same = subjects[:, None] == subjects[rows][None]
    others = np.arange(len(everyone))[:, None] != rows[None]

    def fnmr(probes: NDArray[np.float32]) -> str:
        scores = matcher.compare(everyone, probes)
        rate = operating_point(scores[same & others], scores[~same], FMR).fnmr
        return "–" if rate is None else f"{100 * rate:.1f}"

    scores = matcher.compare(everyone, everyone)
    alike = subjects[:, None] == subjects[None]
    threshold = operating_point(scores[alike & ~np.eye(len(everyone), dtype=bool)], scores[~alike], FMR).threshold
    itself = [matcher.compare(everyone[r][None], after[i][None])[0, 0] for i, r in enumerate(rows)]
    accepted = "–" if threshold is None else f"{np.mean(np.array(itself) >= threshold):.0%}"
    return f"{fnmr(everyone[rows])} → {fnmr(after)} %; {accepted}"


def markdown(rows: Sequence[Row]) -> list[str]:
    """Write rows as a table; cells that a row does not have stay empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns), *([row.get(name, "") for name in columns] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def strip(images: Sequence[Image], faces: Sequence[Face]) -> Image:
    """Lay faces side by side for the contact sheet."""
    return np.concatenate([tile(pixels, face) for pixels, face in zip(images, faces, strict=False)], axis=1)


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
