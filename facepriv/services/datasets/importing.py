"""Import a data set: read its convention, decode, find the faces, and keep the good rest of what is not all good.

An import that is interrupted stays out of sight and goes on when the same source is imported again under the same name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import facepriv
from facepriv.config import Settings
from facepriv.datasets.accounting import account
from facepriv.datasets.demo import demo_folder, read_demo
from facepriv.datasets.embedded import find_containers, holds_images, write_images
from facepriv.datasets.files import list_files
from facepriv.datasets.problems import problem_names, summarise_problems
from facepriv.datasets.reading import ReadResult, find_limits
from facepriv.datasets.registry import read_folder
from facepriv.datasets.unpack import unpack
from facepriv.errors import BadInputError, FailureToAcquireError, TooManyUnusedError, UnknownNameError
from facepriv.imaging.acquire import Found, Several, choose_face, find_faces_turned, turned
from facepriv.imaging.decoder import decode_apart
from facepriv.imaging.file_formats import is_readable_name
from facepriv.imaging.png import encode_png
from facepriv.measures.fingerprint import fingerprint
from facepriv.measures.loaded_models import DETECTOR
from facepriv.schemas.requests import DemoSource, ImportRequest, PathSource, UploadSource
from facepriv.scratch import IMPORT, temporary_folder
from facepriv.services.datasets import uploads
from facepriv.services.datasets.folder_evidence import judge_folders
from facepriv.services.datasets.import_folders import allowed_folder
from facepriv.services.datasets.retention import refuse_past
from facepriv.store import Store
from facepriv.store.datasets import ImportSession
from facepriv.store.records import DatasetCounts, DatasetRecord, FoundFace, NewDataset, NewImage, UnfinishedImport
from facepriv.trees import files_below, remove_tree
from facepriv.types import Identities, Image, LabelledImage, Problem, ProtocolPair
from facepriv.wording import count

Progress = Callable[[int, int], None]
"""Called with images done and images in all."""
DEMO = "demo"
SILENT_FOR = timedelta(minutes=10)
"""How long an import that goes on may not write anything; it writes every few seconds, and after a long image."""
CONVERTED = "converted"
"""Code of what is noted of an image that had to be converted, turned, or shows several faces."""
_NOTES: dict[str, tuple[str, str, str]] = {
    **{
        f"turned-{degrees}": (
            "turned",
            f"{{name}} shows a face only when turned by {degrees} degrees clockwise, and was stored so; look at it.",
            f"{{n}} images ({{first}}) show a face only when turned by {degrees} degrees clockwise, and were stored "
            "so; look at them.",
        )
        for degrees in (90, 180, 270)
    },
    **{
        f"several-{which}": (
            "several-faces",
            f"{{name}} shows several faces, of which the {word} was taken.",
            f"{{n}} images ({{first}}) show several faces each, of which the {word} was taken.",
        )
        for which, word in (("middle", "one in the middle"), ("largest", "largest"))
    },
}
"""Notes other than conversions: code, sentence about one image, sentence about many."""


@dataclass(frozen=True)
class ImportReport:
    """What an import brought, and what it left out and why."""

    dataset: DatasetRecord
    counts: DatasetCounts
    problems: tuple[Problem, ...]
    failures: tuple[Problem, ...]
    """Images that were imported but show no usable face."""


@dataclass(frozen=True)
class Source:
    """A data set as its files and labels say, while its files are there; no image has been decoded yet."""

    read: ReadResult
    called: str
    """What to call it to a person."""
    resume_key: str
    """Hash of all that an import of it depends on: where it is, its files' names, sizes and times, labels, options."""
    problems: tuple[Problem, ...] = ()
    """What was left out before the files were read."""


def import_dataset(
    store: Store, settings: Settings, path: Path, *, on_progress: Progress | None = None, **fields: Any
) -> ImportReport:
    """Import a folder or a zip archive of images here and now; ``fields`` are others of `ImportRequest`.

    Raises BadInputError if a field cannot be used, or nothing can be imported; then nothing is kept.
    """
    given = fields.pop("labels", None)
    labels = () if given is None else (given,) if isinstance(given, str | Path) else given
    request = ImportRequest(source=PathSource(path=str(path)), labels=tuple(map(str, labels)), **fields)
    return _import_now(store, settings, request, on_progress)


def import_demo(
    store: Store,
    settings: Settings,
    *,
    images_per_subject: int | None = 2,
    name: str = DEMO,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import the synthetic demo faces here and now, by default two images of each of the 60 subjects."""
    request = ImportRequest(name=name, source=DemoSource(images_per_subject=images_per_subject))
    return _import_now(store, settings, request, on_progress)


def _import_now(store: Store, settings: Settings, request: ImportRequest, on_progress: Progress | None) -> ImportReport:
    with read_source(settings, request) as source:
        return import_source(store, settings, source, request, on_progress=on_progress)


@contextmanager
def read_source(
    settings: Settings, request: ImportRequest, folder: Path | None = None, *, ask: bool = False
) -> Iterator[Source]:
    """Read what an import is made from; what was unpacked for it may be gone when the block ends.

    Uploaded files lie in ``folder``, the import's own, and an archive is unpacked there; who made it removes it. By
    default it is a temporary one. ``ask`` says that a preview is made, so that what is not decided is asked. Raises
    BadInputError if nothing can be read, or pages may not import from there any more.
    """
    if isinstance(request.source, DemoSource):
        read = read_demo(images_per_subject=request.source.images_per_subject)
        yield Source(read, "demo faces of facepriv", _resume_key(settings, demo_folder(), {}, read))
        return
    with temporary_folder(settings.temporary, IMPORT) if folder is None else nullcontext(folder) as own:
        yield _read_files(settings, request, own, ask=ask)


def _read_files(settings: Settings, request: ImportRequest, own: Path, *, ask: bool = False) -> Source:
    problems: Sequence[Problem] = ()
    labels, closed = [Path(table) for table in request.labels], True
    if isinstance(request.source, UploadSource):
        path, labels, problems = uploads.lay_out(own, request.source.files, request.labels)
        called = uploads.shown(request.source.files[0]) if path.is_file() else "uploaded images"
    else:
        assert isinstance(request.source, PathSource)
        closed = request.source.closed
        # Looked at again: what is allowed, or what lies there, may have changed meanwhile.
        path = allowed_folder(settings, request.source.path) if closed else Path(request.source.path)
        called = path.name
    if not path.exists():
        raise BadInputError(
            f"A folder or an archive was expected at {path}, but nothing is there; check its name.", code="no-file"
        )
    images = path
    workspace = own / "work"
    remove_tree(workspace)
    if not path.is_dir() and not holds_images(path):
        workspace.mkdir(mode=0o700)
        images = workspace / "unpacked"
        unpacking_problems = unpack(
            path,
            images,
            name=called,
            max_entries=settings.max_archive_entries,
            max_bytes=settings.max_upload_bytes,
            name_encoding=request.name_encoding,
        )
        problems = (*problems, *unpacking_problems)
    options: dict[str, Any] = {
        "format": request.format,
        "mapping": dict(request.mapping),
        "columns": request.columns.model_dump(exclude_none=True),
    }
    if request.subjects != "auto":  # so that what was interrupted by an earlier version can go on
        options["subjects"] = request.subjects
    inside = _take_out_images(settings, images, workspace)
    if inside is not None:
        images, found, is_said_who = inside
        problems = (*problems, *found)
        if not is_said_who:
            options.setdefault("subjects", "none")
    read = read_folder(images, labels=labels, closed=closed, called=called, ask=ask, **options)
    if request.subjects == "auto":
        read = judge_folders(read, max_pixels=settings.max_pixels, kept=own / "folder-evidence.json")
    if request.several_faces != "refuse":
        options["several_faces"] = request.several_faces
    if request.name_encoding is not None:
        options["name_encoding"] = request.name_encoding
    packed = None if path.is_dir() and inside is None else _times_of(path)
    return Source(read, called, _resume_key(settings, path, options, read, packed), tuple(problems))


def _take_out_images(settings: Settings, source: Path, workspace: Path) -> tuple[Path, list[Problem], bool] | None:
    """Write out images that lie inside a file, or inside the files of a folder without any image of its own.

    Return of the folder that they are in now, what is to be told, and whether they say who is on them; None if nothing
    had to be written.
    """
    problems: list[Problem] = []
    containers = [source]
    if source.is_dir():
        if any(is_readable_name(file.name) for file in files_below(source)) or (files := list_files(source)).images:
            return None
        containers = find_containers(source)
        beside = {path.with_suffix(".idx").name for path in containers if path.suffix == ".rec"}
        _, reasons = account(files, (), [*(path.name for path in containers), *beside], files.problems)
        problems += [*files.problems, *reasons]
    if not containers:
        return None
    workspace.mkdir(mode=0o700, exist_ok=True)
    target = workspace / "taken-out"
    limits = {"max_entries": settings.max_archive_entries, "max_bytes": settings.max_upload_bytes}
    told, is_said_who = write_images(containers, target, **limits)
    return target, [*problems, *told], is_said_who


def _times_of(path: Path) -> list[int]:
    """Return the size and time of a file, or of all files in a folder."""
    files = sorted(files_below(path)) if path.is_dir() else [path]
    return [number for each in files for number in _size_and_time(each)]


def _resume_key(
    settings: Settings, source: Path, options: Mapping[str, Any], read: ReadResult, packed: Sequence[int] | None = None
) -> str:
    # What was unpacked has other times each time, so an archive counts by its own.
    said = {
        "source": str(source.resolve()),
        "packed": packed,
        "options": options,
        "max_pixels": settings.max_pixels,
        "reader": read.reader,
        "images": [
            [
                image.name,
                image.subject,
                image.label,
                dict(image.attributes),
                _size_and_time(image.path) if packed is None else None,
            ]
            for image in read.images
        ],
        "facepriv": facepriv.__version__,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode(errors="surrogatepass")).hexdigest()


def _size_and_time(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def import_source(
    store: Store,
    settings: Settings,
    source: Source,
    request: ImportRequest,
    *,
    on_progress: Progress | None = None,
    on_written: Callable[[], None] | None = None,
) -> ImportReport:
    """Import what was read, going on with an interrupted import of the same source under the same name.

    An image is decoded, and its face looked for, once, whatever happens in between: what came out of it is written
    every few seconds, and ``on_written`` is called then. The result is the same as without an interruption.

    Raises BadInputError if nothing can be imported; then nothing is kept.
    """
    refuse_past(request.retain_until)
    read = source.read
    store.datasets.collect_abandoned()
    # Which of several faces counts decides where a face is, so all that is computed from it depends on that, too.
    several = request.several_faces
    detector_fingerprint = fingerprint(DETECTOR, "" if several == "refuse" else f"several faces: {several}")
    names: set[str] = set()
    usable: list[LabelledImage] = []
    left_out: list[Problem] = []
    converted: dict[str, list[str]] = {}
    with store.datasets.importing(
        NewDataset(
            name=request.name,
            source=source.called,
            reader=read.reader,
            reader_reason=read.why,
            licence=read.licence,
            detector_fingerprint=detector_fingerprint,
            retain_until=request.retain_until,
            identities=read.identities,
            terms=read.terms,
            datasheet=request.datasheet,
        ),
        resume_key=source.resume_key,
    ) as session:
        session.on_written = on_written
        keep = _Keeper(store, settings, detector_fingerprint, several, read.identities)
        outcomes, notes, refusals = _read_earlier(session)
        for number, item in enumerate(read.images, start=1):
            if item.name in outcomes:
                source_sha256, failure = outcomes[item.name]
                keep.recall(item, source_sha256)
                note = notes.get(item.name, "")
            elif item.name not in refusals:
                try:
                    image, note = keep.store_image(item)
                except BadInputError as error:
                    refusals[item.name] = Problem(item.name, error.code, str(error))
                    session.problem(refusals[item.name])
                else:
                    if note:  # first, so that no batch holds the image without it
                        session.problem(Problem(item.name, CONVERTED, note))
                    session.add(image)
                    failure = image.failure
            if item.name in refusals:
                left_out.append(refusals[item.name])
            else:
                names.add(item.name)
                if failure is None:
                    usable.append(item)
                for part in filter(None, note.split("\n")):
                    converted.setdefault(part, []).append(item.name)
            if on_progress is not None:
                on_progress(number, len(read.images))
        # What cannot be computed is told of the images that are left in the end, not of those that were named.
        limits_of_named = find_limits(read.images, read.identities)
        protocol, incomplete = _kept_of(read.protocol, names)
        problems = [
            *source.problems,
            *(problem for problem in read.problems if problem not in limits_of_named),
            *left_out,
            *_conversions(converted),
            *incomplete,
            *find_limits(usable, read.identities),
        ]
        if not names:
            first = f" The first problem: {problems[0].sentence}" if problems else ""
            raise BadInputError(
                f"No image could be imported from {source.called}, so no data set was made.{first}",
                code="nothing-imported",
            )
        gone = [Problem(name, each.code, each.sentence) for each in source.problems for name in problem_names(each)]
        session.finish(
            problems,
            protocol,
            origins={image.name: _origin(image, read) for image in read.images if image.name in names},
            left_out=[*gone, *read.left_out, *left_out],
        )
    return get_report(store, request.name)


def _origin(image: LabelledImage, read: ReadResult) -> dict[str, str]:
    """Return where subject and label of an image come from."""
    told = {**read.origin, **image.origin}
    if image.label is None:
        told.pop("label", None)
    return told


def get_report(store: Store, dataset: int | str) -> ImportReport:
    """Return what the import of a data set brought; raises UnknownNameError if there is no such data set."""
    record = store.datasets.get(dataset)
    failed = store.datasets.images(record.id, failed=True)
    return ImportReport(
        dataset=record,
        counts=store.datasets.counts(record.id),
        problems=store.datasets.problems(record.id),
        failures=tuple(Problem(one.name, one.failure or "", one.failure_sentence or "") for one in failed),
    )


def is_under_way(unfinished: UnfinishedImport, silent_for: timedelta = SILENT_FOR) -> bool:
    """Return whether a process is likely to be doing an import; one that was killed counts for ``silent_for``."""
    return unfinished.written_by and unfinished.written_at > datetime.now(UTC) - silent_for


def discard_import(store: Store, name: str, silent_for: timedelta = SILENT_FOR) -> int:
    """Remove what interrupted imports of a name have left, and return how many images that was.

    Imports under way, and those of the same source under other names, stay. Raises UnknownNameError if there is none,
    and BadInputError with code ``import-under-way`` if there are only such as are under way.
    """
    imports = [one for one in store.datasets.unfinished() if one.name == name]
    if not imports:
        raise UnknownNameError(f"There is no interrupted import called {name!r}; facepriv datasets lists them.")
    busy = {one.resume_key for one in imports if is_under_way(one, silent_for)}
    interrupted = [one for one in imports if one.resume_key not in busy]
    if not interrupted:
        raise BadInputError(
            f"The import called {name!r} is under way; stop it first, or, if it was killed, try again "
            f"{count(silent_for // timedelta(minutes=1), 'minute')} after it.",
            code="import-under-way",
        )
    for key in {one.resume_key for one in interrupted}:
        store.datasets.discard(key, name)
    with suppress(TooManyUnusedError):  # its own files are gone; what others left stays
        store.collect_now()
    return sum(one.images for one in interrupted)


def _read_earlier(
    session: ImportSession,
) -> tuple[dict[str, tuple[str, str | None]], dict[str, str], dict[str, Problem]]:
    """Return what an interrupted import had written, by image name: hashes and failures, conversions, refusals."""
    images, problems = session.earlier()
    return (
        {image.name: (image.source_sha256, image.failure) for image in images},
        {problem.name: problem.sentence for problem in problems if problem.code == CONVERTED},
        {problem.name: problem for problem in problems if problem.code != CONVERTED},
    )


def _conversions(converted: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for note, names in converted.items():
        one = f"{{name}} was imported after a conversion: {note}"
        many = f"{{n}} images ({{first}}) were imported after a conversion: {note}"
        code, one, many = _NOTES.get(note, (CONVERTED, one, many))
        yield from summarise_problems(code, names, one=one, many=many)


def _of_images(pair: ProtocolPair, names: set[str]) -> ProtocolPair | None:
    """Return a comparison of those of its images that are there; None if a side has none."""
    first = [name for name in (pair.first, *pair.first_more) if name in names]
    second = [name for name in (pair.second, *pair.second_more) if name in names]
    if not first or not second:
        return None
    return replace(pair, first=first[0], first_more=tuple(first[1:]), second=second[0], second_more=tuple(second[1:]))


def _kept_of(protocol: Sequence[ProtocolPair], names: set[str]) -> tuple[list[ProtocolPair], list[Problem]]:
    """Leave out the published comparisons of images that are not there, and tell how many."""
    kept = [pair for whole in protocol if (pair := _of_images(whole, names)) is not None]
    lost = len(protocol) - len(kept)
    if not lost:
        return kept, []
    sentence = (
        f"Of the {count(len(protocol), 'comparison')} of the published protocol, {lost:,} went with images that were "
        "left out; results by this protocol are not those of all of it."
    )
    return kept, [Problem("protocol", "protocol-incomplete", sentence)]


class _Keeper:
    """Decodes images, stores them and finds their faces, one by one; a face found before is not looked for again."""

    def __init__(
        self, store: Store, settings: Settings, detector_fingerprint: str, several: Several, identities: Identities
    ) -> None:
        self._identities = identities
        self._store = store
        self._several = several
        self._detector_fingerprint = detector_fingerprint
        self._max_pixels = settings.max_pixels
        self._seen: dict[str, LabelledImage] = {}

    def recall(self, item: LabelledImage, source_sha256: str) -> None:
        """Take note of an image that was stored before the import was interrupted."""
        self._seen.setdefault(source_sha256, item)

    def store_image(self, item: LabelledImage) -> tuple[NewImage, str]:
        """Store one image and say what had to be done to it, a line for each; `BadInputError` says why it is left out.

        A line is a conversion in words, or one of the other notes by its code.
        """
        data = self._read(item.path)
        decoded = decode_apart(data or item.path, name=item.name, max_pixels=self._max_pixels)
        source_sha256 = hashlib.sha256(data).hexdigest()
        self._refuse_copy(item, source_sha256)
        pixels, png = decoded.pixels, encode_png(decoded.pixels)
        notes = [" ".join(decoded.notes)]
        face = self._find_known_face(png)
        if face is None:
            faces, turns = find_faces_turned(pixels)
            if turns:
                pixels = turned(pixels, turns)
                png = encode_png(pixels)
                notes.append(f"turned-{90 * turns}")
            face = _choose_face(faces, pixels, self._several)
            if len(faces) > 1 and face.failure is None:
                notes.append(f"several-{self._several}")
        height, width = pixels.shape[:2]
        artifact_sha256 = self._store.artifacts.put(png)
        image = NewImage(
            name=item.name,
            subject=item.subject,
            label=item.label,
            width=width,
            height=height,
            source_sha256=source_sha256,
            artifact_sha256=artifact_sha256,
            attributes=item.attributes,
            **vars(face),
        )
        return image, "\n".join(filter(None, notes))

    def _find_known_face(self, png: bytes) -> FoundFace | None:
        """Return the face that an earlier import found in this very image."""
        if self._several != "refuse":
            return None  # whether there were several is not known any more
        face = self._store.datasets.find_face(hashlib.sha256(png).hexdigest(), self._detector_fingerprint)
        # A photo without a face may have been imported before photos were turned.
        return face if face is not None and face.failure != "no-face" else None

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
        # Where nothing says who is shown, every image has a subject of its own.
        same_subject = first.subject == item.subject or self._identities == "none"
        if same_subject and first.label == item.label:
            message = f"{item.name} is the same file as {first.name}, which is kept; leave one of them out."
            raise BadInputError(message, code="duplicate-image")
        other = "another label" if same_subject else "another subject"
        raise BadInputError(
            f"{item.name} is the same file as {first.name} with {other}, so only the first is kept; correct the labels "
            "and import again, or correct the one that is kept, under Images on the Datasets page.",
            code="contradicting-copies",
        )


def _choose_face(faces: Sequence[Found], pixels: Image, several: Several) -> FoundFace:
    try:
        box, landmarks = choose_face(faces, pixels, several)
    except FailureToAcquireError as error:
        return FoundFace(box=None, landmarks=None, failure=error.code, failure_sentence=str(error))
    return FoundFace(box=box, landmarks=landmarks, failure=None, failure_sentence=None)
