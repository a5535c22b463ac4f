"""The MUCT Face Database: ``i000qa-fn.jpg``.

Source: Milborrow, S., Morkel, J. and Nicolls, F. (2010). The MUCT Landmarked Face Database. PRASA. A name is ``i``,
three digits for the subject, a letter for the lighting, one for the camera, a dash, ``f`` or ``m`` for the gender and
``g`` or ``n`` for glasses or none; mirrored copies begin with ``ir``. Naming: http://www.milbo.org/muct/muct-details.html.
Terms: the README of the database, which asks not to reproduce its images and names the subjects who agreed to it.
"""

from __future__ import annotations

import re
from pathlib import Path

from facepriv.datasets.conventions import count_matching, mapping_problems, parse_names, refuse_table
from facepriv.datasets.files import Files
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.types import FEMALE, MALE, LabelledImage, Terms

LICENCE = (
    "Freely available for academic use, say its authors: Milborrow, S., Morkel, J. and Nicolls, F. (2010). The MUCT "
    "Landmarked Face Database. http://www.milbo.org/muct"
)
SHOWABLE = frozenset(["000", "001", "002", "200", "201", "400", "401", "402"])
"""Subjects who agreed to be shown in academic papers."""
TERMS = Terms(
    "The authors of MUCT ask not to reproduce its images in anything public; only the subjects "
    f"{', '.join(sorted(SHOWABLE))} agreed to be shown, in academic papers.",
    SHOWABLE,
)
_FILE = re.compile(r"(?:.*/)?i(r?)(\d{3})[a-z][a-e]-([fm])[gn]\.[^./]+")


class MuctReader:
    """Subject and gender from the file name; the tables beside the images hold landmarks and are not read."""

    name = "muct"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for the file names, which no other data set has."""
        matching = 0 if labels is not None else count_matching(files.images, _FILE.fullmatch)
        return f"{matching:,} images are named like i000qa-fn.jpg" if matching else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the images; mirrored copies are left out, since they show nothing new."""
        refuse_table(labels, self.name, "the file names")
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "i000qa-fn.jpg")
        images = [
            LabelledImage(name, match[2], MALE if match[3] == "m" else FEMALE, folder / name)
            for name, match in parsed.items()
            if not match[1]
        ]
        problems += summarise_problems(
            "mirrored-image",
            [name for name, match in parsed.items() if match[1]],
            one="The image {name} is a mirrored copy and was left out.",
            many="{n} images ({first}) are mirrored copies and were left out.",
            few=1,
        )
        return ReadResult(
            images,
            [*problems, *mapping_problems(options, "MUCT")],
            why="Subjects: the three digits in the file name, which tells the gender too.",
            licence=LICENCE,
            terms=TERMS,
            origin={"subject": "file name", "label": "file name"},
        )
