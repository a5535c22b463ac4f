"""What leaves is for its owner alone, also in a folder that is open, and no table runs a formula."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.cli.output import write_text
from facepriv.datasets.templates.writing import WRITERS, write_templates
from facepriv.exported_files import ESCAPED, defused, restored, write_table
from facepriv.report.document import Report, Section, Table
from facepriv.report.files import write_page, write_tables
from facepriv.services.releases.export import manifest_bytes, write_file
from facepriv.types import Templates

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\r=x", '=HYPERLINK("http://x")']
NUMBERS = ["-1", "+1.5", "-.5", "-1e-9", "-inf", "1", ""]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that everybody may look into, as a process makes it whose umask is the usual one."""
    before = os.umask(0o022)
    (tmp_path / "open").mkdir()
    yield tmp_path / "open"
    os.umask(before)


def templates() -> Templates:
    names = np.array([f"=cmd {number}" for number in range(2)])
    return Templates(np.eye(2, 3, dtype=np.float32), names, names, np.array([1, -1], np.int8), "cosine", "m", "1")


def small_report() -> Report:
    table = Table("rates", "Rates", [{"Rate": "=1+1"}])
    return Report(
        title="T", subtitle="S", verdict="V", figures={}, sections=(Section("Numbers", (table,)),), footer="F"
    )


def export(place: Path) -> None:
    write_file(place, "images/folder/=a.png", b"face")
    write_file(
        place, "manifest.csv", manifest_bytes(["file", "subject"], [{"file": "images/=a.png", "subject": "=1+1"}])
    )


@pytest.mark.parametrize(
    "write",
    [
        export,
        *(lambda place, suffix=suffix: write_templates(templates(), place / f"t{suffix}") for suffix in WRITERS),
        lambda place: write_page(small_report(), place / "report.html"),
        lambda place: write_tables(small_report(), place / "tables"),
        lambda place: write_text(place / "result.json", "{}"),
    ],
    ids=["export", *WRITERS, "page", "tables", "json"],
)
def test_files_are_their_owners_alone(place: Path, write: Callable[[Path], None]):
    write(place)
    made = list(place.rglob("*"))
    assert any(path.is_file() for path in made)
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    for path in made:
        path.chmod(0o777 if path.is_dir() else 0o666)
    write(place)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in made if path.is_file()), "written over"


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_becomes_text(cell: str):
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [*NUMBERS, -1, None, 2.5, "a=b", "'x", "'"])
def test_numbers_and_other_text_stay(cell: object):
    assert defused(cell) is cell


@given(st.lists(st.tuples(st.text(max_size=8), st.sampled_from([*FORMULAS, *NUMBERS])), max_size=5))
def test_no_cell_begins_a_formula_and_the_marks_tell_what_it_was(rows: list[tuple[str, str]]):
    out = io.StringIO(newline="")
    write_table(out, ["a", "b"], [{"a": a, "b": b} for a, b in rows], mark=True)
    out.seek(0)
    read = list(csv.DictReader(out))
    assert len(read) == len(rows)
    for row, given_row in zip(read, rows, strict=True):
        names = row.get(ESCAPED, "").split()
        for name, cell in zip("ab", given_row, strict=True):
            assert row[name][:1] not in {"=", "+", "-", "@", "\t", "\r"} or cell in NUMBERS or defused(cell) is cell
            assert (row[name][1:] if name in names else row[name]) == restored(row[name]) == cell


def test_a_manifest_without_formulas_says_nothing_of_them(tmp_path: Path):
    write_file(
        tmp_path, "manifest.csv", manifest_bytes(["file", "subject"], [{"file": "images/a.png", "subject": "s1"}])
    )
    assert (tmp_path / "manifest.csv").read_text().split() == ["file,subject", "images/a.png,s1"]


def test_templates_as_csv_hold_no_formula(tmp_path: Path):
    write_templates(templates(), tmp_path / "t.csv")
    assert [line.split(",")[:2] for line in (tmp_path / "t.csv").read_text().splitlines()[1:]] == [
        ["'=cmd 0", "'=cmd 0"],
        ["'=cmd 1", "'=cmd 1"],
    ]
