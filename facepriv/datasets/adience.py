"""Adience: ``faces/<user_id>/coarse_tilt_aligned_face.<face_id>.<original_image>`` and five folds of labels.

Source: Eidinger, E., Enbar, R. and Hassner, T. (2014). Age and Gender Estimation of Unfiltered Faces. TIFS.
https://talhassner.github.io/home/projects/Adience/Adience-data.html and its readme. The files ``fold_0_data.txt`` to
``fold_4_data.txt``, and ``fold_frontal_*`` for a part of them, are parted by tabs: ``user_id``, ``original_image``,
``face_id``, ``age``, ``gender``, then a box and a pose. The images of ``aligned`` are called
``landmark_aligned_face.*``. The gender is ``f``, ``m``, ``u`` or blank; the age is a band such as ``(25, 32)``, a
number or ``None``. A ``user_id`` is the account that uploaded the picture, which may show several people.
"""

from __future__ import annotations

import re
from pathlib import Path

from facepriv.datasets.attributes import parse_age
from facepriv.datasets.conventions import (
    count_matching,
    find_list_files,
    mapping_problems,
    parse_names,
    read_lines,
    refuse_copies,
)
from facepriv.datasets.files import Files
from facepriv.datasets.gender_words import parse_gender
from facepriv.datasets.label_tables import LabelRow, LabelTable
from facepriv.datasets.labelling import label_by_key
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.errors import BadInputError

LICENCE = (
    "No licence could be verified; said to be for research, from pictures that their owners released under Creative "
    "Commons licences: Eidinger, E., Enbar, R. and Hassner, T. (2014), Adience. "
    "https://talhassner.github.io/home/projects/Adience/Adience-data.html"
)
_FILE = re.compile(r"(?:.*/)?([^/]+)/(?:coarse_tilt|landmark)_aligned_face\.(\d+)\.([^/]+)")
_FOLD = re.compile(r"fold_(?:frontal_)?\d+_data\.txt")
_COLUMNS = ("user_id", "original_image", "face_id", "age", "gender")


class AdienceReader:
    """Labels from the folds; accounts keep images together but are no people."""

    name = "adience"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for the file names, which no other data set has."""
        matching = count_matching(files.images, _FILE.fullmatch)
        if not matching or (labels is not None and not _FOLD.fullmatch(labels.name.casefold())):
            return None
        return f"{matching:,} images are named like coarse_tilt_aligned_face.1.10424815813_o.jpg in folders of accounts"

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the images and every fold that is there."""
        parsed, problems = parse_names(
            files.images, _FILE.fullmatch, "30601258@N03/coarse_tilt_aligned_face.1.104_o.jpg"
        )
        accounts = {name: match[1] for name, match in parsed.items()}
        keys = {name: _key(*match.groups()) for name, match in parsed.items()}
        refuse_copies(keys, "Adience")
        folds = [labels] if labels is not None else find_list_files(folder, files, lambda n: bool(_FOLD.fullmatch(n)))
        tables = [_read_fold(fold) for fold in folds]
        # The frontal folds repeat rows of the others.
        rows = {(row.file, row.label, *row.attributes.items()): row for table in tables for row in table.rows}
        names = _range_of_names(folds)
        table_problems = tuple(problem for table in tables for problem in table.problems)
        table = LabelTable(names or "the folds, which are missing,", {}, tuple(rows.values()), table_problems)
        images, label_problems = label_by_key(folder, keys, accounts, table)
        return ReadResult(
            images,
            [*problems, *label_problems, *mapping_problems(options, "Adience")],
            why="Subjects: the folder of each image, an account that may show several people.",
            licence=LICENCE,
            table=names,
            identities="groups",
            origin={"subject": "folder"},
        )


def _key(account: str, face: str, original: str) -> str:
    return f"{account}/{face}.{original}"


def _range_of_names(folds: list[Path]) -> str:
    names = list(dict.fromkeys(fold.name for fold in folds))
    return " and ".join(names) if len(names) < 3 else f"{names[0]} to {names[-1]}"


def _read_fold(path: Path) -> LabelTable:
    lines = read_lines(path)
    header = [field.strip().casefold() for field in lines[0].split("\t")] if lines else []
    if not set(_COLUMNS) <= set(header):
        raise BadInputError(
            f"{path.name} has no header with the columns {', '.join(_COLUMNS)}, parted by tabs; fetch the fold again.",
            code="missing-columns",
        )
    account, original, face, age, gender = map(header.index, _COLUMNS)
    rows: list[LabelRow] = []
    bad_rows: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        attributes = parse_age(cells[age]) if len(cells) > max(age, gender) else None
        label = parse_gender(cells[gender]) if len(cells) > gender else "word"
        if attributes is None or isinstance(label, str):
            bad_rows.append(f"line {number}")
        else:
            rows.append(LabelRow(number, _key(cells[account], cells[face], cells[original]), "", label, attributes))
    problems = summarise_problems(
        "bad-row",
        bad_rows,
        one=f"The row at {{name}} of {path.name} has no age and gender as Adience writes them and was not used.",
        many=f"{{n}} rows of {path.name} ({{first}}) have no age and gender as Adience writes them and were not used.",
    )
    return LabelTable(path.name, {}, tuple(rows), tuple(problems))
