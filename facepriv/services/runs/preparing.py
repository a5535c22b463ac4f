"""Make the spec of a run, put the run into the queue, and estimate what it will take."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, get_args, get_origin

import pydantic

import facepriv
from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.imaging.landmarkers.registry import DEFAULT_LANDMARKER, landmarkers
from facepriv.measures.fingerprint import COMPUTING
from facepriv.measures.models import (
    classifier,
    detector_reference,
    matcher,
    reference,
    usable_classifiers,
    usable_matchers,
)
from facepriv.measures.models import landmarker as find_landmarker
from facepriv.perturb.base import Perturber
from facepriv.perturb.registry import perturbers
from facepriv.registry import VALUE
from facepriv.schemas.runs import ModelRef, RunSpec
from facepriv.services.datasets.identities import refuse_matching, why_not_matched
from facepriv.services.models.probe_people import fair
from facepriv.services.runs.attributes import check_guides
from facepriv.services.runs.learning import choose_source
from facepriv.store import Store
from facepriv.store.records import ImageRecord, RunRecord
from facepriv.types import GENDER, AttributeClassifier
from facepriv.wording import listed

DEFAULT_GUIDE = "dlib-gender"
PAPER_METHOD = "algorithm1"
RECOMMENDED = "recommended"
DEFAULT_METHOD = RECOMMENDED if RECOMMENDED in perturbers.aliases else PAPER_METHOD


def make_method(name: str, parameters: Mapping[str, Any]) -> Perturber:
    """Make a perturbation method with checked parameters.

    Raises
    ------
    UnknownNameError
    BadInputError
        If a parameter is unknown or out of its range.
    """
    name = perturbers.resolve(name)
    for parameter, value in parameters.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadInputError(
                f"The parameter {parameter} of {name} cannot be {value}; give a finite number.", code="bad-parameter"
            )
    try:
        return perturbers.create(name, **dict(parameters))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "parameters"
        raise BadInputError(
            f"The parameter {where} of {name} cannot be {first.get('input')!r}: {first['msg']}.", code="bad-parameter"
        ) from error


def parse_parameters(method: str, settings: Iterable[str]) -> dict[str, Any]:
    """Read parameters written as ``name=value``; several values of one parameter are parted by commas.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    BadInputError
        With code ``bad-parameter`` if one is written otherwise, unknown, or given twice.
    """
    name = perturbers.resolve(method)
    fields = perturbers.load(name).Parameters.model_fields  # type: ignore[attr-defined]
    values: dict[str, Any] = {}
    for setting in settings:
        parameter, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or parameter in values:
            raise BadInputError(
                f"A parameter is written once, as name=value, but {setting!r} was given; write for instance "
                f"{next(iter(fields), 'name')}=... .",
                code="bad-parameter",
            )
        if parameter not in fields:
            raise BadInputError(
                f"The method {name} has no parameter {parameter!r}; choose among: {', '.join(fields) or 'none'}.",
                code="bad-parameter",
            )
        values[parameter] = _value(text, fields[parameter].annotation)
    return values


def _value(text: str, kind: Any) -> Any:
    """Read one value; whether it may be is the method's to say."""
    inside = [get_origin(one) or one for one in (kind, *get_args(kind))]
    if text.lower() == "none" and type(None) in inside:
        return None
    if any(one in (tuple, list, set, frozenset) for one in inside):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    for number in (int, float):
        if number in inside:
            with suppress(ValueError):
                return number(text)
    return text


def prepare_run(
    store: Store,
    dataset: int | str,
    *,
    method: str = DEFAULT_METHOD,
    parameters: Mapping[str, Any] | None = None,
    guide: str = DEFAULT_GUIDE,
    more_guides: Sequence[str] = (),
    keep: Sequence[str] = (),
    keep_weight: float = 1.0,
    guards: Sequence[str] | None = None,
    learn_from: str | None = None,
    landmarker: str = DEFAULT_LANDMARKER,
    classifiers: Sequence[str] | None = None,
    matchers: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> RunSpec:
    """Write the spec of a run: everything that is needed to repeat it.

    Parameters
    ----------
    method
        Name of a registered method, or ``recommended``.
    more_guides
        Further classifiers that guide; an image counts as turned once all guides are. All guides tell one attribute.
    keep, keep_weight
        Classifiers whose scores the method is to leave as they are, and what a change of theirs counts for.
    guards
        Matchers that the method is to heed; by default all that judge for a visible method that heeds any, since it
        must not change a face beyond recognition, and none for others.
    learn_from
        For a method that learns: ``folds`` (each half of the people serves the other), ``demo``, or the name of another
        data set; by default halves where each has at least 10 subjects of either gender, else the demo set.
    landmarker
        Whose points the method lays over a face: ``dlib-68``, the detector's own, or another registered one.
    classifiers, matchers
        Those that judge; by default all that can be used here and, of classifiers, tell gender, but for probes that
        were trained on any of these people, and no matcher where subjects are no people. Guides and those kept are
        always among the classifiers, guards among the matchers.
    limit
        Take at most this many images, spread evenly over the subjects' order, all images of a subject together.

    Raises
    ------
    UnknownNameError
        If the data set, the method or a model does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If a parameter cannot be used or no image is left.
    """
    if seed < 0:
        raise BadInputError(f"A seed of 0 or more was expected, got {seed}; choose such a number.", code="bad-seed")
    record = store.datasets.get(dataset)
    images = store.datasets.images(record.id)
    if limit is not None:
        if limit < 1:
            raise BadInputError(
                f"A limit of at least 1 image was expected, got {limit}; leave it out to take all.", code="bad-limit"
            )
        images = spread(images, limit)
    if not any(image.failure is None for image in images):
        raise BadInputError(
            f"No image of {record.name} has a usable face, so there is nothing to perturb; "
            "look at the reasons on the Datasets page or with `facepriv datasets`.",
            code="no-faces",
        )
    made = make_method(method, parameters or {})
    if learn_from is not None and not made.learns:
        raise BadInputError(
            f"The method {made.name} with these parameters learns nothing, but was to learn from {learn_from}; leave "
            "that out, or choose parameters with which it learns.",
            code="learns-nothing",
        )
    heeded = tuple(reference(matcher(name)) for name in dict.fromkeys(guards or ()))
    if heeded and not made.heeds_guards:
        raise BadInputError(
            f"The method {made.name} heeds no matcher, but was to heed {', '.join(one.name for one in heeded)}; leave "
            "that out, or choose a method that does.",
            code="heeds-no-matcher",
        )
    points = _landmarker_of(made, landmarker)
    # A name may stand for another, as dlib-age for dlib-age@40, so it is the models that are compared.
    guides = _models([guide, *more_guides])
    kept = _models(keep)
    attribute = check_guides(list(guides.values())).attribute
    _check_kept(made, guides, kept, keep_weight)
    if made.learns and attribute != GENDER:
        raise BadInputError(
            f"The method {made.name} with these parameters learns from gender labels, but was to turn {attribute}; "
            "choose a method or parameters that learn nothing.",
            code="learns-gender-only",
        )
    source = choose_source(store, record, learn_from, seed=seed, method=made.name) if made.learns else None
    judges = {**guides, **kept, **_models(fair(usable_classifiers(), images) if classifiers is None else classifiers)}
    refuse_matching(record, [*(matchers or ()), *(guards or ())])
    if matchers is None:
        matchers = usable_matchers() if why_not_matched(record) is None else ()
    judging = matchers
    if guards is None:
        guards = judging if made.kind == "visible" and made.heeds_guards else ()
    matching = dict.fromkeys([*judging, *guards])
    return RunSpec(
        dataset=record.ref,
        image_ids=tuple(image.id for image in images),
        image_sha256=tuple(image.source_sha256 for image in images),
        method=made.name,
        parameters=made.parameters.model_dump(mode="json"),
        guide=reference(next(iter(guides.values()))),
        more_guides=tuple(reference(one) for one in list(guides.values())[1:]),
        attribute=attribute,
        keep=tuple(reference(one) for one in kept.values()),
        keep_weight=keep_weight if kept else 1.0,
        guards=tuple(reference(matcher(name)) for name in dict.fromkeys(guards)),
        learn_from=source,
        landmarker=points,
        classifiers=tuple(reference(one) for one in judges.values()),
        matchers=tuple(reference(matcher(name)) for name in matching),
        detector=detector_reference(),
        seed=seed,
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in COMPUTING},
    )


def _models(names: Iterable[str]) -> dict[str, AttributeClassifier]:
    """Make classifiers, each once, by their own names."""
    made = (classifier(name) for name in dict.fromkeys(names))
    return {one.name: one for one in made}


def _check_kept(
    method: Perturber,
    guides: Mapping[str, AttributeClassifier],
    kept: Mapping[str, AttributeClassifier],
    weight: float,
) -> None:
    if kept and not method.keeps:
        can = [name for name in perturbers.names() if perturbers.load(name).keeps]  # type: ignore[attr-defined]
        raise BadInputError(
            f"The method {method.name} cannot keep a classifier's score, but was to keep that of "
            f"{listed(list(kept))}; leave that out, or choose {listed(can, 'or')}.",
            code="keeps-nothing",
        )
    both = [name for name in kept if name in guides]
    if both:
        raise BadInputError(
            f"A classifier is either turned or kept, but {listed(both)} was to be both; take it out of one of the two.",
            code="kept-guide",
        )
    if kept and not (math.isfinite(weight) and weight > 0):
        raise BadInputError(
            f"A weight above 0 was expected for what is kept, got {weight:g}; write 1, or leave out what is kept.",
            code="bad-weight",
        )


def methods_for_any_landmarks() -> list[str]:
    """Name the methods that take any landmarker's points."""
    return [name for name in perturbers.names() if perturbers.load(name).landmarkers is None]  # type: ignore[attr-defined]


def _landmarker_of(method: Perturber, name: str) -> ModelRef | None:
    """Name the landmarker whose points a method is to take; None for the detector's own, which every face has.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
    BadInputError
        With code ``other-landmarks`` if the method cannot take them.
    """
    if method.landmarkers is not None and name not in method.landmarkers and name in landmarkers.names():
        raise BadInputError(
            f"The method {method.name} is made for the landmarks {listed(method.landmarkers)}, but was to take {name}; "
            f"leave that out, or choose a method that takes any: {listed(methods_for_any_landmarks(), 'or')}.",
            code="other-landmarks",
        )
    return None if name == DEFAULT_LANDMARKER else reference(find_landmarker(name))


def spread(images: Sequence[ImageRecord], limit: int) -> tuple[ImageRecord, ...]:
    """Take about ``limit`` images, never more: whole subjects from all over, in the data set's balance of labels."""
    if limit >= len(images):
        return tuple(images)
    label_of = {image.subject: image.label for image in reversed(images)}
    by_label: dict[int | None, list[str]] = {}
    for subject in dict.fromkeys(image.subject for image in images):
        by_label.setdefault(label_of[subject], []).append(subject)
    wanted = max(1, round(limit * len(label_of) / len(images)))
    chosen: set[str] = set()
    for subjects, share in zip(by_label.values(), _shares(wanted, [len(s) for s in by_label.values()]), strict=True):
        chosen |= {subjects[i * len(subjects) // share] for i in range(share)}
    return tuple(image for image in images if image.subject in chosen)[:limit]


def _shares(wanted: int, sizes: Sequence[int]) -> list[int]:
    """Share ``wanted`` out in proportion to ``sizes``, by largest remainders, the first of equals."""
    exact = [wanted * size / sum(sizes) for size in sizes]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: wanted - sum(shares)]:
        shares[i] += 1
    return shares


def runs_on_same_images(store: Store, run_ids: Sequence[int]) -> list[RunRecord]:
    """Give complete runs on the same images of one data set.

    Raises
    ------
    UnknownNameError
        If one does not exist.
    BadInputError
        With code ``runs-differ`` if one is not complete, or on other images.
    """
    runs = [store.runs.get(run_id) for run_id in run_ids]
    for run in runs:
        if run.result is None or run.spec.image_ids != runs[0].spec.image_ids or run.dataset_id != runs[0].dataset_id:
            raise BadInputError(
                f"Complete runs on the same images were expected, but run {run.id} is "
                f"{run.state if run.result is None else 'on other images'}; choose others.",
                code="runs-differ",
            )
    return runs


def start_run(store: Store, spec: RunSpec) -> RunRecord:
    """Put a run into the queue; a worker takes it up."""
    return store.runs.get(store.runs.create(spec))


@dataclass(frozen=True)
class Estimate:
    """How long a run will take, roughly."""

    seconds: float
    basis: str
    """What the figure rests on, in words."""


PRIOR_EVALUATIONS = {"algorithm1": 1400, "colour-field": 220, "descent": 150, "mixing": 0, "semantic": 35}
"""Evaluations that one guide's image takes while nothing is known: means of first runs on the demo faces, rounded."""
OTHER_PRIOR_EVALUATIONS = 500
STOPPING_TIMES = {"matched": 3.5}
"""How many times as many a way of stopping takes that lies far out; ways not named take as many."""

EVALUATION_SECONDS = {"dlib-gender": 0.0003, "levi-hassner": 0.028, "dlib-age": 0.012, "levi-hassner-age": 0.028}
"""One evaluation: medians of 15 batches of two crops of a demo face, measured on a server with two x86-64 cores."""
OTHER_EVALUATION_SECONDS = 0.1
"""For guides not measured: large networks take about so long."""
EMBEDDING_SECONDS = {"sface": 0.025, "dlib-resnet": 0.06}
"""One template, measured likewise; `OTHER_EVALUATION_SECONDS` for others."""
GUARD_LOOKS = {"semantic": 35, "descent": 15}
"""Templates that an image takes from each matcher that the method heeds; methods not named heed none."""
OVERHEAD = 1.25
"""Time that a method takes for that of its evaluations."""
LOCATING_SECONDS = 0.15
"""What other landmarks than the detector's take an image, where they are not kept yet; Stasm's, measured likewise."""
JUDGING_SECONDS = 0.3
"""What every image takes besides its perturbing: finding its face anew in the file and its versions, two classifiers
before and after, two matchers after; measured on the same server with demo faces."""
STARTING_SECONDS = 4.0
"""Importing libraries, checking and loading weights, in every process at once."""
LOOK_BACK = 20
"""Complete runs of the same method and guide whose parameters are looked at."""

ENOUGH_IMAGES = 50
"""Images of an earlier run from which on it tells what any number takes; below, starting and learning, which every run
pays once, would be counted for each image."""


def processes(settings: Settings) -> int:
    """Give the number of processes that perturb images."""
    if settings.workers:
        return settings.workers
    # Where the system says which cores this process may use, those count, not all there are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def estimate_seconds(
    store: Store,
    settings: Settings,
    dataset_id: int,
    images: int,
    *,
    method: str = DEFAULT_METHOD,
    parameters: Mapping[str, Any] | None = None,
    guide: str = DEFAULT_GUIDE,
    more_guides: Sequence[str] = (),
    keep: Sequence[str] = (),
    guards: Sequence[str] = (),
    landmarker: str = DEFAULT_LANDMARKER,
) -> Estimate:
    """Estimate a run's wall time from an earlier run alike, else from a table of the guides' speeds.

    Cheap enough for every click on a page: it reads rows and computes no score and no image.

    Parameters
    ----------
    images
        Number of images of the run.
    parameters
        All parameters of the method, or some and the defaults for the rest.

    Raises
    ------
    UnknownNameError
    BadInputError
        If a parameter is unknown or out of its range.
    """
    method = perturbers.resolve(method)
    made = make_method(method, parameters or {})
    complete = made.parameters.model_dump(mode="json")
    guides = tuple(dict.fromkeys([guide, *more_guides]))
    like = [
        run
        for run in store.runs.list(states=("complete",), method=method, limit=10 * LOOK_BACK)
        if run.guide == guide and run.attempts == 1
    ]
    # Images of one data set are alike; sorting is stable, so the newest run comes first among equals.
    for summary in sorted(like, key=lambda run: run.dataset_id != dataset_id)[:LOOK_BACK]:
        earlier = store.runs.get(summary.id)
        if earlier.result is None or not earlier.result.judged or earlier.spec.parameters != complete:
            continue
        if earlier.result.images < min(images / 4, ENOUGH_IMAGES):
            continue
        if not _is_whole(earlier) or tuple(ref.name for ref in earlier.spec.guides) != guides:
            continue
        if {ref.name for ref in earlier.spec.guards} != set(guards):
            continue
        if tuple(ref.name for ref in earlier.spec.keep) != tuple(dict.fromkeys(keep)):
            continue
        if landmarker_name(earlier.spec) != landmarker:
            continue
        each = earlier.result.seconds / earlier.result.images
        return Estimate(each * images, f"run {earlier.id} took {each:.2f} s an image")
    # What is kept is asked about as often as a guide.
    asked = [EVALUATION_SECONDS.get(name.partition(VALUE)[0], OTHER_EVALUATION_SECONDS) for name in (*guides, *keep)]
    each_evaluation = sum(asked) / len(asked)
    evaluations = PRIOR_EVALUATIONS.get(method, OTHER_PRIOR_EVALUATIONS) * len(asked)
    evaluations = round(evaluations * STOPPING_TIMES.get(complete.get("stopping", ""), 1.0))
    looks = sum(EMBEDDING_SECONDS.get(name, OTHER_EVALUATION_SECONDS) for name in guards) * GUARD_LOOKS.get(method, 0)
    each_image = (evaluations * each_evaluation + looks) * OVERHEAD + JUDGING_SECONDS
    if landmarker != DEFAULT_LANDMARKER:
        each_image += LOCATING_SECONDS
    return Estimate(
        STARTING_SECONDS + images * each_image / processes(settings),
        f"no run like it yet: about {1000 * each_evaluation:.1f} ms an evaluation, {evaluations:,} evaluations "
        f"an image, {'asking matchers, ' if looks else ''}and judging it"
        + ("; learning comes on top" if made.learns else ""),
    )


def landmarker_name(spec: RunSpec) -> str:
    """Name the landmarker whose points a run takes."""
    return DEFAULT_LANDMARKER if spec.landmarker is None else spec.landmarker.name


def _is_whole(run: RunRecord) -> bool:
    """Say whether the computation that is counted is the whole run, not only what was left after a restart."""
    if run.result is None or run.started_at is None or run.finished_at is None:
        return False
    return run.result.seconds >= 0.5 * (run.finished_at - run.started_at).total_seconds() - 5.0
