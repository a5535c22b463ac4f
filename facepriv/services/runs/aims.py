"""What a run is for, and the method and guides that follow from it where a request leaves them open."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.classify.registry import classifiers
from facepriv.errors import BadInputError
from facepriv.perturb.registry import AIM_METHODS, perturbers
from facepriv.schemas.requests import DEFAULT_GUIDE, Aim, RunRequest
from facepriv.services.models.catalogue import usable_classifiers
from facepriv.services.models.probe_people import independent_classifiers
from facepriv.store import ImageRecord


def choose_aim(request: RunRequest) -> Aim | None:
    """Return the aim that a request names, or that follows from what else it names; None where a method was chosen.

    Who names only guides wants to fool these. Who names nothing gets what hides gender from all others.
    """
    if request.aim is not None or request.method is not None:
        return request.aim
    return "unseen" if request.guides is None else "guide"


def choose_method(request: RunRequest) -> str:
    """Return the name of the method that a request names or, if it names none, of the one for its aim.

    Raises BadInputError with code ``other-aim`` if it names an aim, and a method that is not the one for that aim.
    """
    aim = choose_aim(request)
    if aim is None:
        return perturbers.resolve(request.method or "")
    method = AIM_METHODS[aim]
    if request.method is not None and perturbers.resolve(request.method) != method:
        raise BadInputError(
            f"The aim {aim} means the method {method}, but {request.method} was named; leave out the aim or the "
            "method.",
            code="other-aim",
        )
    return method


def choose_guides(request: RunRequest, images: Sequence[ImageRecord] = ()) -> tuple[str, ...]:
    """Return the guides that a request names, else the default one or, to turn those never asked, all there are.

    These are the usable gender classifiers without the jury, without those to be kept, and without those that were
    trained on any of these images or their people.
    """
    if request.guides is not None:
        return request.guides
    if choose_aim(request) != "unseen":
        return (DEFAULT_GUIDE,)
    taken = set(map(classifiers.resolve, (*request.jury, *request.keep)))
    free = [name for name in usable_classifiers() if name not in taken]
    return tuple(independent_classifiers(free, images)) or (DEFAULT_GUIDE,)
