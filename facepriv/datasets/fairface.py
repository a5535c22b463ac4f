"""FairFace: ``train/1.jpg``, ``val/1.jpg`` and tables with the columns ``file,age,gender,race,service_test``.

Source: Karkkainen, K. and Joo, J. (2021). FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age for Bias
Measurement and Mitigation. WACV. https://github.com/joojs/fairface. The age is a band, ``0-2`` to ``60-69`` and
``more than 70``, not a number.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from facepriv.datasets.conventions import count_matching, find_list_files, parse_names, refuse_copies
from facepriv.datasets.files import Files, name_key
from facepriv.datasets.label_tables import LabelTable, read_header, read_labels
from facepriv.datasets.labelling import NO_IDENTITIES, label_by_key
from facepriv.datasets.reading import ReadOptions, ReadResult

LICENCE = (
    "CC BY 4.0: Karkkainen, K. and Joo, J. (2021). FairFace: Face Attribute Dataset for Balanced Race, Gender, and "
    "Age for Bias Measurement and Mitigation. https://github.com/joojs/fairface"
)
_COLUMNS = {"file", "age", "gender", "race", "service_test"}
_FILE = re.compile(r"(?:.*/)?((?:train|val)/\d+\.[^./]+)")


class FairFaceReader:
    """Labels from one or both tables; nothing says who is on an image."""

    name = "fairface"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for a table with all the columns, which no other data set has."""
        if not count_matching(files.images, _FILE.fullmatch):
            return None
        tables = _tables(folder, files, labels)
        if not tables:
            return None
        return f"images lie in train or val and {tables[0].name} has the columns file, age, gender, race, service_test"

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the tables that are there, train and val; images of a table that is missing stay unlabelled."""
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "train/1.jpg")
        keys = {name: match[1] for name, match in parsed.items()}
        refuse_copies(keys, "FairFace")
        paths = _tables(folder, files, labels)
        tables = [read_labels(path, mapping=options.mapping, columns={"file": "file"}) for path in paths]
        names = " and ".join(dict.fromkeys(path.name for path in paths))
        rows = tuple(replace(row, file=name_key(row.file)) for table in tables for row in table.rows)
        table_problems = tuple(problem for table in tables for problem in table.problems)
        joined = LabelTable(names or "the label tables, which are missing,", {}, rows, table_problems)
        images, label_problems = label_by_key(folder, keys, {name: name for name in keys}, joined)
        return ReadResult(
            images,
            [*problems, *label_problems],
            why=f"Subjects: {NO_IDENTITIES}; ages are bands.",
            licence=LICENCE,
            table=names,
            identities="none",
            origin={"subject": "none"},
        )


def _tables(folder: Path, files: Files, labels: Path | None) -> list[Path]:
    paths = [labels] if labels is not None else find_list_files(folder, files, lambda name: name.endswith(".csv"))
    return [path for path in paths if {field.casefold() for field in read_header(path).fields} >= _COLUMNS]
