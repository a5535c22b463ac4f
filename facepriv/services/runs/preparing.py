"""Make the spec of a run, put the run into the queue, and estimate what it will take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import facepriv
from facepriv.errors import BadInputError
from facepriv.imaging.landmarkers.registry import DEFAULT_LANDMARKER, landmarkers
from facepriv.measures.fingerprint import COMPUTING
from facepriv.measures.loaded_models import get_classifier, get_matcher, make_detector_reference, make_reference
from facepriv.measures.loaded_models import get_landmarker as find_landmarker
from facepriv.perturb.base import Perturber
from facepriv.perturb.parameters import make_method, methods_for_any_landmarks
from facepriv.perturb.registry import DEFAULT_METHOD, perturbers
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.identities import refuse_matching, why_not_matched
from facepriv.services.datasets.sampling import sample_images
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.services.models.probe_people import independent_classifiers
from facepriv.services.runs.attributes import check_guides
from facepriv.services.runs.learning import choose_source
from facepriv.store import Store
from facepriv.store.records import RunRecord
from facepriv.types import GENDER, AttributeClassifier
from facepriv.wording import listed

DEFAULT_GUIDE = "dlib-gender"


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
        images = sample_images(images, limit)
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
    heeded = tuple(make_reference(get_matcher(name)) for name in dict.fromkeys(guards or ()))
    if heeded and not made.supports_guards:
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
    judges = {
        **guides,
        **kept,
        **_models(independent_classifiers(usable_classifiers(), images) if classifiers is None else classifiers),
    }
    refuse_matching(record, [*(matchers or ()), *(guards or ())])
    if matchers is None:
        matchers = usable_matchers() if why_not_matched(record) is None else ()
    judging = matchers
    if guards is None:
        guards = judging if made.kind == "visible" and made.supports_guards else ()
    matching = dict.fromkeys([*judging, *guards])
    return RunSpec(
        dataset=record.ref,
        image_ids=tuple(image.id for image in images),
        image_sha256=tuple(image.source_sha256 for image in images),
        method=made.name,
        parameters=made.parameters.model_dump(mode="json"),
        guide=make_reference(next(iter(guides.values()))),
        more_guides=tuple(make_reference(one) for one in list(guides.values())[1:]),
        attribute=attribute,
        keep=tuple(make_reference(one) for one in kept.values()),
        keep_weight=keep_weight if kept else 1.0,
        guards=tuple(make_reference(get_matcher(name)) for name in dict.fromkeys(guards)),
        learn_from=source,
        landmarker=points,
        classifiers=tuple(make_reference(one) for one in judges.values()),
        matchers=tuple(make_reference(get_matcher(name)) for name in matching),
        detector=make_detector_reference(),
        seed=seed,
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in COMPUTING},
    )


def _models(names: Iterable[str]) -> dict[str, AttributeClassifier]:
    """Make classifiers, each once, by their own names."""
    made = (get_classifier(name) for name in dict.fromkeys(names))
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
    return None if name == DEFAULT_LANDMARKER else make_reference(find_landmarker(name))


def start_run(store: Store, spec: RunSpec) -> RunRecord:
    """Put a run into the queue; a worker takes it up."""
    return store.runs.get(store.runs.create(spec))


def landmarker_name(spec: RunSpec) -> str:
    """Name the landmarker whose points a run takes."""
    return DEFAULT_LANDMARKER if spec.landmarker is None else spec.landmarker.name
