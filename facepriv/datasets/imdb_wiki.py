"""IMDB-WIKI: ``17/10000217_1981-05-05_2009.jpg`` in folders by number, and ``wiki.mat`` or ``imdb.mat``.

Source: Rothe, R., Timofte, R. and Van Gool, L. (2018). Deep expectation of real and apparent age from a single image
without facial landmarks. IJCV. https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki. A file is named after the person
(the number of a Wikipedia page, or ``nm...`` of IMDb with ``rm...`` of the photo), the date of birth and the year of
the photo, which the authors take for its middle. The folders are the last two digits, and no people. Gender is 1 for
male, 0 for female and NaN where it is unknown: in the ``.mat`` file, or in a copy of it as CSV with ``full_path``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from facepriv.datasets.attributes import OLDEST
from facepriv.datasets.conventions import count_matching, find_list_files, mapping_problems, parse_names
from facepriv.datasets.file_finder import FileFinder
from facepriv.datasets.files import Files
from facepriv.datasets.folder_words import Sorting
from facepriv.datasets.gender_words import read_genders
from facepriv.datasets.label_tables import LabelRow, LabelTable, read_header, read_labels
from facepriv.datasets.labelling import label_by_files
from facepriv.datasets.reading import ReadOptions, ReadResult, table_result
from facepriv.errors import BadInputError
from facepriv.schemas.base import Meaning
from facepriv.types import Problem

LICENCE = (
    "Said to be for research only, the copyright staying with the images' owners: Rothe, R., Timofte, R. and Van Gool, "
    "L. (2018), IMDB-WIKI. https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki"
)
_FILE = re.compile(
    r"(?:.*/)?\d{2}/(?P<subject>nm\d+|\d+)_(?:rm\d+_)?(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"_(?P<taken>\d{4})\.[^./]+"
)
_LIST = re.compile(r"(?:wiki|imdb)[\w-]*\.(?:mat|csv)")
MEANINGS: dict[str, Meaning] = {"1": "male", "0": "female"}


class ImdbWikiReader:
    """Person and age from the file name, gender from the list."""

    name = "imdb-wiki"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for the file names, which no other data set has."""
        matching = count_matching(files.images, _FILE.fullmatch)
        if not matching or (labels is not None and not _lists_files(labels, options)):
            return None
        return f"{matching:,} images are named like 17/10000217_1981-05-05_2009.jpg"

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the names, and the genders from the list that was given or is there."""
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "17/10000217_1981-05-05_2009.jpg")
        path = labels or next(iter(find_list_files(folder, files, lambda name: bool(_LIST.fullmatch(name)))), None)
        table = None
        if path is not None:
            try:
                table = _read(path, options, FileFinder(files.images))
            except BadInputError as error:
                if labels is not None:
                    raise
                problems.append(Problem(path.name, "unreadable-list", f"{error} Genders stay unknown without it."))
        empty = LabelTable("the list of genders, which is missing,", {}, ())
        sorting = Sorting(labels={}, naming=dict.fromkeys(parsed, ()))
        labelled, label_problems, _, _ = label_by_files(folder, list(parsed), [(table or empty, "")], sorting)
        ages = {name: _age(match) for name, match in parsed.items()}
        images = [
            replace(
                image,
                subject=parsed[image.name]["subject"],
                attributes={**ages[image.name], **image.attributes},
                origin={**image.origin, "subject": "file name"},
            )
            for image in labelled
        ]
        result = ReadResult(
            images,
            [*problems, *(mapping_problems(options, "IMDB-WIKI") if table is None else label_problems)],
            why="Subjects: the number in the file name, which tells the age too; the folders only sort. "
            + (f"Genders: {table.name}, 1 male and 0 female." if table is not None else "No list tells the genders."),
            licence=LICENCE,
            table="" if table is None else table.name,
        )
        return result if table is None else table_result(result, table)


def _lists_files(labels: Path, options: ReadOptions) -> bool:
    return labels.suffix.casefold() == ".mat" or "file" in read_header(labels, options.columns).columns


def _age(match: re.Match[str]) -> dict[str, str | float]:
    """Return the age in whole years in the middle of the year of the photo; nothing where it is impossible."""
    before = (int(match["month"]), int(match["day"])) <= (7, 1)
    years = int(match["taken"]) - int(match["year"]) - (not before)
    return {"age": float(years)} if 0 <= years <= OLDEST and int(match["month"]) else {}


def _read(path: Path, options: ReadOptions, finder: FileFinder) -> LabelTable:
    mapping = {**MEANINGS, **options.mapping}
    if path.suffix.casefold() != ".mat":
        return read_labels(
            path, required=("file", "gender"), mapping=mapping, columns=options.columns, knows=finder.knows
        )
    import scipy.io

    try:
        content = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)
        listed = next(value for key, value in content.items() if not key.startswith("__"))
        files, genders = [str(name) for name in listed.full_path], [f"{value:g}" for value in listed.gender]
    except Exception as error:  # whatever a damaged file makes of the library
        raise BadInputError(
            f"{path.name} is no MATLAB file of IMDB-WIKI, with full_path and gender; download it again.",
            code="unreadable",
        ) from error
    read = read_genders(genders, mapping)
    rows = tuple(
        LabelRow(number, name, "", read.label(gender), {}, path.name)
        for number, (name, gender) in enumerate(zip(files, genders, strict=True), start=1)
        if finder.knows(name)
    )
    known = len(rows)
    absent = tuple(name for name in files if not finder.knows(name))
    return LabelTable(
        path.name,
        {"file": "full_path", "gender": "gender"},
        rows,
        fields=("full_path", "gender"),
        genders=read,
        values={gender: genders.count(gender) for gender in dict.fromkeys(genders)},
        absent=len(files) - known,
        absent_first=absent[:1000],
    )
