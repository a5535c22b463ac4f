"""CelebA: ``000001.jpg``, ``list_attr_celeba.txt`` and, if it was obtained, ``identity_CelebA.txt``.

Source: Liu, Z., Luo, P., Wang, X. and Tang, X. (2015). Deep Learning Face Attributes in the Wild. ICCV.
http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html. The attribute list begins with the number of images, then the names of
40 attributes without one for the file; in the rows, values of 1 and -1 are parted by one space or more. The column is
found by its name, ``Male``: 1 is male. A copy of the list as CSV, with the column ``image_id``, is common too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from facepriv.datasets.conventions import count_matching, find_list_file, mapping_problems, parse_names, refuse_copies
from facepriv.datasets.files import Files
from facepriv.datasets.labelling import NO_IDENTITIES
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE, LabelledImage, Problem

LICENCE = (
    "Said to be for non-commercial research only and not to be passed on: Liu, Z., Luo, P., Wang, X. and Tang, X. "
    "(2015), CelebA. http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
)
_ATTRIBUTES = ("list_attr_celeba.txt", "list_attr_celeba.csv")
_IDENTITIES = ("identity_celeba.txt",)
_FILE = re.compile(r"(?:.*/)?(\d{6})\.[^./]+")
_VALUES = {"1": MALE, "+1": MALE, "-1": FEMALE}


class CelebAReader:
    """Gender from the attribute list; who is on an image only from the identity list."""

    name = "celeba"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for names of six digits and one of the lists by its published name."""
        matching = count_matching(files.images, _FILE.fullmatch)
        lists = (
            _attributes(folder, files, labels),
            find_list_file(folder, files, *_IDENTITIES) if labels is None else None,
        )
        path = next((path for path in lists if path is not None), None)
        return f"{matching:,} images are named like 000001.jpg and {path.name} is there" if matching and path else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the lists line by line, keeping only a number and a label of each row."""
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "000001.jpg")
        numbers = {name: match[1] for name, match in parsed.items()}
        refuse_copies(numbers, "CelebA")
        attributes = _attributes(folder, files, labels) if labels is None else labels
        genders, gender_problems = ({}, []) if attributes is None else read_attributes(attributes)
        identities = find_list_file(folder, files, *_IDENTITIES)
        people, people_problems = (None, []) if identities is None else read_identities(identities)
        problems += [*gender_problems, *people_problems]
        present = set(numbers.values())
        table = "" if attributes is None else attributes.name
        problems += summarise_problems(
            "unknown-file",
            [number for number in genders if number not in present],
            one=f"The row of {table} about the image {{name}} fits no image here and was not used.",
            many=f"{{n}} rows of {table} ({{first}}) fit no image here and were not used.",
        )
        images: list[LabelledImage] = []
        without_subject: list[str] = []
        for name, number in numbers.items():
            subject = name if people is None else people.get(number)
            if subject is None:
                without_subject.append(name)
            else:
                images.append(LabelledImage(name, subject, genders.get(number), folder / name))
        if table:
            problems += summarise_problems(
                "no-row",
                [image.name for image in images if numbers[image.name] not in genders],
                one=f"The image {{name}} has no usable row in {table} and was taken without a gender label.",
                many=f"{{n}} images ({{first}}) have no usable row in {table} and were taken without a gender label.",
            )
        problems += summarise_problems(
            "no-subject",
            without_subject,
            one="The image {name} is not in the identity list, so it was left out; fetch the whole list.",
            many="{n} images ({first}) are not in the identity list, so they were left out; fetch the whole list.",
        )
        rule = NO_IDENTITIES if identities is None else f"{identities.name} numbers them"
        return ReadResult(
            images,
            [*problems, *mapping_problems(options, "CelebA")],
            why=f"Subjects: {rule}.",
            licence=LICENCE,
            table=table,
            identities="none" if people is None else "people",
            origin={
                "subject": "none" if identities is None else identities.name,
                "label": f"column 'Male' of {table}",
            },
        )


def _attributes(folder: Path, files: Files, labels: Path | None) -> Path | None:
    if labels is None:
        return find_list_file(folder, files, *_ATTRIBUTES)
    return labels if labels.name.casefold() in _ATTRIBUTES else None


def read_attributes(path: Path) -> tuple[dict[str, int], list[Problem]]:
    """Return the label by image number, and problems."""
    labels: dict[str, int] = {}
    lines = split_lines(path)
    _, first = next(lines, (0, []))
    claimed = int(first[0]) if len(first) == 1 and first[0].isdecimal() else None
    _, header = (0, first) if claimed is None else next(lines, (0, []))
    if "Male" not in header:
        raise BadInputError(
            f"{path.name} has no column Male, by which CelebA tells the gender, in its header; fetch the list again.",
            code="missing-columns",
        )
    # The published list names no column for the file, its copies as CSV do.
    named = header[0].casefold() in ("image_id", "image", "file", "filename")
    column = header.index("Male") + (not named)
    cells = len(header) + (not named)
    bad_rows: list[str] = []
    for line, row in lines:
        if len(row) != cells or row[column] not in _VALUES:
            bad_rows.append(f"line {line}")
        else:
            labels[row[0].rpartition(".")[0] or row[0]] = _VALUES[row[column]]
    problems = summarise_problems(
        "bad-row",
        bad_rows,
        one=f"The row at {{name}} of {path.name} lacks values or says neither 1 nor -1 of Male and was not used.",
        many=f"{{n}} rows of {path.name} ({{first}}) lack values or say neither 1 nor -1 of Male and were not used.",
    )
    rows = len(labels) + len(bad_rows)
    if claimed is not None and claimed != rows:
        sentence = f"{path.name} begins by announcing {claimed:,} rows but has {rows:,}; it may be cut off."
        problems.append(Problem(path.name, "count-differs", sentence))
    return labels, problems


def read_identities(path: Path) -> tuple[dict[str, str], list[Problem]]:
    """Return the subject by image number, and problems."""
    subjects: dict[str, str] = {}
    bad_rows: list[str] = []
    for line, row in split_lines(path):
        if len(row) == 2 and row[1].isdecimal():
            subjects[row[0].rpartition(".")[0]] = str(int(row[1]))
        else:
            bad_rows.append(f"line {line}")
    return subjects, summarise_problems(
        "bad-row",
        bad_rows,
        one=f"The row at {{name}} of {path.name} is not like 000001.jpg 2880 and was not used.",
        many=f"{{n}} rows of {path.name} ({{first}}) are not like 000001.jpg 2880 and were not used.",
    )


def split_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line that is not blank, split at commas or spaces."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                cells = [cell.strip() for cell in line.split(",")] if "," in line else line.split()
                if cells and any(cells):
                    yield number, cells
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be read ({error.strerror or error}); check that it may be read.", code="unreadable"
        ) from error
