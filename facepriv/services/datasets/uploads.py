"""Uploaded files: put aside under neutral names, and given their own names again to be read."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from facepriv.config import make_private_folder
from facepriv.datasets.files import printable
from facepriv.errors import BadInputError, StoreError
from facepriv.scratch import held_folder
from facepriv.trees import remove_tree
from facepriv.types import Problem

MAX_NAME_BYTES = 255
"""Longest file name, in UTF-8, of the usual file systems."""
ARCHIVE_ENDINGS = (
    *(".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst"),
    *(".7z", ".rar"),
)
"""What names of archives end in; of 7-Zip and RAR the import says that they are not read."""
_FILES, _LABELS = "files", "labels"


def check_files(names: Sequence[str]) -> None:
    """Raise BadInputError with code ``mixed-upload`` or ``no-images`` unless one archive, or any images, came."""
    archives = sum(map(is_archive, names))
    if archives and len(names) > 1:
        raise BadInputError(
            f"One archive or any number of images was expected, but {archives} of {len(names)} files are archives; "
            "put everything into one archive, or import one after the other.",
            code="mixed-upload",
        )
    if not names:
        raise BadInputError("Images or one archive were expected, but nothing came; choose some.", code="no-images")


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """Make the private folder of a new import in another, and hold it until its job is in the queue.

    If the block raises, the folder is removed. Raises StoreError if it cannot be made.
    """
    with held_folder(lambda: _make_folder(parent)) as folder:
        try:
            yield folder
        except BaseException:
            remove_tree(folder)
            raise


def _make_folder(parent: Path) -> Path:
    folder = parent / secrets.token_hex(8)
    try:
        make_private_folder(parent)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise cannot_write(error) from error
    return folder


def put_aside(folder: Path, contents: Sequence[IO[bytes]], labels: Sequence[IO[bytes]] = ()) -> None:
    """Write files into an import's folder; raises StoreError if that cannot be, as when the disk is full."""
    named = {str(number): content for number, content in enumerate(contents)}
    named |= {_numbered(_LABELS, number): table for number, table in enumerate(labels)}
    try:
        (folder / _FILES).mkdir(mode=0o700)
        for name, content in named.items():
            with (folder / _FILES / name).open("wb") as out:
                shutil.copyfileobj(content, out)
    except OSError as error:
        raise cannot_write(error) from error


def stored_file(folder: Path) -> Path:
    """Return where `put_aside` has put the first file."""
    return folder / _FILES / "0"


def stored_labels(folder: Path) -> Path:
    """Return where `put_aside` has put the label table."""
    return folder / _FILES / _LABELS


def cannot_write(error: OSError) -> StoreError:
    """Return that files cannot be put aside as an error of one sentence."""
    return StoreError(
        f"The uploaded files cannot be put into the data folder ({error.strerror or type(error).__name__}); make sure "
        "that it can be written to and has room, and import again."
    )


def lay_out(folder: Path, names: Sequence[str], labels: Sequence[str]) -> tuple[Path, list[Path], list[Problem]]:
    """Return the files their own names again, since names may tell subject and label; what cannot be is told.

    Done again after an interruption, it gives the same: the archive, or the folder of the images; the label tables; and
    what was left out.
    """
    stored, target = folder / _FILES, folder / "upload"
    tables = []
    for number, label in enumerate(labels):
        aside = stored / _numbered(_LABELS, number)
        tables.append(_place(aside, folder / _numbered("table", number), label) or aside)
    if len(names) == 1 and is_archive(names[0]):
        return stored / "0", tables, []
    problems = []
    taken: set[str] = set()
    target.mkdir(mode=0o700, exist_ok=True)
    for number, name in enumerate(names):
        called = shown(name)
        if _bare(name).casefold() in taken:
            sentence = (
                f"Another uploaded file is called {called} too, so this one was left out; rename it, or upload both in "
                "a zip with folders."
            )
            problems.append(Problem(called, "duplicate-name", sentence))
        elif _place(stored / str(number), target, name) is None:
            sentence = f"The uploaded file {called} has a name that no file can have here and was left out; rename it."
            problems.append(Problem(called, "bad-name", sentence))
        taken.add(_bare(name).casefold())
    return target, tables, problems


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number}" if number else name


def shown(name: str) -> str:
    """Return a file's name so that it can be shown and stored."""
    clean = printable(_bare(name))
    return clean if len(clean) <= 80 else f"{clean[:60]} … {clean[-15:]}"


def is_archive(name: str) -> bool:
    """Return whether a file says that it is an archive, one that is read or not."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def _place(file: Path, folder: Path, name: str) -> Path | None:
    """Move a file into a folder under a name; None, and the file stays, if it cannot have that name."""
    bare = _bare(name)
    if not bare or bare in (".", "..") or "\0" in bare or len(bare.encode(errors="replace")) > MAX_NAME_BYTES:
        return None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        placed = folder / bare
        return file.rename(placed) if file.exists() or not placed.exists() else placed
    except (OSError, ValueError):
        return None


def _bare(name: str) -> str:
    """Take the folders off a name as a browser sent it."""
    return PurePosixPath(name.replace("\\", "/")).name
