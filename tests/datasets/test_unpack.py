"""Unpacking: nothing outside the target, no bomb goes off, the good rest arrives, failures leave nothing."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facepriv.datasets.problems import ProblemGroup, problem_count
from facepriv.datasets.unpack import unpack
from facepriv.datasets.zip_directory import Directory, measure_directory
from facepriv.errors import BadInputError
from facepriv.types import Problem

from .conftest import tiny_png

PNG = tiny_png()


def packed(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in entries:
            archive.writestr(name, body)
    return out


@dataclass
class Unpacked:
    folder: Path
    files: tuple[str, ...]
    problems: list[Problem]


def run(archive: io.BytesIO | Path, tmp_path: Path, **limits: int) -> Unpacked:
    options = {"max_entries": 1000, "max_bytes": 50 << 20, **limits}
    file = archive if isinstance(archive, Path) else tmp_path / "packed.zip"
    if isinstance(archive, io.BytesIO):
        file.write_bytes(archive.getvalue())
    folder = tmp_path / "place" / "out"
    try:
        problems = unpack(file, folder, name="faces.zip", **options)
    finally:
        file.unlink()
    return Unpacked(folder, tuple(sorted(everything(folder))), problems)


def refused(archive: io.BytesIO | Path, tmp_path: Path, **limits: int) -> str:
    with pytest.raises(BadInputError) as caught:
        run(archive, tmp_path, **limits)
    assert str(caught.value).startswith("faces.zip ")
    assert list((tmp_path / "place").iterdir()) == []  # neither the target nor the temporary folder
    return caught.value.code


def codes(result: Unpacked) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for problem in result.problems:
        counted[problem.code] += problem_count(problem)
    return dict(counted)


def everything(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink()}


def test_good_files_arrive(tmp_path: Path) -> None:
    got = run(packed(("b/2.png", PNG), ("a.png", PNG), ("b/labels.csv", b"file,gender\n")), tmp_path)
    assert got.files == ("a.png", "b/2.png", "b/labels.csv")
    assert (got.folder / "b/2.png").read_bytes() == PNG
    assert got.problems == []
    assert everything(tmp_path / "place") == {f"out/{name}" for name in got.files}


def test_a_path_and_an_empty_target_will_do(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed(("a.png", PNG)).getvalue())
    (tmp_path / "place" / "out").mkdir(parents=True)
    assert run(tmp_path / "a.zip", tmp_path).files == ("a.png",)


def test_a_target_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "place" / "out").mkdir(parents=True)
    (tmp_path / "place" / "out" / "mine").write_text("keep")
    with pytest.raises(BadInputError, match="not empty"):
        run(packed(("a.png", PNG)), tmp_path)
    assert everything(tmp_path) == {"place/out/mine"}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "/evil.png",
        "C:\\evil.png",
        "c:evil.png",
        "..\\evil.png",
        "\\\\host\\evil.png",
    ],
)
def test_paths_that_lead_outside(name: str, tmp_path: Path) -> None:
    got = run(packed((name, PNG), ("good.png", PNG)), tmp_path)
    assert codes(got) == {"unsafe-path": 1}
    assert "evil.png" in got.problems[0].sentence
    assert everything(tmp_path) == {"place/out/good.png"}


def test_many_unsafe_paths_make_one_sentence_and_a_list(tmp_path: Path) -> None:
    got = run(packed(("good.png", PNG), *((f"../{i:03}.png", PNG) for i in range(500))), tmp_path)
    assert codes(got) == {"unsafe-path": 500}
    (problem,) = got.problems
    assert isinstance(problem, ProblemGroup)
    assert "500 entries" in problem.sentence
    assert "(../000.png, ../001.png, ../002.png, ...)" in problem.sentence
    assert len(problem.sentence) < 250


def test_backslashes_separate_folders(tmp_path: Path) -> None:
    assert run(packed(("anna\\1.png", PNG)), tmp_path).files == ("anna/1.png",)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(kind: int, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link.png")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    got = run(packed((entry, b"/etc/passwd"), ("good.png", PNG)), tmp_path)
    assert codes(got) == {"not-a-file": 1}
    assert everything(tmp_path) == {"place/out/good.png"}


def encrypted(archive: io.BytesIO, names: set[str]) -> io.BytesIO:
    """Set the encryption bit of entries, in the local headers and in the directory."""
    raw = bytearray(archive.getvalue())
    for mark, flags, length, start in ((b"PK\3\4", 6, 26, 30), (b"PK\1\2", 8, 28, 46)):
        at = -1
        while (at := raw.find(mark, at + 1)) >= 0:
            (size,) = struct.unpack_from("<H", raw, at + length)
            if raw[at + start : at + start + size].decode() in names:
                raw[at + flags] |= 1
    return io.BytesIO(bytes(raw))


def test_encrypted_entries(tmp_path: Path) -> None:
    archive = encrypted(packed(("secret.png", PNG), ("good.png", PNG)), {"secret.png"})
    got = run(archive, tmp_path)
    assert codes(got) == {"encrypted": 1}
    assert "without a password" in got.problems[0].sentence
    assert everything(tmp_path) == {"place/out/good.png"}


def test_an_archive_encrypted_as_a_whole(tmp_path: Path) -> None:
    names = {f"{i}.png" for i in range(5)}
    archive = encrypted(packed(*((n, PNG) for n in sorted(names))), names)
    with pytest.raises(BadInputError, match="without a password") as caught:
        run(archive, tmp_path)
    assert caught.value.code == "empty-archive"


def test_a_zip_bomb_is_stopped(tmp_path: Path) -> None:
    assert refused(packed(("good.png", PNG), ("bomb.bmp", bytes(40 << 20))), tmp_path) == "archive-bomb"


def test_many_small_bombs_are_stopped(tmp_path: Path) -> None:
    archive = packed(*((f"{i}.bmp", bytes(1 << 20)) for i in range(30)))
    assert refused(archive, tmp_path) == "archive-bomb"


def test_a_bomb_that_lies_about_its_packed_size(tmp_path: Path) -> None:
    """A packed size larger than the archive must not excuse the ratio."""
    raw = bytearray(packed(("bomb.bmp", bytes(40 << 20))).getvalue())
    struct.pack_into("<I", raw, raw.rfind(b"PK\1\2") + 20, 0x7FFFFFFF)
    assert refused(io.BytesIO(bytes(raw)), tmp_path) in ("archive-bomb", "empty-archive")


def test_an_entry_that_lies_about_its_size_is_cut_and_thrown_away(tmp_path: Path) -> None:
    raw = bytearray(packed(("good.png", PNG), ("liar.png", PNG * 50)).getvalue())
    struct.pack_into("<I", raw, raw.rfind(b"PK\1\2") + 24, 10)
    got = run(io.BytesIO(bytes(raw)), tmp_path)
    assert codes(got) == {"broken-entry": 1}
    assert everything(tmp_path) == {"place/out/good.png"}


def test_total_bytes_are_counted(tmp_path: Path) -> None:
    archive = packed(*((f"{i}.png", PNG) for i in range(10)))
    assert refused(archive, tmp_path, max_bytes=10 * len(PNG) - 1) == "archive-too-large"
    assert len(run(archive, tmp_path, max_bytes=10 * len(PNG)).files) == 10


def test_entries_are_counted(tmp_path: Path) -> None:
    archive = packed(*((f"{i}.png", PNG) for i in range(11)))
    assert refused(archive, tmp_path, max_entries=10) == "too-many-entries"
    assert len(run(archive, tmp_path, max_entries=11).files) == 11


def bare_entries(entries: int, *, claimed: int | None = None, comment: int = 0, zip64: bool = False) -> io.BytesIO:
    """Make an archive that is hardly more than a directory, whose end record may claim another number of entries."""
    entry = b"PK\1\2" + bytes(24) + struct.pack("<3H", 1, 0, comment) + bytes(12) + b"a" + b"c" * comment
    directory = entry * entries
    claimed = entries if claimed is None else claimed
    out = directory
    small = (min(claimed, 0xFFFF), min(len(directory), 0xFFFFFFFF))
    if zip64:
        out += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, claimed, claimed, len(directory), 0)
        out += struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
        small = (0xFFFF, 0xFFFFFFFF)
    return io.BytesIO(out + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, small[0], small[0], small[1], 0, 0))


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (lambda: bare_entries(200_000, zip64=True), "too-many-entries"),
        (lambda: bare_entries(60_000), "too-many-entries"),
        (lambda: bare_entries(200_000, claimed=3), "too-many-entries"),
        (lambda: bare_entries(200_000, claimed=3, zip64=True), "too-many-entries"),
        (lambda: bare_entries(900, comment=60_000), "archive-bomb"),
    ],
)
def test_a_large_directory_is_refused_before_it_is_read(archive, code: str, tmp_path: Path) -> None:
    """Whatever number of entries the archive claims; opening it as it is would take some hundred bytes an entry."""
    (tmp_path / "a.zip").write_bytes(archive().getvalue())
    tracemalloc.start()
    try:
        assert refused(tmp_path / "a.zip", tmp_path) == code
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_a_zip64_archive_with_a_comment_arrives(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = b"faces of nobody"
        with archive.open("a.png", "w", force_zip64=True) as entry:
            entry.write(PNG)
    assert run(out, tmp_path).files == ("a.png",)


@pytest.mark.slow
def test_more_entries_than_a_plain_zip_can_count(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(66_000):
            archive.writestr(f"__MACOSX/{number}", b"")
        archive.writestr("a.png", PNG)
    assert run(out, tmp_path, max_entries=66_001).files == ("a.png",)
    assert measure_directory(out, 100_000) == Directory(
        66_001, len(out.getvalue()) - out.getvalue().index(b"PK\1\2") - 98
    )


def test_a_cut_off_archive(tmp_path: Path) -> None:
    whole = packed(("a.png", PNG), ("b.png", PNG)).getvalue()
    (tmp_path / "place").mkdir()
    for length in (0, 10, len(whole) // 2, len(whole) - 30):
        assert refused(io.BytesIO(whole[:length]), tmp_path) == "not-an-archive"


def test_a_text_called_zip(tmp_path: Path) -> None:
    assert refused(io.BytesIO(b"hello " * 100), tmp_path) == "not-an-archive"


def test_an_empty_archive(tmp_path: Path) -> None:
    assert refused(packed(), tmp_path) == "empty-archive"


def test_a_damaged_entry_is_left_out(tmp_path: Path) -> None:
    raw = bytearray(packed(("a.png", PNG), ("b.png", PNG), method=zipfile.ZIP_STORED).getvalue())
    raw[raw.index(PNG) + 20] ^= 0xFF
    got = run(io.BytesIO(bytes(raw)), tmp_path)
    assert codes(got) == {"broken-entry": 1}
    assert everything(tmp_path) == {"place/out/b.png"}


def test_nested_archives_and_other_methods(tmp_path: Path) -> None:
    archive = packed(("inner.ZIP", packed(("x.png", PNG)).getvalue()), ("inner.tar.gz", b"x"), ("a.png", PNG))
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_LZMA) as more:
        more.writestr("l.png", PNG)
    got = run(archive, tmp_path)
    assert codes(got) == {"nested-archive": 2, "unsupported-compression": 1}
    assert everything(tmp_path) == {"place/out/a.png"}


def test_names_that_are_equal_on_some_systems(tmp_path: Path) -> None:
    composed, decomposed = "jos\u00e9.png", "jose\u0301.png"
    archive = packed(("A.png", PNG), ("a.PNG", b"2"), (composed, PNG), (decomposed, b"4"), ("d", b""), ("D/x.png", b""))
    got = run(archive, tmp_path)
    assert codes(got) == {"duplicate-name": 3}
    assert everything(got.folder) == {"A.png", composed, "d"}
    assert (got.folder / "A.png").read_bytes() == PNG


def test_leftovers_are_left_out_and_counted(tmp_path: Path) -> None:
    names = ["__MACOSX/._a.png", "._a.png", ".DS_Store", "x/Thumbs.db", ".git/config", "x/desktop.ini"]
    got = run(packed(("a.png", PNG), *((n, b"x") for n in names)), tmp_path)
    assert codes(got) == {"system-file": 6}
    assert everything(tmp_path) == {"place/out/a.png"}


@pytest.mark.parametrize("name", ["a\nb.png", "n" * 300 + ".png", "tab\t.png"])
def test_impossible_names(name: str, tmp_path: Path) -> None:
    got = run(packed((name, PNG), ("good.png", PNG)), tmp_path)
    assert codes(got) == {"bad-name": 1}
    assert "\n" not in got.problems[0].sentence
    assert everything(tmp_path) == {"place/out/good.png"}


def test_unpacked_files_cannot_be_run(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("run.png")
    entry.external_attr = (stat.S_IFREG | 0o777) << 16
    got = run(packed((entry, PNG)), tmp_path)
    assert not (got.folder / "run.png").stat().st_mode & 0o111


names = st.lists(
    st.text(alphabet=st.sampled_from("ab./\\:~\0 é\u0301A*"), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=names)
def test_whatever_the_names_nothing_is_written_outside(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("any")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo("x")
            entry.filename = name  # past the cleaning that the constructor does
            archive.writestr(entry, name.encode())
    try:
        got = run(out, place, max_entries=100, max_bytes=10_000)
    except BadInputError:
        assert list((place / "place").iterdir()) == []
        assert {p.name for p in place.iterdir()} == {"place"}
        return
    assert {p.name for p in place.iterdir()} == {"place"}
    assert {p.name for p in (place / "place").iterdir()} == {"out"}
    assert len(got.files) + sum(map(problem_count, got.problems)) <= len(names)


def deep(depth: int, number: int = 0) -> str:
    return "/".join([f"a{number}", *["a"] * (depth - 1), "face.png"])


def write_zip(names: list[str], file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, PNG)


def write_tar(names: list[str], file: Path) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(PNG)
            archive.addfile(member, io.BytesIO(PNG))


ARCHIVES = pytest.mark.parametrize("write", [write_zip, write_tar], ids=["zip", "tar"])


@ARCHIVES
def test_trees_nobody_measured_are_left_out(write, tmp_path: Path) -> None:
    write([deep(29), deep(30, 1), deep(1500, 2), "good.png"], tmp_path / "packed")
    got = run(tmp_path / "packed", tmp_path)
    assert got.files == (deep(29), "good.png")
    assert codes(got) == {"too-deep": 2}
    assert sum(path.is_dir() for path in got.folder.rglob("*")) == 29


@ARCHIVES
def test_folders_count_as_entries(write, tmp_path: Path) -> None:
    """A kilobyte of names could make thousands of folders."""
    write([deep(29, number) for number in range(40)], tmp_path / "packed")
    assert refused(tmp_path / "packed", tmp_path, max_entries=40 * 30 - 1) == "too-many-entries"
    write([deep(29, number) for number in range(40)], tmp_path / "packed")
    assert len(run(tmp_path / "packed", tmp_path, max_entries=40 * 30).files) == 40


trees = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=60).map("/".join), min_size=1, max_size=12, unique=True
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees=trees, write=st.sampled_from([write_zip, write_tar]))
def test_no_tree_is_deeper_or_larger_than_allowed(
    trees: list[str], write, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("any")
    write([f"{tree}/x.png" for tree in trees], place / "packed")
    with contextlib.suppress(BadInputError):
        run(place / "packed", place, max_entries=100)
    out = place / "place" / "out"
    made = [path.relative_to(out) for path in out.rglob("*")]
    assert len(made) <= 100
    assert max((len(path.parts) for path in made), default=0) <= 30
