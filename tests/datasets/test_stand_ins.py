"""Every stand-in is recognised as what it stands for, by nothing else, and read as its quirks ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from facepriv.datasets.files import list_files
from facepriv.datasets.preview import preview_document
from facepriv.datasets.problems import problem_count
from facepriv.datasets.reading import ReadOptions
from facepriv.datasets.registry import PARTICULAR, READERS, read_folder
from tests.datasets.conftest import NOTICES
from tests.stand_ins import FACTS, STAND_INS, make_stand_in

kinds = pytest.mark.parametrize("kind", STAND_INS)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def give(kind: str) -> Path:
        if kind not in made:
            # The folder's own name must tell nothing.
            made[kind] = make_stand_in(kind, tmp_path_factory.mktemp("above") / "unpacked")
        return made[kind]

    return give


def test_every_reader_has_a_stand_in() -> None:
    assert {facts.reader for facts in FACTS.values()} == set(READERS.names())


@kinds
def test_it_is_recognised_as_what_it_is(kind: str, stand_in: Callable[[str], Path]) -> None:
    got = read_folder(stand_in(kind))
    assert got.reader == FACTS[kind].reader
    assert got.why.startswith(f"Format {got.reader}, because ")


@kinds
def test_no_other_particular_reader_takes_it(kind: str, stand_in: Callable[[str], Path]) -> None:
    folder = stand_in(kind)
    files = list_files(folder)
    readers = [reader for name in READERS.names() if (reader := READERS.create(name)).rank >= PARTICULAR]
    took = [r.name for r in readers if r.recognises(folder, files, labels=None, options=ReadOptions())]
    assert took == [name for name in [FACTS[kind].reader] if READERS.create(name).rank >= PARTICULAR]


@kinds
def test_it_is_read_in_full(kind: str, stand_in: Callable[[str], Path]) -> None:
    facts = FACTS[kind]
    result = read_folder(stand_in(kind))
    got = preview_document(result)
    assert got["images"] == facts.images
    assert got["subjects"] == facts.subjects
    assert got["labels"] == {"female": facts.female, "male": facts.male, "unlabelled": facts.unlabelled}
    assert got["identities"] == facts.identities
    assert {attribute["name"] for attribute in got["attributes"]} == facts.attributes
    protocol = got["protocol"] or {"mated": 0, "non_mated": 0}
    assert protocol["mated"] + protocol["non_mated"] == facts.pairs
    told: Counter[str] = Counter()
    for problem in result.problems:
        told[problem.code] += problem_count(problem)
    lost = {code: n for code, n in told.items() if code == "mirrored-image" or code not in NOTICES | {"no-row"}}
    assert lost == facts.left_out
    assert len(list_files(stand_in(kind)).images) == facts.images + sum(facts.left_out.values())
