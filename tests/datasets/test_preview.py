"""A preview counts what a reader found and shows some rows of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from facepriv.datasets.demo import read_demo
from facepriv.datasets.preview import COMMONEST, ROWS, preview_document
from facepriv.datasets.reading import ReadResult
from facepriv.types import LabelledImage, ProtocolPair, Terms


def read(images: list[LabelledImage]) -> ReadResult:
    return ReadResult(images, [], reader="x", why="y.")


def test_the_demo_set_in_numbers() -> None:
    demo = read_demo()
    shown = preview_document(demo)
    assert shown["images"] == 240
    assert shown["subjects"] == 60
    assert shown["labels"] == {"female": 120, "male": 120, "unlabelled": 0}
    assert shown["reader"] == "csv"
    assert shown["table"] == "faces.csv"
    assert shown["identities"] == "people"
    assert shown["protocol"] is None
    assert shown["terms"] is None
    assert shown["reader_reason"] == demo.why
    assert shown["licence"] == demo.licence
    assert shown["problems"] == []
    (age,) = shown["attributes"]
    assert age == {"name": "age", "images": 240, "lowest": age["lowest"], "highest": age["highest"], "words": {}}
    assert 16 <= age["lowest"] < age["highest"] <= 80
    rows = shown["rows"]
    assert len(rows) == ROWS
    assert len({row["subject"] for row in rows}) == ROWS
    assert rows[0]["name"] == demo.images[0].name
    assert rows[-1]["name"] == demo.images[-1].name
    assert rows[0]["attributes"] == {"age": 28.0}


def test_words_are_counted_and_the_protocol_too() -> None:
    images = [LabelledImage(f"{i:02}", "s", None, Path(), {"race": f"r{max(i - 4, 0):02}"}) for i in range(30)]
    pairs = (ProtocolPair(1, "00", "01", True), ProtocolPair(2, "00", "02", False), ProtocolPair(2, "00", "03", False))
    terms = Terms("Show none of them.", frozenset())
    shown = preview_document(replace(read(images), terms=terms, protocol=pairs, identities="groups"))
    (race,) = shown["attributes"]
    assert race == {"name": "race", "images": 30, "lowest": None, "highest": None, "words": race["words"]}
    assert len(race["words"]) == COMMONEST
    assert next(iter(race["words"].items())) == ("r00", 5)
    assert shown["protocol"] == {"folds": 2, "mated": 1, "non_mated": 2}
    assert shown["terms"] == terms.sentence
    assert shown["identities"] == "groups"
    assert shown["labels"]["unlabelled"] == 30


@given(n=st.integers(0, 60), most=st.integers(0, 12))
def test_rows_are_spread_and_never_repeated(n: int, most: int) -> None:
    images = [LabelledImage(f"{i:03}", str(i), 1, Path()) for i in range(n)]
    names = [row["name"] for row in preview_document(read(images), rows=most)["rows"]]
    assert len(names) == min(n, most)
    assert names == sorted(set(names))
    if n and most > 1:
        assert names[0] == "000"
        assert names[-1] == images[-1].name
