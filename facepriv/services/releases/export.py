"""Hand out what a run made: perturbed images with a manifest, and its result as JSON."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO

from facepriv.config import make_private_folder
from facepriv.datasets.files import name_key, name_stem
from facepriv.errors import BadInputError
from facepriv.exported_files import open_private, write_table
from facepriv.imaging.file_formats import is_image_name
from facepriv.schemas.base import document_fields
from facepriv.schemas.runs import RunDocument, RunSpecDocument
from facepriv.services.datasets.terms import find_withheld, require_images, withheld_sentence
from facepriv.services.releases.output_folder import output_folder
from facepriv.store import Store
from facepriv.types import GENDER_NAMES, Actor

IMAGES = "images"
MANIFEST = "manifest.csv"
RESULT = "run.json"
UNFINISHED_SUFFIX = ".unfinished"
"""Of a file that is being written."""
NAMES = (IMAGES, MANIFEST, RESULT)
"""What an export or a mixed release is made of."""
LONGEST_STEM = 200
"""Bytes of a file's name that are kept, since file systems take 255 and a number and a suffix may follow."""
COLUMNS = ("file", "subject", "gender", "perturbed", "success", "updates", "source", "sha256", "failure")


@dataclass(frozen=True)
class ExportReport:
    """What was written where."""

    folder: Path
    images: int
    without: int
    """Images of the run that have no perturbed version; the manifest says why."""
    withheld: int = 0
    """Images that the data set's terms of use keep back; the manifest has no row of them."""
    note: str = ""
    """Sentence on these; empty for none."""


def run_document(store: Store, run_id: int) -> RunDocument:
    """Return a complete run's result with its spec, without a seed that is a key.

    Raises BadInputError with code ``run-not-complete`` for any other run.
    """
    run = store.runs.get(run_id)
    if run.result is None:
        reason = f": {run.error}" if run.error else ""
        raise BadInputError(
            f"A complete run was expected, but run {run_id} is {run.state}{reason}; "
            "wait for it, or choose one that `facepriv runs` lists as complete.",
            code="run-not-complete",
        )
    fields = {**document_fields(run), "spec": RunSpecDocument.of(run.spec)}
    return RunDocument(**fields, run_id=run.id)


def result_json(store: Store, run_id: int) -> str:
    """Return a complete run as JSON of schema ``facepriv.run/1``."""
    return run_document(store, run_id).model_dump_json(by_alias=True, indent=2)


def export_run(store: Store, run_id: int, folder: Path, *, actor: Actor) -> ExportReport:
    """Write a run's perturbed images, a manifest and the result into a new or empty folder.

    Parameters
    ----------
    actor
        Who asked, for the access log.

    Raises
    ------
    BadInputError
        If the run is not complete, the folder holds something or cannot be written to, or the data set's terms of use
        let none of its images out (code ``terms-of-use``).
    StoreError
        If a stored image is missing or damaged; as after any error, nothing is left in the folder.
    """
    document = result_json(store, run_id)
    with output_folder(folder, NAMES):
        store.access.record(actor, "run-exported", f"run {run_id}")
        return _write(store, run_id, folder, document)


def _write(store: Store, run_id: int, folder: Path, document: str) -> ExportReport:
    run = store.runs.get(run_id)
    dataset = store.datasets.get(run.dataset_id)
    images = {image.id: image for image in store.datasets.images(dataset.id, ids=run.spec.image_ids)}
    records = store.runs.run_images(run_id)
    withheld = find_withheld(store, dataset, list(images.values()), records)
    require_images(dataset, withheld, images.values())
    names = file_names([images[record.image_id].name for record in records])
    written = without = 0
    rows = []
    for record, name in zip(records, names, strict=True):
        image = images[record.image_id]
        if image.id in withheld:
            continue
        row = {
            "subject": image.subject,
            "gender": "" if image.label is None else GENDER_NAMES[image.label],
            "source": image.name,
            "success": "" if record.success is None else str(record.success).lower(),
            "updates": record.updates,
            "failure": record.failure,
            "perturbed": "false",
        }
        if record.artifact_sha256 is None:
            without += 1
        else:
            data = store.artifacts.get(record.artifact_sha256)
            row |= {
                "perturbed": "true",
                "file": write_file(folder, f"{IMAGES}/{name}", data).relative_to(folder).as_posix(),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            written += 1
        rows.append(row)
    write_file(folder, MANIFEST, manifest_bytes(COLUMNS, rows))
    with open_private(folder / RESULT, encoding="utf-8") as stream:
        stream.write(document)
    return ExportReport(
        folder=folder,
        images=written,
        without=without,
        withheld=len(withheld),
        note=withheld_sentence(dataset, len(withheld)),
    )


@contextmanager
def new_file(file: Path) -> Iterator[IO[bytes]]:
    """Open a new file that only its owner may read; it has its name once the block has ended, and is else not there.

    What a killed process had written of it is written over.

    Raises
    ------
    BadInputError
        With code ``file-exists`` if there is one of that name, ``cannot-write`` if it cannot be written.
    """
    if file.exists():
        raise BadInputError(f"A new file was expected at {file}, but there is one; name another.", code="file-exists")
    unfinished = file.with_name(file.name + UNFINISHED_SUFFIX)
    try:
        with open_private(unfinished, "wb") as stream:
            try:
                yield stream
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
        unfinished.rename(file)
    except OSError as error:
        raise BadInputError(
            f"A file that can be written to was expected at {file}, but it cannot ({error.strerror or error}); make "
            "room or name another one.",
            code="cannot-write",
        ) from error


def write_file(folder: Path, path: str, data: bytes) -> Path:
    """Write a file of an export below its folder, and return it."""
    target = folder / path
    make_private_folder(target.parent)
    with open_private(target, "wb") as stream:
        stream.write(data)
    return target


def manifest_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> bytes:
    """Return the table of an export's images; see `write_table` for what is done to cells that look like formulas."""
    stream = io.StringIO(newline="")
    write_table(stream, columns, rows, mark=True)
    return stream.getvalue().encode()


def file_names(names: Sequence[str]) -> list[str]:
    """Return the file names of images that are written out: their own, in their folders, with the suffix of a PNG.

    Only of images that would get one name, upper and lower case and composed letters taken as equal, those after the
    first get a number: ``a-2.png``.
    """
    wanted = [f"{_safe_stem(name)}.png" for name in names]
    folders = {name_key(parent.as_posix()) for name in wanted for parent in PurePosixPath(name).parents}
    # No number may take the name that another image has by itself.
    taken = {*map(name_key, wanted), *folders}
    given: set[str] = set()
    files = []
    for name in wanted:
        free = name
        if name_key(name) in given | folders:
            free = next(each for number in count(2) if name_key(each := f"{name[:-4]}-{number}.png") not in taken)
            taken.add(name_key(free))
        given.add(name_key(free))
        files.append(free)
    return files


def _safe_stem(name: str) -> PurePosixPath:
    """Return a path that stays inside its folder for an image's name inside its source, without the suffix.

    A suffix that is none of an image stays: Yale's ``subject01.sad`` and ``subject01.happy`` are two.
    """
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")] or ["image"]
    path = PurePosixPath(*parts)
    stem = name_stem(path.name) if is_image_name(path.name) else path.name
    return path.with_name(stem.encode()[:LONGEST_STEM].decode(errors="ignore") or "image")
