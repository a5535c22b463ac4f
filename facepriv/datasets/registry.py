"""Readers of data sets by name, and reading a folder by the convention that it follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from facepriv.datasets.accounting import account
from facepriv.datasets.files import Files, list_files
from facepriv.datasets.label_tables import COLUMN_NAMES, Role, parse_columns, read_header, read_labels
from facepriv.datasets.reading import DatasetReader, ReadOptions, ReadResult, find_limits
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import READABLE
from facepriv.registry import Registry
from facepriv.types import Gender, Problem
from facepriv.wording import count

READERS: Registry[DatasetReader] = Registry(
    "data set format",
    "facepriv.readers",
    {
        "lfw": "facepriv.datasets.lfw:LfwReader",
        "muct": "facepriv.datasets.muct:MuctReader",
        "london": "facepriv.datasets.london:LondonReader",
        "utkface": "facepriv.datasets.utkface:UtkFaceReader",
        "fairface": "facepriv.datasets.fairface:FairFaceReader",
        "celeba": "facepriv.datasets.celeba:CelebAReader",
        "vggface2": "facepriv.datasets.vggface2:VggFace2Reader",
        "adience": "facepriv.datasets.adience:AdienceReader",
        "csv": "facepriv.datasets.csv_list:CsvReader",
        "folders": "facepriv.datasets.folders:FoldersReader",
        "flat": "facepriv.datasets.folders:FlatReader",
    },
    aliases={"face-research-lab-london": "london", "manifest": "csv"},
)

PARTICULAR = 50
"""Least rank of readers of particular data sets, which know their own tables."""


def read_folder(
    folder: Path,
    *,
    format: str = "auto",
    labels: Path | None = None,
    mapping: Mapping[str, Gender] | None = None,
    columns: Mapping[str, str] | None = None,
    closed: bool = False,
    called: str = "",
) -> ReadResult:
    """Read a folder of face images without decoding any, and without writing anything.

    Parameters
    ----------
    format
        Name of a reader, or ``auto`` to ask each, particular conventions first.
    labels
        Label table, inside the folder or not; by default one in the folder is looked for.
    mapping
        Meaning of gender values, such as ``{"0": "male", "1": "female"}``.
    columns
        Names of columns by role (``file``, ``subject``, ``gender``, ``age``, ``race``) where they are not recognised.
    closed
        Whether nothing outside the folder may be read but ``labels``.
    called
        What to call the folder to a person, such as the archive that was unpacked into it; by default its name.

    Raises
    ------
    BadInputError
        With code ``not-a-folder``, ``no-images``, ``bad-columns``, or one of those of `read_labels`.
    UnknownNameError
        If there is no such format.
    """
    options = ReadOptions(mapping or {}, parse_columns(columns))
    named_reader = None if format == "auto" else READERS.create(format)
    files = list_files(folder, closed=closed)
    called = called or folder.name
    if not files.images:
        raise _no_images(files, called)
    if labels is not None and not labels.is_file():
        raise BadInputError(f"There is no label table {labels.name}; check its name.", code="unreadable")
    reader, reason = (
        (named_reader, "it was asked for by name") if named_reader else _choose_reader(folder, files, labels, options)
    )
    files.lists.clear()  # what readers looked for that recognise nothing here
    result = reader.read(folder, files, labels=labels, options=options)
    if options.columns and not result.table:
        named = ", ".join(f"{role}={column}" for role, column in options.columns.items())
        raise BadInputError(
            f"The columns {named} were named, but no table in {called} has them; check their spelling, or name "
            "the table that they are in.",
            code="no-such-column",
        )
    used = [labels.name] if labels else result.table.split(" and ")
    unused = [name for name in files.tables if Path(name).name not in used]
    # Readers of particular data sets know which tables hold labels, and which landmarks or lists of other things.
    notices = [] if result.table or reader.rank >= PARTICULAR else _unused_tables(folder, unused, options)
    problems = [*files.problems, *result.problems, *notices]
    counts, reasons = account(files, result.images, used, problems)
    return replace(
        result,
        files=counts,
        reader=reader.name,
        images=sorted(result.images, key=lambda image: image.name),
        why=f"Format {reader.name}, because {reason}. {result.why}",
        problems=[*problems, *reasons, *find_limits(result.images, result.identities)],
    )


def _no_images(files: Files, called: str) -> BadInputError:
    """Return that nothing can be imported as an error that says what is there instead."""
    if not files.total:
        came = "holds no images: it is empty"
    else:
        _, reasons = account(files, (), (), files.problems)
        kinds = {"table": len(files.tables), "other file": len(files.others) + len(files.left_out)}
        held = " and ".join(count(number, kind) for kind, number in kinds.items() if number)
        first = " ".join(problem.sentence for problem in [*files.problems, *reasons][:2])
        came = f"holds no images, only {held}. {first}"
    return BadInputError(
        f"{called} {came.rstrip('.')}; name a folder or an archive with {READABLE} files in it.", code="no-images"
    )


def _choose_reader(folder: Path, files: Files, labels: Path | None, options: ReadOptions) -> tuple[DatasetReader, str]:
    """Return the first reader that recognises the folder, and why; the highest rank first, equal ranks in order."""
    readers = [READERS.create(name) for name in READERS.names()]
    for reader in sorted(readers, key=lambda r: -r.rank):
        reason = reader.recognises(folder, files, labels=labels, options=options)
        if reason is not None:
            if labels is not None and reader.rank < PARTICULAR:
                _check_table(labels, options)
            return reader, reason
    raise BadInputError("No format fits the folder; choose one by name.", code="no-images")


def _check_table(labels: Path, options: ReadOptions) -> None:
    """Raise BadInputError for a table about neither files nor subjects; it names the columns that are missing."""
    header = read_header(labels, options.columns)
    if not {"file", "subject"} & header.columns.keys():
        read_labels(labels, mapping=options.mapping, columns=options.columns)


def _unused_tables(folder: Path, tables: list[str], options: ReadOptions) -> list[Problem]:
    """Return problems for tables that may have been meant as labels."""
    problems = []
    roles: tuple[Role, ...] = ("file", "gender")
    wanted = " and ".join(f"{role} ({', '.join(COLUMN_NAMES[role][:3])})" for role in roles)
    for name in tables[:3]:
        header = read_header(folder / name, options.columns)
        fields = ", ".join(header.fields[:8]) or "nothing readable"
        sentence = (
            f"{name} was not used for labels: it has the columns {fields}, and {wanted} are wanted; say which columns "
            "they are, or give it as label table."
        )
        problems.append(Problem(name, "table-not-used", sentence))
    return problems
