"""What the readers of particular data sets share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from facepriv.datasets.files import Files
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions
from facepriv.errors import BadInputError
from facepriv.types import Problem

MOST = 0.8
"""Share of the images that must be named as a data set names them for it to be recognised."""
T = TypeVar("T")


def count_matching(names: Sequence[str], parse: Callable[[str], object]) -> int:
    """Count the images that are named as a data set names them; 0 if they are too few of all to recognise it by."""
    n = sum(parse(name) is not None for name in names)
    return n if n >= MOST * len(names) else 0


def parse_names(
    names: Iterable[str], parse: Callable[[str], T | None], like: str
) -> tuple[dict[str, T], list[Problem]]:
    """Take the images apart that are named as a data set names them from those that are not.

    Parameters
    ----------
    parse
        Gives what a name says, None if it is no name of the data set.
    like
        Such a name, for the sentence about the others.
    """
    parsed: dict[str, T] = {}
    strangers: list[str] = []
    for name in names:
        said = parse(name)
        if said is None:
            strangers.append(name)
        else:
            parsed[name] = said
    return parsed, summarise_problems(
        "unexpected-file",
        strangers,
        one=f"The image {{name}} is not named like {like} and was left out; choose another format to import it.",
        many=f"{{n}} images ({{first}}) are not named like {like} and were left out; "
        "choose another format to import them.",
    )


def find_list_files(folder: Path, files: Files, wanted: Callable[[str], bool]) -> list[Path]:
    """Find files that belong to a data set, in its folder or, if there are none and it is not closed, just above it.

    Parameters
    ----------
    wanted
        Says of a file name in lower case whether it is one of them.

    Returns
    -------
    list of Path
        Those nearest the top first.
    """
    names = [name for name in (*files.tables, *files.others) if wanted(name.rpartition("/")[2].casefold())]
    if names or files.closed:
        return [folder / name for name in sorted(names, key=lambda name: (name.count("/"), name))]
    try:
        return sorted(p for p in folder.resolve().parent.iterdir() if wanted(p.name.casefold()) and p.is_file())
    except OSError:
        return []


def find_list_file(folder: Path, files: Files, *names: str) -> Path | None:
    """Find one file that belongs to a data set, by its names in lower case; several fitting ones count as the first."""
    return next(iter(find_list_files(folder, files, lambda name: name in names)), None)


def read_lines(path: Path) -> list[str]:
    """Read the lines of a list, without the spaces around them; blank ones are kept, so that numbers count.

    Raises
    ------
    BadInputError
        With code ``unreadable`` or ``not-text``.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path.name} is not text in UTF-8; fetch it anew.", code="not-text") from error
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be read ({error.strerror or error}); check that it may be read.", code="unreadable"
        ) from error


def refuse_copies(names: Iterable[str], key: Callable[[str], object], what: str) -> None:
    """Refuse a folder that holds a data set more than once, such as aligned and not.

    Raises
    ------
    BadInputError
        With code ``several-copies``.
    """
    seen: dict[object, str] = {}
    for name in names:
        first = seen.setdefault(key(name), name)
        if first != name:
            raise BadInputError(
                f"{first} and {name} are one image of {what} in two versions; name a folder that holds one version.",
                code="several-copies",
            )


def refuse_table(labels: Path | None, reader: str, own: str) -> None:
    """Refuse a label table given for a data set that has its labels elsewhere.

    Raises
    ------
    BadInputError
        With code ``labels-not-used``.
    """
    if labels is not None:
        raise BadInputError(
            f"The format {reader} takes its labels from {own}, not from {labels.name}; leave the label table out, or "
            "choose the format csv.",
            code="labels-not-used",
        )


def mapping_problems(options: ReadOptions, reader: str) -> list[Problem]:
    """Tell that declared meanings of values were not needed."""
    if not options.mapping:
        return []
    sentence = f"The declared meanings of values were not used, since {reader} fixes what its values mean."
    return [Problem("mapping", "mapping-not-used", sentence)]
