"""Templates as other programs write them, and what is wrong with some."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facepriv.datasets.label_tables import read_labels
from facepriv.datasets.templates import table as tables
from facepriv.errors import BadInputError
from tests.datasets.templates.tables import EVERY_FORMAT, planted, read, write_as


def h5(kind: str) -> None:
    if kind == "h5":
        pytest.importorskip("h5py")


def code_of(path: Path, **options) -> str:
    with pytest.raises(BadInputError) as caught:
        read(path, **options)
    assert str(caught.value).endswith(".")
    return caught.value.code


@pytest.fixture(params=EVERY_FORMAT)
def kind(request: pytest.FixtureRequest) -> str:
    h5(request.param)
    return request.param


def test_every_format_is_read_the_same(kind: str, tmp_path: Path) -> None:
    there = planted()
    found = read(write_as(kind, tmp_path, there))
    np.testing.assert_array_equal(found.templates.rows, there.rows)
    assert found.templates.records.tolist() == there.records.tolist()
    assert found.templates.subjects.tolist() == there.subjects.tolist()
    np.testing.assert_array_equal(found.templates.labels, there.labels)
    assert found.problems == []


def test_chunks_make_no_difference(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_as(kind, tmp_path, planted(people=40))
    whole = read(path)
    monkeypatch.setattr(tables, "CHUNK_BYTES", 100)
    parts = read(path)
    np.testing.assert_array_equal(parts.templates.rows, whole.templates.rows)
    assert parts.templates.records.tolist() == whole.templates.records.tolist()


def test_rows_that_are_no_templates_are_left_out(kind: str, tmp_path: Path) -> None:
    there = planted()
    rows = there.rows.astype(np.float64)
    rows[1, 3], rows[4], rows[7, 0] = np.nan, 0, np.inf
    found = read(write_as(kind, tmp_path, there, rows))
    assert found.codes == {"not-finite": 2, "zero-row": 1}
    np.testing.assert_array_equal(found.templates.rows, np.delete(there.rows, [1, 4, 7], axis=0))
    assert found.templates.records.tolist() == np.delete(there.records, [1, 4, 7]).tolist()


def test_cosine_scales_rows_and_says_so(kind: str, tmp_path: Path) -> None:
    there = planted()
    path = write_as(kind, tmp_path, there, there.rows * 3)
    found = read(path, metric="cosine")
    assert found.codes == {"not-unit": 12}
    np.testing.assert_allclose(found.templates.rows, there.rows, atol=1e-6)
    euclidean = read(path, metric="euclidean")
    assert euclidean.problems == []
    np.testing.assert_array_equal(euclidean.templates.rows, there.rows * 3)


def test_rows_of_another_length_are_left_out(tmp_path: Path) -> None:
    lists = tmp_path / "lists.csv"
    rows = ["0.1 0.2 0.3 0.4 0.5"] * 5
    rows[0], rows[3], rows[4] = "[0.1, 0.2]", "", "[1, 2, three, 4, 5]"
    lists.write_text("id,person,sex,vector\n" + "".join(f'r{i},p{i},f,"{row}"\n' for i, row in enumerate(rows)))
    found = read(lists)
    assert found.codes == {"ragged-row": 1, "no-template": 1, "not-numbers": 1, "not-unit": 2, "one-gender": 2}
    assert found.templates.records.tolist() == ["r1", "r2"]
    wide = write_as("csv", tmp_path, planted())
    with wide.open("a") as stream:
        stream.write("short.jpg,s9,male,0.1,0.2\n")
        stream.write("text.jpg,s9,male,0.1,0.2,a,0.1,0.1,0.1,0.1,0.1\n")
    assert read(wide).codes == {"ragged-row": 1, "not-numbers": 1}


def test_lists_of_another_length_in_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    lists = [[0.6, 0.8, 0, 0], [1.0], None, [0, 0, 0.8, 0.6], [0, 1.0, None, 0], [0, 1.0, 0, 0]]
    table = {"template": lists, "person": list("abcdef"), "gender": list("mfmfmf")}
    parquet.write_table(pa.table(table), tmp_path / "some.parquet")
    found = read(tmp_path / "some.parquet")
    assert found.codes == {"ragged-row": 1, "no-template": 1, "not-finite": 1}
    assert found.templates.subjects.tolist() == ["a", "d", "f"]
    assert found.templates.records.tolist() == ["1", "4", "6"], "named by their rows"


def test_of_equal_names_the_first_counts(tmp_path: Path) -> None:
    there = planted()
    records = there.records.copy()
    records[5] = records[2]
    np.savez(tmp_path / "a.npz", x=there.rows, id=records, subject=there.subjects, sex=np.array(["f", "m"] * 6))
    found = read(tmp_path / "a.npz")
    assert found.codes["duplicate-record"] == 1
    assert len(found.templates.rows) == 11


def test_what_nobody_can_measure_is_said(tmp_path: Path) -> None:
    there = planted()
    path = tmp_path / "a.npz"
    np.savez(path, x=there.rows, subject=np.full(12, "one"), sex=np.full(12, "f"))
    assert read(path, metric=None).codes == {"metric-assumed": 1, "one-subject": 12, "one-gender": 12}
    np.savez(path, x=there.rows)
    assert read(path).codes == {"no-subjects": 12, "no-labels": 12}
    np.savez(path, x=there.rows, subject=np.array(["a", "a", "b", "b"] * 3), sex=np.array(["f", "m", "?!", ""] * 3))
    assert read(path).codes == {"unknown-gender": 3, "both-labels": 1}


def test_records_and_subjects_that_cannot_be_named(tmp_path: Path) -> None:
    there = planted()
    subjects = there.subjects.astype("U300")
    subjects[0], subjects[1], subjects[2] = "", "a\nb", "x" * 201
    np.savez(tmp_path / "a.npz", x=there.rows, subject=subjects, sex=np.array(["f", "m"] * 6))
    found = read(tmp_path / "a.npz").codes
    assert (found["bad-id"], found["row-without-subject"]) == (2, 1)


def test_letters_that_may_mean_women_are_refused_unless_declared(tmp_path: Path) -> None:
    there = planted()
    np.savez(tmp_path / "a.npz", x=there.rows, subject=there.subjects, sex=np.array(["H", "M"] * 6))
    assert code_of(tmp_path / "a.npz") == "ambiguous-letters"
    assert read(tmp_path / "a.npz", mapping={"H": "male", "M": "female"}).codes.get("unknown-gender", 0) == 0


def test_numbers_mean_what_was_declared(tmp_path: Path) -> None:
    there = planted()
    np.savez(tmp_path / "a.npz", x=there.rows, subject=there.subjects, label=np.array([0, 1] * 6))
    assert code_of(tmp_path / "a.npz") == "undeclared-numbers"
    found = read(tmp_path / "a.npz", mapping={"0": "male", "1": "female"})
    assert found.templates.labels.tolist() == [1, -1] * 6


def test_labels_beside_templates_with_names(tmp_path: Path) -> None:
    there = planted()
    np.savez(tmp_path / "a.npz", x=there.rows, record=there.records)
    (tmp_path / "labels.csv").write_text(
        "file,subject,gender\nimg001.jpg,anna,f\nimg003.jpg,bert,m\nimg999.jpg,cleo,f\n"
    )
    found = read(tmp_path / "a.npz", labels=read_labels(tmp_path / "labels.csv"))
    assert found.codes == {"row-without-subject": 10, "label-without-row": 1}
    assert found.templates.subjects.tolist() == ["anna", "bert"]
    assert found.templates.labels.tolist() == [-1, 1]


def test_labels_beside_rows_without_names_are_in_their_order(tmp_path: Path) -> None:
    there = planted()
    np.save(tmp_path / "a.npy", there.rows)
    lines = [f"s{number // 2},{'fm'[number % 2]}" for number in range(12)]
    for given, code in ((lines, None), (lines[:-1], "lengths-differ"), ([*lines, "s9,f"], "lengths-differ")):
        (tmp_path / "labels.csv").write_text("\n".join(["subject,gender", *given]) + "\n")
        labels = read_labels(tmp_path / "labels.csv", required=())
        if code is not None:
            assert code_of(tmp_path / "a.npy", labels=labels) == code
            continue
        found = read(tmp_path / "a.npy", labels=labels)
        assert found.templates.subjects.tolist() == there.subjects.tolist()
        assert found.codes == {"both-labels": 6}


def test_named_fields_of_an_npy(tmp_path: Path) -> None:
    there = planted()
    records = np.zeros(12, dtype=[("who", "U5"), ("vec", np.float32, (8,)), ("sex", "S6")])
    records["who"], records["vec"], records["sex"] = (
        there.subjects,
        there.rows,
        np.array(["female", "female", "male", "male"] * 3),
    )
    np.save(tmp_path / "a.npy", records)
    found = read(tmp_path / "a.npy", columns={"subject": "who", "template": "vec"})
    np.testing.assert_array_equal(found.templates.rows, there.rows)
    np.testing.assert_array_equal(found.templates.labels, there.labels)
    assert found.templates.subjects.tolist() == there.subjects.tolist()


def test_objects_among_named_fields_are_not_read(tmp_path: Path) -> None:
    records = np.zeros(12, dtype=[("vec", np.float32, (8,)), ("who", "O")])
    records["vec"] = planted().rows
    np.save(tmp_path / "a.npy", records)
    assert code_of(tmp_path / "a.npy", columns={"template": "vec"}) == "broken-table"
    assert code_of(tmp_path / "a.npy", columns={"template": "vec", "subject": "who"}) == "pickled"


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_numbers_with_gaps_are_names_with_gaps(kind: str, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    there, people = planted(), np.array([7, 7, np.nan] * 4)
    if kind == "npz":
        np.savez(tmp_path / "a.npz", x=there.rows, person_id=people)
    else:
        parquet.write_table(pa.table({"x": there.rows.tolist(), "person_id": people}), tmp_path / "a.parquet")
    found = read(tmp_path / f"a.{kind}")
    assert found.codes["row-without-subject"] == 4
    assert {*found.templates.subjects.tolist()} == {"7"}


def test_arrays_of_other_kinds(tmp_path: Path) -> None:
    """Half precision, whole numbers, by columns."""
    there = planted()
    for rows in (
        there.rows.astype(np.float16),
        np.round(there.rows * 100).astype(np.int8),
        np.asfortranarray(there.rows),
    ):
        np.savez(tmp_path / "a.npz", x=rows, subject=there.subjects)
        found = read(tmp_path / "a.npz")
        similarity = np.einsum("ij,ij->i", found.templates.rows, there.rows)
        assert similarity.min() > 0.999


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"images": np.zeros((5, 4, 4, 3), np.uint8)}, "not-templates"),
        ({"x": np.ones((5, 2))}, "not-templates"),
        ({"sizes": np.ones(5)}, "not-templates"),
        ({"one": np.ones((5, 8)), "two": np.ones((5, 8))}, "ambiguous-columns"),
        ({"x": np.ones((5, 8)), "subject": np.array(list("abcd"))}, "lengths-differ"),
        ({"x": np.array([[1, 2], [3]], dtype=object)}, "pickled"),
        ({"x": np.ones((5, 8)), "subject": np.array(list("abcde"), dtype=object)}, "pickled"),
        ({"x": np.ones((5, 8)), "subject": np.array(["a" * 5000] * 5)}, "too-large"),
        ({"x": np.full((5, 8), np.nan)}, "no-templates"),
        ({"x": np.ones((5, 8)), "Subject": np.arange(5), "subject": np.arange(5)}, "duplicate-column"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_refused(arrays, code, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    assert code_of(tmp_path / "a.npz") == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("file,subject,gender\na.jpg,a,f\n", "not-templates"),
        ("name,x1,x2,x3\na,1,2,3\n", "not-templates"),
        ("0.1,0.2,0.3,0.4\n0.1,0.2,0.3,0.4\n", "no-header"),
        ("id,a0,a1,a2,a3,b0,b1,b2,b3\n" + "r,1,2,3,4,5,6,7,8\n", "ambiguous-columns"),
        ("\0\0\0", "not-text"),
    ],
)
def test_tables_that_are_refused(text: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert code_of(tmp_path / "a.csv") == code


def test_a_group_of_columns_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,a0,a1,a2,a3,b0,b1,b2,b3\nr,1,2,3,4,5,6,7,8\n")
    found = read(tmp_path / "a.csv", columns={"template": "b"}, metric="euclidean")
    assert found.templates.rows.tolist() == [[5, 6, 7, 8]]
    assert code_of(tmp_path / "a.csv", columns={"template": "c"}) == "missing-columns"
    assert code_of(tmp_path / "a.csv", columns={"subject": "who"}) == "missing-columns"
    with pytest.raises(BadInputError) as caught:
        read(tmp_path / "a.csv", columns={"age": "a0"})
    assert caught.value.code == "bad-columns"


@pytest.mark.parametrize("kind", ["npy", *EVERY_FORMAT])
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_damaged_files_are_refused(kind: str, damage: str, tmp_path: Path) -> None:
    h5(kind)
    if kind == "npy":
        path = tmp_path / "templates.npy"
        np.save(path, planted().rows)
    else:
        path = write_as(kind, tmp_path, planted())
    if damage == "cut" and kind.startswith("csv"):
        pytest.skip("a text that ends early is a shorter text")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else bytes(range(1, 256)) * 20)
    assert code_of(path) in {"broken-table", "not-templates", "not-text"}


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (50_000, 512)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(50_000 * 512 * 4))
    assert code_of(tmp_path / "a.npz") == "archive-bomb"


@pytest.mark.parametrize("kind", EVERY_FORMAT)
def test_more_than_is_allowed_is_refused(kind: str, tmp_path: Path) -> None:
    h5(kind)
    assert code_of(write_as(kind, tmp_path, planted()), max_bytes=12 * 8 * 4 - 1) == "too-large"


def test_nothing_outside_an_hdf5_file_is_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    there = planted()
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["features"] = there.rows
    (tmp_path / "raw.bin").write_bytes(there.rows.tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("other.h5", "features")
        file.create_dataset("outside", (12, 8), "<f4", external=[(str(tmp_path / "raw.bin"), 0, 12 * 8 * 4)])
        layout = h5py.VirtualLayout((12, 8), "<f4")
        layout[:] = h5py.VirtualSource("other.h5", "features", (12, 8))
        file.create_virtual_dataset("virtual", layout)
    assert code_of(tmp_path / "a.h5") == "not-templates"


def test_unknown_formats_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a.pickle").write_bytes(b"x")
    assert code_of(tmp_path / "a.pickle") == "unknown-format"
    assert code_of(tmp_path / "b.npz") == "unreadable"
