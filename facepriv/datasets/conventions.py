"""Helpers of the readers of particular data sets: names of images, list files, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from facepriv.datasets.files import Files
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions
from facepriv.errors import BadInputError
from facepriv.types import Problem

LEAST_MATCHING = 0.8
"""Proportion of the images that must be named as in a data set for it to be recognised."""
T = TypeVar("T")


def count_matching(names: Sequence[str], parse: Callable[[str], object]) -> int:
    """Return the number of images named as in a data set; 0 if it is too small a proportion to recognise the set."""
    matching = sum(parse(name) is not None for name in names)
    return matching if matching >= LEAST_MATCHING * len(names) else 0


def parse_names(
    names: Iterable[str], parse: Callable[[str], T | None], example: str
) -> tuple[dict[str, T], list[Problem]]:
    """Parse the names of images, and report those that are not named as in the data set.

    ``parse`` returns what a name says, None if it is no name of the data set; ``example`` is such a name, for the
    sentence about the others.
    """
    parsed: dict[str, T] = {}
    unexpected: list[str] = []
    for name in names:
        value = parse(name)
        if value is None:
            unexpected.append(name)
        else:
            parsed[name] = value
    return parsed, summarise_problems(
        "unexpected-file",
        unexpected,
        one=f"The image {{name}} is not named like {example} and was left out; choose another format to import it.",
        many=f"{{n}} images ({{first}}) are not named like {example} and were left out; "
        "choose another format to import them.",
    )


def find_list_files(folder: Path, files: Files, matches: Callable[[str], bool]) -> list[Path]:
    """Find lists that belong to a data set, in its folder or, if there are none and it is not closed, just above it.

    ``matches`` says whether a file name in lower case is that of a list. Those nearest the top come first.
    """
    names = [name for name in (*files.tables, *files.others) if matches(name.rpartition("/")[2].casefold())]
    files.lists.update(names)
    if names or files.closed:
        return [folder / name for name in sorted(names, key=lambda name: (name.count("/"), name))]
    try:
        return sorted(p for p in folder.resolve().parent.iterdir() if matches(p.name.casefold()) and p.is_file())
    except OSError:
        return []


def find_list_file(folder: Path, files: Files, *names: str) -> Path | None:
    """Find one list that belongs to a data set by its names in lower case; of several the first."""
    return next(iter(find_list_files(folder, files, lambda name: name in names)), None)


def read_lines(path: Path) -> list[str]:
    """Read the lines of a list, stripped; blank ones are kept, so that line numbers hold.

    Raises BadInputError with code ``unreadable`` or ``not-text``.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path.name} is not text in UTF-8; download it again.", code="not-text") from error
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be read ({error.strerror or error}); check that it may be read.", code="unreadable"
        ) from error


def refuse_copies(keys: Mapping[str, str], what: str) -> None:
    """Raise BadInputError if a folder holds a data set more than once, such as aligned and not aligned.

    ``keys`` is what the data set calls an image, by file name. The error's code is ``several-copies``.
    """
    first_names: dict[str, str] = {}
    for name, key in keys.items():
        first = first_names.setdefault(key, name)
        if first != name:
            raise BadInputError(
                f"{first} and {name} are one image of {what} in two versions; name a folder that holds one version.",
                code="several-copies",
            )


def refuse_table(labels: Path | None, reader: str, own: str) -> None:
    """Raise BadInputError with code ``labels-not-used`` if a label table was given where labels are elsewhere."""
    if labels is not None:
        raise BadInputError(
            f"The format {reader} takes its labels from {own}, not from {labels.name}; leave the label table out, or "
            "choose the format csv.",
            code="labels-not-used",
        )


def mapping_problems(options: ReadOptions, reader: str) -> list[Problem]:
    """Return a problem if meanings of values were declared that are not needed."""
    if not options.mapping:
        return []
    sentence = f"The declared meanings of values were not used, since {reader} fixes what its values mean."
    return [Problem("mapping", "mapping-not-used", sentence)]
