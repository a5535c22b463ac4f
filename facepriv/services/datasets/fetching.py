"""Fetch a published data set, when the user asks for it, and say how to import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facepriv.config import get_settings
from facepriv.datasets.archives import Archive, ArchiveFile
from facepriv.datasets.tar_archive import ENDINGS, unpack_tar
from facepriv.datasets.unpack import unpack
from facepriv.errors import BadInputError
from facepriv.weights.download import DownloadError, copy, download, make_folder, unfinished
from facepriv.weights.files import sha256_of
from facepriv.wording import listed


@dataclass(frozen=True)
class FetchedArchive:
    """A published data set that is here now, and how it came."""

    name: str
    folder: Path
    """Its unpacked files, to be imported."""
    came: Literal["already here", "copied", "downloaded"]
    sha256: dict[str, str]
    """By the names of its files."""
    first: tuple[str, ...]
    """Files whose hash was recorded just now: nothing vouches for their bytes but where they came from."""
    without: tuple[str, ...]
    """Optional files that could not be had, each with the reason."""
    command: str
    """The command that imports it."""


def folder_of(archive: Archive) -> Path:
    """Say where a data set's unpacked files belong; what lies there is whole."""
    return get_settings().home / "archives" / archive.name


def fetch_archive(archive: Archive, *, file: Path | None = None, progress: bool = False) -> FetchedArchive:
    """Bring a published data set into the data folder, unpacked.

    Files must have the hash that is published, or that was recorded when they were first fetched. All of it arrives,
    or nothing, but for optional files; those that are missing are tried again where the rest is here already. The
    archives themselves are not kept.

    Parameters
    ----------
    file
        A copy of the archive got elsewhere, or the folder of the data set's files; nothing is downloaded then.
    progress
        Whether to show a progress bar on standard error.

    Raises
    ------
    BadInputError
        With code ``not-fetched`` if a file cannot be downloaded or is not in ``file``, with code ``wrong-bytes`` if
        its size or hash is another; of archives that cannot be unpacked with the code of their unpacker.
    """
    target = folder_of(archive)
    recorded = _recorded(archive)
    here = target.is_dir()
    missing = [one for one in archive.files if not here or (one.optional and not _place(one.file, target).exists())]
    had = {one.file: recorded[one.file] for one in archive.files if one not in missing and one.file in recorded}
    make_folder(target.parent)
    found: dict[str, str] = {}
    without: list[str] = []
    with unfinished(archive.name) as whole:
        whole.mkdir(mode=0o700)
        for one in missing:
            new = whole.with_name(one.file)
            try:
                _bring(archive, one, new, file, progress=progress)
                _check(archive, one, new, one.sha256 or recorded.get(one.file, ""))
            except BadInputError as error:
                if not one.optional:
                    raise
                without.append(str(error))
                continue
            found[one.file] = sha256_of(new)
            _take(new, whole)
        if here:
            for each in whole.iterdir():
                each.replace(target / each.name)
        else:
            whole.replace(target)
    first = tuple(one.file for one in archive.files if one.file in found and not (one.sha256 or one.file in recorded))
    _record(archive, {**recorded, **found})
    return FetchedArchive(
        name=archive.name,
        folder=target,
        came="already here" if here and not found else "downloaded" if file is None else "copied",
        sha256={**had, **found},
        first=first,
        without=tuple(without),
        command=_import_command(archive),
    )


def _bring(archive: Archive, one: ArchiveFile, new: Path, file: Path | None, *, progress: bool) -> None:
    if file is None:
        try:
            download(one.url, new, progress=progress)
        except DownloadError as error:
            raise BadInputError(_by_hand(archive, one, str(error)), code="not-fetched") from error
        return
    if not file.exists():
        raise BadInputError(
            f"The files of {archive.name} were expected at {file}, but nothing is there; check the path."
        )
    given = file / one.file if file.is_dir() else file.with_name(one.file)
    if one is archive.files[0] and not file.is_dir():
        given = file  # whatever it was saved as
    if not given.is_file():
        raise BadInputError(
            f"The file {one.file} of {archive.name} was expected in {given.parent}, but is not there; download it from "
            f"{one.url} and put it there.",
            code="not-fetched",
        )
    copy(given, new, what=f"The file {one.file}")


def _by_hand(archive: Archive, one: ArchiveFile, why: str) -> str:
    """Say how to do without a network here."""
    files = listed([f"{each.file} from {each.url} ({_known(each)})" for each in archive.files])
    return (
        f"The file {one.file} of {archive.name} could not be downloaded from {one.url} ({why}). On a machine that "
        f"reaches it download {files} into one folder, bring that here, and run: facepriv fetch {archive.name} "
        f"--file FOLDER. Then import it with: {_import_command(archive)}."
    )


def _known(one: ArchiveFile) -> str:
    size = "size not known" if one.bytes is None else f"{one.bytes:,} bytes"
    return f"{size}, {f'SHA-256 {one.sha256}' if one.sha256 else 'no SHA-256 known'}"


def _import_command(archive: Archive) -> str:
    return f'facepriv import "{folder_of(archive)}" --name {archive.name}'


def _check(archive: Archive, one: ArchiveFile, new: Path, known: str) -> None:
    size = new.stat().st_size
    if one.bytes is not None and size != one.bytes:
        raise BadInputError(
            f"The file {one.file} should have {one.bytes:,} bytes, but this one has {size:,}: it is cut off or another "
            "file; fetch it again.",
            code="wrong-bytes",
        )
    digest = sha256_of(new)
    if known and digest != known:
        origin = (
            "as published; use the published file"
            if one.sha256
            else f"as recorded when it was first fetched; use the old file, or delete {_record_path(archive)} to trust "
            "the new one"
        )
        raise BadInputError(
            f"The file {one.file} should have SHA-256 {known[:12]}..., but this one has {digest[:12]}...; the first is "
            f"{origin}.",
            code="wrong-bytes",
        )


def _place(file: str, whole: Path) -> Path:
    """Say where a file of the data set ends: an archive as a folder of its name."""
    packed = file.endswith((*ENDINGS, ".zip"))
    return whole / (file.partition(".")[0] if packed else file)


def _take(new: Path, whole: Path) -> None:
    """Unpack an archive into a folder of its own, put any other file beside it."""
    settings = get_settings()
    limits = {"max_entries": settings.max_archive_entries, "max_bytes": settings.max_upload_bytes}
    folder = _place(new.name, whole)
    if new.name.endswith(ENDINGS):
        unpack_tar(new, folder, **limits)
    elif new.suffix == ".zip":
        unpacked = unpack(new, folder, name=new.name, **limits)
        if unpacked.problems:
            raise BadInputError(unpacked.problems[0].sentence, code=unpacked.problems[0].code)
    else:
        new.replace(folder)
        return
    new.unlink()
    if [each.name for each in folder.iterdir()] == [folder.name]:  # packed with a folder of the archive's name
        outer = folder.rename(folder.with_name(folder.name + ".outer"))
        (outer / folder.name).replace(folder)
        outer.rmdir()


def _record_path(archive: Archive) -> Path:
    folder = folder_of(archive)
    return folder.with_name(folder.name + ".sha256")


def _recorded(archive: Archive) -> dict[str, str]:
    """Return the hashes of a data set's files as they were first fetched, by name."""
    try:
        lines = _record_path(archive).read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    pairs = [line.split(maxsplit=1) for line in lines]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _record(archive: Archive, digests: dict[str, str]) -> None:
    path = _record_path(archive)
    new = path.with_name(path.name + ".new")
    new.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()), encoding="ascii")
    new.replace(path)
