"""Import a data set: read its convention, decode, find the faces, and keep the good rest of what is not all good."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.datasets.problems import tell
from facepriv.datasets.reading import ReadResult, limits
from facepriv.datasets.registry import read_folder
from facepriv.datasets.unpack import unpack
from facepriv.errors import BadInputError, FailureToAcquireError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode, encode_png
from facepriv.services.models import detector_reference
from facepriv.services.provenance import maker
from facepriv.services.retention import refuse_past
from facepriv.store import Store
from facepriv.store.records import DatasetCounts, DatasetRecord, FoundFace, NewImage
from facepriv.types import Gender, Image, LabelledImage, Problem

Progress = Callable[[int, int], None]
"""Called with images done and images in all."""

DEMO = "demo"
LEFT_BEHIND_SECONDS = 24 * 3600.0
"""Age from which a temporary folder belongs to an import that was killed; no import takes that long."""


@dataclass(frozen=True)
class ImportReport:
    """What an import brought, and what it left out and why."""

    dataset: DatasetRecord
    counts: DatasetCounts
    problems: tuple[Problem, ...]
    failures: tuple[Problem, ...]
    """Images that were imported but show no usable face."""

    @property
    def reader(self) -> str:
        """Name of the convention the files were read by."""
        return self.dataset.reader

    @property
    def why(self) -> str:
        """Why that convention was recognised."""
        return self.dataset.reader_reason


def import_dataset(
    store: Store,
    settings: Settings,
    source: Path,
    *,
    name: str,
    labels: Path | None = None,
    format: str = "auto",
    mapping: Mapping[str, Gender] | None = None,
    columns: Mapping[str, str] | None = None,
    retain_until: date | None = None,
    on_progress: Progress | None = None,
    source_name: str | None = None,
    earlier: Sequence[Problem] = (),
    workspace: Path | None = None,
) -> ImportReport:
    """Import a folder or a zip archive of images.

    Parameters
    ----------
    source
        A folder, or a zip archive.
    labels
        A CSV of labels; by default the one found beside the images.
    mapping
        What label values mean, for values like 0 and 1 that say nothing themselves.
    columns
        Names of the columns ``file``, ``subject`` and ``gender``, where they are not recognised.
    retain_until
        Last day on which the data set may be kept, None for no such day.
    source_name
        What to call the source to a person; by default its file name.
    earlier
        What was left out before the import, to be told with the rest.
    workspace
        Folder that is removed afterwards by who made it, to unpack an archive in; by default a temporary one.

    Raises
    ------
    BadInputError
        If nothing can be imported; then nothing is kept.
    """
    refuse_past(retain_until)
    called = source.name if source_name is None else source_name
    if not source.exists():
        raise BadInputError(
            f"A folder or a zip archive was expected at {source}, but nothing is there; check its name.", code="no-file"
        )
    if source.is_dir():
        read = read_folder(source, format=format, labels=labels, mapping=mapping, columns=columns)
        return _import(
            store,
            settings,
            read,
            name=name,
            source=called,
            retain_until=retain_until,
            earlier=earlier,
            on_progress=on_progress,
        )
    with temporary_folder(settings) if workspace is None else nullcontext(workspace) as folder:
        unpacked = unpack(
            source,
            folder / "unpacked",
            name=called,
            max_entries=settings.max_archive_entries,
            max_bytes=settings.max_upload_bytes,
        )
        read = read_folder(unpacked.folder, format=format, labels=labels, mapping=mapping, columns=columns)
        return _import(
            store,
            settings,
            read,
            name=name,
            source=called,
            retain_until=retain_until,
            earlier=(*earlier, *unpacked.problems),
            on_progress=on_progress,
        )


def import_demo(
    store: Store,
    settings: Settings,
    *,
    images_per_subject: int | None = 2,
    name: str = DEMO,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import the synthetic demo faces, by default two images of each of the 60 subjects."""
    read = read_demo(images_per_subject=images_per_subject)
    return _import(store, settings, read, name=name, source="demo faces of facepriv", on_progress=on_progress)


@contextmanager
def temporary_folder(settings: Settings) -> Iterator[Path]:
    """Give a private folder that is gone afterwards; what a kill left behind goes with the next one."""
    settings.temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(settings.temporary)
    folder = Path(tempfile.mkdtemp(dir=settings.temporary))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(temporary: Path) -> None:
    for left in temporary.iterdir():
        try:
            old = left.stat().st_mtime < time.time() - LEFT_BEHIND_SECONDS
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(left, ignore_errors=True)


def _import(
    store: Store,
    settings: Settings,
    read: ReadResult,
    *,
    name: str,
    source: str,
    retain_until: date | None = None,
    earlier: Iterable[Problem] = (),
    on_progress: Progress | None,
) -> ImportReport:
    # What cannot be computed is told of the images that are left in the end, not of those that were named.
    limits_of_named = limits(read.images)
    problems = [*earlier, *(problem for problem in read.problems if problem not in limits_of_named)]
    failures: list[Problem] = []
    store.datasets.collect_abandoned()
    found_by = maker(detector_reference())
    with store.datasets.importing(
        name,
        source=source,
        reader=read.reader,
        reader_reason=read.why,
        licence=read.licence,
        found_by=found_by,
        retain_until=retain_until,
    ) as session:
        keep = _Keeper(store, settings, found_by)
        imported = 0
        usable: list[LabelledImage] = []
        for number, item in enumerate(read.images, start=1):
            try:
                image = keep.one(item)
            except BadInputError as error:
                problems.append(Problem(item.name, error.code, str(error)))
            else:
                session.add(image)
                imported += 1
                if image.failure is None:
                    usable.append(item)
                elif image.failure_sentence is not None:
                    failures.append(Problem(item.name, image.failure, image.failure_sentence))
            if on_progress is not None:
                on_progress(number, len(read.images))
        problems.extend((*keep.notes(), *limits(usable)))
        if imported == 0:
            raise BadInputError(_nothing(source, problems), code="nothing-imported")
        for problem in problems:
            session.problem(problem)
    dataset = store.datasets.get(name)
    counts = store.datasets.counts(dataset.id)
    return ImportReport(dataset=dataset, counts=counts, problems=tuple(problems), failures=tuple(failures))


def _nothing(source: str, problems: list[Problem]) -> str:
    first = f" The first problem: {problems[0].sentence}" if problems else ""
    return f"No image could be imported from {source}, so no data set was made.{first}"


class _Keeper:
    """Decodes images, stores them and finds their faces, one by one; a face found before is not looked for again."""

    def __init__(self, store: Store, settings: Settings, found_by: str) -> None:
        self._store = store
        self._found_by = found_by
        self._max_pixels = settings.max_pixels
        self._seen: dict[str, LabelledImage] = {}
        self._notes: dict[str, list[str]] = {}

    def one(self, item: LabelledImage) -> NewImage:
        """Store one image; a `BadInputError` says why it is left out."""
        data = self._read(item.path)
        decoded = decode(data or item.path, name=item.name, max_pixels=self._max_pixels)
        source_sha256 = hashlib.sha256(data).hexdigest()
        self._refuse_copy(item, source_sha256)
        if decoded.notes:
            self._notes.setdefault(" ".join(decoded.notes), []).append(item.name)
        height, width = decoded.pixels.shape[:2]
        artifact_sha256 = self._store.artifacts.put(encode_png(decoded.pixels))
        found = self._store.datasets.found_before(artifact_sha256, self._found_by) or _look_for_face(decoded.pixels)
        return NewImage(
            name=item.name,
            subject=item.subject,
            label=item.label,
            width=width,
            height=height,
            source_sha256=source_sha256,
            artifact_sha256=artifact_sha256,
            failure=found.failure,
            failure_sentence=found.failure_sentence,
            box=found.box,
            landmarks=found.landmarks,
        )

    def _read(self, path: Path) -> bytes:
        """Read a file; nothing where it is too large or unreadable, which `decode` tells in a sentence."""
        try:
            return path.read_bytes() if path.stat().st_size <= 8 * self._max_pixels + (16 << 20) else b""
        except OSError:
            return b""

    def _refuse_copy(self, item: LabelledImage, sha256: str) -> None:
        first = self._seen.setdefault(sha256, item)
        if first is item:
            return
        if (first.subject, first.label) == (item.subject, item.label):
            message = f"{item.name} is the same file as {first.name}, which is kept; leave one of them out."
            raise BadInputError(message, code="duplicate-image")
        raise BadInputError(
            f"{item.name} is the same file as {first.name} with another subject or label, so only the first is kept; "
            "correct the labels and import again.",
            code="contradicting-copies",
        )

    def notes(self) -> Iterator[Problem]:
        """Tell what had to be converted."""
        for note, names in self._notes.items():
            one = f"{{name}} was imported after a conversion: {note}"
            many = f"{{n}} images ({{first}}) were imported after a conversion: {note}"
            yield from tell("converted", names, one=one, many=many)


def _look_for_face(pixels: Image) -> FoundFace:
    try:
        face = acquire(pixels)
    except FailureToAcquireError as error:
        return FoundFace(box=None, landmarks=None, failure=error.code, failure_sentence=str(error))
    return FoundFace(box=face.box, landmarks=face.landmarks, failure=None, failure_sentence=None)
