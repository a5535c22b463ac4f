"""UTKFace: ``age_gender_race_time.jpg``, or ``.jpg.chip.jpg`` for the aligned and cropped faces.

Source: Zhang, Z., Song, Y. and Qi, H. (2017). Age Progression/Regression by Conditional Adversarial Autoencoder. CVPR.
https://susanqq.github.io/UTKFace: the age is 0 to 116, the gender 0 (male) or 1 (female), the race 0 to 4 (White,
Black, Asian, Indian, Others), the time ``yyyymmddHHMMSSFFF``. Of the published names, four lack a field
(``39_1_20170116174525125``, ``61_1_20170109142408075``, ``61_1_20170109150557335``, ``53__0_20170116184028385``);
elsewhere the third is ``61_3_...``, with a gender that does not exist. A few more lack a dot or have a space before it,
which does no harm.
"""

from __future__ import annotations

import re
from pathlib import Path

from facepriv.datasets.conventions import count_matching, mapping_problems, parse_names, refuse_table
from facepriv.datasets.files import Files
from facepriv.datasets.labelling import NO_IDENTITIES
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.types import FEMALE, MALE, LabelledImage

LICENCE = (
    "Said to be for non-commercial research only, the copyright staying with the images' owners: Zhang, Z., Song, Y. "
    "and Qi, H. (2017), UTKFace. https://susanqq.github.io/UTKFace"
)
RACES = ("White", "Black", "Asian", "Indian", "Others")
OLDEST = 116
_FILE = re.compile(r"(?:.*/)?(\d[\d_]*)_(20\d{12,16})(?!\d)[^/]*")
_MALFORMED = "malformed"


class UtkFaceReader:
    """All labels are in the file name; nothing says who is on an image."""

    name = "utkface"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for the file names: numbers joined by underscores, the last a time of fourteen digits or more."""
        if labels is not None or not count_matching(files.images, _parse):
            return None
        matching = sum(_parse(name) not in (None, _MALFORMED) for name in files.images)
        return f"{matching:,} images are named like 25_0_1_20170116174525125.jpg" if matching else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the images; a name that lacks a field is not guessed at."""
        refuse_table(labels, self.name, "the file names")
        parsed, problems = parse_names(files.images, _parse, "25_0_1_20170116174525125.jpg")
        images = [
            LabelledImage(name, name, fields[0], folder / name, fields[1])
            for name, fields in parsed.items()
            if isinstance(fields, tuple)
        ]
        problems += summarise_problems(
            "malformed-name",
            [name for name, fields in parsed.items() if fields == _MALFORMED],
            one="The name of {name} should tell age, gender, race and time, as 25_0_1_20170116174525125.jpg does, but "
            "lacks one or has one that does not exist, so it was left out rather than guessed at.",
            many="The names of {n} images ({first}) should tell age, gender, race and time, as "
            "25_0_1_20170116174525125.jpg does, but lack one or have one that does not exist, so they were left out "
            "rather than guessed at.",
        )
        return ReadResult(
            images,
            [*problems, *mapping_problems(options, "UTKFace")],
            why=f"Subjects: {NO_IDENTITIES}; the file name tells age, gender and race.",
            licence=LICENCE,
            identities="none",
            origin={"subject": "none", "label": "file name"},
        )


def _parse(name: str) -> tuple[int, dict[str, str | float]] | str | None:
    """Return label and attributes of a name, `_MALFORMED` if one is missing or impossible, None if it is no name."""
    match = _FILE.fullmatch(name)
    if match is None:
        return None
    fields = match[1].split("_")
    if len(fields) != 3 or not all(fields):
        return _MALFORMED
    age, gender, race = map(int, fields)
    if age > OLDEST or gender > 1 or race >= len(RACES):
        return _MALFORMED
    return FEMALE if gender else MALE, {"age": float(age), "race": RACES[race]}
