"""Studies made up: settings, figures and steps, without any model."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.figures import Interval
from facepriv.schemas.studies import (
    UNTOUCHED,
    StudyCandidate,
    StudyFigures,
    StudyGoal,
    StudyProgress,
    StudyRung,
    StudySetting,
    StudySpec,
    StudyStep,
)
from facepriv.services.studies.results import make_result
from facepriv.store import open_store

GOAL = StudyGoal(attacker_at_most=0.7, matches_lost=0.03, fmr=0.001)


def figures_of(accuracy: float, lost: float, width: float = 0.05, people: int = 20) -> StudyFigures:
    return StudyFigures(
        people=people,
        attacker="score",
        accuracy=Interval(value=accuracy, low=max(0.0, accuracy - width), high=min(1.0, accuracy + width)),
        upper=max(0.5, min(1.0, accuracy + width)),
        lost=Interval(value=lost, low=lost - width / 2, high=lost + width / 2),
        matcher="sface",
    )


def spec_of(settings: int, rungs: int = 3, seconds: float = 1e9, templates: int = 0) -> StudySpec:
    """Settings of two candidates each, the second of which joins on the second rung."""
    all_settings = tuple(
        StudySetting(
            name=f"s{i}",
            released="templates" if i < templates else "images",
            method="leace" if i < templates else "mixing",
            guides=None if i < templates else ("dlib-gender",),
            cost=i,
        )
        for i in range(settings)
    )
    return StudySpec(
        dataset=DatasetRef(id=1, name="faces", content_sha256="0" * 64),
        goal=GOAL,
        release="both" if templates else "images",
        seconds=seconds,
        settings=all_settings,
        candidates=tuple(
            StudyCandidate(name=f"{each.name}, {p:.0%}", setting=each.name, p=p, select_by="image", from_rung=rung)
            for each in all_settings
            for p, rung in ((1.0, 0), (0.5, 1))
        ),
        rungs=tuple(StudyRung(people=10 * 2**r, images=20 * 2**r, draws=1, attackers=("sign",)) for r in range(rungs)),
        image_ids=(1,),
        confirmation_ids=(2,),
        confirmation_people=1,
        attackers=("sign",),
        classifiers=(),
        matchers=(),
        facepriv_version="0",
    )


TRUTH = {
    "s0, 100%": (0.66, 0.02),
    "s0, 50%": (0.8, 0.01),
    "s1, 100%": (0.6, 0.05),
    "s1, 50%": (0.9, 0.0),
    "s2, 100%": (0.95, 0.2),
}
"""How often the strongest attacker is right, and matches lost, of three settings; the third is hopeless."""


def progress_of(*, ended: bool = True, confirmed: tuple[float, float] | None = (0.62, 0.02)) -> StudyProgress:
    """What a study of `spec_of(3, rungs=2)` has done: s0 and s1 on both rungs, s2 on the first."""
    steps = []
    for setting, rung in (("s0", 0), ("s1", 0), ("s2", 0), ("s0", 1), ("s1", 1)):
        names = [name for name in TRUTH if name.startswith(setting) and (rung or name.endswith("100%"))]
        width = 0.1 if rung == 0 else 0.04
        figures = {name: figures_of(*TRUTH[name], width, 10 * 2**rung) for name in names}
        figures[UNTOUCHED] = figures_of(0.97, 0.0, 0.02, 10 * 2**rung)
        steps.append(StudyStep(setting=setting, rung=rung, figures=figures, seconds=5, run_id=len(steps) + 1))
    confirmations = ()
    if confirmed is not None:
        step = StudyStep(
            setting="s0",
            rung=-1,
            candidate="s0, 100%",
            figures={"s0, 100%": figures_of(*confirmed, 0.05, 7), UNTOUCHED: figures_of(0.95, 0.0)},
            run_id=9,
            audit_ids=(9,),
        )
        confirmations = (step,)
    return StudyProgress(steps=tuple(steps), ended="complete" if ended else None, confirmations=confirmations)


def add_study(settings: Settings, progress: StudyProgress, *, complete: bool = True) -> StudySpec:
    """Keep a study of the data set ``few`` that came so far, or to its end."""
    with open_store(settings) as store:
        spec = spec_of(3, rungs=2, seconds=600.0).model_copy(update={"dataset": store.datasets.get("few").ref})
        number = store.studies.create(spec)
        assert store.jobs.claim("test", only=store.studies.job_id(number)) is not None
        store.studies.save_progress(number, "test", progress)
        if complete:
            store.studies.finish(number, "test", make_result(spec, progress, 60.0))
    return spec
