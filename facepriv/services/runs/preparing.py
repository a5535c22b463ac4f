"""Make the spec of a run, which is everything that is needed to repeat it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

import facepriv
from facepriv.errors import BadInputError
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.measures.fingerprint import COMPUTING
from facepriv.measures.loaded_models import DETECTOR, get_classifier, get_landmarker, get_matcher, make_reference
from facepriv.perturb.base import Perturber
from facepriv.perturb.registry import make_method, methods_for_any_landmarks, perturbers
from facepriv.schemas.base import ModelRef
from facepriv.schemas.requests import DEFAULT_LANDMARKER, RunRequest
from facepriv.schemas.runs import LearnFrom, RunSpec, is_key
from facepriv.services.runs.aims import choose_guides, choose_method
from facepriv.services.runs.attributes import check_guides
from facepriv.services.runs.judges import choose_classifiers, choose_images, choose_matchers
from facepriv.services.runs.learning import choose_source
from facepriv.store import DatasetRecord, ImageRecord, RunRecord, Store
from facepriv.types import GENDER, AttributeClassifier
from facepriv.wording import listed

KEY_BITS = 53
"""Of a seed that is a key: what any reader of JSON keeps exactly."""


def prepare_run(store: Store, request: RunRequest) -> RunSpec:
    """Return the spec of a run.

    Guides, and classifiers whose scores are kept, are always among those that judge, guards among the matchers. Models
    that were not named are left out where they were trained on any of these people, and matchers where subjects are no
    people. What the request leaves open of method and guides follows from its aim (`facepriv.services.runs.aims`).

    A seed that is a key and was not given is drawn, so that nobody can guess it.

    Raises
    ------
    UnknownNameError
        If the data set, the method or a model does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If a parameter cannot be used or no image is left.
    """
    record = store.datasets.get(request.dataset)
    images = _usable_images(store, record, request.limit)
    method = make_method(choose_method(request), request.parameters)
    seed = _choose_seed(method, request)
    _check_learning_and_guards(method, request)
    landmarker = _landmarker_of(method, request.landmarker)
    # A name may stand for another, as dlib-age for dlib-age@40, so it is the models that are compared.
    guides, kept = _make_classifiers(choose_guides(request, images)), _make_classifiers(request.keep)
    attribute = check_guides(list(guides.values())).attribute
    _check_kept(method, guides, kept)
    source = _choose_teachers(store, record, method, request, attribute, seed)
    judging = choose_matchers(record, request.matchers, request.guards or ())
    by_default = judging if method.kind == "visible" and method.uses_guards else ()
    guards = tuple(dict.fromkeys(by_default if request.guards is None else request.guards))
    jury = _make_classifiers(request.jury)
    _check_jury(jury, method, {**guides, **kept}, guards)
    judges = {**guides, **kept, **_make_classifiers(choose_classifiers(request.classifiers, images)), **jury}
    first, *further = map(make_reference, guides.values())
    return RunSpec(
        dataset=record.ref,
        image_ids=tuple(image.id for image in images),
        image_sha256=tuple(image.source_sha256 for image in images),
        method=method.name,
        parameters=method.parameters.model_dump(mode="json"),
        guide=first,
        more_guides=tuple(further),
        attribute=attribute,
        keep=tuple(map(make_reference, kept.values())),
        keep_weight=request.keep_weight if kept else 1.0,
        guards=_matcher_references(guards),
        learn_from=source,
        landmarker=landmarker,
        panel=request.panel,
        classifiers=tuple(map(make_reference, judges.values())),
        jury=tuple(map(make_reference, jury.values())),
        matchers=_matcher_references([*judging, *guards]),
        detector=DETECTOR,
        seed=seed,
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in COMPUTING},
    )


def _usable_images(store: Store, record: DatasetRecord, limit: int | None) -> Sequence[ImageRecord]:
    images = choose_images(store, record, limit)
    if not any(image.failure is None for image in images):
        raise BadInputError(
            f"No image of {record.name} has a usable face, so there is nothing to perturb; "
            "look at the reasons on the Datasets page or with `facepriv datasets`.",
            code="no-faces",
        )
    return images


def _choose_seed(method: Perturber, request: RunRequest) -> int:
    if is_key(method.parameters.model_dump()) and "seed" not in request.model_fields_set:
        return secrets.randbits(KEY_BITS)
    return request.seed


def _check_learning_and_guards(method: Perturber, request: RunRequest) -> None:
    if request.learn_from is not None and not method.learns:
        raise BadInputError(
            f"The method {method.name} with these parameters learns nothing, but was to learn from "
            f"{request.learn_from}; leave that out, or choose parameters with which it learns.",
            code="learns-nothing",
        )
    guards = _matcher_references(request.guards or ())
    if guards and not method.uses_guards:
        raise BadInputError(
            f"The method {method.name} heeds no matcher, but was to heed {', '.join(ref.name for ref in guards)}; "
            "leave that out, or choose a method that does.",
            code="heeds-no-matcher",
        )


def _choose_teachers(
    store: Store, record: DatasetRecord, method: Perturber, request: RunRequest, attribute: str, seed: int
) -> LearnFrom | None:
    if not method.learns:
        return None
    if attribute != GENDER:
        raise BadInputError(
            f"The method {method.name} with these parameters learns from gender labels, but was to turn {attribute}; "
            "choose a method or parameters that learn nothing.",
            code="learns-gender-only",
        )
    return choose_source(
        store, record, request.learn_from, seed=seed, method=method.name, averages=method.learns_averages
    )


def _make_classifiers(names: Iterable[str]) -> dict[str, AttributeClassifier]:
    """Make classifiers, each once, by their own names."""
    classifiers = map(get_classifier, dict.fromkeys(names))
    return {classifier.name: classifier for classifier in classifiers}


def _matcher_references(names: Iterable[str]) -> tuple[ModelRef, ...]:
    return tuple(make_reference(get_matcher(name)) for name in dict.fromkeys(names))


def _check_kept(
    method: Perturber, guides: Mapping[str, AttributeClassifier], kept: Mapping[str, AttributeClassifier]
) -> None:
    if kept and not method.keeps_attributes:
        can = [name for name in perturbers.names() if perturbers.load(name).keeps_attributes]  # type: ignore[attr-defined]
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


def _check_jury(
    jury: Mapping[str, AttributeClassifier],
    method: Perturber,
    consulted: Mapping[str, AttributeClassifier],
    guards: Sequence[str],
) -> None:
    others = [name for name, juror in jury.items() if juror.attribute != GENDER]
    if others:
        raise BadInputError(
            f"A jury judges gender, but {listed(others)} {'tells' if len(others) == 1 else 'tell'} another attribute; "
            "name gender classifiers.",
            code="juror-of-another-attribute",
        )
    asked = [name for name in jury if name in consulted]
    if asked:
        raise BadInputError(
            f"A juror guides nothing, but the method is to consult {listed(asked)}; leave that out of the jury, or of "
            "the guides and of what is kept.",
            code="juror-consulted",
        )
    # A method that learns turns what the guards' templates say of gender, too.
    read = {name: getattr(juror, "matcher_name", None) for name, juror in jury.items()} if method.learns else {}
    known = [f"{name} reads {matcher}" for name, matcher in read.items() if matcher in guards]
    if known:
        raise BadInputError(
            f"A juror guides nothing, but the method also turns what templates of its guard matchers say, and "
            f"{listed(known)}; leave that out of the jury, or name other guards.",
            code="juror-consulted",
        )


def _landmarker_of(method: Perturber, name: str) -> ModelRef | None:
    """Name the landmarker whose points a method is to take; None for the detector's own, which every face has."""
    if method.landmarkers is not None and name not in method.landmarkers and name in landmarkers.names():
        raise BadInputError(
            f"The method {method.name} is made for the landmarks {listed(method.landmarkers)}, but was to take {name}; "
            f"leave that out, or choose a method that takes any: {listed(methods_for_any_landmarks(), 'or')}.",
            code="other-landmarks",
        )
    return None if name == DEFAULT_LANDMARKER else make_reference(get_landmarker(name))


def landmarker_name(spec: RunSpec) -> str:
    """Return the name of the landmarker whose points a run takes."""
    return DEFAULT_LANDMARKER if spec.landmarker is None else spec.landmarker.name


def find_same_run(store: Store, spec: RunSpec) -> RunRecord | None:
    """Find a run that did this very job, or else one that is to go on with it."""
    for states in (("complete",), ("running", "waiting")):
        for summary in store.runs.list(states=states, method=spec.method, limit=1000):
            run = store.runs.get(summary.id)
            if run.spec == spec:
                return run
    return None
