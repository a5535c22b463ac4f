"""CelebA-HQ: ``CelebA-HQ-img/0.jpg`` with the lists of CelebAMask-HQ.

Source: Karras, T. et al. (2018). Progressive Growing of GANs for Improved Quality, Stability, and Variation. ICLR;
lists of Lee, C.-H. et al. (2020). MaskGAN: Towards Diverse and Interactive Facial Image Manipulation. CVPR.
https://github.com/switchablenorms/CelebAMask-HQ. ``CelebAMask-HQ-attribute-anno.txt`` is written as CelebA's list of
attributes; ``CelebA-HQ-to-CelebA-mapping.txt`` has the columns ``idx``, ``orig_idx``, ``orig_file``, through which
``identity_CelebA.txt``, if it is there, tells who is on an image.
"""

from __future__ import annotations

import re
from pathlib import Path

from facepriv.datasets.celeba import read_attributes, read_identities, split_lines
from facepriv.datasets.conventions import (
    count_matching,
    find_list_file,
    mapping_problems,
    parse_names,
    refuse_copies,
    refuse_table,
)
from facepriv.datasets.files import Files
from facepriv.datasets.labelling import NO_IDENTITIES
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.types import LabelledImage

LICENCE = (
    "Said to be for non-commercial research and education only: Karras, T. et al. (2018), CelebA-HQ, and Lee, C.-H. et "
    "al. (2020), CelebAMask-HQ. https://github.com/switchablenorms/CelebAMask-HQ"
)
_ATTRIBUTES = "celebamask-hq-attribute-anno.txt"
_MAPPING = "celeba-hq-to-celeba-mapping.txt"
_FILE = re.compile(r"(?:.*/)?(\d{1,5})\.[^./]+")


class CelebAHqReader:
    """Gender from the list of attributes; who is on an image only through the mapping and CelebA's list."""

    name = "celeba-hq"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for numbers as names and for one of the lists by its published name."""
        matching = 0 if labels is not None else count_matching(files.images, _FILE.fullmatch)
        path = find_list_file(folder, files, _ATTRIBUTES, _MAPPING) if matching else None
        return f"{matching:,} images are named like 0.jpg and {path.name} is there" if path is not None else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the lists that are there."""
        refuse_table(labels, self.name, "CelebAMask-HQ-attribute-anno.txt")
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "0.jpg")
        numbers = {name: match[1] for name, match in parsed.items()}
        refuse_copies(numbers, "CelebA-HQ")
        attributes = find_list_file(folder, files, _ATTRIBUTES)
        genders, gender_problems = ({}, []) if attributes is None else read_attributes(attributes)
        mapping = find_list_file(folder, files, _MAPPING)
        identities = find_list_file(folder, files, "identity_celeba.txt")
        people: dict[str, str] = {}
        if mapping is not None and identities is not None:
            of_celeba, people_problems = read_identities(identities)
            problems += people_problems
            originals = {cells[0]: cells[-1].rpartition(".")[0] for _, cells in split_lines(mapping) if len(cells) > 2}
            people = {number: of_celeba[name] for number, name in originals.items() if name in of_celeba}
        known = {name: people.get(number, "" if people else name) for name, number in numbers.items()}
        problems += gender_problems
        problems += summarise_problems(
            "no-subject",
            [name for name, subject in known.items() if not subject],
            one="The image {name} is not in the identity list, so it was left out; fetch the whole list.",
            many="{n} images ({first}) are not in the identity list, so they were left out; fetch the whole list.",
        )
        if attributes is not None:
            problems += summarise_problems(
                "no-row",
                [name for name, number in numbers.items() if number not in genders],
                one=f"The image {{name}} has no usable row in {attributes.name} and was taken without a gender label.",
                many=f"{{n}} images ({{first}}) have no usable row in {attributes.name} and were taken without a "
                "gender label.",
            )
        table = "" if attributes is None else attributes.name
        return ReadResult(
            [
                LabelledImage(name, known[name], genders.get(number), folder / name)
                for name, number in numbers.items()
                if known[name]
            ],
            [*problems, *mapping_problems(options, "CelebA-HQ")],
            why=f"Subjects: {'identity_CelebA.txt, through the mapping' if people else NO_IDENTITIES}.",
            licence=LICENCE,
            table=table,
            identities="people" if people else "none",
            origin={"subject": "identity list" if people else "none", "label": f"column 'Male' of {table}"},
        )
