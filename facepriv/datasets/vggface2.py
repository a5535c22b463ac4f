"""VGGFace2: ``n000001/0019_01.jpg``, perhaps below ``train`` or ``test``, and ``identity_meta.csv``.

Source: Cao, Q., Shen, L., Xie, W., Parkhi, O. M. and Zisserman, A. (2018). VGGFace2: A dataset for recognising faces
across pose and age. FG. The header of the table is ``Class_ID, Name, Sample_Num, Flag, Gender``; names are quoted after
a space, and some hold commas or quotes themselves, so no CSV reader takes all its rows. The first cell and the last one
that is not empty are beyond doubt, and nothing else is needed.
"""

from __future__ import annotations

import re
from pathlib import Path

from facepriv.datasets.conventions import count_matching, find_list_file, mapping_problems, parse_names, read_lines
from facepriv.datasets.files import Files
from facepriv.datasets.gender_words import parse_gender
from facepriv.datasets.label_tables import LabelRow, LabelTable
from facepriv.datasets.labelling import label_by_subject
from facepriv.datasets.layouts import BY_NAME
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.errors import BadInputError

LICENCE = (
    "Said to have been CC BY-SA 4.0 for the list of images, which no longer is offered, the images' copyright staying "
    "with their owners: Cao, Q. et al. (2018), VGGFace2. https://www.robots.ox.ac.uk/~vgg/data/vgg_face2"
)
_FILE = re.compile(r"(?:.*/)?(n\d{6})/\d{3,6}_\d{2}\.[^./]+")
_TABLE = "identity_meta.csv"


class VggFace2Reader:
    """Subject from the folder, gender from the table by subject; the people's names are not kept."""

    name = "vggface2"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for the names of folders and files, which no other data set has."""
        matching = count_matching(files.images, _FILE.fullmatch)
        if count_matching(files.images, BY_NAME["bfw"].pattern.fullmatch):
            return None  # a choice of its images, sorted by race and gender
        if not matching or (labels is not None and labels.name.casefold() != _TABLE):
            return None
        return f"{matching:,} images are named like n000001/0019_01.jpg"

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read images and table; without a table the images stay unlabelled."""
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "n000001/0019_01.jpg")
        subjects = {name: match[1] for name, match in parsed.items()}
        path = find_list_file(folder, files, _TABLE) if labels is None else labels
        table = None if path is None else _read_table(path)
        images, label_problems = label_by_subject(folder, subjects, table)
        return ReadResult(
            images,
            [*problems, *label_problems, *mapping_problems(options, "VGGFace2")],
            why="Subjects: the folder of each image.",
            licence=LICENCE,
            table="" if path is None else path.name,
            origin={"subject": "folder"},
        )


def _read_table(path: Path) -> LabelTable:
    rows: list[LabelRow] = []
    bad_rows: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = [cell.strip(' "') for cell in line.rstrip(", ").split(",")]
        if not cells[0] or cells[0].casefold() == "class_id":
            continue
        gender = parse_gender(cells[-1])
        if not re.fullmatch(r"n\d{6}", cells[0]) or len(cells) < 5 or not isinstance(gender, int):
            bad_rows.append(f"line {number}")
            continue
        rows.append(LabelRow(number, "", cells[0], gender))
    if not rows:
        raise BadInputError(
            f'{path.name} has no row like n000001, "A_Name", 424, 0, m; download the table again.', code="empty-labels"
        )
    problems = summarise_problems(
        "bad-row",
        bad_rows,
        one=f"The row at {{name}} of {path.name} does not begin with a class and end with m or f and was not used.",
        many=f"{{n}} rows of {path.name} ({{first}}) do not begin with a class and end with m or f and were not used.",
    )
    return LabelTable(path.name, {"subject": "Class_ID", "gender": "Gender"}, tuple(rows), tuple(problems))
