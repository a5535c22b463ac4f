"""A preview counts what a reader found and shows some rows of it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from facepriv.datasets.demo import read_demo
from facepriv.datasets.preview import COMMONEST, ROWS, preview
from facepriv.datasets.reading import finish
from facepriv.types import LabelledImage, ProtocolPair, Terms


def test_the_demo_set_in_numbers() -> None:
    read = read_demo()
    got = preview(read)
    assert (got.images, got.subjects, got.male, got.female, got.unlabelled) == (240, 60, 120, 120, 0)
    assert (got.reader, got.table, got.identities, got.protocol, got.terms) == (
        "csv",
        "faces.csv",
        "people",
        None,
        None,
    )
    assert (got.why, got.licence, got.problems) == (read.why, read.licence, ())
    (age,) = got.attributes
    assert (age.name, age.images, age.words) == ("age", 240, {})
    assert age.lowest is not None
    assert age.highest is not None
    assert 16 <= age.lowest < age.highest <= 80
    assert len(got.rows) == ROWS
    assert len({row.subject for row in got.rows}) == ROWS
    assert (got.rows[0].name, got.rows[-1].name) == (read.images[0].name, read.images[-1].name)
    assert dict(got.rows[0].attributes) == {"age": 28.0}


def test_words_are_counted_and_the_protocol_too() -> None:
    images = [LabelledImage(f"{i:02}", "s", None, Path(), {"race": f"r{max(i - 4, 0):02}"}) for i in range(30)]
    pairs = [ProtocolPair(1, "00", "01", True), ProtocolPair(2, "00", "02", False), ProtocolPair(2, "00", "03", False)]
    terms = Terms("Show none of them.", frozenset())
    got = preview(finish(images, [], reader="x", why="y.", terms=terms, protocol=pairs, identities="groups"))
    (race,) = got.attributes
    assert (race.images, race.lowest, race.highest, len(race.words)) == (30, None, None, COMMONEST)
    assert next(iter(race.words.items())) == ("r00", 5)
    assert got.protocol is not None
    assert (got.protocol.folds, got.protocol.mated, got.protocol.non_mated, got.protocol.pairs) == (2, 1, 2, 3)
    assert (got.terms, got.identities, got.unlabelled) == (terms, "groups", 30)
    assert [problem.code for problem in got.problems] == ["no-identities", "no-labels"]


@given(n=st.integers(0, 60), most=st.integers(0, 12))
def test_rows_are_spread_and_never_repeated(n: int, most: int) -> None:
    images = [LabelledImage(f"{i:03}", str(i), 1, Path()) for i in range(n)]
    names = [row.name for row in preview(finish(images, [], reader="x", why="y."), rows=most).rows]
    assert len(names) == min(n, most)
    assert names == sorted(set(names))
    if n and most > 1:
        assert (names[0], names[-1]) == ("000", images[-1].name)
