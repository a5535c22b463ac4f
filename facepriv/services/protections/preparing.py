"""Make the spec of a protection's trial, which is everything that is needed to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version

import facepriv
from facepriv.audit.templates.registry import template_attackers
from facepriv.errors import BadInputError
from facepriv.protect.registry import make_protection, protections
from facepriv.schemas.protections import ProtectionChoice, ProtectionSpec
from facepriv.schemas.requests import FOLDS, ProtectionRequest, read_settings
from facepriv.services.templates.sets import reference
from facepriv.store import ProtectionRecord, Store, TemplateSetRecord

LIBRARIES = ("numpy", "scipy", "scikit-learn")
"""Libraries whose versions may move a bit of a figure."""
LOOK_BACK = 100
"""Complete trials of a set that are looked at for one with the same spec."""
ALL = "all"


def prepare_protection(store: Store, request: ProtectionRequest) -> ProtectionSpec:
    """Return the spec of a trial.

    Raises
    ------
    UnknownNameError
        If a template set, a protection or an attacker does not exist.
    BadInputError
        With code ``bad-parameter`` for a parameter, ``no-attacker`` if none was named, ``same-set`` if a set is to be
        learnt from that is the one protected, ``other-matcher`` if two sets are of different matchers, ``no-labels``
        or ``one-gender`` if there is nobody of a label to attack.
    """
    record = store.template_sets.get(request.templates)
    _require_labels(record)
    fit_on = None if request.fit_on == FOLDS else _others(store, record, request.fit_on, "to fit on")
    learn_from = None if request.learn_from is None else _others(store, record, request.learn_from, "to learn from")
    method = protections.resolve(request.method)
    first = make_protection(method, request.parameters)
    attackers = tuple(dict.fromkeys(request.attackers or template_attackers.names()))
    for name in attackers:
        template_attackers.load(name)
    tried = [ProtectionChoice(name=method, parameters=first.parameters.model_dump(mode="json"))]
    for choice in _compared(request.others, method):
        if choice not in tried:
            tried.append(choice)
    return ProtectionSpec(
        templates=reference(record),
        method=method,
        tried=tuple(tried),
        fit_on=None if fit_on is None else reference(fit_on),
        learn_from=None if learn_from is None else reference(learn_from),
        attackers=attackers,
        partings=request.partings,
        most_accuracy=request.most_accuracy,
        most_fnmr_loss=request.most_fnmr_loss,
        wrong_guesses=request.wrong_guesses,
        seed=request.seed,
        facepriv_version=facepriv.__version__,
        libraries={name: version(name) for name in LIBRARIES},
    )


def _require_labels(record: TemplateSetRecord) -> None:
    """Raise BadInputError for a set whose labels are of one gender, or none: attackers would have nothing to tell."""
    if record.male and record.female:
        return
    found = "no template has one" if not record.male and not record.female else "all are of one gender"
    raise BadInputError(
        f"Judging a protection needs gender labels, male and female, since attackers learn to tell them apart, but in "
        f"{record.name} {found}; import the templates with a table of labels.",
        code="one-gender" if record.male or record.female else "no-labels",
    )


def _compared(others: Sequence[str], method: str) -> Iterator[ProtectionChoice]:
    """Yield the protections to compare with, such as ``leace``, ``transport:shrinkage=0.1`` or all but the method."""
    if ALL in others:
        others = [*(name for name in protections.names() if name != method), *(each for each in others if each != ALL)]
    for each in others:
        name, _, settings = each.partition(":")
        name = protections.resolve(name)
        made = make_protection(name, read_settings(settings.split(",")) if settings else {})
        yield ProtectionChoice(name=name, parameters=made.parameters.model_dump(mode="json"))


def _others(store: Store, record: TemplateSetRecord, name: str | int, what: str) -> TemplateSetRecord:
    """Return the template set of other people; raises BadInputError if it does not fit."""
    others = store.template_sets.get(name)
    if others.id == record.id:
        raise BadInputError(
            f"A template set of other people was expected {what}, but {record.name} itself was named; name another.",
            code="same-set",
        )
    if (others.matcher, others.version, others.width, others.metric) != (
        record.matcher,
        record.version,
        record.width,
        record.metric,
    ):
        raise BadInputError(
            f"Templates of the same matcher were expected {what}, {_kind(record)}, but {others.name} has "
            f"{_kind(others)}; name a set of that matcher.",
            code="other-matcher",
        )
    return others


def _kind(record: TemplateSetRecord) -> str:
    of = f"{record.matcher} {record.version[:8]}".strip() or "a matcher that is not named"
    return f"{record.width} numbers of {of} compared by {record.metric}"


def find_same_protection(store: Store, spec: ProtectionSpec) -> ProtectionRecord | None:
    """Find the newest complete trial with the same spec, libraries included; None if there is none."""
    for summary in store.protections.list(template_set_id=spec.templates.id, states=("complete",), limit=LOOK_BACK):
        record = store.protections.get(summary.id)
        if record.spec == spec:
            return record
    return None
