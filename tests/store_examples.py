"""Realistic contents of a store: data sets, images, runs, audits and their results."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from facepriv.schemas.audits import AuditResult, AuditSpec, Headline
from facepriv.schemas.base import ModelRef
from facepriv.schemas.figures import (
    Confusion,
    Confusions,
    Curve,
    GenderError,
    GenderHistograms,
    Groups,
    Histogram,
    Matching,
    MatchingPhases,
    OperatingPoint,
    Rates,
    Summary,
)
from facepriv.schemas.runs import FailureItem, Failures, LearnedItem, RunResult, RunSpec
from facepriv.schemas.studies import (
    StudyCandidate,
    StudyGoal,
    StudyResult,
    StudyRung,
    StudySetting,
    StudySpec,
)
from facepriv.store import AuditRecord, DatasetRecord, Learning, NewImage, RunImage, RunRecord, Store, attempts
from facepriv.store.measures import Measured
from facepriv.store.records import NewDataset
from facepriv.store.template_sets import TemplateRows
from facepriv.types import Problem


def sha(text_: str) -> str:
    return hashlib.sha256(text_.encode()).hexdigest()


def failures_since(store: Store, key: str, moment: datetime) -> tuple[int, datetime | None]:
    """Count the failed tries under a key since a moment, and give the time of the first of them."""
    with store.attempts._database.reading() as session:
        return attempts._between(session, key, moment, moment + timedelta(days=36_500))


def new_image(index: int, **changes: Any) -> NewImage:
    rng = np.random.default_rng(index)
    values: dict[str, Any] = {
        "name": f"faces/{index:03}.png",
        "subject": f"s{index // 2}",
        "label": 1 if index % 4 < 2 else -1,
        "width": 300 + index,
        "height": 400,
        "source_sha256": sha(f"source {index}"),
        "artifact_sha256": sha(f"artifact {index}"),
        "box": (10, 20, 210 + index, 240),
        "landmarks": rng.uniform(0, 300, (68, 2)).astype(np.float32),
    }
    return NewImage(**{**values, **changes})


FACELESS = {
    "label": None,
    "failure": "no-face",
    "failure_sentence": "No face was found; choose a picture that shows one.",
    "box": None,
    "landmarks": None,
}


def create(
    store: Store, name: str, images: Iterable[NewImage], problems: Iterable[Problem] = (), **told: Any
) -> DatasetRecord:
    """Import what is at hand in one go."""
    with store.datasets.importing(NewDataset(name=name, **{"source": "", "reader": "", **told})) as importing:
        for image in images:
            importing.add(image)
        for problem in problems:
            importing.problem(problem)
    return store.datasets.get(importing.dataset_id)


def add_dataset(store: Store, name: str = "studio", images: int = 6) -> DatasetRecord:
    return create(store, name, [new_image(index) for index in range(images)], source="a folder", reader="folders")


def spec_for(store: Store, dataset: DatasetRecord, **changes: Any) -> RunSpec:
    values: dict[str, Any] = {
        "dataset": dataset.ref,
        "image_ids": tuple(image.id for image in store.datasets.images(dataset.id)),
        "image_sha256": tuple(image.source_sha256 for image in store.datasets.images(dataset.id)),
        "method": "algorithm1",
        "parameters": {"eps": 0.05, "margin": 0.1, "sweeps": 40, "candidates": "any"},
        "guide": ModelRef(name="dlib-gender", version="0a1b2c3d4e5f"),
        "classifiers": (ModelRef(name="dlib-gender", version="0a1b2c3d4e5f"),),
        "matchers": (ModelRef(name="sface", version="f5e4d3c2b1a0"),),
        "detector": ModelRef(name="dlib-hog", version="001122334455"),
        "seed": 7,
        "facepriv_version": "0.1.0",
    }
    return RunSpec(**{**values, **changes})


def run_image(image_id: int, position: int, **changes: Any) -> RunImage:
    rng = np.random.default_rng(position)
    values: dict[str, Any] = {
        "image_id": image_id,
        "position": position,
        "artifact_sha256": sha(f"perturbed {position}"),
        "updates": 31,
        "evaluations": 64,
        "stop": "flipped",
        "success": True,
        "file_score": -0.1875,
        "anchors": (12, 30),
        "trajectory": rng.normal(size=32),
        "psnr_db": 34.25,
        "ssim": 0.96875,
        "seconds": 1.5,
        "after_box": (11, 21, 209, 239),
        "after_landmarks": rng.uniform(0, 300, (68, 2)).astype(np.float32),
        "fixed_score": -0.25,
        "survived": {"jpeg90": True, "resize75": False, "grey": True},
        "notes": ("Computed the slow way.",),
    }
    return RunImage(**{**values, **changes})


def measured_of(image: RunImage) -> list[Measured]:
    """Return two measures of a perturbed image; none where nothing was stored."""
    if image.artifact_sha256 is None:
        return []
    return [
        Measured(image.artifact_sha256, "score:dlib-gender", sha("fingerprint"), np.array([-0.1875])),
        Measured(image.artifact_sha256, "template:sface", sha("fingerprint"), np.ones(4, dtype=np.float32)),
    ]


def result_for(images: int) -> RunResult:
    rates = Rates(all=0.25, male=0.0, female=None)
    histogram = Histogram(edges=[-1.0, 0.0, 1.0], counts={"male": [0, 3], "female": [2, 1]})
    confusion = Confusion(
        male={"male": 3, "female": 0, "failed": 0},
        female={"male": 1, "female": 2, "failed": 0},
    )
    summary = Summary(n=5, mean=31.0, standard_error=2.5, median=30.0, minimum=20.0, maximum=44.0)
    groups = Groups(all=summary, male=summary, female=summary)
    match = Matching(
        mated=3,
        non_mated=12,
        failed=0,
        auc=0.99,
        eer=0.01,
        fmr100=0.02,
        fmr1000=None,
        operating_points=[OperatingPoint(target_fmr=0.01, threshold=0.4, fmr=0.0, fnmr=0.02, supported=False)],
        curve=Curve(threshold=[0.2, 0.4], fmr=[0.1, 0.0], fnmr=[0.0, 0.02]),
        histogram=Histogram(edges=[0.0, 0.5, 1.0], counts={"mated": [0, 3], "non_mated": [12, 0]}),
    )
    failure = FailureItem(
        image_id=1, name="faces/000.png", stage="acquire-after", reason="no-face", sentence="No face was found."
    )
    return RunResult(
        images=images,
        judged=images - 1,
        subjects=3,
        gender_error={"dlib-gender": GenderError(before=rates, after=rates)},
        gender_confusion={"dlib-gender": Confusions(before=confusion, after=confusion)},
        gender_scores={"dlib-gender": GenderHistograms(before=histogram, after=histogram)},
        matching={"sface": MatchingPhases(before=match, after=match, cross=match)},
        flipped=rates,
        updates=groups,
        evaluations=groups,
        psnr_db=summary,
        ssim=summary,
        failures=Failures(total=1, by_reason={"no-face": 1}, items=[failure]),
        seconds=12.5,
        evaluations_total=320,
        flipped_fixed=rates,
        survival={"jpeg90": rates, "grey": rates},
        stops={"flipped": 4},
        notes={"Computed the slow way.": 2},
        learned=[
            LearnedItem(source="folds", dataset="studio", fold=1, subjects=2, images=3, evaluations=40, sha256=sha("x"))
        ],
        kind="unnoticeable",
        guides=["dlib-gender"],
        guards=["sface"],
    )


def audit_spec(store: Store, of: DatasetRecord, **changes: Any) -> AuditSpec:
    model = ModelRef(name="dlib-gender", version="0a1b2c3d4e5f")
    values: dict[str, Any] = {
        "dataset": of.ref,
        "image_ids": tuple(image.id for image in store.datasets.images(of.id)),
        "attackers": ("sign", "score"),
        "classifiers": (model,),
        "matchers": (),
        "detector": model,
        "facepriv_version": "0.1.0",
    }
    return AuditSpec(**{**values, **changes})


def audit_result(**changes: Any) -> AuditResult:
    values: dict[str, Any] = {
        "images": 6,
        "left_out": {"no-face": 1},
        "subjects": 3,
        "male_images": 4,
        "female_images": 2,
        "male_subjects": 2,
        "female_subjects": 1,
        "baseline": [],
        "conditions": [],
        "headlines": [Headline(condition="untouched", attacker="sign", accuracy=0.9, upper=0.95, bits=0.5)],
        "verdict": "It leaks.",
        "not_tried": ["a person"],
    }
    return AuditResult(**{**values, **changes})


def complete_run(store: Store, dataset: DatasetRecord) -> int:
    spec = spec_for(store, dataset)
    run_id = store.runs.create(spec)
    assert store.jobs.claim("w0", only=store.runs.job_id(run_id)) is not None
    for position, image_id in enumerate(spec.image_ids):
        store.runs.save_image(run_id, "w0", run_image(image_id, position))
    store.runs.finish(run_id, "w0", result_for(len(spec.image_ids)))
    return run_id


def claim_run(store: Store, owner: str, **options: Any) -> RunRecord | None:
    """Claim a job as a worker does, and return its run."""
    job = store.jobs.claim(owner, **options)
    return None if job is None else store.runs.of_job(job.id)


def claim_audit(store: Store, owner: str, **options: Any) -> AuditRecord | None:
    """Claim a job as a worker does, and return its audit."""
    job = store.jobs.claim(owner, **options)
    return None if job is None else store.audits.of_job(job.id)


def put_images(store: Store, *contents: bytes) -> list[NewImage]:
    return [new_image(index, artifact_sha256=store.artifacts.put(content)) for index, content in enumerate(contents)]


def contents_of(store: Store) -> set[bytes]:
    return {store.artifacts.get(*one) for one in store.artifacts.list()}


def learning(part: int, sha256: str, **changes: Any) -> Learning:
    values = {"source": "folds", "subjects": 10, "images": 20, "evaluations": 300}
    return Learning(part=part, artifact_sha256=sha256, **{**values, **changes})


def lose(store: Store, run_id: int, owner: str) -> None:
    """Claim a run as a worker that is never heard of again."""
    claimed = claim_run(store, owner, lease_seconds=0)
    assert claimed is not None
    assert claimed.id == run_id
    time.sleep(0.001)


def same(left: Any, right: Any) -> bool:
    """Compare the fields that two records share, arrays with their dtype."""
    names = {field.name for field in dataclasses.fields(left)} & {field.name for field in dataclasses.fields(right)}
    for name in names:
        one, other = getattr(left, name), getattr(right, name)
        if isinstance(one, np.ndarray):
            if not (isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)):
                return False
        elif one != other:
            return False
    return True


def template_rows(number: int = 6, width: int = 4, *, seed: int = 0, **changes: Any) -> TemplateRows:
    """Unit rows of planted people, two of each, women and men in turn."""
    rows = np.random.default_rng(seed).normal(size=(number, width)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values: dict[str, Any] = {
        "rows": rows,
        "records": [f"r{index}" for index in range(number)],
        "subjects": [f"s{index // 2}" for index in range(number)],
        "labels": np.array([1 if index // 2 % 2 else -1 for index in range(number)], np.int8),
        "metric": "cosine",
    }
    return TemplateRows(**{**values, **changes})


def study_spec(dataset: DatasetRecord, **changes: Any) -> StudySpec:
    """What a study of a data set is to do: one setting, two candidates."""
    setting = StudySetting(name="mixing", released="images", method="mixing", cost=1.0)
    return StudySpec(
        **{
            "dataset": dataset.ref,
            "goal": StudyGoal(attacker_at_most=0.7, matches_lost=0.03, fmr=0.001),
            "release": "images",
            "seconds": 60.0,
            "settings": (setting,),
            "candidates": tuple(
                StudyCandidate(name=f"mixing, {p:.0%}", setting="mixing", p=p, select_by="image") for p in (0.5, 1.0)
            ),
            "rungs": (StudyRung(people=2, images=2, draws=1, attackers=("sign",)),),
            "image_ids": (1, 2),
            "confirmation_ids": (3, 4),
            "confirmation_people": 2,
            "attackers": ("sign",),
            "classifiers": (),
            "matchers": (),
            "facepriv_version": "0",
            **changes,
        }
    )


def study_result(**changes: Any) -> StudyResult:
    """A study that found nothing."""
    goal = StudyGoal(attacker_at_most=0.7, matches_lost=0.03, fmr=0.001)
    empty = {"goal": goal, "people": 2, "outcomes": [], "met": False, "ended": "complete", "verdict": "Nothing."}
    return StudyResult(**{**empty, **changes})
