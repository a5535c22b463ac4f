"""Make the spec of a study, which is everything that is needed to repeat it."""

from __future__ import annotations

from importlib.metadata import version

import facepriv
from facepriv.audit.attackers.registry import attackers
from facepriv.audit.templates.matching import FMR_TARGETS
from facepriv.audit.templates.registry import template_attackers
from facepriv.errors import BadInputError
from facepriv.measures.fingerprint import COMPUTING
from facepriv.measures.loaded_models import get_classifier, get_matcher, make_reference
from facepriv.schemas.protections import TemplateSetRef
from facepriv.schemas.requests import StudyRequest
from facepriv.schemas.studies import StudyDocument, StudyGoal, StudyRung, StudySpec
from facepriv.services.audits.preparing import LEARNING_LIBRARIES
from facepriv.services.runs.judges import choose_classifiers, choose_images, choose_matchers
from facepriv.services.studies.people import part_people
from facepriv.services.studies.results import make_result
from facepriv.services.studies.space import list_candidates, list_settings, refuse_nothing
from facepriv.services.templates.sets import reference
from facepriv.store import DatasetRecord, Store, StudyRecord
from facepriv.wording import listed

SCREENING = ("sign", "score", "ensemble", "template", "retrained", "texture")
"""Attackers on the first of several rungs: those that are strongest for the time that they and their measures take."""
DRAWS = 3
"""Random draws of the policy on the last rung; on others one will do."""
LOOK_BACK = 100
"""Studies of a data set that are looked at for one with the same spec."""


def prepare_study(store: Store, request: StudyRequest) -> StudySpec:
    """Return the spec of a study.

    Raises
    ------
    UnknownNameError
        If the data set, a method, a model, an attacker or a protection does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        With code ``too-few-subjects`` if there are too few people to search and to confirm, ``no-matcher`` if matches
        cannot be counted, ``no-templates`` if templates are to be released and there are none, ``bad-fmr`` if theirs
        are not counted at that rate, ``nothing-to-try``.
    """
    record = store.datasets.get(request.dataset)
    images = choose_images(store, record, request.limit)
    people = part_people(images, request.seed)
    matchers = choose_matchers(record, request.matchers)
    if not matchers:
        raise BadInputError(
            f"A study counts lost matches, but there is no matcher for {record.name}; name a usable one, or say with "
            "the import that its subjects are people.",
            code="no-matcher",
        )
    settings = list_settings(request, images)
    refuse_nothing(settings)
    names = tuple(dict.fromkeys(attackers.names() if request.attackers is None else request.attackers))
    for name in names:
        attackers.load(name)
    for name in request.template_attackers or ():
        template_attackers.load(name)
    screening = tuple(name for name in names if name in SCREENING) or names
    last = len(people.rungs) - 1
    rungs = tuple(
        StudyRung(
            people=size,
            images=sum(map(len, people.searched[:size])),
            draws=DRAWS if rung == last else 1,
            attackers=names if rung == last or request.attackers is not None else screening,
        )
        for rung, size in enumerate(people.rungs)
    )
    candidates = [
        each.model_copy(update={"from_rung": min(each.from_rung, last)}) for each in list_candidates(request, settings)
    ]
    classifiers = choose_classifiers(request.classifiers, images)
    return StudySpec(
        dataset=record.ref,
        goal=StudyGoal(attacker_at_most=request.attacker_at_most, matches_lost=request.matches_lost, fmr=request.fmr),
        release=request.release,
        seconds=request.seconds,
        settings=tuple(settings),
        candidates=tuple(candidates),
        rungs=rungs,
        image_ids=tuple(image.id for person in people.searched for image in person),
        confirmation_ids=tuple(image.id for person in people.confirming for image in person),
        confirmation_people=len(people.confirming),
        attackers=names,
        template_attackers=() if request.template_attackers is None else request.template_attackers,
        classifiers=tuple(make_reference(get_classifier(name)) for name in dict.fromkeys(classifiers)),
        matchers=tuple(make_reference(get_matcher(name)) for name in dict.fromkeys(matchers)),
        template_sets=() if request.release == "images" else _template_sets(store, record, request.fmr),
        seed=request.seed,
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in (*COMPUTING, *LEARNING_LIBRARIES)},
    )


def _template_sets(store: Store, record: DatasetRecord, fmr: float) -> tuple[TemplateSetRef, ...]:
    if fmr not in FMR_TARGETS:
        known = listed([f"{target:g}" for target in FMR_TARGETS], "or")
        raise BadInputError(
            f"Matches of templates are counted where {known} of impostors are accepted, but {fmr:g} was given; choose "
            "one of these, or release images only.",
            code="bad-fmr",
        )
    sets = store.template_sets.list(dataset_id=record.id)
    if not sets:
        raise BadInputError(
            f"Templates of {record.name} were to be released, but none were made from it; make some with "
            f"`facepriv templates make {record.name} --matcher NAME`, or release images.",
            code="no-templates",
        )
    # Of a matcher the newest set counts.
    newest = {(each.matcher, each.version): each for each in sorted(sets, key=lambda each: each.id)}
    return tuple(map(reference, newest.values()))


def find_same_study(store: Store, spec: StudySpec) -> StudyRecord | None:
    """Find the newest complete study with the same spec, libraries included; None if there is none."""
    for summary in store.studies.list(dataset_id=spec.dataset.id, states=("complete",), limit=LOOK_BACK):
        record = store.studies.get(summary.id)
        if record.spec == spec:
            return record
    return None


def study_document(store: Store, number: int) -> StudyDocument:
    """Return a study with its spec, as ``--json`` writes it: complete or as far as it is.

    Raises UnknownNameError if there is no such study.
    """
    record = store.studies.get(number)
    result = record.result or make_result(
        record.spec, record.progress, record.spent, stopped=record.state in ("failed", "cancelled")
    )
    return StudyDocument(
        **{name: getattr(result, name) for name in result.model_fields_set | {"schema_"} if name != "schema_"},
        study_id=record.id,
        state=record.state,
        created_at=record.created_at.isoformat(),
        finished_at=None if record.finished_at is None else record.finished_at.isoformat(),
        spec=record.spec,
    )
