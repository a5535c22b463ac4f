"""Make the spec of a leak audit and put it into the queue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

import facepriv
from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import check_enough
from facepriv.errors import BadInputError
from facepriv.measures.fingerprint import COMPUTING
from facepriv.measures.loaded_models import get_classifier, get_matcher, make_detector_reference, make_reference
from facepriv.schemas.audits import AuditDocument, AuditSpec, SelectBy
from facepriv.schemas.base import stored_fields
from facepriv.services.datasets.identities import refuse_matching, why_not_matched
from facepriv.services.datasets.sampling import sample_images
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.services.models.probe_people import independent_classifiers
from facepriv.store import AuditRecord, ImageRecord, Store
from facepriv.types import GENDER
from facepriv.wording import listed

LEARNING_LIBRARIES = ("scikit-learn",)
"""Libraries beside `COMPUTING` whose versions may move a bit of an attacker's guess."""
DEFAULT_DRAWS = 3
P_DIGITS = 6
"""Decimals of a proportion that count."""
LOOK_BACK = 100
"""Complete audits of a data set that are looked at for one with the same spec."""


def prepare_audit(
    store: Store,
    dataset: int | str | None = None,
    *,
    run_id: int | None = None,
    chosen: Sequence[str] | None = None,
    classifiers: Sequence[str] | None = None,
    matchers: Sequence[str] | None = None,
    p: float | None = None,
    against: Sequence[str] = (),
    select_by: SelectBy = "image",
    draws: int = DEFAULT_DRAWS,
    most_fnmr_loss: float | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> AuditSpec:
    """Write the spec of an audit: everything that is needed to repeat it.

    Parameters
    ----------
    dataset
        The data set to audit as it is; may be left out where a run is given.
    run_id
        A complete run, whose perturbed images are audited beside the untouched ones.
    chosen
        Attackers; by default all that are registered.
    classifiers, matchers
        Whose scores and templates the attackers have; by default all that can be used here, but for probes that were
        trained on any of these people, and no matcher where subjects are no people.
    p, against, select_by, draws, most_fnmr_loss
        As in `AuditSpec`; they count for a run only.
    limit
        Take at most this many images, spread evenly over the subjects' order, all images of a subject together; of a
        run those that it took.

    Raises
    ------
    UnknownNameError
        If the data set, the run, a model or an attacker does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If a run is not complete or has perturbed nothing, a number is out of range, or too few labelled people are
        left to learn from some and judge on others.
    """
    _check_numbers(p, draws, most_fnmr_loss, limit, seed)
    run = None if run_id is None else store.runs.get(run_id)
    if run is not None and run.result is None:
        raise BadInputError(
            f"A complete run was expected, but run {run.id} is {run.state}; wait for its end or choose another.",
            code="run-not-complete",
        )
    if run is None and (dataset is None or p is not None):
        raise BadInputError(
            "A policy is judged on a run, whose perturbed images it releases, but none was named; perturb the data set "
            "first.",
            code="no-run",
        )
    record = store.datasets.get(run.dataset_id if run is not None else dataset or "")
    if run is not None and not any(one.artifact_sha256 for one in store.runs.run_images(run.id)):
        raise BadInputError(
            f"Run {run.id} has no perturbed image, so there is nothing to release but the untouched ones; look at its "
            "failures, or audit the data set as it is.",
            code="nothing-perturbed",
        )
    images = store.datasets.images(record.id, ids=None if run is None else run.spec.image_ids)
    if limit is not None:
        images = sample_images(images, limit)
    given = independent_classifiers(usable_classifiers(), images) if classifiers is None else classifiers
    held = [get_classifier(name) for name in dict.fromkeys(given)]
    others = [f"{one.name} tells {one.attribute}" for one in held if one.attribute != GENDER]
    if others:
        raise BadInputError(
            f"An audit measures what attackers learn about gender, but {listed(others)}; name gender classifiers only.",
            code="not-gender",
        )
    usable = [image for image in images if image.failure is None and image.label is not None]
    check_enough([image.subject for image in usable], [image.label or 0 for image in usable])
    names = list(dict.fromkeys(attackers.names() if chosen is None else chosen))
    for name in names:
        attackers.load(name)
    if not names:
        raise BadInputError("At least one attacker was expected, but none was named; leave them out to take all.")
    refuse_matching(record, matchers or ())
    if matchers is None:
        matchers = usable_matchers() if why_not_matched(record) is None else ()
    judges = matchers
    if most_fnmr_loss is not None and not judges:
        raise BadInputError(
            "A floor of matching was set, but no matcher was named to measure it; name one, or leave the floor out.",
            code="no-matcher",
        )
    for name in against:
        attackers.load(name)
        if name not in names:
            raise BadInputError(
                f"The proportion was to be chosen against the attacker {name}, but the audit leaves it out; take it "
                "in, or choose against others.",
                code="attacker-left-out",
            )
    return AuditSpec(
        dataset=record.ref,
        run_id=None if run is None else run.id,
        image_ids=tuple(image.id for image in images),
        attackers=tuple(names),
        classifiers=tuple(make_reference(one) for one in held),
        matchers=tuple(make_reference(get_matcher(name)) for name in dict.fromkeys(judges)),
        detector=make_detector_reference(),
        p=None if p is None else round(p, P_DIGITS),
        against=tuple(dict.fromkeys(against)),
        select_by=select_by,
        draws=draws,
        most_fnmr_loss=most_fnmr_loss,
        seed=seed,
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in (*COMPUTING, *LEARNING_LIBRARIES)},
    )


def start_audit(store: Store, spec: AuditSpec) -> AuditRecord:
    """Put an audit into the queue; a worker takes it up."""
    return store.audits.get(store.audits.create(spec))


def same_audit(store: Store, spec: AuditSpec) -> AuditRecord | None:
    """Find the newest complete audit with the same spec, libraries included; None if there is none."""
    wanted = spec.model_dump()
    for summary in store.audits.list(dataset_id=spec.dataset.id, states=("complete",), limit=LOOK_BACK):
        if summary.run_id == spec.run_id:
            record = store.audits.get(summary.id)
            if record.spec.model_dump() == wanted:
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

    Raises
    ------
    UnknownNameError
        If there is no such audit.
    BadInputError
        If it is not complete.
    """
    audit = store.audits.get(audit_id)
    if audit.result is None:
        why = f" ({audit.error})" if audit.error else ""
        raise BadInputError(
            f"A complete audit was expected, but audit {audit_id} is {audit.state}{why}; choose another.",
            code="audit-not-complete",
        )
    return AuditDocument(
        **stored_fields(audit.result),
        audit_id=audit.id,
        created_at=audit.created_at.isoformat(),
        finished_at=None if audit.finished_at is None else audit.finished_at.isoformat(),
        spec=audit.spec,
    )


def _check_numbers(p: float | None, draws: int, most_fnmr_loss: float | None, limit: int | None, seed: int) -> None:
    if p is not None and not 0 <= p <= 1:
        raise BadInputError(
            f"A proportion from 0 to 1 was expected, got {p:g}; write 0.5 for half of the images.", code="out-of-range"
        )
    if most_fnmr_loss is not None and not 0 <= most_fnmr_loss <= 1:
        raise BadInputError(
            f"A loss of FNMR from 0 to 1 was expected, got {most_fnmr_loss:g}; write 0.01 for one point.",
            code="out-of-range",
        )
    for what, value, least in (("draw", draws, 1), ("image", limit, 1)):
        if value is not None and value < least:
            raise BadInputError(f"At least {least} {what} was expected, got {value}.", code="out-of-range")
    if seed < 0:
        raise BadInputError(f"A seed of 0 or more was expected, got {seed}; choose such a number.", code="bad-seed")
