"""Plan how long an import will take, once it is known how many images there are."""

from __future__ import annotations

from facepriv.schemas.plans import JobPlan
from facepriv.services.jobs.planning import Stage, make_plan
from facepriv.services.jobs.speeds import Piece, get_speeds, rest
from facepriv.store import Store

IMPORTING, QUALITY = "import", "quality"
"""What the stopwatch calls importing one image, and checking the quality of one."""
LOCATING, CHECKING = "", "checking quality"
"""Stages of an import: decoding images and locating faces, and looking at what was imported."""


def plan_import(store: Store, images: int, *, quality: bool) -> JobPlan:
    """Plan an import of so many images, whose sizes are not known yet; one process does it."""
    stages = [Stage(LOCATING, (Piece.of(IMPORTING, images),), images, pooled=False)]
    if quality:
        stages.append(Stage(CHECKING, (Piece.of(QUALITY, images),), images, pooled=False))
    return make_plan(get_speeds(store), stages, rest=rest("import"), width=1)
