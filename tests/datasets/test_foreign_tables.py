"""Label tables in formats other than delimited text: read as what they hold, or named with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow
import pytest
import scipy.io
from pyarrow import parquet

from facepriv.datasets.problems import problem_count
from facepriv.datasets.registry import read_folder
from facepriv.datasets.tables import open_table
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE

from .conftest import Tree

COLUMNS = {
    "file": ["a_1.png", "a_2.png", "b_1.png", "b_2.png"],
    "person": ["ann", "ann", "bob", "bob"],
    "sex": ["f", "f", "m", None],
    "age": [31, 32.5, None, 40],
}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
WANTED = [
    ("a_1.png", "ann", FEMALE, {"age": 31.0}),
    ("a_2.png", "ann", FEMALE, {"age": 32.5}),
    ("b_1.png", "bob", MALE, {}),
    ("b_2.png", "bob", None, {"age": 40.0}),
]


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8-sig")


def json_of(make: Callable[[], Any]) -> Callable[[Path], None]:
    return lambda path: path.write_text(json.dumps(make()))


def write_xlsx(path: Path, title: bool = False) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    if title:
        sheet.append(["Our faces of 2024"])
        sheet.append([])
    sheet.append(list(COLUMNS))
    for record in RECORDS:
        sheet.append(list(record.values()))
    book.save(path)


def write_parquet(path: Path) -> None:
    parquet.write_table(pyarrow.table(COLUMNS), path)


def write_structure(path: Path) -> None:
    """Write columns as IMDB-WIKI has them, in one structure."""
    columns = {
        "file": np.array(COLUMNS["file"], dtype=object),
        "person": np.array(COLUMNS["person"], dtype=object),
        "sex": np.array([value or "" for value in COLUMNS["sex"]], dtype=object),
        "age": np.array([np.nan if value is None else value for value in COLUMNS["age"]]),
        "note": "one for all",
    }
    scipy.io.savemat(path, {"faces": columns})


def write_structures(path: Path) -> None:
    kinds = [(name, object) for name in COLUMNS]
    rows = [tuple("" if value is None else value for value in record.values()) for record in RECORDS]
    scipy.io.savemat(path, {"faces": np.array(rows, dtype=kinds)})


FORMS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "lines": ("metadata.jsonl", write_jsonl),
    "ndjson": ("labels.ndjson", write_jsonl),
    "list": ("labels.json", json_of(lambda: RECORDS)),
    "columns": ("labels.json", json_of(lambda: COLUMNS)),
    "inside": ("labels.json", json_of(lambda: {"version": 1, "info": {"by": "us"}, "images": RECORDS})),
    "by name": ("labels.json", json_of(lambda: {r["file"]: {k: r[k] for k in r if k != "file"} for r in RECORDS})),
    "pandas": ("labels.json", json_of(lambda: {k: dict(zip("0123", v, strict=True)) for k, v in COLUMNS.items()})),
    "split": (
        "labels.json",
        json_of(lambda: {"columns": list(COLUMNS), "index": [0, 1, 2, 3], "data": [list(r.values()) for r in RECORDS]}),
    ),
    "excel": ("labels.xlsx", write_xlsx),
    "excel with a title": ("labels.xlsx", lambda path: write_xlsx(path, title=True)),
    "parquet": ("labels.parquet", write_parquet),
    "structure": ("labels.mat", write_structure),
    "structures": ("labels.mat", write_structures),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_read_from_a_folder_and_by_name(form: str, tree: Tree, tmp_path: Path) -> None:
    name, write = FORMS[form]
    folder = tree(COLUMNS["file"])
    write(folder / name)
    got = read_folder(folder)
    assert [(i.name, i.subject, i.label, dict(i.attributes)) for i in got.images] == WANTED
    assert got.table == name
    assert got.files is not None
    assert (got.files.images, got.files.lists, got.files.left_out) == (4, 1, 0)
    (folder / name).rename(tmp_path / name)
    again = read_folder(folder, labels=tmp_path / name)
    assert [(i.subject, i.label) for i in again.images] == [(each[1], each[2]) for each in WANTED]


def test_a_mapping_of_names_to_genders(tree: Tree) -> None:
    folder = tree(COLUMNS["file"])
    (folder / "l.json").write_text(json.dumps({"a_1.png": "female", "b_1.png": "male"}))
    assert {i.name: i.label for i in read_folder(folder).images} == {
        "a_1.png": FEMALE,
        "a_2.png": None,
        "b_1.png": MALE,
        "b_2.png": None,
    }


def test_lines_that_are_no_records_are_told(tree: Tree) -> None:
    folder = tree(COLUMNS["file"])
    write_jsonl(folder / "metadata.jsonl")
    with (folder / "metadata.jsonl").open("a") as file:
        file.write("[1, 2]\nnonsense {\n\n")
    got = read_folder(folder)
    assert [(i.name, i.label) for i in got.images] == [(each[0], each[2]) for each in WANTED]
    assert [p.name for p in got.problems if p.code == "broken-row"] == ["line 5", "line 6"]


def test_nested_records_and_class_names_of_hugging_face(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(
        '{"file_name": "a.jpg", "person": {"name": "ann", "age": 3}, "tags": ["x", "y"]}\n'
    )
    table = open_table(tmp_path / "m.jsonl")
    assert table.fields == ("file_name", "person.name", "person.age", "tags")
    assert [tuple(cells) for _, cells in table.rows()] == [("a.jpg", "ann", "3", "x y")]
    said = {"info": {"features": {"gender": {"names": ["Female", "Male"], "_type": "ClassLabel"}}}}
    columns = pyarrow.table({"file": ["a.jpg", "b.jpg"], "gender": [1, 0], "vector": [[1.0], [2.0]]})
    parquet.write_table(columns.replace_schema_metadata({"huggingface": json.dumps(said)}), tmp_path / "l.parquet")
    table = open_table(tmp_path / "l.parquet")
    assert table.fields == ("file", "gender")
    assert [tuple(cells) for _, cells in table.rows()] == [("a.jpg", "Male"), ("b.jpg", "Female")]


def test_the_first_sheet_is_read_and_others_are_told(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "l.xlsx")
    book = openpyxl.load_workbook(tmp_path / "l.xlsx")
    book.create_sheet("More").append(["x"])
    book.create_sheet("Empty")
    book.save(tmp_path / "l.xlsx")
    table = open_table(tmp_path / "l.xlsx")
    assert [cells for _, cells in table.rows()][1] == ["a_1.png", "ann", "f", "31"]
    (problem,) = table.problems
    assert problem.code == "several-sheets"
    assert "2 sheets" in problem.sentence


@pytest.mark.parametrize(
    ("name", "data", "code", "advice"),
    [
        ("l.xls", b"\xd0\xcf\x11\xe0" + bytes(50), "unsupported-table", "soffice --headless --convert-to csv l.xls"),
        ("l.ods", b"PK\3\4" + bytes(50), "unsupported-table", "soffice"),
        ("l.xlsx", b"PK\3\4" + bytes(50), "unreadable", "save the sheet as CSV"),
        ("l.parquet", b"PAR1" + bytes(50), "unreadable", "export it again"),
        ("l.mat", b"nonsense", "unreadable", "labels as CSV"),
        ("l.mat", b"MATLAB 7.3 MAT-file" + bytes(493) + b"\x89HDF\r\n\x1a\n", "unsupported-table", "'-v7'"),
        ("l.json", b"{", "no-table", "CSV"),
        ("l.json", b'{"a": 1}', "no-table", "CSV"),
        ("l.json", b"[1, 2]", "no-table", "CSV"),
        ("l.jsonl", b"1\n2\n", "no-table", "CSV"),
        ("l.jsonl", b"\xff\xfe\x00", "not-text", "UTF-8"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(name: str, data: bytes, code: str, advice: str, tree: Tree) -> None:
    folder = tree(COLUMNS["file"])
    (folder / name).write_bytes(data)
    with pytest.raises(BadInputError) as caught:
        open_table(folder / name)
    assert caught.value.code == code
    assert advice in str(caught.value)
    got = read_folder(folder)
    told = {problem.name: problem for problem in got.problems}
    assert told[name].code == "table-not-used"
    assert advice in told[name].sentence
    assert got.files is not None
    assert got.files.left_out == 1


def test_tables_called_like_images_are_about_these_alone(tree: Tree) -> None:
    folder = tree(COLUMNS["file"])
    for name in COLUMNS["file"]:
        (folder / f"{name}.json").write_text(json.dumps([{"file": name, "gender": "male"}]))
        (folder / name.replace("png", "mat")).write_bytes(b"x")
    got = read_folder(folder)
    assert got.reader == "flat"
    (problem,) = [problem for problem in got.problems if problem.code == "sidecar"]
    assert problem_count(problem) == 8
    assert got.files is not None
    assert got.files.left_out == 8
