"""Images inside tables, records and arrays: taken out with what is said of them, and nothing of them is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow
import pytest
from pyarrow import parquet

from facepriv.datasets.embedded import find_containers, holds_images, write_images
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE

LIMITS = {"max_entries": 100, "max_bytes": 1 << 20}


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (24, 20, 3), dtype=np.uint8)


def png(seed: int) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(picture(seed)).save(out, "PNG")
    return out.getvalue()


def hugging_face(n: int = 4) -> pyarrow.Table:
    said = {"info": {"features": {"gender": {"names": ["female", "male"], "_type": "ClassLabel"}}}}
    table = pyarrow.table(
        {
            "image": [{"bytes": png(i), "path": f"img_{i}.png"} for i in range(n)],
            "gender": [i % 2 for i in range(n)],
            "subject": [f"p{i % 2}" for i in range(n)],
        }
    )
    return table.replace_schema_metadata({"huggingface": json.dumps(said)})


def write_parquet(path: Path) -> None:
    parquet.write_table(hugging_face(), path)


def write_bare_parquet(path: Path) -> None:
    columns = {"content": [png(i) for i in range(4)], "sex": ["f", "m", "f", "m"], "person": ["p0", "p1", "p0", "p1"]}
    parquet.write_table(pyarrow.table(columns), path)


def write_arrow(path: Path) -> None:
    table = hugging_face()
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def write_npz(path: Path) -> None:
    pixels = np.stack([picture(i) for i in range(4)])
    np.savez(path, images=pixels, gender=np.array(["f", "m", "f", "m"]), subject=np.array(["p0", "p1", "p0", "p1"]))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("train-00000-of-00001.parquet", write_parquet),
        ("faces.parquet", write_bare_parquet),
        ("data-00000-of-00001.arrow", write_arrow),
        ("faces.npz", write_npz),
    ],
)
def test_images_come_out_with_their_labels(name: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / name)
    assert holds_images(tmp_path / name)
    problems, said = write_images([tmp_path / name], tmp_path / "out", **LIMITS)
    assert said
    assert [problem.code for problem in problems] == ["images-inside"]
    got = read_folder(tmp_path / "out")
    assert [(i.subject, i.label) for i in got.images] == [("p0", FEMALE), ("p1", MALE)] * 2
    for number, image in enumerate(got.images):
        np.testing.assert_array_equal(np.asarray(PIL.Image.open(image.path)), picture(number))


def record(flag: int, label: list[float], number: int, data: bytes) -> bytes:
    header = struct.pack("<IfQQ", flag, 0.0 if flag else label[0], number, 0)
    body = header + (struct.pack(f"<{flag}f", *label) if flag else b"") + data
    return struct.pack("<II", 0xCED7230A, len(body)) + body + bytes(-len(body) % 4)


def test_records_of_insightface_have_a_person_each(tmp_path: Path) -> None:
    (tmp_path / "train.rec").write_bytes(
        record(2, [5, 7], 0, b"")
        + b"".join(record(0, [i // 2], i + 1, png(i)) for i in range(4))
        + record(2, [1, 3], 5, b"")
    )
    (tmp_path / "train.idx").write_text("0\t0\n")
    assert find_containers(tmp_path) == [tmp_path / "train.rec"]
    write_images([tmp_path / "train.rec"], tmp_path / "out", **LIMITS)
    got = read_folder(tmp_path / "out")
    assert [i.subject for i in got.images] == ["0", "0", "1", "1"]
    assert got.identities == "people"


def test_a_record_that_is_parted_at_its_magic_number(tmp_path: Path) -> None:
    data = struct.pack("<IfQQ", 0, 3.0, 1, 0) + png(0)
    parts = [data[:40], data[44:80], data[84:]]
    raw = b""
    for part, piece in zip((1, 2, 3), parts, strict=True):
        raw += struct.pack("<II", 0xCED7230A, part << 29 | len(piece)) + piece + bytes(-len(piece) % 4)
    (tmp_path / "a.rec").write_bytes(raw)
    assert holds_images(tmp_path / "a.rec")
    write_images([tmp_path / "a.rec"], tmp_path / "out", **LIMITS)
    (image,) = (tmp_path / "out").glob("*.jpg")
    magic = struct.pack("<I", 0xCED7230A)
    assert image.read_bytes() == magic.join(parts)[24:]


def test_a_record_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    raw = b"".join(record(0, [i], i + 1, png(i)) for i in range(3))
    (tmp_path / "a.rec").write_bytes(raw[:-20])
    with pytest.raises(BadInputError, match="cut off") as caught:
        write_images([tmp_path / "a.rec"], tmp_path / "out", **LIMITS)
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("arrays", [False, True])
def test_pairs_of_insightface_become_a_protocol(arrays: bool, tmp_path: Path) -> None:
    order = [0, 1, 0, 2, 3, 3, 1, 2]
    blobs = [np.frombuffer(png(i), np.uint8) if arrays else png(i) for i in order]
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps((blobs, [True, False, True, False]), protocol=2))
    assert holds_images(tmp_path / "lfw.bin")
    _, said = write_images([tmp_path / "lfw.bin"], tmp_path / "out", **LIMITS)
    assert not said
    got = read_folder(tmp_path / "out", subjects="none")
    assert len(got.images) == 4  # each once, however often it is compared
    names = {image.path.read_bytes(): image.name for image in got.images}
    wanted = [(names[png(a)], names[png(b)]) for a, b in zip(order[::2], order[1::2], strict=True)]
    assert [(pair.first, pair.second) for pair in got.protocol] == wanted
    assert [pair.mated for pair in got.protocol] == [True, False, True, False]
    assert got.identities == "none"


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/facepriv-was-run",))


@pytest.mark.parametrize("content", [Evil(), ([Evil()], [True]), ([np.array([Evil()], dtype=object)] * 2, [True])])
def test_a_pickle_cannot_run_anything(content: object, tmp_path: Path) -> None:
    Path("/tmp/facepriv-was-run").unlink(missing_ok=True)
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps(content))
    assert not holds_images(tmp_path / "lfw.bin")
    assert not Path("/tmp/facepriv-was-run").exists()


@pytest.mark.parametrize(
    ("array", "held"),
    [
        (np.zeros((3, 24, 20), np.uint8), True),
        (np.random.default_rng(0).random((3, 3, 24, 20)), True),
        (np.zeros((3, 512), np.float32), False),
        (np.zeros((3, 20, 2), np.float32), False),
        (np.zeros((3, 24, 20), np.int64), False),
    ],
)
def test_arrays_of_images_are_told_from_templates(array: np.ndarray, held: bool, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array)
    assert holds_images(tmp_path / "a.npy") == holds_images(tmp_path / "a.npz") == held
    if held:
        write_images([tmp_path / "a.npy", tmp_path / "a.npz"], tmp_path / "out", **LIMITS)
        shown = [np.asarray(PIL.Image.open(path)) for path in sorted((tmp_path / "out").rglob("*.png"))]
        assert len(shown) == 6
        assert {each.shape for each in shown} == {(24, 20, 3)}
        top = 255 if array.dtype.kind == "f" else 1
        first = array[0] if array.ndim == 3 else array[0].transpose(1, 2, 0)
        assert np.abs(shown[0][..., 0] - (first if first.ndim == 2 else first[..., 0]) * top).max() <= 0.5


def test_rows_without_an_image_are_told_and_limits_hold(tmp_path: Path) -> None:
    rows = [
        {"bytes": png(0), "path": None},
        None,
        {"bytes": b"nonsense", "path": "x.png"},
        {"bytes": png(1), "path": ""},
    ]
    parquet.write_table(pyarrow.table({"image": rows}), tmp_path / "a.parquet")
    problems, _ = write_images([tmp_path / "a.parquet"], tmp_path / "out", **LIMITS)
    assert [problem.name for problem in problems if problem.code == "no-image"] == ["row 2", "row 3"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000001.png", "000004.png"]
    for limits, code in (({"max_entries": 1}, "too-many-entries"), ({"max_bytes": 100}, "archive-too-large")):
        with pytest.raises(BadInputError) as caught:
            write_images([tmp_path / "a.parquet"], tmp_path / code, **{**LIMITS, **limits})
        assert caught.value.code == code


def test_several_shards_are_one_data_set(tmp_path: Path) -> None:
    for shard in range(2):
        parquet.write_table(hugging_face(), tmp_path / f"train-{shard}.parquet")
    write_images(find_containers(tmp_path), tmp_path / "out", **LIMITS)
    got = read_folder(tmp_path / "out")
    assert len(got.images) == 8
    assert {i.subject for i in got.images} == {"p0", "p1"}
