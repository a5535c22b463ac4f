"""Label tables: the subject of each image, its gender, and its age and race if the table has them.

Which column is which is decided by its name and by its values: a column of names of images lists files, one of words
for the genders tells the gender, whatever they are called; one that is called ``id`` and counts the rows names nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Literal

from facepriv.datasets.attributes import parse_age, parse_race
from facepriv.datasets.gender_words import GenderColumn, read_genders
from facepriv.datasets.languages import COLUMN_WORDS, ColumnRole, fold_word, label_of_word, says_nothing
from facepriv.datasets.problems import FEW, summarise_problems
from facepriv.datasets.tables import Header as TableHeader
from facepriv.datasets.tables import Table, body, find_header, open_table
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import is_image_name
from facepriv.schemas.base import Meaning
from facepriv.types import GENDER_NAMES, Problem
from facepriv.wording import count, some

Role = ColumnRole
ROLES: tuple[Role, ...] = ("file", "subject", "gender", "age", "race")


def plain_name(column: str) -> str:
    """Return the name of a column folded: case, spaces and hyphens do not matter."""
    return fold_word(column).replace(" ", "_").replace("-", "_")


COLUMN_NAMES: dict[Role, tuple[str, ...]] = {
    role: tuple(dict.fromkeys(plain_name(word) for word in COLUMN_WORDS[role])) for role in ROLES
}
"""Names of columns by role, best first, as `plain_name` gives them."""
DOUBTFUL_GENDERS = frozenset(["label", "labels", "class", "target", "male", "is_male", "nem", "neme", "stat", "genre"])
"""Names of columns that often hold something else: taken for the gender only if their values are genders."""
COUNTING_NAMES = frozenset(["id", "name", "nr", "no", "number", "nummer", "编号"])
"""Names of columns that may name a person, a file or a row."""
NO_COLUMN = "-"
"""Stands for no column, where one is named by role."""
SAMPLE = 2000
"""Rows by whose values columns are chosen."""
LISTED = 10_000
"""Names that one problem lists at most."""
MOST_VALUES = 5000
"""Values of a column that are kept apart; more are no genders."""
_CODES = frozenset(["-1", "0", "1", "2"])
"""Numbers that data sets write for genders and for unknown."""
MOST_GENDERS = 3
"""Values that a column with a doubtful name may have to be one of genders."""
Knows = Callable[[str], bool]
"""Whether the cell of a file column may be about a file that is here."""


@dataclass(frozen=True)
class LabelRow:
    """One row of a label table."""

    line: int
    """Line in the file, from 1, at which the row ends."""
    file: str
    subject: str
    """Empty where the table names nobody."""
    label: int | None
    """+1 male, -1 female, None where the table has no usable gender."""
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """As in `facepriv.types.LabelledImage`."""
    table: str = ""
    """Name of the table it is from, where a `LabelTable` joins several."""


@dataclass(frozen=True)
class Question:
    """Something that the files do not decide, for a person to answer."""

    code: str
    sentence: str
    """What is not decided, and how to answer on the command line."""
    values: tuple[str, ...] = ()
    """Values whose meaning is asked for."""
    required: bool = False
    """Whether nothing is imported without an answer."""


@dataclass(frozen=True)
class LabelTable:
    """A label table as read; a problem reports every row that was dropped."""

    name: str
    columns: Mapping[Role, str]
    """The column found for each role."""
    rows: tuple[LabelRow, ...]
    problems: tuple[Problem, ...] = ()
    fields: tuple[str, ...] = ()
    """All columns of the table."""
    genders: GenderColumn | None = None
    """How the values of the gender column were read."""
    values: Mapping[str, int] = field(default_factory=dict)
    """How many rows have each value of the gender column, as it is written."""
    absent: int = 0
    """Rows about files that are not here, which `rows` lacks."""
    absent_first: tuple[str, ...] = ()
    """Their files, the first of them."""
    questions: tuple[Question, ...] = ()

    @property
    def told(self) -> str:
        """Say which column was taken for what, as a clause."""
        return tell_columns(self)


@dataclass(frozen=True)
class Header:
    """The columns of a table; of what is no table, nothing."""

    delimiter: str = ""
    fields: tuple[str, ...] = ()
    columns: Mapping[Role, str] = field(default_factory=dict)
    found: bool = True
    """Whether the table has a header; without, columns are called by number."""


def parse_columns(pairs: Mapping[str, str] | None) -> dict[Role, str]:
    """Check names of columns by role, such as ``{"file": "Bild", "gender": "Geschlecht"}``.

    Raises BadInputError with code ``bad-columns`` for a role that is none.
    """
    columns: dict[Role, str] = {}
    for role, column in (pairs or {}).items():
        parsed = next((r for r in COLUMN_NAMES if r == role), None)
        if parsed is None or not column.strip():
            raise BadInputError(
                f"Columns are named by role, {', '.join(COLUMN_NAMES)}, as in gender=Sex, but {role}={column} came.",
                code="bad-columns",
            )
        columns[parsed] = column
    return columns


def read_header(path: Path, columns: Mapping[Role, str] | None = None) -> Header:
    """Read the columns of a table, and its first rows, which help to tell what they are."""
    try:
        return look_at_table(path, columns or {})[0]
    except (OSError, BadInputError):
        return Header()


def look_at_table(path: Path, columns: Mapping[Role, str]) -> tuple[Header, tuple[Problem, ...]]:
    """As `read_header`, with what is to be said of columns that were not taken; raises BadInputError for no table."""
    table = open_table(path)
    header, chosen = _choose(table, columns)
    return Header(table.delimiter, header.fields, chosen.columns, header.found), chosen.refused


def read_labels(
    path: Path,
    *,
    required: Sequence[Role] = ("file", "gender"),
    mapping: Mapping[str, Meaning] | None = None,
    columns: Mapping[Role, str] | None = None,
    knows: Knows | None = None,
    groups: Mapping[str, str] | None = None,
    ask: bool = False,
    context: Iterable[str] = (),
) -> LabelTable:
    """Read a label table of any format in `facepriv.datasets.tables`; rows are read as a stream.

    A gender that is neither a word of gender nor empty leaves its row unlabelled, with a problem. In a table without a
    file column, the one other column that holds image names counts as it.

    Parameters
    ----------
    required
        Roles that the table must have.
    mapping
        Meaning of values, such as ``{"0": "male", "1": "female", "-1": "unknown"}``; takes precedence over all words.
    columns
        Names of columns by role, or their numbers from 1, where they are not recognised.
    knows
        Rows whose file it does not know are only counted; without it, all rows are kept.
    groups
        Subject by file name as paths tell it, against which a column of subjects is held.
    ask
        Give bare numbers without a meaning as a question instead of refusing the table.
    context
        Values of the gender columns of other tables, with which single letters are read together.

    Raises
    ------
    BadInputError
        With code ``unreadable``, ``empty-labels``, ``not-text``, ``broken-table``, ``missing-columns``,
        ``duplicate-column`` or ``undeclared-numbers``.
    """
    table = open_table(path)
    header, chosen = _choose(table, columns or {}, knows)
    _check_header(header, chosen, table.name, required, columns or {})
    reading = _Reading(table, header, chosen, mapping or {}, knows)
    reading.read_all()
    return reading.finish({} if "subject" in (columns or {}) else groups or {}, context, ask=ask)


# Which column is which


@dataclass(frozen=True)
class _Chosen:
    """The columns by role, and sentences on those that were looked at and not taken."""

    columns: Mapping[Role, str]
    refused: tuple[Problem, ...] = ()


def _choose(table: Table, declared: Mapping[Role, str], knows: Knows | None = None) -> tuple[TableHeader, _Chosen]:
    names = {plain_name(column) for column in declared.values()}
    header = find_header(table, lambda cells: _count_names(cells, names))
    rows = [cells for _, cells in islice(body(table, header), SAMPLE)]
    return header, _choose_columns(table.name, header, rows, declared, knows)


_ALL_NAMES = frozenset(name for names in COLUMN_NAMES.values() for name in names)


def _count_names(cells: Sequence[str], declared: Collection[str]) -> int:
    return sum(plain_name(cell) in _ALL_NAMES or plain_name(cell) in declared for cell in cells if len(cell) < 60)


def _choose_columns(
    name: str, header: TableHeader, rows: Sequence[Sequence[str]], declared: Mapping[Role, str], knows: Knows | None
) -> _Chosen:
    by_name: dict[str, str] = {}
    for column in header.fields:
        by_name.setdefault(plain_name(column), column)
    columns: dict[Role, str] = {}
    for role, column in declared.items():
        if column == NO_COLUMN:
            continue
        found = by_name.get(plain_name(column)) or _by_number(header, column)
        if found is not None:
            columns[role] = found
    reserved = {plain_name(column) for column in (*declared.values(), *columns.values())}
    place = {column: number for number, column in reversed(list(enumerate(header.fields)))}
    samples = {
        column: [cells[number].strip() for cells in rows if number < len(cells)] for column, number in place.items()
    }
    free = [column for plain, column in by_name.items() if plain not in reserved and column]
    refused: list[Problem] = []

    def named(role: Role) -> list[str]:
        return [by_name[each] for each in COLUMN_NAMES[role] if by_name.get(each) in free]

    if "file" not in columns and "file" not in declared:
        listing = _file_column(named("file"), free, samples, knows)
        if listing is not None:
            columns["file"] = listing
            free.remove(listing)
    if "gender" not in columns and "gender" not in declared:
        telling, doubt = _gender_column(name, named("gender"), free, samples)
        refused += doubt
        if telling is not None:
            columns["gender"] = telling
            free.remove(telling)
    if "subject" not in columns and "subject" not in declared:
        for column in named("subject"):
            if plain_name(column) in COUNTING_NAMES and _counts_rows(samples[column]):
                refused.append(_counting(name, column))
                continue
            columns["subject"] = column
            free.remove(column)
            break
    for role in ("age", "race"):
        if role not in declared and (candidates := named(role)):
            columns[role] = candidates[0]
            free.remove(candidates[0])
    return _Chosen({role: columns[role] for role in ROLES if role in columns}, tuple(refused))


def _by_number(header: TableHeader, column: str) -> str | None:
    """Return the column of a number from 1."""
    number = column.strip()
    return header.fields[int(number) - 1] if number.isdecimal() and 0 < int(number) <= len(header.fields) else None


def _file_column(
    named: Sequence[str], free: Sequence[str], samples: Mapping[str, Sequence[str]], knows: Knows | None
) -> str | None:
    listing = [column for column in free if _all_filled(samples[column], is_image_name)]
    for column in named:
        if column in listing:
            return column
    if len(listing) == 1:
        return listing[0]
    if knows is not None:
        known = [column for column in named if _all_filled(samples[column], knows, least=0.5)]
        if known:
            return known[0]
    return named[0] if named and not listing else None


def _all_filled(cells: Sequence[str], test: Callable[[str], bool], least: float = 1.0) -> bool:
    filled = [cell for cell in cells[:200] if cell]
    return bool(filled) and sum(map(test, filled)) >= least * len(filled)


def _gender_column(
    name: str, named: Sequence[str], free: Sequence[str], samples: Mapping[str, Sequence[str]]
) -> tuple[str | None, list[Problem]]:
    """Return the column of the genders, and what is to be said of columns that are only called like one."""
    doubts: list[Problem] = []
    for column in named:
        if plain_name(column) not in DOUBTFUL_GENDERS or _holds_genders(samples[column]):
            return column, doubts
        values = [value for value in dict.fromkeys(samples[column]) if not says_nothing(value)]
        sentence = (
            f"The column {column!r} of {name} was not taken for genders, since it holds {some(values[:3])}"
            f"{' and more' if len(values) > 3 else ''}; if it does hold them, give it with --gender-column and say "
            f"what its values mean with --mapping; if it names people, give it with --subject-column."
        )
        doubts.append(Problem(column, "no-genders", sentence))
    speaking = [column for column in free if _holds_words_for_genders(samples[column])]
    return (speaking[0] if len(speaking) == 1 else None), doubts


def _holds_genders(cells: Sequence[str]) -> bool:
    """Return whether values can be genders: known words, or a few numbers or letters."""
    read = read_genders(dict.fromkeys(cells))
    if not read.spelled or "word" in read.undecided.values():
        return False
    known = sum(label is not None for label in read.labels.values())
    if any(why == "number" and value not in _CODES for value, why in read.undecided.items()):
        return False
    return known > 0 if not read.undecided else len(read.undecided) <= MOST_GENDERS


def _holds_words_for_genders(cells: Sequence[str]) -> bool:
    """Return whether all values are words for genders, and at least one is; letters and numbers are too little."""
    read = read_genders(dict.fromkeys(cells))
    words = [value for value, label in read.labels.items() if label is not None and (len(value) > 1)]
    return bool(words) and not read.undecided and not any(len(v) == 1 and v.isascii() for v in read.labels if v)


def _counts_rows(cells: Sequence[str]) -> bool:
    """Return whether values count the rows: 1, 2, 3 ... or 0, 1, 2 ..."""
    if len(cells) < FEW or not cells[0].isdecimal() or int(cells[0]) > 1:
        return False
    first = int(cells[0])
    return all(cell.isdecimal() and int(cell) == first + place for place, cell in enumerate(cells))


def _counting(name: str, column: str) -> Problem:
    sentence = (
        f"The column {column!r} of {name} counts the rows, so it was not taken for the people on the images; if it "
        "does name them, give it with --subject-column."
    )
    return Problem(column, "counts-rows", sentence)


def _check_header(
    header: TableHeader, chosen: _Chosen, name: str, required: Sequence[Role], columns: Mapping[Role, str]
) -> None:
    missing: list[Role] = [r for r, column in columns.items() if r not in chosen.columns and column != NO_COLUMN]
    missing += [role for role in required if role not in chosen.columns]
    if missing:
        raise BadInputError(missing_sentence(header, name, missing, columns, chosen.refused), code="missing-columns")
    plain = [plain_name(column) for column in header.fields]
    for column in chosen.columns.values():
        if plain.count(plain_name(column)) > 1:
            raise BadInputError(
                f"{name} has the column {column!r} more than once; keep the one that counts.", code="duplicate-column"
            )


def missing_sentence(
    header: TableHeader,
    name: str,
    missing: Sequence[Role],
    columns: Mapping[Role, str],
    refused: Sequence[Problem] = (),
) -> str:
    """Say which columns a table lacks, and what to do."""
    wanted = " and ".join(
        f"{role} ({repr(columns[role]) if role in columns else ' or '.join(COLUMN_NAMES[role][: _NAMED[role]])})"
        for role in dict.fromkeys(missing)
    )
    if not header.found:
        return (
            f"There seems to be no header in {name}: its first row is about an image like the others. Add a first line "
            f"such as file,gender, or give columns by number, such as --{missing[0]}-column 1; none could be found for "
            f"{wanted}."
        )
    present = ", ".join(f"{c[:40]!r}" for c in header.fields[:12]) + (", ..." if len(header.fields) > 12 else "")
    why = f" {refused[0].sentence}" if refused and "gender" in missing else ""
    return (
        f"{name} has the columns {present}, but none for {wanted}; rename a column or say which it is, with "
        f"--{missing[0]}-column or in the field {missing[0].capitalize()} column.{why}"
    )


_NAMED: dict[Role, int] = {"file": 7, "subject": 6, "gender": 3, "age": 3, "race": 3}
"""Names of a role that a sentence lists."""


# The rows


@dataclass(frozen=True)
class _RawRow:
    line: int
    cells: Mapping[Role, str]


class _Reading:
    """The reading of one table, from its first row to its last."""

    def __init__(
        self,
        table: Table,
        header: TableHeader,
        chosen: _Chosen,
        mapping: Mapping[str, Meaning],
        knows: Knows | None,
    ) -> None:
        self.table, self.header, self.chosen, self.mapping, self.knows = table, header, chosen, mapping, knows
        self.kept: list[_RawRow] = []
        self.absent = 0
        self.absent_first: list[str] = []
        self.values: Counter[str] = Counter()
        self.lines: dict[str, list[int]] = {}
        self.ragged: list[str] = []
        self.ragged_total = 0
        self.short: list[str] = []
        self.short_total = 0
        self.rows = 0

    def read_all(self) -> None:
        """Read every row, and keep those that may be about files that are here."""
        width = len(self.header.fields)
        places = [(role, self.header.fields.index(column)) for role, column in self.chosen.columns.items()]
        file_at = next((place for role, place in places if role == "file"), None)
        gender_at = next((place for role, place in places if role == "gender"), None)
        last = max((place for _, place in places), default=-1)
        knows, values, lines = self.knows, self.values, self.lines
        for line, cells in body(self.table, self.header):
            self.rows += 1
            if len(cells) != width and not self._fits(line, cells, width, last):
                continue
            if gender_at is not None:
                value = cells[gender_at] if gender_at < len(cells) else ""
                seen = values[value]
                if seen or len(values) <= MOST_VALUES:
                    values[value] = seen + 1
                if seen < _LINES:
                    lines.setdefault(value, []).append(line)
            if knows is not None and file_at is not None:
                cell = cells[file_at].strip() if file_at < len(cells) else ""
                if cell and not knows(cell):
                    self.absent += 1
                    if len(self.absent_first) < LISTED:
                        self.absent_first.append(cell)
                    continue
            self.kept.append(
                _RawRow(line, {role: cells[place].strip() if place < len(cells) else "" for role, place in places})
            )

    def _fits(self, line: int, cells: Sequence[str], width: int, last: int) -> bool:
        """Return whether a row with more or fewer cells than the header can be used."""
        if len(cells) > width:
            if not any(cell.strip() for cell in cells[width:]):
                return True
            self.ragged_total += 1
            _list(self.ragged, f"line {line}")
            return False
        if len(cells) > last:
            return True
        self.short_total += 1
        _list(self.short, f"line {line}")
        # What is missing may be missing in the middle, which shows where a gender stands in another's place.
        others = {place for role, place in self._places() if role != "gender"}
        return not any(
            read_genders([cells[place]]).labels.get(fold_word(cells[place])) for place in others if place < len(cells)
        )

    def _places(self) -> Iterable[tuple[Role, int]]:
        return [(role, self.header.fields.index(column)) for role, column in self.chosen.columns.items()]

    def finish(self, groups: Mapping[str, str], context: Iterable[str], *, ask: bool) -> LabelTable:
        """Give the table; raises BadInputError where nothing in it can be used."""
        name = self.table.name
        if not self.rows:
            raise BadInputError(f"{name} has a header but no rows; add one row for each image.", code="empty-labels")
        columns = dict(self.chosen.columns)
        problems = [*self.table.problems, *self._row_problems(), *self._header_problems(), *self.chosen.refused]
        questions: list[Question] = []
        genders = None
        if "gender" in columns:
            genders = read_genders([*self.values, *self._letters_among(context)], self.mapping)
            found, asked = _gender_problems(self.table.name, columns["gender"], genders, self, ask=ask)
            problems += found
            questions += asked
        if "subject" in columns and (doubt := self._doubted_subjects(columns["subject"], groups)) is not None:
            del columns["subject"]
            problems.append(doubt)
        # In a column called age_group, a number is the code of a group, not years.
        age_of = cache(partial(parse_age, grouped=plain_name(columns.get("age", "")) == "age_group"))
        if "age" in columns:
            problems += _age_problems(name, [(row.line, row.cells["age"]) for row in self.kept], age_of)
        nobody = _minus_one(row.cells["subject"] for row in self.kept) if "subject" in columns else ""
        rows = tuple(_row(row, columns, genders, age_of, name, nobody) for row in self.kept)
        return LabelTable(
            name,
            columns,
            rows,
            tuple(problems),
            fields=self.header.fields,
            genders=genders,
            values={value.strip(): number for value, number in self.values.items()},
            absent=self.absent,
            absent_first=tuple(self.absent_first),
            questions=tuple(questions),
        )

    def _letters_among(self, context: Iterable[str]) -> list[str]:
        """Return the words and letters for genders of other tables, not what else is there."""
        return [value for value in context if len(value.strip()) == 1 or label_of_word(value) is not None]

    def _doubted_subjects(self, column: str, groups: Mapping[str, str]) -> Problem | None:
        """Return what is wrong with a column of subjects that are all different though paths group the images."""
        if plain_name(column) not in COUNTING_NAMES or not groups or self.absent > len(self.kept):
            return None
        named = [row.cells["subject"] for row in self.kept if not says_nothing(row.cells["subject"])]
        people = len(set(groups.values()))
        if len(named) <= FEW or len(set(named)) < len(named) or people > 0.5 * len(groups):
            return None
        sentence = (
            f"The column {column!r} of {self.table.name} has another value in every row, while the images lie in "
            f"{count(people, 'group')} by folder or name, so it was not taken for the people on them; if it does name "
            "them, give it with --subject-column."
        )
        return Problem(column, "counts-rows", sentence)

    def _header_problems(self) -> list[Problem]:
        header, name = self.header, self.table.name
        if not header.found:
            sentence = (
                f"There seems to be no header in {name}, so its columns go by number: "
                f"{tell_roles(self.chosen.columns)}. "
                "Add a first line such as file,gender, or give columns by number, such as --gender-column 2."
            )
            return [Problem(name, "no-header", sentence)]
        if header.above:
            sentence = (
                f"The columns of {name} are named in line {header.line}; what stands above was passed over, "
                f"{count(header.above, 'line')} in all."
            )
            return [Problem(name, "title-above", sentence)]
        return []

    def _row_problems(self) -> list[Problem]:
        name = self.table.name
        return [
            *summarise_problems(
                "ragged-row",
                self.ragged,
                total=self.ragged_total,
                one=f"The row at {{name}} of {name} has more cells than the header and was ignored; "
                "quote cells that contain the delimiter.",
                many=f"{{n}} rows of {name} ({{first}}) have more cells than the header and were ignored; "
                "quote cells that contain the delimiter.",
            ),
            *summarise_problems(
                "short-row",
                self.short,
                total=self.short_total,
                one=f"The row at {{name}} of {name} has fewer cells than the header; what is missing was taken as "
                "empty or, where the rest seems to have moved, the row was not used.",
                many=f"{{n}} rows of {name} ({{first}}) have fewer cells than the header; what is missing was taken as "
                "empty or, where the rest seems to have moved, the row was not used.",
            ),
        ]


_LINES = 3
"""Lines that are named of one value."""


def _list(names: list[str], name: str) -> None:
    if len(names) < LISTED:
        names.append(name)


def _row(
    row: _RawRow,
    columns: Mapping[Role, str],
    genders: GenderColumn | None,
    age_of: Callable[[str], dict[str, str | float] | None],
    table: str,
    nobody: str,
) -> LabelRow:
    cells = row.cells
    subject = cells.get("subject", "") if "subject" in columns else ""
    return LabelRow(
        line=row.line,
        file=cells.get("file", ""),
        subject="" if says_nothing(subject) or (nobody and subject == nobody) else subject,
        label=genders.label(cells["gender"]) if genders is not None else None,
        attributes={**(age_of(cells.get("age", "")) or {}), **parse_race(cells.get("race", ""))},
        table=table,
    )


def _minus_one(cells: Iterable[str]) -> str:
    """Return ``-1`` where it stands for nobody: among numbers of subjects that are all at least 0."""
    values = set(cells)
    others = {value for value in values if value != "-1" and not says_nothing(value)}
    return "-1" if "-1" in values and others and all(value.isdecimal() for value in others) else ""


def _gender_problems(
    name: str, column: str, genders: GenderColumn, reading: _Reading, *, ask: bool
) -> tuple[list[Problem], list[Question]]:
    problems: list[Problem] = []
    questions: list[Question] = []
    numbers = sorted(genders.of_kind("number"))
    if numbers:
        examples = ", ".join(numbers[:4]) + (", ..." if len(numbers) > 4 else "")
        sentence = (
            f"The column {column!r} of {name} holds the bare numbers {examples}, which mean different things in "
            f"different data sets; declare what each means, as in --mapping 0=male,1=female or {_mapping(numbers)}."
        )
        if not ask:
            raise BadInputError(sentence, code="undeclared-numbers")
        problems.append(Problem(column, "undeclared-numbers", sentence))
        questions.append(Question("undeclared-numbers", sentence, tuple(numbers), required=True))
    letters = genders.of_kind("letter")
    if letters:
        rows = sum(reading.values[value] for value in reading.values if value.strip() in letters)
        sentence = (
            f"The column {column!r} of {name} holds {some(letters)}, which {'means' if len(letters) == 1 else 'mean'} "
            f"different genders in different languages, so {count(rows, 'row')} {'has' if rows == 1 else 'have'} no "
            f"label; say what is meant, as in --mapping {_mapping(letters)} (with the meanings that are right)."
        )
        problems.append(Problem(column, "ambiguous-letters", sentence))
        questions.append(Question("ambiguous-letters", sentence, tuple(letters)))
    words = genders.of_kind("word")
    if words:
        told = [
            f"{value.strip()[:40]!r} at line {line}"
            for value in reading.values
            if value.strip() in set(words)
            for line in reading.lines.get(value, ())
        ]
        total = sum(number for value, number in reading.values.items() if value.strip() in set(words))
        shown = _mapping(words[:3], "male", "unknown")
        problems += summarise_problems(
            "unknown-gender",
            told[:LISTED],
            total=total,
            one=f"The gender {{name}} of {name} has no binary label here, so its image stays without one; declare a "
            f"meaning if it has one, as in --mapping '{shown}'.",
            many=f"{{n}} genders of {name} ({{first}}) have no binary label here, so their images stay without one; "
            f"declare a meaning if they have one, as in --mapping '{shown}'.",
        )
        questions.append(Question("unknown-gender", problems[-1].sentence, tuple(words)))
    return problems, questions


def _mapping(values: Sequence[str], *meanings: str) -> str:
    """Return an example of a mapping of these values."""
    told = meanings or ("male", "female", "unknown")
    return ",".join(f"{value}={told[min(place, len(told) - 1)]}" for place, value in enumerate(values[:4]))


def _age_problems(
    name: str, cells: Sequence[tuple[int, str]], age_of: Callable[[str], dict[str, str | float] | None]
) -> list[Problem]:
    return summarise_problems(
        "unknown-age",
        [f"{cell[:40]!r} at line {line}" for line, cell in cells if age_of(cell) is None],
        one=f"The age {{name}} of {name} is neither a number of years nor a band such as 20-29 and was left out.",
        many=f"{{n}} ages of {name} ({{first}}) are neither numbers of years nor bands such as 20-29 and were left "
        "out.",
    )


def tell_roles(columns: Mapping[Role, str]) -> str:
    """Say which column was taken for what."""
    return ", ".join(f"{role} from {column!r}" for role, column in columns.items())


def tell_columns(table: LabelTable) -> str:
    """Say which column of a table was taken for what, and what its genders mean."""
    told = tell_roles(table.columns)
    genders = table.genders
    if genders is None:
        return told
    read = [
        f"{genders.spelled.get(value, value)} = {'unknown' if label is None else GENDER_NAMES[label]}"
        for value, label in genders.labels.items()
        if value
    ]
    plain = {"male": "male", "female": "female", "m": "male", "f": "female"}
    if all(plain.get(part.partition(" = ")[0].casefold()) == part.partition(" = ")[2] for part in read):
        return told
    by = f", as in {genders.languages}" if genders.letters and "English" not in genders.languages else ""
    return f"{told} ({', '.join(read[:_TOLD])}{', ...' if len(read) > _TOLD else ''}{by})"


_TOLD = 6
"""Values whose meaning a sentence tells."""


def joined(tables: Sequence[LabelTable], name: str | None = None) -> LabelTable:
    """Return several tables as one."""
    if len(tables) == 1 and name is None:
        return tables[0]
    columns: dict[Role, Literal[""] | str] = {}
    for table in tables:
        for role, column in table.columns.items():
            columns.setdefault(role, column)
    values: Counter[str] = Counter()
    for table in tables:
        values.update(table.values)
    return LabelTable(
        name or " and ".join(dict.fromkeys(table.name for table in tables)),
        columns,
        tuple(row for table in tables for row in table.rows),
        tuple(problem for table in tables for problem in table.problems),
        fields=tuple(dict.fromkeys(column for table in tables for column in table.fields)),
        genders=next((table.genders for table in tables if table.genders is not None), None),
        values=values,
        absent=sum(table.absent for table in tables),
        absent_first=tuple(name for table in tables for name in table.absent_first)[:LISTED],
        questions=tuple(question for table in tables for question in table.questions),
    )
