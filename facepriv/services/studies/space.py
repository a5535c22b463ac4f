"""What a study may try: settings, each of which is one run or one protection, and their candidates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.perturb.registry import AIM_METHODS, describe_parameters, make_method, perturbers
from facepriv.protect.registry import make_protection, protections
from facepriv.schemas.audits import SelectBy
from facepriv.schemas.requests import DEFAULT_GUIDE, DEFAULT_PROTECTION, RunRequest, StudyRequest
from facepriv.schemas.runs import is_key
from facepriv.schemas.studies import StudyCandidate, StudySetting
from facepriv.services.models.catalogue import usable_classifiers
from facepriv.services.models.probe_people import independent_classifiers
from facepriv.services.runs.estimate import estimate_each_image
from facepriv.store import ImageRecord
from facepriv.wording import listed, percent

SELECTED: dict[SelectBy, str] = {"image": "images", "subject": "people"}
PROTECTION_COST = 1.0
"""Seconds that a protection of templates takes, roughly; all are told apart by nothing else."""


def list_settings(request: StudyRequest, images: Sequence[ImageRecord]) -> list[StudySetting]:
    """Return the settings that a request asks for: the advised ones first, then those that cost least.

    Advised are the method that hides gender from classifiers nobody asked, its greatest strength first, and the
    recommended protection: a study that has little time is to have tried what is likeliest to reach a goal.

    Raises UnknownNameError or BadInputError for a method, parameter, classifier or protection that cannot be used.
    """
    settings: list[StudySetting] = []
    if request.release in ("images", "both"):
        settings += _settings_of_images(request, images)
    if request.release in ("templates", "both"):
        names = protections.names() if request.protections is None else request.protections
        for name in dict.fromkeys(map(protections.resolve, names)):
            make_protection(name)
            settings.append(
                StudySetting(
                    name=f"protection {name}", released="templates", method=name, parameters={}, cost=PROTECTION_COST
                )
            )
    advised = {AIM_METHODS["unseen"], protections.resolve(DEFAULT_PROTECTION)}

    def order(setting: StudySetting) -> tuple[bool, int, float]:
        is_advised = setting.method in advised
        weaker = 0
        if is_advised and "strength" in setting.parameters:
            steps = describe_parameters(setting.method)["strength"].options
            weaker = len(steps) - steps.index(setting.parameters["strength"])
        return not is_advised, weaker, setting.cost

    return sorted(settings, key=order)


def list_candidates(request: StudyRequest, settings: Sequence[StudySetting]) -> list[StudyCandidate]:
    """Return the candidates of settings; the finer choices among them wait for the second rung."""
    return [candidate for setting in settings for candidate in _candidates_of(request, setting)]


def _settings_of_images(request: StudyRequest, images: Sequence[ImageRecord]) -> Iterator[StudySetting]:
    usable = independent_classifiers(usable_classifiers(), images) or (DEFAULT_GUIDE,)
    names = perturbers.names() if request.methods is None else request.methods
    for method in dict.fromkeys(map(perturbers.resolve, names)):
        visible = perturbers.load(method).kind == "visible"  # type: ignore[attr-defined]
        if request.guides is not None:
            guides = [tuple(request.guides)]
        elif method == AIM_METHODS["unseen"]:
            guides = [tuple(usable)]
        else:
            guides = [(DEFAULT_GUIDE,)]
            if method == AIM_METHODS["guide"] and len(usable) > 1:
                guides.append(tuple(usable))
        for parameters, asked in product(_parameter_choices(request, method), guides):
            make_method(method, parameters)
            words = [method, *map(str, parameters.values())]
            if len(guides) > 1 or (request.guides is not None and not visible):
                every = request.guides is None and len(asked) > 1
                words.append("against all classifiers" if every else f"against {listed(asked)}")
            run = RunRequest(dataset=request.dataset, method=method, parameters=parameters, guides=asked)
            yield StudySetting(
                name=" ".join(words),
                released="images",
                method=method,
                parameters=parameters,
                guides=asked,
                cost=round(estimate_each_image(run), 3),
            )


def _parameter_choices(request: StudyRequest, method: str) -> list[dict[str, Any]]:
    """Return the strengths and sides of a method, as far as it has them."""
    described = describe_parameters(method)
    choices: dict[str, Sequence[str]] = {}
    if "strength" in described:
        known = described["strength"].options
        wanted = tuple(known) if request.strengths is None else request.strengths
        unknown = [each for each in wanted if each not in known]
        if unknown:
            raise UnknownNameError(
                f"The method {method} has no strength {unknown[0]!r}; choose among {listed(list(map(str, known)))}."
            )
        choices["strength"] = wanted
    if "side" in described:
        choices["side"] = request.sides
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def _candidates_of(request: StudyRequest, setting: StudySetting) -> Iterator[StudyCandidate]:
    if setting.released == "templates":
        yield StudyCandidate(name=setting.name, setting=setting.name, p=1.0, select_by="subject")
        return
    # Where sides are drawn, what is not changed at all would tell its label.
    proportions = sorted(set(request.proportions), reverse=True)
    if is_key(setting.parameters):
        proportions = [1.0]
    # What is tried on everybody first: the greatest share, and the one nearest to a half.
    first = {max(proportions), min(proportions, key=lambda p: (abs(p - 0.5), p))}
    for p in proportions:
        for select_by in dict.fromkeys(request.select_by):
            if p == 1.0 and select_by != request.select_by[0]:
                continue
            early = p in first and select_by == request.select_by[0]
            of = "" if p == 1.0 else f" of {SELECTED[select_by]}"
            yield StudyCandidate(
                name=f"{setting.name}, {percent(p, 0)}{of}",
                setting=setting.name,
                p=round(p, 6),
                select_by=select_by,
                from_rung=0 if early else 1,
            )


def refuse_nothing(settings: Sequence[StudySetting]) -> None:
    """Raise BadInputError with code ``nothing-to-try`` if there is no setting."""
    if not settings:
        raise BadInputError(
            "A study needs something to try, but no method or protection is left; name others.", code="nothing-to-try"
        )
