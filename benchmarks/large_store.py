"""Fill a data folder with as many images, data sets, runs and audits as a large installation has; nothing was computed.

Images share a few demo faces' files; figures of runs are made up, those of audits are of one real audit. It serves to
measure pages, and to try them by hand:

    python benchmarks/large_store.py FOLDER [--images N] [--runs N] [--sets N]
    FACEPRIV_HOME=FOLDER facepriv serve
"""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import insert, select, update

from facepriv.audit.run_result import JudgedImage, RunSetup, run_result
from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.png import encode_png
from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import FailureItem, RunResult, RunSpec
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import NewImage, Store, open_store
from facepriv.store.records import NewDataset
from facepriv.store.rows import AuditRow, JobRow, RunImageRow, RunRow

LARGE, SMALL = "large", "small"
AUDIT = Path(__file__).parent.parent / "tests" / "pages" / "audits" / "of-run.json"
"""Result of an audit of 32 demo faces."""
AUDITED_EVERY = 5
FILES = 20
FAILED_EVERY = 50
BATCH = 2000


def fill(home: Path, *, images: int, runs: int, sets: int = 1) -> int:
    """Make a data set of so many images with a complete run on it, and small ones with so many small runs in all.

    Each small data set has an audit, and so has every `AUDITED_EVERY`-th of their runs. Gives the large run's id.
    """
    settings = Settings(home=home)
    with open_store(settings) as store:
        for number in range(sets):
            _small(store, SMALL if sets == 1 else f"{SMALL}-{number:03}", len(range(number, runs, sets)))
        _dataset(store, LARGE, images)
        spec = prepare_run(
            store,
            RunRequest(
                dataset=LARGE,
                aim="guide",
                classifiers=["dlib-gender", "levi-hassner"],
                matchers=["sface", "dlib-resnet"],
            ),
        )
        (large,) = _complete(store, [spec], _result(store, spec))
        _images(store, spec, large)
        return large


def _small(store: Store, name: str, runs: int) -> None:
    _dataset(store, name, 4)
    spec = prepare_run(store, RunRequest(dataset=name, aim="guide", classifiers=["dlib-gender"], matchers=["sface"]))
    numbers = _complete(store, [spec] * runs, _result(store, spec))
    _audits(store, spec, [None, *numbers[::AUDITED_EVERY]])


def _audits(store: Store, run: RunSpec, run_ids: list[int | None]) -> None:
    result = AuditResult.model_validate_json(AUDIT.read_text(encoding="utf-8"))
    spec = AuditSpec(
        dataset=run.dataset,
        image_ids=run.image_ids,
        attackers=tuple(attack.attacker for attack in result.conditions[0].attacks),
        classifiers=run.classifiers,
        matchers=run.matchers,
        detector=run.detector,
        facepriv_version=run.facepriv_version,
    )
    numbers = [store.audits.create(spec.model_copy(update={"run_id": run_id})) for run_id in run_ids]
    _finish(store, AuditRow, numbers, result)


def _dataset(store: Store, name: str, images: int) -> None:
    faces = []
    for item in read_demo(images_per_subject=1).images[:FILES]:
        pixels = decode(item.path, name=item.name, max_pixels=10**6).pixels
        faces.append((acquire(pixels, several="largest"), store.artifacts.put(encode_png(pixels))))
    with store.datasets.importing(NewDataset(name=name, source="made up", reader="csv")) as session:
        for number in range(images):
            face, sha256 = faces[number % FILES]
            session.add(
                NewImage(
                    name=f"{number:06}.png",
                    subject=f"p{number // 2}",
                    label=1 if number % 4 < 2 else -1,
                    width=face.pixels.shape[1],
                    height=face.pixels.shape[0],
                    source_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
                    artifact_sha256=sha256,
                    box=face.box,
                    landmarks=face.landmarks,
                )
            )


def _result(store: Store, spec: RunSpec) -> RunResult:
    rng = np.random.default_rng(1)
    judged = []
    for place, image in enumerate(store.datasets.images(spec.dataset.id)):
        failed = place % FAILED_EVERY == 0
        sign = image.label or 1
        scores = {
            (ref.name, phase): float(rng.normal(sign * side, 2.0))
            for ref in spec.classifiers
            for phase, side in (("before", 5.0), ("after", -1.0))
        }
        failure = FailureItem(
            image_id=image.id, name=image.name, stage="perturb", reason="not-flipped", sentence="Made up."
        )
        judged.append(
            JudgedImage(
                image_id=image.id,
                name=image.name,
                subject=image.subject,
                label=image.label,
                perturbed=True,
                success=not failed,
                updates=3,
                evaluations=220,
                psnr_db=float(rng.normal(42, 2)),
                ssim=0.98,
                scores=scores,  # type: ignore[arg-type]
                failure=failure if failed else None,
                stop="flipped",
            )
        )
    names = [ref.name for ref in spec.classifiers]
    setup = RunSetup(classifiers=names, guides=["dlib-gender"], kind="unnoticeable")
    return run_result(judged, {}, setup, seconds=1.0)


def _complete(store: Store, specs: list[RunSpec], result: RunResult) -> list[int]:
    numbers = [store.runs.create(spec) for spec in specs]
    _finish(store, RunRow, numbers, result)
    return numbers


def _finish(
    store: Store, row: type[RunRow] | type[AuditRow], numbers: list[int], result: RunResult | AuditResult
) -> None:
    now = datetime.now(UTC)
    with store._database.writing() as session:
        session.execute(
            update(JobRow)
            .where(JobRow.id.in_(select(row.job_id).where(row.id.in_(numbers))))
            .values(state="complete", started_at=now, finished_at=now, done=JobRow.total)
        )
        session.execute(update(row).where(row.id.in_(numbers)).values(result=result))


def _images(store: Store, spec: RunSpec, run_id: int) -> None:
    images = store.datasets.images(spec.dataset.id)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        rows = [
            {
                "run_id": run_id,
                "image_id": image.id,
                "position": start + place,
                "artifact_sha256": image.artifact_sha256,
                "updates": 3,
                "evaluations": 220,
                "stop": "flipped",
                "success": True,
                "file_score": -0.5,
                "anchors": [],
                "trajectory": np.array([5.0, 2.0, 1.0, -0.5]),
                "psnr_db": 42.0,
                "ssim": 0.98,
                "seconds": 0.3,
                "after_box": image.box,
                "after_landmarks": image.landmarks,
                "fixed_score": -0.6,
                "survived": {"jpeg90": True, "resize75": True, "grey": False},
                "notes": [],
            }
            for place, image in enumerate(batch)
        ]
        with store._database.writing() as session:
            session.execute(insert(RunImageRow), rows)


def main() -> None:
    """Fill the folder that was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=13_000)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--sets", type=int, default=50)
    options = parser.parse_args()
    large = fill(options.folder, images=options.images, runs=options.runs, sets=options.sets)
    print(f"{options.folder}: {options.images:,} images, {options.runs + 1:,} runs; the large one is run {large}.")


if __name__ == "__main__":
    main()
