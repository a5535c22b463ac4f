"""Lists of comparisons that come with data sets: which two images, or templates of several, are of one person.

Read are the rows of Labeled Faces in the Wild (``name i j`` and ``name1 i name2 j``, with or without the line that
counts them, as text or as Kaggle's ``pairs.csv``), which Racial Faces in the Wild has too; ``path path 1``; tables with
two columns of files, one that says whether they are mated, and perhaps one of folds (Balanced Faces in the Wild); two
lines a pair (Cross-Age LFW); and the templates of the IARPA Janus Benchmarks (``image template media`` and
``template template 1``). Where a list has no folds, its blocks of mated and non-mated pairs count as folds if they are
equal, as in LFW; otherwise the pairs are parted into ten in their order, as is the custom with such lists.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from facepriv.datasets.file_finder import FileFinder
from facepriv.datasets.files import Files, name_stem
from facepriv.datasets.problems import summarise_problems
from facepriv.imaging.file_formats import is_image_name, suffix_of
from facepriv.types import Problem, ProtocolPair
from facepriv.wording import listed

FOLDS = 10
"""Folds of a list that has none."""
MOST_PAIRS = 1_000_000
_ENDINGS = frozenset(["", ".txt", ".csv", ".tsv", ".lst", ".list", ".pairs"])
_MOST_LISTS, _SAMPLE, _MOST_BYTES = 100, 200, 256 << 20
_MATED = frozenset(["1", "+1", "true", "same", "yes", "match", "matched", "mated", "genuine", "positive", "1.0"])
_NON_MATED = frozenset(
    ["0", "-1", "false", "different", "diff", "no", "mismatch", "non-mated", "nonmatch", "impostor", "negative", "0.0"]
)
_FOLD_NAMES = frozenset(["fold", "folds", "split", "set", "cv"])
_LABELS = "label labels same issame is_same mated match is_match genuine target y gt pair_label same_person"
_LABEL_NAMES = frozenset(_LABELS.split())
Cells = tuple[str, ...]


@dataclass(frozen=True)
class PairList:
    """A list of comparisons, as it refers to images."""

    path: Path
    pairs: list[tuple[int, tuple[str, ...], tuple[str, ...], bool]]
    """Fold, 0 where the list has none, then the files of either side, then whether they are mated."""
    has_folds: bool
    like_lfw: bool = False
    """Whether its rows are those of Labeled Faces in the Wild, whose own reader is stricter."""


@dataclass(frozen=True)
class Protocol:
    """The comparisons of a data set, of images that are there."""

    pairs: tuple[ProtocolPair, ...] = ()
    problems: tuple[Problem, ...] = ()
    lists: tuple[str, ...] = ()
    """Names of the lists that were used."""


def find_pair_lists(folder: Path, files: Files) -> dict[str, PairList]:
    """Return the lists of comparisons in a folder by name."""
    shown = {name_stem(name).casefold() for name in files.images}
    names = [
        name
        for name in (*files.tables, *files.others)
        if suffix_of(name) in _ENDINGS and name_stem(name).casefold() not in shown
    ]
    # Those that say that they are pairs first, since not every text of a large folder is opened.
    names.sort(key=lambda name: (not _says_so(name), name.count("/"), name))
    finder = FileFinder(files.images)
    found: dict[str, PairList] = {}
    templates = _Templates(finder)
    for name in names[:_MOST_LISTS]:
        rows = list(islice(_rows(folder / name), _SAMPLE))
        if templates.look_at(folder / name, rows):
            continue
        reading = _recognise(name, rows, finder)
        if reading is not None:
            pairs, has_folds = reading(_rows(folder / name))
            if pairs:
                found[name] = PairList(folder / name, pairs, has_folds, reading.kind == "lfw")
    found.update({path.relative_to(folder).as_posix(): each for path, each in templates.pair_lists().items()})
    return found or ({} if files.closed else _lists_above(folder, finder))


def _lists_above(folder: Path, finder: FileFinder) -> dict[str, PairList]:
    """Return the lists just above a folder, where data sets have them beside the folder of images."""
    found: dict[str, PairList] = {}
    try:
        beside = sorted(path for path in folder.resolve().parent.iterdir() if path.is_file() and _says_so(path.name))
    except OSError:
        return found
    for path in beside[:_MOST_LISTS]:
        rows = list(islice(_rows(path), _SAMPLE)) if suffix_of(path.name) in _ENDINGS else []
        reading = _recognise(path.name, rows, finder)
        if reading is not None:
            pairs, has_folds = reading(_rows(path))
            here = [pair for pair in pairs if finder.knows(pair[1][0]) and finder.knows(pair[2][0])]
            if here:
                found[path.name] = PairList(path, pairs, has_folds, reading.kind == "lfw")
    return found


def make_protocol(lists: dict[str, PairList], files: Files) -> Protocol:
    """Put the lists together to one protocol of images that are there."""
    if not lists:
        return Protocol()
    chosen = _choose(lists)
    finder = FileFinder(files.images)
    folds = {name: _folds(chosen[name], place) for place, name in _places(chosen)}
    with_folds = {name for place, name in _places(chosen) if place or chosen[name].has_folds or _blocks(chosen[name])}
    missing: list[str] = []
    total = 0
    pairs: list[ProtocolPair] = []
    for name, each in chosen.items():
        for fold, (_, first, second, mated) in zip(folds[name], each.pairs, strict=True):
            total += 1
            sides = [[_only(finder, file) for file in side] for side in (first, second)]
            (left, right) = ([file for file in side if file] for side in sides)
            if left and right:
                pairs.append(ProtocolPair(fold, left[0], right[0], mated, tuple(left[1:]), tuple(right[1:])))
            else:
                missing.append(f"{first[0]} and {second[0]}")
    called = listed([name.rpartition("/")[2] for name in chosen])
    problems = summarise_problems(
        "protocol-incomplete",
        missing,
        one=f"The pair {{name}} of {called} has an image that is not here and was left out of the protocol.",
        many=f"{{n}} of {total:,} pairs of {called} ({{first}}) have an image that is not here and were left out of "
        "the protocol.",
        few=1,
    )
    if any(name not in with_folds for name in chosen):
        count_of = len({pair.fold for pair in pairs})
        sentence = (
            f"{called} tells no folds, so its pairs were parted into {count_of} in their order; a threshold is chosen "
            "on the other folds each time."
        )
        problems.append(Problem(called, "protocol-without-folds", sentence))
    problems += summarise_problems(
        "protocol-not-used",
        sorted(lists.keys() - chosen.keys()),
        one=f"{{name}} is a list of pairs, too, and was not used beside {called}.",
        many=f"{{n}} files ({{first}}) are lists of pairs, too, and were not used beside {called}.",
        few=1,
    )
    return Protocol(tuple(pairs), tuple(problems), tuple(chosen))


def _says_so(name: str) -> bool:
    return "pair" in name.casefold() or "match" in name.casefold()


def _only(finder: FileFinder, name: str) -> str | None:
    found = finder.find(name).files
    return found[0] if len(found) == 1 else None


# Rows


def _rows(path: Path) -> Iterator[Cells]:
    """Yield the cells of each line that is not blank, parted at tabs, commas or white space; nothing of no text."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return
        with path.open(encoding="utf-8-sig", errors="strict") as file:
            for line in file:
                if "\0" in line:
                    return
                cells = _cells(line.strip())
                if any(cells):
                    yield cells
    except (OSError, UnicodeDecodeError):
        return


def _cells(line: str) -> Cells:
    parts = line.split("\t") if "\t" in line else next(csv.reader([line]), []) if "," in line else line.split()
    cells = [part.strip() for part in parts]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)


class _Reading:
    """How the rows of one list are read."""

    def __init__(self, header: int, kind: str, places: tuple[int, int, int, int] = (0, 1, 2, -1)) -> None:
        self.header, self.kind, self.places = header, kind, places

    def __call__(self, rows: Iterator[Cells]) -> tuple[list[tuple[int, Cells, Cells, bool]], bool]:
        """Return the pairs, and whether the list has folds."""
        body = islice(rows, self.header, MOST_PAIRS)
        pairs: list[tuple[int, Cells, Cells, bool]] = []
        if self.kind == "two lines":
            lines = [cells for cells in body if len(cells) == 2]
            for first, second in zip(lines[::2], lines[1::2], strict=False):
                pairs.append((0, first[:1], second[:1], first[1] not in _NON_MATED))
            return pairs, False
        for cells in body:
            pair = _lfw_pair(cells) if self.kind == "lfw" else self._pair(cells)
            if pair is not None:
                pairs.append(pair)
        return pairs, bool(pairs) and all(pair[0] > 0 for pair in pairs)

    def _pair(self, cells: Cells) -> tuple[int, Cells, Cells, bool] | None:
        first, second, label, fold = self.places
        if len(cells) <= max(self.places) or _mated(cells[label]) is None:
            return None
        number = int(cells[fold]) if fold >= 0 and cells[fold].isdecimal() else 0
        return (number, (cells[first],), (cells[second],), bool(_mated(cells[label])))


def _recognise(name: str, rows: Sequence[Cells], finder: FileFinder) -> _Reading | None:
    if len(rows) < 2:
        return None
    counted = len(rows[0]) <= 2 and all(cell.isdecimal() for cell in rows[0])

    def is_file(cell: str) -> bool:
        return not cell.isdecimal() and (is_image_name(cell) or finder.knows(cell))

    def mostly(test: list[bool]) -> bool:
        return len(test) > 1 and sum(test) >= 0.95 * len(test)

    for header in (0, 1):
        body = rows[header:]
        if mostly([_lfw_pair(cells) is not None for cells in body]):
            known = sum(finder.knows(side[0]) for cells in body if (pair := _lfw_pair(cells)) for side in pair[1:3])
            if known or counted or _says_so(name):
                return _Reading(header, "lfw")
        if _says_so(name) and mostly(
            [len(cells) == 2 and is_file(cells[0]) and cells[1].lstrip("-").isdecimal() for cells in body]
        ):
            return _Reading(header, "two lines")
        places = _columns(rows[0] if header else (), body, is_file)
        if places is not None:
            return _Reading(header, "columns", places)
    return None


def _columns(header: Cells, body: Sequence[Cells], is_file) -> tuple[int, int, int, int] | None:  # type: ignore[no-untyped-def]
    """Return the places of two files, of what says whether they are mated, and of the fold, -1 where there is none."""
    if len(body) < 2:
        return None
    width = min(len(cells) for cells in body)
    names = [cell.casefold().replace(" ", "_") for cell in header]

    def column(place: int) -> list[str]:
        return [cells[place] for cells in body]

    filled = [place for place in range(width) if sum(map(is_file, column(place))) >= 0.9 * len(body)]
    if len(filled) != 2 or (not header and width > 4):
        return None
    telling = [
        place
        for place in range(width)
        if place not in filled and all(_mated(cell) is not None for cell in column(place))
    ]
    named = [place for place in telling if place < len(names) and names[place] in _LABEL_NAMES]
    label = next(iter(named or telling), None)
    if label is None or (len(telling) > 1 and not named):
        return None
    fold = next((place for place, each in enumerate(names[:width]) if each in _FOLD_NAMES and place != label), -1)
    return (filled[0], filled[1], label, fold)


def _mated(cell: str) -> bool | None:
    folded = cell.casefold()
    return True if folded in _MATED else False if folded in _NON_MATED else None


def _lfw_pair(cells: Cells) -> tuple[int, Cells, Cells, bool] | None:
    """Return the pair of a row of LFW: files are called after their folder, with a number of four digits."""
    mated = len(cells) == 3
    whole = (cells[0], cells[1], cells[0], cells[2]) if mated else cells
    if len(whole) != 4 or not (whole[1].isdecimal() and whole[3].isdecimal()):
        return None
    if any(name.isdecimal() or is_image_name(name) for name in (whole[0], whole[2])):
        return None
    first, second = (f"{name}/{name}_{int(number):04}" for name, number in (whole[:2], whole[2:]))
    return (0, (first,), (second,), mated)


# Templates of several images


class _Templates:
    """The lists of the IARPA Janus Benchmarks: which images make a template, and which templates are compared."""

    def __init__(self, finder: FileFinder) -> None:
        self._finder = finder
        self._lists: list[Path] = []
        self._pairs: list[Path] = []

    def look_at(self, path: Path, rows: Sequence[Cells]) -> bool:
        """Return whether a file is one of these lists, and take note of it."""
        body = rows[1:] if rows and not any(cell.isdecimal() for cell in rows[0]) else rows
        if len(body) < 1 or any(len(cells) != 3 for cells in body):
            return False
        if all(cell.isdecimal() for cells in body for cell in cells) and all(_mated(c[2]) is not None for c in body):
            self._pairs.append(path)
            return True
        if all(c[1].isdecimal() and c[2].isdecimal() for c in body) and all(self._is_image(c[0]) for c in body):
            self._lists.append(path)
            return True
        return False

    def _is_image(self, cell: str) -> bool:
        return is_image_name(cell) and self._finder.knows(cell)

    def pair_lists(self) -> dict[Path, PairList]:
        """Return the lists of comparisons of templates, and of those the lists of images without any pairs."""
        if not self._lists or not self._pairs:
            return {}
        images: dict[str, list[str]] = {}
        for path in self._lists:
            for cells in _rows(path):
                if len(cells) == 3 and cells[1].isdecimal():
                    images.setdefault(cells[1], []).append(cells[0])
        found = {path: PairList(path, [], True) for path in self._lists}
        for path in self._pairs:
            pairs = [
                (0, tuple(images[cells[0]]), tuple(images[cells[1]]), bool(_mated(cells[2])))
                for cells in islice(_rows(path), MOST_PAIRS)
                if len(cells) == 3 and cells[0] in images and cells[1] in images
            ]
            found[path] = PairList(path, pairs, False)
        return found


# Folds


def _choose(lists: dict[str, PairList]) -> dict[str, PairList]:
    """Return the lists that make the protocol: the one called ``pairs`` if there is one, otherwise all."""
    usual = {name: each for name, each in lists.items() if name_stem(name).casefold() == "pairs" and each.pairs}
    return usual if len(usual) == 1 else lists


def _places(chosen: dict[str, PairList]) -> list[tuple[int, str]]:
    """Return which fold a list without folds is, 0 for none in particular: lists for training and for test are two."""
    told = [("train" in name.casefold(), "test" in name.casefold()) for name in chosen]
    if any(train for train, _ in told) and any(test for _, test in told):
        return [(1 if train else 2 if test else 0, name) for (train, test), name in zip(told, chosen, strict=True)]
    return [(0, name) for name in chosen]


def _blocks(each: PairList) -> int:
    """Return how many mated and then as many non-mated pairs follow each other again and again; 0 if they do not."""
    blocks = [len(list(block)) for _, block in groupby(pair[3] for pair in each.pairs)]
    regular = len(blocks) > 2 and len(blocks) % 2 == 0 and len(set(blocks)) == 1 and blocks[0] > 1
    return blocks[0] if regular else 0


def _folds(each: PairList, place: int) -> list[int]:
    """Return the fold of each pair, from 1."""
    told = [pair[0] for pair in each.pairs]
    if told and all(told):
        return told
    if place:
        return [place] * len(told)
    if block := _blocks(each):
        return [number // (2 * block) + 1 for number in range(len(told))]
    # Each kind is parted by itself, so that every fold has both.
    totals = {kind: sum(pair[3] == kind for pair in each.pairs) for kind in (True, False)}
    folds = max(2, min([FOLDS, *(total for total in totals.values() if total)]))
    seen = {True: 0, False: 0}
    result = []
    for pair in each.pairs:
        result.append(seen[pair[3]] * folds // max(totals[pair[3]], 1) + 1)
        seen[pair[3]] += 1
    return result
