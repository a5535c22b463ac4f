"""Readers of data sets by name, and reading a folder by the convention that it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from facepriv.datasets.accounting import account
from facepriv.datasets.files import Files, list_files
from facepriv.datasets.label_tables import (
    COLUMN_NAMES,
    NO_COLUMN,
    Role,
    look_at_table,
    parse_columns,
    read_header,
    read_labels,
)
from facepriv.datasets.pair_lists import PairList, find_pair_lists, make_protocol
from facepriv.datasets.problems import problem_names
from facepriv.datasets.reading import DatasetReader, ReadOptions, ReadResult, SubjectsAre, find_limits
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import READABLE
from facepriv.registry import Registry
from facepriv.schemas.base import Meaning
from facepriv.types import Problem
from facepriv.wording import count, listed, some

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
        "imdb-wiki": "facepriv.datasets.imdb_wiki:ImdbWikiReader",
        "celeba-hq": "facepriv.datasets.celeba_hq:CelebAHqReader",
        "afad": "facepriv.datasets.layouts:afad",
        "bfw": "facepriv.datasets.layouts:bfw",
        "diveface": "facepriv.datasets.layouts:diveface",
        "facescrub": "facepriv.datasets.layouts:facescrub",
        "cfd": "facepriv.datasets.layouts:cfd",
        "morph": "facepriv.datasets.layouts:morph",
        "agedb": "facepriv.datasets.layouts:agedb",
        "ar": "facepriv.datasets.layouts:ar",
        "frgc": "facepriv.datasets.layouts:frgc",
        "rfw": "facepriv.datasets.layouts:rfw",
        "casia-webface": "facepriv.datasets.layouts:casia_webface",
        "yale": "facepriv.datasets.layouts:yale",
        "feret": "facepriv.datasets.layouts:feret",
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
    labels: Path | Sequence[Path] | None = None,
    mapping: Mapping[str, Meaning] | None = None,
    columns: Mapping[str, str] | None = None,
    subjects: SubjectsAre = "auto",
    closed: bool = False,
    called: str = "",
    ask: bool = False,
) -> ReadResult:
    """Read a folder of face images without decoding any, and without writing anything.

    Parameters
    ----------
    format
        Name of a reader, or ``auto`` to ask each, particular conventions first.
    labels
        Label table or tables, inside the folder or not; by default those in the folder are looked for.
    mapping
        Meaning of gender values, such as ``{"0": "male", "1": "female", "-1": "unknown"}``.
    columns
        Names or numbers of columns by role (``file``, ``subject``, ``gender``, ``age``, ``race``) where they are not
        recognised.
    subjects
        What the subjects are that folders and file names give, if somebody knows it.
    closed
        Whether nothing outside the folder may be read but ``labels``.
    called
        What to call the folder to a person, such as the archive that was unpacked into it; by default its name.
    ask
        Give bare numbers without a meaning as a question instead of refusing the table.

    Raises
    ------
    BadInputError
        With code ``not-a-folder``, ``no-images``, ``bad-columns``, or one of those of `read_labels`.
    UnknownNameError
        If there is no such format.
    """
    given = () if labels is None else (labels,) if isinstance(labels, Path) else tuple(labels)
    options = ReadOptions(mapping or {}, parse_columns(columns), given, subjects, ask)
    labels = next(iter(given), None)
    named_reader = None if format == "auto" else READERS.create(format)
    files = list_files(folder, closed=closed)
    called = called or folder.name
    if not files.images:
        raise _no_images(files, called)
    pair_lists = find_pair_lists(folder, files)
    # A table of pairs labels pairs, not images.
    files = replace(files, tables=tuple(name for name in files.tables if name not in pair_lists))
    for table in given:
        if not table.is_file():
            raise BadInputError(f"There is no label table {table.name}; check its name.", code="unreadable")
    reader, reason = (
        (named_reader, "it was asked for by name") if named_reader else _choose_reader(folder, files, labels, options)
    )
    files.lists.clear()  # what readers looked for that recognise nothing here
    if len(given) > 1 and reader.name not in SEVERAL_TABLES:
        raise BadInputError(
            f"The format {reader.name} takes one label table, but {len(given)} came "
            f"({listed([table.name for table in given])}); choose the format csv, or give one table.",
            code="several-label-tables",
        )
    result = _as_told(reader.read(folder, files, labels=labels, options=options), subjects)
    if any(column != NO_COLUMN for column in options.columns.values()) and not result.table:
        named = ", ".join(f"{role}={column}" for role, column in options.columns.items())
        raise BadInputError(
            f"The columns {named} were named, but no table in {called} has them; check their spelling, or name "
            "the table that they are in.",
            code="no-such-column",
        )
    used = [table.name for table in given] or result.table.split(" and ")
    unused = [name for name in files.tables if Path(name).name not in used]
    if not result.protocol:
        result, used_lists = _with_protocol(result, pair_lists, files)
        files.lists.update(used_lists)
    files = replace(files, others=tuple(dict.fromkeys((*files.others, *pair_lists))))
    # Readers of particular data sets know which tables hold labels, and which landmarks or lists of other things.
    notices = [] if result.table or reader.rank >= PARTICULAR else _unused_tables(folder, unused, options)
    problems = [*files.problems, *result.problems, *notices]
    counts, reasons = account(files, result.images, used, problems)
    taken = {image.name for image in result.images}
    return replace(
        result,
        left_out=_left_out(files, taken, used, [*problems, *reasons]),
        files=counts,
        reader=reader.name,
        images=sorted(result.images, key=lambda image: image.name),
        why=f"Format {reader.name}, because {reason}. {result.why}",
        problems=[*problems, *reasons, *find_limits(result.images, result.identities)],
    )


SEVERAL_TABLES = frozenset(["csv", "fairface", "adience"])
"""Readers that take several label tables."""


def _with_protocol(
    result: ReadResult, pair_lists: dict[str, PairList], files: Files
) -> tuple[ReadResult, tuple[str, ...]]:
    """Return what was read with the comparisons of the lists that are there, but those LFW's reader refused.

    The names of the lists that were used come with it.
    """
    refused = any(problem.code == "protocol-unreadable" for problem in result.problems)
    protocol = make_protocol({n: each for n, each in pair_lists.items() if not (refused and each.like_lfw)}, files)
    if not protocol.pairs:
        return replace(result, problems=[*result.problems, *protocol.problems]), ()
    others = [problem for problem in result.problems if problem.code != "protocol-unreadable"]
    return replace(result, protocol=protocol.pairs, problems=[*others, *protocol.problems]), protocol.lists


def _as_told(result: ReadResult, subjects: SubjectsAre) -> ReadResult:
    """Return what was read with subjects that are what somebody says they are."""
    if subjects == "none":
        images = [
            replace(image, subject=image.name, origin={**image.origin, "subject": "none"}) for image in result.images
        ]
        return replace(
            result, images=images, identities="none", why=f"{result.why} Identities were left out, as was asked for."
        )
    if subjects == "auto" or result.identities == "none":
        return result
    return replace(result, identities=subjects, why=f"{result.why} Subjects are {subjects}, as was said.")


def _left_out(files: Files, taken: set[str], used: Sequence[str], told: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the reason of every file that is neither an image taken nor a table or list that was read."""
    why: dict[str, Problem] = {}
    for problem in told:
        for name in problem_names(problem):
            why.setdefault(name, problem)
    read = {n for n in (*files.tables, *files.others) if n in files.lists or Path(n).name in used}
    rest = [n for n in (*files.images, *files.tables, *files.others, *files.left_out) if n not in taken | read]
    return tuple(Problem(name, why[name].code, why[name].sentence) for name in rest if name in why)


def _no_images(files: Files, called: str) -> BadInputError:
    """Return that nothing can be imported as an error that says what is there instead."""
    if not files.total:
        came = "holds no images: it is empty"
    else:
        _, reasons = account(files, (), files.tables, files.problems)
        others = len(files.others) + len(files.left_out)
        tables = f"{count(len(files.tables), 'table')} ({some(files.tables, 3)})" if files.tables else ""
        held = " and ".join(filter(None, [tables, count(others, "other file") if others else ""]))
        beside = ("table-not-used", "text-file", "document", "system-file")
        told = [problem for problem in [*files.problems, *reasons] if problem.code not in beside]
        first = " ".join(problem.sentence for problem in told[:2])
        came = f"holds no images, only {held}. {first}".rstrip()
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
        read_labels(labels, mapping=options.mapping, columns=options.columns, ask=options.ask)


def _unused_tables(folder: Path, tables: list[str], options: ReadOptions) -> list[Problem]:
    """Return problems for tables that may have been meant as labels."""
    problems = []
    roles: tuple[Role, ...] = ("file", "gender")
    for name in tables[:3]:
        try:
            header, refused = look_at_table(folder / name, options.columns)
        except BadInputError as error:
            problems.append(Problem(name, "table-not-used", f"{name} was not used for labels: {error}"))
            continue
        if not header.found:
            sentence = (
                f"{name} was not used for labels: there seems to be no header in it, since its first row is about an "
                f"image like the others. Add a first line such as file,gender, or give the table with --labels and its "
                "columns by number, such as --file-column 1 --gender-column 2."
            )
        else:
            fields = ", ".join(header.fields[:8]) or "nothing readable"
            lacking = [role for role in roles if role not in header.columns]
            if refused and lacking == ["gender"]:
                problems += [replace(each, name=name, code="table-not-used") for each in refused]
                continue
            wanted = " and ".join(f"{role} ({', '.join(COLUMN_NAMES[role][:3])})" for role in lacking)
            sentence = (
                f"{name} was not used for labels: it has the columns {fields}, "
                + (f"and none for {wanted}" if lacking else "but its rows fit no image here")
                + "; say which columns they are, or give it as label table."
            )
        problems.append(Problem(name, "table-not-used", sentence))
        problems += refused
    return problems
