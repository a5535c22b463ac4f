"""Fetch a published data set, when the user asks for it, and say how to import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from facepriv.config import get_settings, make_private_folder
from facepriv.datasets.published import PublishedDataset, PublishedFile
from facepriv.datasets.unpack import unpack
from facepriv.errors import BadInputError
from facepriv.scratch import FETCH, temporary_folder
from facepriv.weights.files import facts, read_sums, write_sums
from facepriv.weights.remote_files import check_sha256, fetch_file
from facepriv.wording import listed

ENDINGS = (".tgz", ".tar.gz", ".tar", ".zip")
"""What the names of published archives end in; they are unpacked."""


@dataclass(frozen=True)
class FetchedDataset:
    """A published data set that is in the data folder now, and where it came from."""

    name: str
    folder: Path
    """Its unpacked files, to be imported."""
    origin: Literal["already here", "copied", "downloaded"]
    sha256: dict[str, str]
    """By the names of its files."""
    newly_recorded: tuple[str, ...]
    """Files whose hash was recorded just now: nothing vouches for their bytes but where they came from."""
    skipped: tuple[str, ...]
    """Optional files that could not be fetched, each with the reason in a sentence."""
    command: str
    """The command that imports it."""


def folder_of(dataset: PublishedDataset) -> Path:
    """Return where a data set's unpacked files belong; what lies there is whole."""
    return get_settings().home / "archives" / dataset.name


def fetch_dataset(dataset: PublishedDataset, *, file: Path | None = None, progress: bool = False) -> FetchedDataset:
    """Fetch a published data set into the data folder and unpack it.

    Files must have the hash that is published, or that was recorded when they were first fetched. All of it arrives,
    or nothing, but for optional files; those that are missing are tried again where the rest is here already. The
    archives themselves are not kept.

    Parameters
    ----------
    file
        A copy of the archive from elsewhere, or the folder of the data set's files; nothing is downloaded then.
    progress
        Whether to show a progress bar on standard error.

    Raises
    ------
    BadInputError
        With code ``not-fetched`` if a file cannot be downloaded, ``no-file`` if it is not in ``file``, ``wrong-bytes``
        if its hash is another; of archives that cannot be unpacked with the code of their unpacker.
    """
    target = folder_of(dataset)
    record = target.with_name(target.name + ".sha256")
    recorded = read_sums(record)
    is_here = target.is_dir()
    present = [each for each in dataset.files if is_here and not (each.optional and not _place(each, target).exists())]
    fetched: dict[str, str] = {}
    skipped: list[str] = []
    with temporary_folder(get_settings().temporary, FETCH) as folder:
        unpacked = folder / "unpacked"
        unpacked.mkdir(mode=0o700)
        for wanted in dataset.files:
            if wanted in present:
                continue
            path = folder / wanted.name
            try:
                copy = None if file is None else _copy_of(dataset, wanted, file)
                fetch_file(wanted.url, path, copy=copy, progress=progress, advice=_advice(dataset))
                fetched[wanted.name] = check_sha256(
                    path, published=wanted.sha256, recorded=recorded.get(wanted.name, ""), record=record
                )
            except BadInputError as error:
                if not wanted.optional:
                    raise
                skipped.append(str(error))
                continue
            _unpack(path, _place(wanted, unpacked))
        make_private_folder(target.parent)
        if is_here:
            for part in unpacked.iterdir():
                part.replace(target / part.name)
        else:
            unpacked.replace(target)
    published = {each.name for each in dataset.files if each.sha256}
    write_sums(record, {**recorded, **fetched})
    return FetchedDataset(
        name=dataset.name,
        folder=target,
        origin="already here" if is_here and not fetched else "downloaded" if file is None else "copied",
        sha256={**{each.name: recorded[each.name] for each in present if each.name in recorded}, **fetched},
        newly_recorded=tuple(name for name in fetched if name not in published and name not in recorded),
        skipped=tuple(skipped),
        command=_import_command(dataset),
    )


def _copy_of(dataset: PublishedDataset, wanted: PublishedFile, given: Path) -> Path:
    """Return where a file should lie: in the folder given, or beside the file given, which is the first one."""
    if given.is_dir():
        return given / wanted.name
    return given if wanted is dataset.files[0] else given.with_name(wanted.name)


def _advice(dataset: PublishedDataset) -> str:
    files = listed([f"{each.name} from {facts(each.url, each.bytes, each.sha256)}" for each in dataset.files])
    return (
        f"On a machine that reaches it, download {files} into one folder, then run here: facepriv fetch {dataset.name} "
        f"--file FOLDER. Import it with: {_import_command(dataset)}."
    )


def _import_command(dataset: PublishedDataset) -> str:
    return f'facepriv import "{folder_of(dataset)}" --name {dataset.name}'


def _place(file: PublishedFile, folder: Path) -> Path:
    """Return where a file ends up: an archive as a folder of its name."""
    is_archive = file.name.endswith(ENDINGS)
    return folder / (file.name.partition(".")[0] if is_archive else file.name)


def _unpack(path: Path, place: Path) -> None:
    """Unpack an archive as the folder ``place``, move any other file there."""
    settings = get_settings()
    limits: dict[str, Any] = {"max_entries": settings.max_archive_entries, "max_bytes": settings.max_upload_bytes}
    unpacked = path.with_name(f"{path.name}.unpacked")
    if path.name.endswith(ENDINGS):
        problems = [
            problem
            for problem in unpack(path, unpacked, name=path.name, **limits)
            if problem.code not in ("system-file", "name-encoding")
        ]
        if problems:
            raise BadInputError(problems[0].sentence, code=problems[0].code)
    else:
        path.replace(place)
        return
    path.unlink()
    nested = unpacked / place.name  # packed with a folder of the archive's name
    (nested if [*unpacked.iterdir()] == [nested] else unpacked).replace(place)
