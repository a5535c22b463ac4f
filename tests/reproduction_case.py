"""Runs of the paper's experiments with known scores, updates and templates, put together without any model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facepriv.audit.reproduction.comparison import reproduction
from facepriv.audit.reproduction.experiments import ExperimentRun, ImageOutcome
from facepriv.audit.run_result import JudgedImage, RunSetup, Templates, run_result
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.reproductions import CANDIDATES, Reproduction
from facepriv.schemas.runs import FailureItem

A, B = "first", "second"
MATCHER = "cosine"
DATASET = DatasetRef(id=1, name="made-up", content_sha256="0" * 64)
SUBJECTS, EACH = 12, 2
LABELS = [1 if number < SUBJECTS // 2 else -1 for number in range(SUBJECTS) for _ in range(EACH)]
NAMES = [f"s{number:02d}" for number in range(SUBJECTS) for _ in range(EACH)]
COUNT = len(LABELS)


def case(
    experiment: str,
    candidates: str,
    *,
    wrong_a: Sequence[int] = (),
    wrong_b: Sequence[int] = (),
    updates: Sequence[int] | None = None,
    anchors: Sequence[int] | None = None,
    matchers: bool = True,
    noise: float = 0.05,
) -> ExperimentRun:
    """Make a run in which the images numbered ``wrong_a`` fool the first classifier, ``wrong_b`` the second.

    Before, both classifiers are right about every image.
    """
    guide = B if experiment == "by-b" else A
    fooled = {A: set(wrong_a), B: set(wrong_b)}
    steps = list(updates) if updates is not None else [10] * COUNT
    judged = []
    outcomes = []
    for number in range(COUNT):
        scores = {}
        for name in (A, B):
            scores[name, "before"] = LABELS[number] * (2.0 + number / COUNT)
            scores[name, "after"] = LABELS[number] * (-0.5 if number in fooled[name] else 1.5)
        success = number in fooled[guide]
        failure = FailureItem(
            image_id=number, name=f"{number}.png", stage="perturb", reason="not-flipped", sentence="It is not flipped."
        )
        judged.append(
            JudgedImage(
                image_id=number,
                name=f"{number}.png",
                subject=NAMES[number],
                label=LABELS[number],
                perturbed=True,
                success=success,
                updates=steps[number],
                evaluations=2 * steps[number],
                psnr_db=30.0,
                ssim=0.9,
                scores=scores,
                failure=None if success else failure,
                fixed_score=scores[guide, "after"],
                stop="flipped" if success else "sweeps",
            )
        )
        outcomes.append(
            ImageOutcome(
                image_id=number,
                subject=NAMES[number],
                label=LABELS[number],
                updates=steps[number],
                success=success,
                anchors=0 if anchors is None else anchors[number],
                before={name: score for (name, phase), score in scores.items() if phase == "before"},
                after={name: score for (name, phase), score in scores.items() if phase == "after"},
            )
        )
    rng = np.random.default_rng(3)
    who = np.repeat(np.eye(SUBJECTS), EACH, axis=0)

    def rows(spread: float) -> np.ndarray:
        near = who + spread * rng.normal(size=who.shape)
        return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)

    templates = Templates(before=rows(0.05), after=rows(noise), compare=lambda gallery, probes: gallery @ probes.T)
    result = run_result(
        judged,
        {MATCHER: templates} if matchers else {},
        RunSetup(classifiers=[A, B], guides=[guide], kind="unnoticeable"),
        seconds=1.0,
    )
    return ExperimentRun(
        experiment=experiment,
        candidates=candidates,
        run_id=1,
        method="mixing" if experiment == "mixing" else "algorithm1",
        guide=guide,
        result=result,
        images=outcomes,
    )


def six_runs(**of_all) -> list[ExperimentRun]:
    """Make all runs: each guide is fooled in its own but for the first image, mixing fools both on every other one."""
    own, half = range(1, COUNT), range(0, COUNT, 2)
    fooled = {"by-a": {"wrong_a": own}, "by-b": {"wrong_b": own}, "mixing": {"wrong_a": half, "wrong_b": half}}
    return [
        case(experiment, candidates, **{**wrong, **of_all})
        for experiment, wrong in fooled.items()
        for candidates in CANDIDATES
    ]


def made(runs: Sequence[ExperimentRun]) -> Reproduction:
    """Compare runs with the paper."""
    return reproduction(DATASET, runs, classifiers={"a": A, "b": B}, seed=0)
