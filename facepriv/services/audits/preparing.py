"""Make the spec of a leak audit, which is everything that is needed to repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

import facepriv
from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import require_subjects
from facepriv.errors import BadInputError
from facepriv.measures.fingerprint import COMPUTING
from facepriv.measures.loaded_models import DETECTOR, get_classifier, get_matcher, make_reference
from facepriv.schemas.audits import AuditDocument, AuditSpec, too_few_people
from facepriv.schemas.base import ModelRef, document_fields
from facepriv.schemas.protections import TemplateSetRef
from facepriv.schemas.requests import AUTO, AuditRequest
from facepriv.services.audits.attackers_people import choose_people
from facepriv.services.runs.judges import choose_classifiers, choose_images, choose_matchers
from facepriv.services.templates.sets import reference
from facepriv.store import AuditRecord, DatasetRecord, ImageRecord, RunRecord, Store
from facepriv.types import GENDER
from facepriv.wording import listed

LEARNING_LIBRARIES = ("scikit-learn",)
"""Libraries beside `COMPUTING` whose versions may move a bit of an attacker's guess."""
P_DIGITS = 6
"""Decimals of a proportion that count."""
LOOK_BACK = 100
"""Complete audits of a data set that are looked at for one with the same spec."""


def prepare_audit(store: Store, request: AuditRequest) -> AuditSpec:
    """Return the spec of an audit.

    Of a run, the perturbed images are audited beside the untouched ones. Models that were not named are left out where
    they were trained on any of these people, and matchers where subjects are no people.

    Raises
    ------
    UnknownNameError
        If the data set, the run, a model or an attacker does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If a run is not complete or has perturbed nothing, or too few labelled people are left to learn from some and
        judge on others, or to learn from elsewhere.
    """
    run = _complete_run(store, request)
    record = store.datasets.get(request.dataset or "" if run is None else run.dataset_id)
    images = choose_images(store, record, request.limit, ids=None if run is None else run.spec.image_ids)
    classifiers = _gender_classifiers(choose_classifiers(request.classifiers, images))
    usable = [image for image in images if image.failure is None and image.label is not None]
    require_subjects([image.subject for image in usable], [image.label or 0 for image in usable])
    names, against = _choose_attackers(request)
    matchers = choose_matchers(record, request.matchers)
    if request.most_fnmr_loss is not None and not matchers:
        raise BadInputError(
            "A floor of matching was set, but no matcher was named to measure it; name one, or leave the floor out.",
            code="no-matcher",
        )
    return AuditSpec(
        dataset=record.ref,
        run_id=None if run is None else run.id,
        image_ids=tuple(image.id for image in images),
        attackers=names,
        classifiers=classifiers,
        matchers=tuple(make_reference(get_matcher(name)) for name in dict.fromkeys(matchers)),
        detector=DETECTOR,
        p=None if request.p == AUTO else round(request.p, P_DIGITS),
        against=against,
        select_by=request.select_by,
        draws=request.draws,
        with_templates=_template_sets(store, request, record),
        most_fnmr_loss=request.most_fnmr_loss,
        seed=request.seed,
        learn_from=None if request.learn_from is None else choose_people(store, request.learn_from, record, run),
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in (*COMPUTING, *LEARNING_LIBRARIES)},
    )


def why_no_audit(store: Store, dataset_id: int, run_id: int | None = None) -> str:
    """Return why a data set, or a run on it, has too few labelled people for an audit; an empty text if it has enough.

    Raise UnknownNameError if there is no such data set.
    """
    return too_few_people(*store.datasets.labelled_people(dataset_id, run_id=run_id))


def _template_sets(store: Store, request: AuditRequest, dataset: DatasetRecord) -> tuple[TemplateSetRef, ...]:
    """Return the template sets that are released beside the images; all of them were made from the same data set."""
    sets = [store.template_sets.get(name) for name in dict.fromkeys(request.with_templates)]
    foreign = [each.name for each in sets if each.dataset_id != dataset.id]
    if foreign:
        raise BadInputError(
            f"Template sets made from {dataset.name} were expected, but {foreign[0]} was not; name others, or leave it "
            "out.",
            code="templates-of-others",
        )
    if sets and request.learn_from is not None:
        raise BadInputError(
            "Attackers on images and templates together learn from the audited people, but were to learn from another "
            "data set, of which no templates are released; leave one of the two out.",
            code="templates-of-others",
        )
    return tuple(map(reference, sets))


def _complete_run(store: Store, request: AuditRequest) -> RunRecord | None:
    """Return the run that is audited, None for a data set as it is."""
    if request.run is None:
        if request.dataset is None or request.p != AUTO:
            raise BadInputError(
                "A policy is judged on a run, whose perturbed images it releases, but none was named; perturb the data "
                "set first.",
                code="no-run",
            )
        return None
    run = store.runs.get(request.run)
    if run.result is None:
        raise BadInputError(
            f"A complete run was expected, but run {run.id} is {run.state}; wait for its end or choose another.",
            code="run-not-complete",
        )
    if not any(image.artifact_sha256 for image in store.runs.outcomes(run.id)):
        raise BadInputError(
            f"Run {run.id} has no perturbed image, so there is nothing to release but the untouched ones; look at its "
            "failures, or audit the data set as it is.",
            code="nothing-perturbed",
        )
    return run


def _gender_classifiers(names: Sequence[str]) -> tuple[ModelRef, ...]:
    classifiers = list(map(get_classifier, dict.fromkeys(names)))
    others = [f"{model.name} tells {model.attribute}" for model in classifiers if model.attribute != GENDER]
    if others:
        raise BadInputError(
            f"An audit measures what attackers learn about gender, but {listed(others)}; name gender classifiers only.",
            code="not-gender",
        )
    return tuple(map(make_reference, classifiers))


def _choose_attackers(request: AuditRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the attackers, and those against whom the proportion is chosen."""
    names = tuple(dict.fromkeys(attackers.names() if request.attackers is None else request.attackers))
    for name in (*names, *request.against):
        attackers.load(name)
    if not names:
        raise BadInputError(
            "At least one attacker was expected, but none was named; leave them out to take all.", code="no-attacker"
        )
    left_out = [name for name in request.against if name not in names]
    if left_out:
        raise BadInputError(
            f"The proportion was to be chosen against the attacker {left_out[0]}, but the audit leaves it out; take it "
            "in, or choose against others.",
            code="attacker-left-out",
        )
    return names, tuple(dict.fromkeys(request.against))


def find_same_audit(store: Store, spec: AuditSpec) -> AuditRecord | None:
    """Find the newest complete audit with the same spec, libraries included; None if there is none."""
    for summary in store.audits.list(dataset_id=spec.dataset.id, states=("complete",), limit=LOOK_BACK):
        if summary.run_id == spec.run_id:
            record = store.audits.get(summary.id)
            if record.spec == spec:
                return record
    return None


def count_left_out(images: Sequence[ImageRecord]) -> dict[str, int]:
    """Count the images that an audit leaves out, by reason."""
    reasons = Counter(
        image.failure or "unlabelled" for image in images if image.failure is not None or image.label is None
    )
    return dict(sorted(reasons.items()))


def audit_document(store: Store, audit_id: int) -> AuditDocument:
    """Return a complete audit with its spec, as ``--json`` writes it.

    Raises UnknownNameError if there is no such audit, BadInputError if it is not complete.
    """
    audit = store.audits.get(audit_id)
    if audit.result is None:
        why = f" ({audit.error})" if audit.error else ""
        raise BadInputError(
            f"A complete audit was expected, but audit {audit_id} is {audit.state}{why}; choose another.",
            code="audit-not-complete",
        )
    return AuditDocument(**document_fields(audit), audit_id=audit.id)
