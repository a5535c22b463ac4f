"""Hand out what a run made: perturbed images with a manifest, and its result as JSON."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facepriv.errors import BadInputError
from facepriv.results import RunDocument
from facepriv.store import Store
from facepriv.types import GENDER_NAMES

MANIFEST = "manifest.csv"
RESULT = "run.json"
COLUMNS = ("file", "subject", "gender", "perturbed", "success", "updates", "source", "sha256", "failure")


@dataclass(frozen=True)
class ExportReport:
    """What was written where."""

    folder: Path
    images: int
    without: int
    """Images of the run that have no perturbed version; the manifest says why."""


def run_document(store: Store, run_id: int) -> RunDocument:
    """Give a complete run's result with its spec.

    Raises
    ------
    UnknownNameError
        If the run does not exist.
    BadInputError
        If it is not complete.
    """
    run = store.runs.get(run_id)
    if run.result is None:
        reason = f": {run.error}" if run.error else ""
        raise BadInputError(
            f"A complete run was expected, but run {run_id} is {run.state}{reason}; "
            "wait for it, or choose one that `facepriv runs` lists as complete.",
            code="run-not-complete",
        )
    return RunDocument(
        **dict(run.result),
        run_id=run.id,
        created_at=run.created_at.isoformat(),
        finished_at=None if run.finished_at is None else run.finished_at.isoformat(),
        spec=run.spec,
    )


def result_json(store: Store, run_id: int) -> str:
    """Give a complete run as JSON of schema ``facepriv.run/1``."""
    return run_document(store, run_id).model_dump_json(by_alias=True, indent=2)


def export_run(store: Store, run_id: int, folder: Path, *, actor: str) -> ExportReport:
    """Write a run's perturbed images, a manifest and the result into a new or empty folder.

    Parameters
    ----------
    actor
        Who asked, for the access log.

    Raises
    ------
    BadInputError
        If the run is not complete or the folder holds something.
    """
    document = result_json(store, run_id)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInputError(
            f"A new or empty folder was expected at {folder}, but there is something in it; name another one.",
            code="folder-not-empty",
        )
    run = store.runs.get(run_id)
    images = {image.id: image for image in store.datasets.images(run.dataset_id, ids=run.spec.image_ids)}
    store.access.record(actor, "run-exported", f"run {run_id}")
    folder.mkdir(parents=True, exist_ok=True)
    written = without = 0
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as stream:
        manifest = csv.DictWriter(stream, COLUMNS)
        manifest.writeheader()
        for record in store.runs.run_images(run_id):
            image = images[record.image_id]
            row = {
                "subject": image.subject,
                "gender": "" if image.label is None else GENDER_NAMES[image.label],
                "source": image.name,
                "success": "" if record.success is None else str(record.success).lower(),
                "updates": "" if record.updates is None else record.updates,
                "failure": record.failure or "",
                "perturbed": "false",
                "file": "",
                "sha256": "",
            }
            if record.artifact_sha256 is None:
                without += 1
            else:
                data = store.artifacts.get(record.artifact_sha256)
                target = folder / "images" / _safe(image.name, image.id)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                row |= {
                    "perturbed": "true",
                    "file": target.relative_to(folder).as_posix(),
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
                written += 1
            manifest.writerow(row)
    (folder / RESULT).write_text(document, encoding="utf-8")
    return ExportReport(folder=folder, images=written, without=without)


def _safe(name: str, image_id: int) -> str:
    """Give a file name inside the export for an image's name inside its source; the id keeps names apart."""
    path = PurePosixPath(name)
    parts = [part for part in path.with_suffix("").parts if part not in ("/", "..", ".")]
    return "/".join([*parts[:-1], f"{parts[-1] if parts else 'image'}-{image_id}.png"])
