"""A tar archive is unpacked as a whole or not at all, and only plain files come out of it."""

from __future__ import annotations

import io
import tarfile

import pytest

from facepriv.datasets.tar_archive import unpack_tar
from facepriv.errors import BadInputError

DIR, SYM, LNK, FIFO, CHR = (
    kind.decode() for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
)
LIMITS = {"max_entries": 10, "max_bytes": 1000}


def write(path, entries, mode="w:gz"):
    """Write an archive of (name, content) pairs; instead of content, a type of entry."""
    with tarfile.open(path, mode) as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content.encode(), "/etc/passwd"
                archive.addfile(member)
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_plain_files_come_out(tmp_path, mode):
    path = write(
        tmp_path / "a.tgz",
        [("lfw", DIR), ("lfw/A/A_0001.jpg", b"one"), ("lfw/B/B_0001.jpg", b"two"), ("lfw/._A", b"litter")],
        mode,
    )
    unpack_tar(path, tmp_path / "out", **LIMITS)
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [path.relative_to(tmp_path / "out").as_posix() for path in files] == ["lfw/A/A_0001.jpg", "lfw/B/B_0001.jpg"]
    assert (tmp_path / "out/lfw/A/A_0001.jpg").read_bytes() == b"one"


def test_an_absolute_name_ends_inside_the_folder(tmp_path):
    path = write(tmp_path / "a.tgz", [("/a.jpg", b"x")])
    unpack_tar(path, tmp_path / "out", **LIMITS)
    assert (tmp_path / "out/a.jpg").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([("../a.jpg", b"x")], "unsafe-path"),
        ([("a/../../b.jpg", b"x")], "unsafe-path"),
        ([("a", SYM), ("a/b.jpg", b"x")], "not-a-file"),
        ([("a", LNK)], "not-a-file"),
        ([("a", FIFO)], "not-a-file"),
        ([("a", CHR)], "not-a-file"),
        ([("a", b"x"), ("a/b", b"y")], "not-an-archive"),
        ([(str(n), b"x") for n in range(11)], "too-many-entries"),
        ([("a", bytes(1001))], "archive-too-large"),
        ([("a", bytes(501)), ("b", bytes(500))], "archive-too-large"),
        ([(".hidden", bytes(1001))], "archive-too-large"),
        ([("a", DIR)], "empty-archive"),
        ([], "empty-archive"),
    ],
)
def test_anything_else_refuses_all_of_it(tmp_path, entries, code):
    good = [] if code == "empty-archive" else [("good.jpg", b"good")]
    path = write(tmp_path / "a.tgz", [*good, *entries])
    with pytest.raises(BadInputError) as caught:
        unpack_tar(path, tmp_path / "out", **LIMITS)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")
    assert [each.name for each in tmp_path.iterdir()] == ["a.tgz"]


@pytest.mark.parametrize("cut", [0, 5, 200, -20])
def test_what_is_cut_off_or_no_archive_is_refused(tmp_path, cut):
    path = write(tmp_path / "a.tgz", [(f"{n}.jpg", bytes(range(100))) for n in range(9)])
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] if cut else b"<html>please log in</html>")
    with pytest.raises(BadInputError) as caught:
        unpack_tar(path, tmp_path / "out", **LIMITS)
    assert caught.value.code == "not-an-archive"
    assert [each.name for each in tmp_path.iterdir()] == ["a.tgz"]
