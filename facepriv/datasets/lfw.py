"""Labeled Faces in the Wild: ``Name/Name_0001.jpg``, gender lists and comparison protocols beside or above the images.

Source: Huang, G. B., Ramesh, M., Berg, T. and Learned-Miller, E. (2007). Labeled Faces in the Wild. Technical report
07-49, University of Massachusetts, and http://vis-www.cs.umass.edu/lfw/README.txt. ``pairs.txt`` begins with the
number of folds and of pairs; for each fold, so many mated pairs (``name i j``) and then as many non-mated ones
(``name1 i name2 j``) follow. ``pairsDevTrain.txt`` and ``pairsDevTest.txt`` begin with the number of pairs only.

Gender: ``female_names.txt`` and ``male_names.txt`` of Afifi, M. and Abdelhamed, A. (2019). AFIF4: Deep gender
classification based on AdaBoost-based fusion of isolated facial features and foggy faces. JVCIR. As published, they
have Windows line ends and blank lines, one name lacks ``.jpg``, five images stand in both and four in neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from facepriv.datasets.conventions import (
    count_matching,
    find_list_file,
    mapping_problems,
    parse_names,
    read_lines,
    refuse_copies,
    refuse_table,
)
from facepriv.datasets.files import Files
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.types import FEMALE, MALE, LabelledImage, Problem, ProtocolPair

LICENCE = (
    "None stated; the images are news photographs whose owners keep their rights, and the set was made for research: "
    "Huang, G. B. et al. (2007), Labeled Faces in the Wild. http://vis-www.cs.umass.edu/lfw"
)
_FILE = re.compile(r"(?:.*/)?([^/]+)/(\1_\d{4})\.[^./]+")
_LISTS = {"female_names.txt": FEMALE, "male_names.txt": MALE}
_PAIRS = "pairs.txt"
_DEVELOPMENT = ("pairsdevtrain.txt", "pairsdevtest.txt")


class LfwReader:
    """Subject from the folder, gender from the two lists, protocol from the lists of pairs."""

    name = "lfw"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for file names that repeat their folder's, and for one of the lists or a folder called like the set."""
        matching = 0 if labels is not None else count_matching(files.images, _FILE.fullmatch)
        if not matching:
            return None
        list_file = find_list_file(folder, files, *_LISTS, _PAIRS, *_DEVELOPMENT)
        sign = list_file.name if list_file is not None else _telling_folder(folder, files)
        return f"{matching:,} images are named like Name/Name_0001.jpg and {sign} is there" if sign else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read images, lists and pairs; an image in both gender lists is left out, since one of them is wrong."""
        refuse_table(labels, self.name, "female_names.txt and male_names.txt")
        parsed, problems = parse_names(files.images, _FILE.fullmatch, "Name/Name_0001.jpg")
        refuse_copies({name: match[2] for name, match in parsed.items()}, "LFW")
        stems = {match[2]: name for name, match in parsed.items()}
        lists = {path: label for name, label in _LISTS.items() if (path := find_list_file(folder, files, name))}
        label_of, both, list_problems = _read_lists(lists, stems)
        images = [
            LabelledImage(name, match[1], label_of.get(match[2]), folder / name)
            for name, match in parsed.items()
            if match[2] not in both
        ]
        usable = {stem: name for stem, name in stems.items() if stem not in both}
        protocol, protocol_problems = _protocol(folder, files, usable)
        return ReadResult(
            images,
            [*problems, *list_problems, *protocol_problems, *mapping_problems(options, "LFW")],
            why="Subjects: the folder of each image.",
            licence=LICENCE,
            table=" and ".join(path.name for path in lists),
            protocol=tuple(protocol),
            origin={"subject": "folder", "label": " and ".join(path.name for path in lists)},
        )


def _telling_folder(folder: Path, files: Files) -> str | None:
    """Return the folder that is called like the set: ``lfw``, ``lfw-deepfunneled``, ``lfw_home``."""
    above = [folder.resolve().name, *files.images[0].split("/")[:-2]]
    return next((f"the folder {name}" for name in above if re.match(r"lfw(?![a-z])", name.casefold())), None)


def _read_lists(lists: Mapping[Path, int], stems: Mapping[str, str]) -> tuple[dict[str, int], set[str], list[Problem]]:
    """Return labels by the images' names without extension, the images in both lists, and problems."""
    labels: dict[str, int] = {}
    both: set[str] = set()
    for path, label in lists.items():
        for line in filter(None, read_lines(path)):
            name = re.sub(r"\.jpe?g$", "", line, flags=re.IGNORECASE)
            if labels.setdefault(name, label) != label:
                both.add(name)
    list_names = " and ".join(path.name for path in lists)
    problems = summarise_problems(
        "unknown-file",
        [name for name in labels if name not in stems],
        one=f"The image {{name}} of {list_names} is not here.",
        many=f"{{n}} images of {list_names} ({{first}}) are not here.",
    )
    problems += summarise_problems(
        "in-both-lists",
        sorted(stems[name] for name in both if name in stems),
        one=f"The image {{name}} stands in both {list_names}, so it was left out rather than guessed at; strike "
        "it from one.",
        many=f"{{n}} images ({{first}}) stand in both {list_names}, so they were left out rather than guessed at; "
        "strike them from one.",
    )
    if lists:
        problems += summarise_problems(
            "no-row",
            [name for stem, name in stems.items() if stem not in labels],
            one=f"The image {{name}} is not in {list_names} and was taken without a gender label.",
            many=f"{{n}} images ({{first}}) are not in {list_names} and were taken without a gender label.",
        )
    return labels, both, problems


def _protocol(folder: Path, files: Files, stems: Mapping[str, str]) -> tuple[list[ProtocolPair], list[Problem]]:
    """Read the ten folds of the performance protocol or, without them, training and test of the development one."""
    performance = find_list_file(folder, files, _PAIRS)
    paths = (
        [performance]
        if performance
        else [path for name in _DEVELOPMENT if (path := find_list_file(folder, files, name))]
    )
    protocol: list[ProtocolPair] = []
    problems: list[Problem] = []
    for path in paths:
        first_fold = protocol[-1].fold + 1 if protocol else 1
        pairs, pair_problems = _read_pairs(path, stems, first_fold)
        protocol += pairs
        problems += pair_problems
    return protocol, problems


def _read_pairs(path: Path, stems: Mapping[str, str], first_fold: int) -> tuple[list[ProtocolPair], list[Problem]]:
    lines = [(number, line.split()) for number, line in enumerate(read_lines(path), start=1) if line]
    size = [int(field) for field in lines[0][1] if field.isdecimal()] if lines else []
    rows = lines[1:]
    folds, pairs_per_kind = (size[0], size[1]) if len(size) == 2 else (1, size[0] if size else 0)
    if len(size) not in (1, 2) or len(rows) != folds * 2 * pairs_per_kind:
        return [], [_unreadable(path, "it does not hold as many pairs as its first line announces")]
    pairs: list[ProtocolPair] = []
    missing: list[str] = []
    for place, (number, fields) in enumerate(rows):
        stems_of_pair = _images_of(fields)
        mated = len(fields) == 3
        if stems_of_pair is None or mated != (place % (2 * pairs_per_kind) < pairs_per_kind):
            return [], [_unreadable(path, f"line {number} is not the pair that was expected there")]
        first, second = (stems.get(stem) for stem in stems_of_pair)
        if first is None or second is None:
            missing.append(" and ".join(stems_of_pair))
        else:
            pairs.append(ProtocolPair(first_fold + place // (2 * pairs_per_kind), first, second, mated))
    problems = summarise_problems(
        "protocol-incomplete",
        missing,
        one=f"The pair {{name}} of {path.name} has an image that is not here and was left out of the protocol.",
        many=f"{{n}} of {len(rows):,} pairs of {path.name} ({{first}}) have an image that is not here and were left "
        "out of the protocol.",
        few=1,
    )
    return pairs, problems


def _images_of(fields: list[str]) -> tuple[str, str] | None:
    if len(fields) == 3:
        fields = [fields[0], fields[1], fields[0], fields[2]]
    if len(fields) != 4 or not (fields[1].isdecimal() and fields[3].isdecimal()):
        return None
    return f"{fields[0]}_{int(fields[1]):04}", f"{fields[2]}_{int(fields[3]):04}"


def _unreadable(path: Path, why: str) -> Problem:
    sentence = f"{path.name} was not read as a protocol, since {why}; download the list again."
    return Problem(path.name, "protocol-unreadable", sentence)
