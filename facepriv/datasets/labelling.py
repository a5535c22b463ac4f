"""Labels of images, joined from a label table by file name, key or subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from facepriv.datasets.file_finder import RANK, FileFinder
from facepriv.datasets.files import name_key
from facepriv.datasets.folder_words import Sorting
from facepriv.datasets.label_tables import LabelRow, LabelTable, joined
from facepriv.datasets.languages import fold_word
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.spellings import agree_spellings, fold_subject, folded_set
from facepriv.datasets.subjects import NOBODY, Subjects, subjects_of_paths
from facepriv.types import Identities, LabelledImage, Problem
from facepriv.wording import count

NO_IDENTITIES = NOBODY
"""Clause for data sets without identities."""


class Labelled(NamedTuple):
    """Images with their labels."""

    images: list[LabelledImage]
    problems: list[Problem]
    rule: str
    """A clause on where the subjects come from."""
    identities: Identities


@dataclass(frozen=True)
class _MergedRows:
    """All rows about one image, or about one subject, as one."""

    subject: str
    label: int | None
    contradiction: str = ""
    """``gender``, ``subject`` or empty."""
    repeated: bool = False
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """Attributes that the rows agree on."""
    disputed: bool = False
    """Whether the rows give one attribute several values."""
    place: str = ""
    """The table and the line of the first row."""


def label_by_files(
    folder: Path,
    names: Sequence[str],
    tables: Sequence[tuple[LabelTable, str]],
    sorting: Sorting,
    *,
    people: bool = False,
    nobody: bool = False,
) -> Labelled:
    """Label images by the rows of tables that name them.

    Rows that contradict each other about the gender leave their image unlabelled; about the subject, they leave it
    out, since a wrong identity would spoil every comparison. An image without a row, or with an empty subject, gets
    its subject from its path only where paths and the table agree on who is who, and is left out otherwise.

    Each table comes with its folder inside the data set, from which its paths may start. ``people`` says that somebody
    knows folders to be people; ``nobody`` that identities do not matter, so that no image is left out for its subject.
    """
    table = joined([each for each, _ in tables])
    found = _Finding(names)
    for each, base in tables:
        found.look(each, base)
    rows_of = found.rows_of()
    merged = {name: _merge(rows) for name, rows in rows_of.items()}
    paths = subjects_of_paths(names, sorting, people=people)
    subject_of, spelling_problems, rule, identities = _subjects(names, merged, paths, "subject" in table.columns)

    images: list[LabelledImage] = []
    without_subject: list[str] = []
    for name in names:
        rows = merged.get(name)
        if nobody:
            subject_of[name] = _Subject(name)
        elif rows is not None and rows.contradiction == "subject":
            continue
        elif not subject_of[name].subject:
            without_subject.append(name)
            continue
        images.append(_labelled(folder, name, subject_of[name], rows, table, sorting))
    labelled = {image.name for image in images}
    other_gender = [
        image.name
        for image in images
        if image.label is not None and sorting.labels.get(image.name) not in (None, image.label)
    ]
    names_by_code = {
        "unknown-file": (found.unknown, found.unknown_total),
        "ambiguous-file": (found.ambiguous, None),
        "moved-file": ([f"{row.file} ({name})" for name, row in found.moved], None),
        "by-number": (found.by_number, None),
        "no-file-name": (found.nameless, None),
        **{code: (listed, None) for code, listed in _disagreements(merged).items()},
        "no-row": ([name for name in names if name not in merged and name in labelled], None),
        "no-subject": (without_subject, None),
        "gender-against-folder": (other_gender, None),
    }
    return Labelled(images, [*_problems(table, "image", names_by_code), *spelling_problems], rule, identities)


class _Finding:
    """The looking for the files of all rows."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._found: dict[str, list[tuple[int, str, LabelRow]]] = {}
        self.unknown: list[str] = []
        self.unknown_total = 0
        self.ambiguous: list[str] = []
        self.nameless: list[str] = []
        self.moved: list[tuple[str, LabelRow]] = []
        self.by_number: list[str] = []
        # What folders are called that may name people, by file.
        self._folders = {name: folded_set(name.split("/")[:-1]) for name in names if "/" in name}

    def look(self, table: LabelTable, base: str) -> None:
        """Look for the files of one table's rows."""
        finder = FileFinder(self._names, base)
        subjects = folded_set({row.subject for row in table.rows if row.subject})
        for row in table.rows:
            if not row.file:
                self.nameless.append(f"line {row.line}")
                continue
            found = finder.find(row.file)
            files = found.files
            if found.how == "name" and row.subject:
                files = self._of_subject(files, fold_subject(row.subject), subjects)
            if len(files) == 1:
                self._found.setdefault(files[0], []).append((RANK[found.how], name_key(row.file), row))
                if found.by_number:
                    self.by_number.append(f"{row.file} for {files[0]}")
            elif files:
                self.ambiguous.append(row.file)
            else:
                self._miss(row.file)
        self.unknown_total += table.absent
        self.unknown += table.absent_first

    def _miss(self, file: str) -> None:
        self.unknown.append(file)
        self.unknown_total += 1

    def _of_subject(self, files: Sequence[str], subject: str, subjects: Set[str]) -> tuple[str, ...]:
        """Return those of several files of one bare name that lie in no other subject's folder."""
        inside = tuple(file for file in files if subject in self._folders.get(file, ()))
        return inside or tuple(file for file in files if not subjects & self._folders.get(file, set()))

    def rows_of(self) -> dict[str, list[LabelRow]]:
        """Return the rows about each file: those that name it best, and no others."""
        rows_of: dict[str, list[LabelRow]] = {}
        for name in self._names:
            found = self._found.get(name, [])
            best = min((rank for rank, _, _ in found), default=0)
            rows = [(key, row) for rank, key, row in found if rank == best]
            for rank, _, row in found:
                if rank > best:
                    self._miss(row.file)
            if best >= RANK["name"] and len({key for key, _ in rows}) > 1:
                # Rows about different files that would all do: none of them is known to be about this one.
                self.ambiguous += [row.file for _, row in rows]
            elif rows:
                rows_of[name] = [row for _, row in rows]
                if best == RANK["moved"]:
                    self.moved.append((name, rows[0][1]))
        return rows_of


@dataclass(frozen=True)
class _Subject:
    """The subject of one image, and what tells it."""

    subject: str
    source: str = ""


def label_by_key(
    folder: Path, keys: Mapping[str, str], subjects: Mapping[str, str], table: LabelTable
) -> tuple[list[LabelledImage], list[Problem]]:
    """Label images by the rows that hold their keys, where a data set fixes how rows refer to images.

    ``keys`` and ``subjects`` are by file name, every key once. The ``file`` of a row is a key; a row whose key fits no
    image is reported.
    """
    merged, unknown = _merge_by_key([(row.file, row) for row in table.rows], set(keys.values()))
    images = [_labelled(folder, name, _Subject(subjects[name]), merged.get(key), table) for name, key in keys.items()]
    names_by_code = {
        "unknown-file": unknown,
        **_disagreements(merged),
        "no-row": [name for name, key in keys.items() if key not in merged],
    }
    return images, _problems(table, "image", {code: (listed, None) for code, listed in names_by_code.items()})


def label_by_subject(
    folder: Path,
    subjects: Mapping[str, str],
    table: LabelTable | None,
    fold: Callable[[str], str] = fold_subject,
    sorting: Sorting | None = None,
) -> tuple[list[LabelledImage], list[Problem]]:
    """Label images by the rows about their subjects; without a table they stay unlabelled.

    ``subjects`` is the subject by file name. ``fold`` makes the spellings of a subject in the table and in the file
    names equal.
    """
    if table is None:
        return [LabelledImage(name, subject, None, folder / name) for name, subject in subjects.items()], []
    merged, unknown = _merge_by_key([(row.subject, row) for row in table.rows], set(map(fold, subjects.values())), fold)
    written = {fold(row.subject): row.subject for row in reversed(table.rows)}
    images: list[LabelledImage] = []
    without: dict[str, None] = {}
    spelled: dict[str, None] = {}
    for name, subject in subjects.items():
        rows = merged.get(fold(subject))
        if rows is None:
            without[subject] = None
        elif fold is fold_subject and written[fold(subject)].casefold() != subject.casefold():
            spelled[f"{written[fold(subject)]} for {subject}"] = None
        images.append(_labelled(folder, name, _Subject(subject), rows, table, sorting))
    names_by_code = {"unknown-subject": unknown, "other-spelling": list(spelled), **_disagreements(merged)}
    problems = _problems(table, "subject", {code: (listed, None) for code, listed in names_by_code.items()})
    problems += summarise_problems(
        "no-row",
        list(without),
        one=f"The subject {{name}} has no row in {table.name}, which gives its images no gender label; add a row.",
        many=f"{{n}} subjects ({{first}}) have no row in {table.name}, which gives their images no gender label; add "
        "rows.",
    )
    return images, problems


def _labelled(
    folder: Path,
    name: str,
    subject: _Subject,
    rows: _MergedRows | None,
    table: LabelTable,
    sorting: Sorting | None = None,
) -> LabelledImage:
    """Return an image with the label and attributes of its rows, or without any of what its folders say."""
    origin = {"subject": subject.source} if subject.source else {}
    # Tables of particular data sets name no columns: they have a gender.
    gendered = not table.columns or "gender" in table.columns
    label = None if rows is None or not gendered else rows.label
    attributes: dict[str, str | float] = {} if sorting is None else {**sorting.attributes.get(name, {})}
    if rows is not None:
        attributes |= rows.attributes
        if label is not None:
            column = f"column {table.columns['gender']!r} of " if table.columns else ""
            origin["label"] = f"{column}{rows.place}"
    if sorting is not None and (rows is None or not gendered) and not (rows and rows.contradiction):
        label = sorting.labels.get(name)
        if label is not None:
            origin["label"] = "folder"
    return LabelledImage(name, subject.subject, label, folder / name, attributes, origin)


def _merge_by_key(
    rows: Iterable[tuple[str, LabelRow]], keys: Set[str], fold: Callable[[str], str] = str
) -> tuple[dict[str, _MergedRows], list[str]]:
    """Merge rows, each given with its key, and name those whose key fits no image.

    The key tells the subject: how rows spell it is no contradiction.
    """
    rows_of: dict[str, list[LabelRow]] = {}
    unknown: list[str] = []
    for key, row in rows:
        if fold(key) in keys:
            rows_of.setdefault(fold(key), []).append(row)
        else:
            unknown.append(key or f"line {row.line}")
    return {key: _merge(rows, subjects_matter=False) for key, rows in rows_of.items()}, unknown


def _merge(rows: Sequence[LabelRow], *, subjects_matter: bool = True) -> _MergedRows:
    place = f"{rows[0].table or 'the table'}, line {rows[0].line}"
    if len(rows) == 1:
        return _MergedRows(rows[0].subject, rows[0].label, attributes=rows[0].attributes, place=place)
    subjects = {fold_subject(row.subject): row.subject for row in reversed(rows) if row.subject}
    labels = {row.label for row in rows}
    attributes: dict[str, set[str | float]] = {}
    for row in rows:
        for name, value in row.attributes.items():
            attributes.setdefault(name, set()).add(value)
    contradiction = ""
    if subjects_matter and len(subjects) > 1:
        contradiction = "subject"
    elif len(labels) > 1:
        contradiction = "gender"
    return _MergedRows(
        subject=min(subjects.values(), default=""),
        label=None if contradiction else rows[0].label,
        contradiction=contradiction,
        repeated=len(rows) > 1,
        attributes={name: next(iter(values)) for name, values in attributes.items() if len(values) == 1},
        disputed=any(len(values) > 1 for values in attributes.values()),
        place=place,
    )


def _subjects(
    names: Sequence[str], merged: Mapping[str, _MergedRows], paths: Subjects, column: bool
) -> tuple[dict[str, _Subject], list[Problem], str, Identities]:
    """Return the subject of every image, empty where it cannot be known, problems, where it comes from, what it is."""
    named = {name: rows.subject for name, rows in merged.items() if rows.subject and rows.contradiction != "subject"}
    if not column or not named:
        by_name, problems = (
            (paths.by_name, []) if paths.identities != "people" else agree_spellings(paths.by_name, fold_word)
        )
        by_path = {name: _Subject(subject, paths.source) for name, subject in by_name.items()}
        return by_path, problems, paths.rule, paths.identities
    named, problems = agree_spellings(named)
    # Paths may fill gaps only if they tell the same people apart as the table does, which single images do not show.
    pairs = {(paths.by_name[name], subject) for name, subject in named.items()}
    agree = len(pairs) == len({path for path, _ in pairs}) == len({subject for _, subject in pairs}) < len(named)
    subject_of_path = dict(pairs) if agree else {}
    used = set(subject_of_path.values())
    subject_of: dict[str, _Subject] = {}
    for name in names:
        path = paths.by_name[name]
        if name in named:
            subject_of[name] = _Subject(named[name], f"column of subjects of {merged[name].place}")
        elif agree and (path in subject_of_path or path not in used):
            subject_of[name] = _Subject(subject_of_path.get(path, path), paths.source)
        else:
            subject_of[name] = _Subject("")
    if paths.by_folder:
        problems += _against_folders(named, paths)
    return subject_of, problems, "a column of the table names them", "people"


def _against_folders(named: Mapping[str, str], paths: Subjects) -> list[Problem]:
    """Return a problem where a column of subjects tells other people apart than folders do."""
    subjects_in: dict[str, set[str]] = {}
    for name, subject in named.items():
        subjects_in.setdefault(paths.by_name[name], set()).add(subject)
    mixed = [folder for folder, subjects in subjects_in.items() if len(subjects) > 1]
    if not mixed or len(named) < 2 * len(subjects_in):
        return []
    sentence = (
        f"The table names several subjects in {count(len(mixed), 'folder')} ({', '.join(sorted(mixed)[:3])}), and the "
        "table was followed; if folders are the people, take no column for subjects, with --subject-column -."
    )
    return [Problem("subjects", "subjects-against-folders", sentence)]


def _disagreements(merged: Mapping[str, _MergedRows]) -> dict[str, list[str]]:
    """Return the images or subjects with several rows, by the code of what these say of them."""
    return {
        "duplicate-row": [
            name for name, rows in merged.items() if rows.repeated and not (rows.contradiction or rows.disputed)
        ],
        "contradicting-attributes": [name for name, rows in merged.items() if rows.disputed],
        "contradicting-genders": [name for name, rows in merged.items() if rows.contradiction == "gender"],
        "contradicting-subjects": [name for name, rows in merged.items() if rows.contradiction == "subject"],
    }


def _problems(
    table: LabelTable, what: str, names_by_code: Mapping[str, tuple[Sequence[str], int | None]]
) -> list[Problem]:
    """Return problems of a table, and then those with its rows about ``what``: images or subjects."""
    problems = list(table.problems)
    for code, (names, total) in names_by_code.items():
        one, many = (text.replace("{table}", table.name).replace("{what}", what) for text in _SENTENCES[code])
        problems += summarise_problems(code, names, one=one, many=many, total=total)
    return problems


_SENTENCES = {
    "unknown-file": (
        "The row of {table} about {name} fits no image here and was not used; check the name or add the file.",
        "{n} rows of {table} ({first}) fit no image here and were not used; check the names or add the files.",
    ),
    "ambiguous-file": (
        "The row of {table} about {name} fits several images and was not used; write its folder too.",
        "{n} rows of {table} ({first}) fit several images each and were not used; write their folders too.",
    ),
    "by-number": (
        "The row of {table} about {name} was taken for the image of that number, since only leading zeros differ.",
        "{n} rows of {table} ({first}) were taken for the images of those numbers, since only leading zeros differ.",
    ),
    "moved-file": (
        "The row of {table} about {name} was taken for the only image of that name, though the folders differ; write "
        "the folder as it is if that is wrong.",
        "{n} rows of {table} ({first}) were taken for the only images of their names, though the folders differ; write "
        "the folders as they are if that is wrong.",
    ),
    "other-spelling": (
        "The subject written as {name} in file names was taken from {table} for the same one, since only zeros, spaces "
        "or the composition of accents differ.",
        "{n} subjects were found in {table} in another spelling ({first}): zeros, spaces or the composition of accents "
        "differ.",
    ),
    "no-file-name": (
        "The row at {name} of {table} names no file and was not used; fill it in or remove it.",
        "{n} rows of {table} ({first}) name no file and were not used; fill them in or remove them.",
    ),
    "gender-against-folder": (
        "The image {name} lies in a folder for the other gender than {table} says, and the table was followed; correct "
        "what is wrong.",
        "{n} images ({first}) lie in folders for the other gender than {table} says, and the table was followed; "
        "correct what is wrong.",
    ),
    "unknown-subject": (
        "The row of {table} about the subject {name} fits no image and was not used.",
        "{n} rows of {table} about subjects ({first}) fit no image and were not used.",
    ),
    "duplicate-row": (
        "The {what} {name} has several rows in {table} that say the same; one would do.",
        "{n} {what}s ({first}) have several rows in {table} that say the same; one each would do.",
    ),
    "contradicting-attributes": (
        "The rows of {table} about the {what} {name} contradict each other about its age or race, which was left out; "
        "keep the right one.",
        "The rows of {table} about {n} {what}s ({first}) contradict each other about their age or race, which was left "
        "out; keep the right ones.",
    ),
    "contradicting-genders": (
        "The rows of {table} about the {what} {name} contradict each other about its gender, so it has no label; keep "
        "the right one.",
        "The rows of {table} about {n} {what}s ({first}) contradict each other about their genders, so they have no "
        "label; keep the right ones.",
    ),
    "contradicting-subjects": (
        "The rows of {table} about the {what} {name} name different subjects, so it was left out; keep the right one.",
        "The rows of {table} about {n} {what}s ({first}) name different subjects, so they were left out; keep the "
        "right ones.",
    ),
    "no-row": (
        "The image {name} has no row in {table} and was taken without a gender label; add a row.",
        "{n} images ({first}) have no row in {table} and were taken without a gender label; add rows.",
    ),
    "no-subject": (
        "{table} does not name the subject of the image {name}, so it was left out; add it there, or import without "
        "identities, with --subjects none.",
        "{table} does not name the subjects of {n} images ({first}), so these were left out; add them there, or import "
        "without identities, with --subjects none.",
    ),
}
