"""Archives as people bring them: names without their encoding, tars in every compression, what is not read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pyarrow
import pytest

from facepriv.datasets.problems import problem_count
from facepriv.datasets.unpack import unpack
from facepriv.errors import BadInputError
from facepriv.types import Problem

from .conftest import tiny_png

PNG = tiny_png()
COMPRESSIONS = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.zst": lambda raw: pyarrow.compress(raw, codec="zstd", asbytes=True),
}
packings = pytest.mark.parametrize("ending", COMPRESSIONS)


def tar_of(*entries: tuple[str | tarfile.TarInfo, bytes], **options: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:
        for entry, body in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            info.size = len(body) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def zip_of(*entries: tuple[bytes, bytes]) -> bytes:
    """Write a zip whose names are bytes without the flag of UTF-8."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, (name, body) in enumerate(entries):
            # A name of as many bytes, which is replaced afterwards.
            archive.writestr(f"{number:0{len(name)}}", body)
    raw = out.getvalue()
    for number, (name, _) in enumerate(entries):
        raw = raw.replace(f"{number:0{len(name)}}".encode(), name)
    return raw


def run(raw: bytes, tmp_path: Path, **options: object) -> tuple[set[str], list[Problem]]:
    path = tmp_path / "packed"
    path.write_bytes(raw)
    limits = {"max_entries": 100, "max_bytes": 10 << 20, **options}
    problems = unpack(path, tmp_path / "place" / "out", name="faces", **limits)
    out = tmp_path / "place" / "out"
    return {each.relative_to(out).as_posix() for each in out.rglob("*") if each.is_file()}, problems


def refused(raw: bytes, tmp_path: Path, **options: object) -> str:
    with pytest.raises(BadInputError) as caught:
        run(raw, tmp_path, **options)
    assert not (tmp_path / "place").exists() or list((tmp_path / "place").iterdir()) == []
    return caught.value.code


def codes(problems: list[Problem]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for problem in problems:
        counted[problem.code] += problem_count(problem)
    return dict(counted)


# Names


@pytest.mark.parametrize("encoding", ["utf-8", "cp850", "cp932"])
def test_zip_names_without_the_flag(encoding: str, tmp_path: Path) -> None:
    names = ["Fotos/Jürgen_1.jpg", "Fotos/Zoë__1.jpg"] if encoding != "cp932" else ["顔写真/山田太郎/画像1.jpg"]
    files, problems = run(zip_of(*((name.encode(encoding), PNG) for name in names)), tmp_path)
    assert files == set(names)
    (problem,) = problems
    assert problem.code == "name-encoding"
    assert names[0] in problem.sentence
    assert "--name-encoding" in problem.sentence


def test_the_encoding_can_be_said(tmp_path: Path) -> None:
    raw = zip_of(("АННА/1.jpg".encode("cp1251"), PNG))
    assert run(raw, tmp_path, name_encoding="cp1251")[0] == {"АННА/1.jpg"}
    with pytest.raises(BadInputError) as caught:
        run(raw, tmp_path / "again", name_encoding="nonsense") if (tmp_path / "again").mkdir() is None else None
    assert caught.value.code == "bad-name-encoding"


def test_the_flag_of_utf8_and_plain_names_are_not_told(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("Jürgen.png", PNG)
        archive.writestr("plain.png", PNG)
    assert run(out.getvalue(), tmp_path) == ({"Jürgen.png", "plain.png"}, [])


def test_the_extra_field_with_the_name_in_unicode_counts(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("xxx.png")
        real = "山田.png".encode()
        field = struct.pack("<BL", 1, zlib.crc32(b"xxx.png")) + real
        entry.extra = struct.pack("<HH", 0x7075, len(field)) + field
        archive.writestr(entry, PNG)
    assert run(out.getvalue(), tmp_path)[0] == {"山田.png"}


def test_names_of_leftovers_do_not_count(tmp_path: Path) -> None:
    files, problems = run(zip_of(("__MACOSX/._J\u00fcrgen".encode("cp1252"), b"x"), (b"a.png", PNG)), tmp_path)
    assert (files, codes(problems)) == ({"a.png"}, {"system-file": 1})


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_tar_names(encoding: str, tmp_path: Path) -> None:
    names = ["顔写真/山田太郎/画像1.png", "plain.png"]
    raw = tar_of(*((name, PNG) for name in names), format=tarfile.GNU_FORMAT, encoding=encoding)
    files, problems = run(gzip.compress(raw), tmp_path)
    assert files == set(names)
    assert codes(problems) == ({} if encoding == "utf-8" else {"name-encoding": 1})


# Tars


@packings
def test_tars_arrive_in_their_usual_compressions(ending: str, tmp_path: Path) -> None:
    folder = tarfile.TarInfo("b")
    folder.type = tarfile.DIRTYPE
    raw = tar_of(("./a.png", PNG), (folder, b""), ("b/2.png", PNG), ("b/labels.csv", b"file,gender\n"))
    files, problems = run(COMPRESSIONS[ending](raw), tmp_path)
    assert files == {"a.png", "b/2.png", "b/labels.csv"}
    assert problems == []
    assert (tmp_path / "place/out/b/2.png").read_bytes() == PNG


@packings
def test_the_good_rest_of_a_tar_arrives(ending: str, tmp_path: Path) -> None:
    links = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        link = tarfile.TarInfo(f"link{kind.decode()}.png")
        link.type, link.linkname = kind, "/etc/passwd"
        links.append((link, b""))
    raw = tar_of(
        ("../evil.png", PNG), ("/evil.png", PNG), *links, ("a.png", PNG), ("A.png", b"x"), ("._a.png", b"x"),
        ("inner.zip", b"x"), ("x.ppm.bz2", b"x"), ("n" * 300, b"x"),
    )  # fmt: skip
    files, problems = run(COMPRESSIONS[ending](raw), tmp_path)
    assert files == {"a.png", "x.ppm.bz2"}
    assert codes(problems) == {
        "unsafe-path": 2,
        "not-a-file": 4,
        "duplicate-name": 1,
        "system-file": 1,
        "nested-archive": 1,
        "bad-name": 1,
    }


@packings
def test_limits_hold_for_tars(ending: str, tmp_path: Path) -> None:
    pack = COMPRESSIONS[ending]
    assert (
        refused(pack(tar_of(*((f"{n}.png", PNG) for n in range(11)))), tmp_path, max_entries=10) == "too-many-entries"
    )
    large = tar_of(*((f"{n}.png", bytes(range(256)) * 400) for n in range(10)))
    assert refused(pack(large), tmp_path, max_bytes=1_000_000, max_ratio=10**6) == "archive-too-large"
    if ending != "tar":
        assert refused(pack(tar_of(("bomb.bmp", bytes(9 << 20)))), tmp_path, max_bytes=1 << 30) == "archive-bomb"
        # What is not even taken is unpacked all the same while it is passed over.
        assert refused(pack(tar_of(("bomb.zip", bytes(9 << 20)))), tmp_path, max_bytes=1 << 30) == "archive-bomb"


def test_a_sparse_file_counts_as_what_it_unpacks_to(tmp_path: Path) -> None:
    """GNU tar's old format: a header says that a gigabyte of zeros follows."""
    info = tarfile.TarInfo("sparse.bmp")
    raw = bytearray(info.tobuf(format=tarfile.GNU_FORMAT))
    raw[156:157] = tarfile.GNUTYPE_SPARSE
    raw[483:495] = b"%011o\0" % (1 << 30)
    raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    assert refused(bytes(raw) + bytes(1024), tmp_path, max_bytes=10 << 20) in ("archive-too-large", "archive-bomb")


def test_a_huge_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    info.size = 40 << 20
    raw = gzip.compress(info.tobuf() + bytes(40 << 20))
    tracemalloc.start()
    try:
        assert refused(raw, tmp_path, max_bytes=1 << 30) == "archive-bomb"
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


@packings
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_a_tar_that_is_cut_off_is_refused(ending: str, part: float, tmp_path: Path) -> None:
    import numpy as np

    noise = np.random.default_rng(0).bytes(100_000)
    whole = COMPRESSIONS[ending](tar_of(("a.png", noise), ("b.png", noise), ("c.png", noise)))
    assert refused(whole[: int(len(whole) * part)], tmp_path) == "not-an-archive"


# What is no archive that is read


@pytest.mark.parametrize(
    ("raw", "code", "word"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "unsupported-archive", "7-Zip"),
        (b"Rar!\x1a\x07\x00" + bytes(100), "unsupported-archive", "RAR"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), "unsupported-archive", "RAR"),
        (b"\x1f\x9d\x90" + bytes(100), "unsupported-archive", "compress"),
        (gzip.compress(b"file,gender\n"), "not-an-archive", "single file packed by gzip"),
        (PNG, "not-an-archive", "one PNG image"),
        (b"hello " * 100, "not-an-archive", "zip or tar archive"),
        (tar_of(), "empty-archive", "empty"),
    ],
    ids=["7z", "rar4", "rar5", "compress", "gzip", "png", "text", "empty-tar"],
)
def test_what_is_not_read_is_named(raw: bytes, code: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(BadInputError, match=word) as caught:
        unpack(tmp_path / "x", tmp_path / "out", name="faces.x", max_entries=9, max_bytes=9999)
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()
