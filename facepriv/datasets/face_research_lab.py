"""The Face Research Lab London Set: ``NNN_VV.jpg`` and a table by ``face_id``.

Source: DeBruine, L. and Jones, B. (2017). Face Research Lab London Set (Version 5). figshare.
https://doi.org/10.6084/m9.figshare.5047666.v5, CC-BY 4.0. Older versions write ``X001`` and ``face_sex``.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from facepriv.datasets.files import Files
from facepriv.datasets.labelling import read_by_subject
from facepriv.datasets.labels import Role, peek, read_labels
from facepriv.datasets.problems import tell
from facepriv.datasets.reading import ReadOptions, ReadResult, finish
from facepriv.types import LabelledImage, Problem

LICENCE = (
    "CC-BY 4.0: DeBruine, L. and Jones, B. (2017). Face Research Lab London Set (Version 5). figshare. "
    "https://doi.org/10.6084/m9.figshare.5047666.v5"
)
_FILE = re.compile(r"[Xx]?(\d{3})_\d{2}")


class FaceResearchLabReader:
    """Subject from the file name, gender from the table; its other columns are personal data and are left alone."""

    name = "face-research-lab-london"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for both the file names and the table, since the names alone are too ordinary."""
        fitting = sum(_subject(name) is not None for name in files.images)
        if not fitting or fitting < 0.8 * len(files.images):
            return None
        table = labels if labels is not None else _table(folder, files)
        if table is None or _columns(table) is None:
            return None
        return f"{fitting} images are named like 001_03.jpg and {table.name} goes by face_id"

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read images and table; without a table the images stay unlabelled."""
        parsed = {name: _subject(name) for name in files.images}
        subjects = {name: subject for name, subject in parsed.items() if subject is not None}
        problems = tell(
            "unexpected-file",
            [name for name, subject in parsed.items() if subject is None],
            one="The image {name} is not named like 001_03.jpg and was left out; choose another format to import it.",
            many="{n} images ({first}) are not named like 001_03.jpg and were left out; "
            "choose another format to import them.",
        )
        table = labels if labels is not None else _table(folder, files)
        images: list[LabelledImage]
        if table is None:
            images = [LabelledImage(n, s, None, folder / n) for n, s in subjects.items()]
        else:
            images, said = self._labelled(folder, subjects, table, options)
            problems += said
        return finish(
            images,
            problems,
            reader=self.name,
            why="Subjects: the number before the underscore in the file name.",
            licence=LICENCE,
            table=table.name if table is not None else "",
        )

    def _labelled(
        self, folder: Path, subjects: dict[str, str], path: Path, options: ReadOptions
    ) -> tuple[list[LabelledImage], list[Problem]]:
        table = read_labels(
            path,
            name=path.name,
            required=("subject", "gender"),
            mapping=options.mapping,
            columns={**(_columns(path) or {}), **options.columns},
        )
        images, problems = read_by_subject(folder, subjects, table, fold=lambda s: s.strip().casefold().lstrip("x"))
        return images, [*table.problems, *problems]


def _subject(name: str) -> str | None:
    found = _FILE.fullmatch(PurePosixPath(name).stem)
    return found[1] if found else None


def _columns(path: Path) -> dict[Role, str] | None:
    """Give the table's columns by role; None if it is not the set's own."""
    for gender in ("face_gender", "face_sex"):
        header = peek(path, {"subject": "face_id", "gender": gender})
        if header is not None and {"subject", "gender"} <= set(header.columns):
            return {"subject": "face_id", "gender": gender}
    return None


def _table(folder: Path, files: Files) -> Path | None:
    return next((folder / name for name in files.tables if _columns(folder / name) is not None), None)
