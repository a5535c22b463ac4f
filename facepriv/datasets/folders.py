"""Folders that name the subject or the gender: ``anna/1.jpg``, ``female/anna/1.jpg``, ``male/001_03.jpg``.

Where nothing but images is there, their file names say who is on them, and nothing says of which gender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from facepriv.datasets.files import Files
from facepriv.datasets.folder_words import Sorting, sort_folders
from facepriv.datasets.labelling import label_by_subject
from facepriv.datasets.languages import fold_word
from facepriv.datasets.reading import ReadOptions, ReadResult, table_result
from facepriv.datasets.spellings import agree_spellings, folded_set
from facepriv.datasets.subject_tables import is_subject_table, read_subject_table
from facepriv.datasets.subjects import Subjects, subjects_of_paths
from facepriv.errors import BadInputError
from facepriv.types import LabelledImage, Problem
from facepriv.wording import listed


class FoldersReader:
    """Folders say who is on the images, and folders called male or female of which gender they are.

    A table with columns for subject and gender may give the genders instead, one given or the only one that is there.
    """

    name = "folders"
    rank = 30

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Look for subject folders or gender folders."""
        if not files.images or not (labels is None or is_subject_table(labels, options)):
            return None
        sorting = sort_folders(files.images, options.mapping)
        gendered = sum(label is not None for label in sorting.labels.values())
        if gendered:
            called = f"by a letter each, as in {sorting.letters}" if sorting.letters else "male or female"
            if sorting.by_prefix:
                return f"{gendered} of {len(files.images)} images are called {called}"
            return f"{gendered} of {len(files.images)} images lie in folders called {called}"
        subjects = subjects_of_paths(files.images, sorting, people=options.subjects == "people")
        if {"race", "age"} & set(sorting.sorted_by) and not subjects.by_folder:
            return f"folders sort images by {listed(sorting.sorted_by)}"
        return subjects.rule if subjects.by_folder else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read subjects from the paths, and genders from the table or the paths."""
        return _read_paths(folder, files, labels, options)


class FlatReader:
    """Any images; asked last. The file name up to its last number is the subject."""

    name = "flat"
    rank = 0

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Take whatever holds images."""
        return "it holds images and follows no other convention" if files.images else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read subjects from the file names; a table about subjects may add their genders."""
        return _read_paths(folder, files, labels, options)


def _read_paths(folder: Path, files: Files, labels: Path | None, options: ReadOptions) -> ReadResult:
    """Read a data set whose paths name the subjects; a table about subjects may add their genders."""
    sorting = sort_folders(files.images)
    subjects, by_name, spelling_problems = _name_subjects(files, sorting, options)
    if labels is None:
        labels = _about_subjects(folder, files, set(by_name.values()), options)
    if labels is not None:
        table = read_subject_table(labels, options)
        images, problems = label_by_subject(folder, by_name, table, sorting=sorting)
        result = ReadResult(
            [replace(image, origin={"subject": subjects.source, **image.origin}) for image in images],
            [*problems, *spelling_problems],
            why=f"Subjects: {subjects.rule}; genders are from {labels.name}. {table.told[:1].upper()}{table.told[1:]}.",
            table=labels.name,
            identities=subjects.identities,
            by_folder=subjects.by_folder,
        )
        return table_result(result, table)
    if options.mapping:  # which is about folders where there is no table
        sorting = sort_folders(files.images, options.mapping)
        subjects, by_name, spelling_problems = _name_subjects(files, sorting, options)
    images = [
        LabelledImage(name, by_name[name], sorting.labels[name], folder / name, sorting.attributes.get(name, {}))
        for name in files.images
    ]
    told = (
        f" {'Names' if sorting.by_prefix else 'Folders'} sort by {listed(sorting.sorted_by)}."
        if sorting.sorted_by
        else ""
    )
    return ReadResult(
        images,
        spelling_problems,
        why=f"Subjects: {subjects.rule}.{told}",
        identities=subjects.identities,
        by_folder=subjects.by_folder,
        origin={"subject": subjects.source, "label": "file name" if sorting.by_prefix else "folder"},
    )


def _name_subjects(
    files: Files, sorting: Sorting, options: ReadOptions
) -> tuple[Subjects, Mapping[str, str], list[Problem]]:
    """Return the subjects of the paths, each image's with one spelling, and what is to be told of the spellings."""
    subjects = subjects_of_paths(files.images, sorting, people=options.subjects == "people")
    if subjects.identities != "people":
        return subjects, subjects.by_name, []
    return subjects, *agree_spellings(subjects.by_name, fold_word)


def _about_subjects(folder: Path, files: Files, subjects: set[str], options: ReadOptions) -> Path | None:
    """Return the only table in the folder that is about these subjects; several are not chosen from."""
    folded = folded_set(subjects)
    tables = [
        folder / name
        for name in files.tables
        if is_subject_table(folder / name, options) and folded & _subjects_of(folder / name, options)
    ]
    return tables[0] if len(tables) == 1 else None


def _subjects_of(path: Path, options: ReadOptions) -> set[str]:
    try:
        return folded_set(row.subject for row in read_subject_table(path, options).rows if row.subject)
    except BadInputError:
        return set()
