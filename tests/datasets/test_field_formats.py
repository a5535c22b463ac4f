"""Files as people bring them: formats of images, what is no image, and that the counts add up."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facepriv.datasets.preview import preview_document
from facepriv.datasets.problems import problem_names
from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.imaging.decode import decode

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)


def saved(kind: str, pixels: np.ndarray = PIXELS, **options: object) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def tiff(*directories: dict[int, tuple[int, int]], sub: dict[int, tuple[int, int]] | None = None) -> bytes:
    """Write a TIFF of these directories of LONG or ASCII values that hold no pixels, and one below the first."""
    body, places = b"", []
    at = 8
    for tags in [*directories, *([sub] if sub is not None else [])]:
        places.append(at + len(body))
        size = 2 + 12 * (len(tags) + (sub is not None and len(places) == 1)) + 4
        body += bytes(size)
    whole = bytearray(b"II*\0" + struct.pack("<I", 8) + body)
    for number, tags in enumerate([*directories, *([sub] if sub is not None else [])]):
        entries = {tag: (4, value) for tag, (_, value) in tags.items()}
        if sub is not None and number == 0:
            entries[330] = (4, places[-1])
        packed = struct.pack("<H", len(entries))
        packed += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items()))
        following = places[number + 1] if number + 1 < len(directories) else 0
        packed += struct.pack("<I", following)
        whole[places[number] : places[number] + len(packed)] = packed
    return bytes(whole)


def by_name(got: ReadResult) -> dict[str, str]:
    """Return the code that tells of each file that was left out."""
    return {name: problem.code for problem in got.problems for name in problem_names(problem)}


def check_counts(got: ReadResult, folder: Path) -> None:
    """Files are images, tables or left out, and each that is left out is named once."""
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert got.files is not None
    assert got.files.found == len(found)
    taken = {image.name for image in got.images}
    told = by_name(got).keys()
    assert got.files.left_out == len([name for name in found if name not in taken and name in told])
    assert got.files.images + got.files.lists + got.files.left_out == len(found)
    assert preview_document(got)["files"] == {
        "found": len(found),
        "images": got.files.images,
        "lists": got.files.lists,
        "left_out": got.files.left_out,
    }


# Images that are read


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tga", saved("TGA")),
        ("a.jp2", saved("JPEG2000")),
        ("a.j2k", saved("JPEG2000", no_jp2=True)),
        ("a.pcx", saved("PCX")),
        ("a.sgi", saved("SGI")),
        ("a.ppm.bz2", bz2.compress(saved("PPM"))),
        ("a.tif.gz", gzip.compress(saved("TIFF"))),
        ("00001fa010_930831.ppm.bz2", bz2.compress(saved("PPM"))),
        ("a.avif", saved("AVIF", quality=100)),
    ],
)
def test_formats_that_pillow_knows_are_read(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    got = read_folder(tmp_path)
    assert [image.name for image in got.images] == [name]
    pixels = decode(data, name=name, max_pixels=10_000).pixels
    if not name.endswith("avif"):
        np.testing.assert_array_equal(pixels, PIXELS)
    assert pixels.shape == PIXELS.shape
    check_counts(got, tmp_path)


@pytest.mark.parametrize(
    ("name", "subject"),
    [("subject01.glasses", "subject01"), ("subject01.normal", "subject01"), ("x/subject02.wink", "subject02")],
)
def test_yales_endings_are_no_formats(name: str, subject: str, tmp_path: Path) -> None:
    for each in (name, "subject15.sad", "subject15.happy"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).write_bytes(saved("GIF"))
    got = read_folder(tmp_path)
    assert {image.name: image.subject for image in got.images}[name] == subject
    assert decode(got.images[0].path, name=name, max_pixels=10_000).pixels.shape == PIXELS.shape


def test_a_packed_bomb_is_refused_before_it_is_unpacked_in_full() -> None:
    with pytest.raises(BadInputError) as caught:
        decode(bz2.compress(bytes(200_000_000)), name="a.ppm.bz2", max_pixels=10_000)
    assert caught.value.code == "file-too-large"


def test_a_damaged_packed_image_is_told() -> None:
    whole = bz2.compress(saved("PPM"))
    with pytest.raises(BadInputError) as caught:
        decode(whole[: len(whole) // 2], name="a.ppm.bz2", max_pixels=10_000)
    assert caught.value.code == "truncated"


# Camera raws

SENSOR = {254: (4, 0), 256: (4, 6000), 257: (4, 4000), 262: (4, 32803)}
THUMBNAIL = {254: (4, 1), 256: (4, 160), 257: (4, 120), 262: (4, 2)}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("DSC_1.NEF", saved("TIFF")),
        ("DSC_1.tif", tiff(THUMBNAIL, sub=SENSOR)),  # by content, whatever the name says
        ("DSC_2.tif", tiff({256: (4, 160), 257: (4, 120), 262: (4, 2)}, SENSOR)),
        ("DSC_3.tiff", tiff({**THUMBNAIL, 50706: (4, 0x0401)})),
        ("IMG_1.CR2", saved("JPEG")),
        ("x.bin", b"II*\0\x10\0\0\0CR\x02\0" + bytes(50)),
        ("IMG_1.CR3", b"\0\0\0\x18ftypcrx " + bytes(50)),
        ("IMG_2.mp4", b"\0\0\0\x18ftypcrx " + bytes(50)),
        ("a.RAF", b"FUJIFILMCCD-RAW 0201" + bytes(50)),
        ("b", b"FUJIFILMCCD-RAW 0201" + bytes(50)),
        ("a.orf", b"IIRO" + bytes(50)),
        ("a.rw2", b"IIU\0" + bytes(50)),
        ("a.arw", b"II*\0" + bytes(50)),
        ("a.dng", saved("JPEG")),
    ],
)
def test_camera_raws_are_named_and_their_previews_not_taken(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.png").write_bytes(saved("PNG"))
    got = read_folder(tmp_path)
    assert [image.name for image in got.images] == ["good.png"]
    assert by_name(got)[name] == "camera-raw"
    check_counts(got, tmp_path)
    with pytest.raises(BadInputError, match="camera raw") as caught:
        decode(data, name=name, max_pixels=10**8)
    assert caught.value.code == "camera-raw"


def test_ordinary_tiffs_are_no_raws(tmp_path: Path) -> None:
    pages = [PIL.Image.fromarray(PIXELS) for _ in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    got = read_folder(tmp_path)
    assert [image.name for image in got.images] == ["a.tif"]
    assert decode(got.images[0].path, name="a.tif", max_pixels=10_000).pixels.shape == PIXELS.shape


# What is no image that is read


def test_every_file_is_an_image_or_named_with_a_reason(tmp_path: Path) -> None:
    kinds = {
        "good_1.png": "",
        "good_2": "",
        "good_3.jpg_face": "",
        "notes.txt": "text-file",
        "README": "other-file",
        "weights.f32": "array-file",
        "faces.npz": "array-file",
        "photo.heic": "unsupported-format",
        "photo.jxl": "unsupported-format",
        "icon.ico": "unsupported-format",
        "sub/clip.mp4": "video",
        "sub/photo.xmp": "sidecar",
        "good_1.png.json": "sidecar",
        "more.7z": "archive-inside",
        "half.jpg.crdownload": "unfinished-download",
        "points.pts": "annotation",
        "tool.py": "program",
        "strange.xyz": "other-file",
        "Thumbs.db": "system-file",
        ".DS_Store": "system-file",
        ".git/config": "system-file",
        "__MACOSX/._good_1.png": "system-file",
        "other.csv": "table-not-used",
        "guide.pdf": "document",
    }
    for number, (name, code) in enumerate(kinds.items()):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(saved("PNG", PIXELS + number) if not code else b"a,b\n1,2\n")
    got = read_folder(tmp_path)
    assert [image.name for image in got.images] == [name for name, code in kinds.items() if not code]
    told = by_name(got)
    assert {name: told.get(name, "") for name in kinds} == kinds
    check_counts(got, tmp_path)


def test_many_files_of_one_kind_make_one_sentence(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.png").write_bytes(saved("PNG"))
        (tmp_path / f"{number}.xmp").write_text("x")
        (tmp_path / f"{number}.NEF").write_text("x")
    got = read_folder(tmp_path)
    sentences = [problem.sentence for problem in got.problems if problem.code in ("sidecar", "camera-raw")]
    assert len(sentences) == 2
    assert all(sentence.startswith("50 files (") for sentence in sentences)
    check_counts(got, tmp_path)


def test_files_that_a_format_does_not_take_are_counted(tmp_path: Path) -> None:
    for name in ("i000qa-fn.jpg", "i001qa-mn.jpg", "i002qa-mn.jpg", "i003qa-mn.jpg", "holiday.jpg", "ir000qa-fn.jpg"):
        (tmp_path / name).write_bytes(saved("PNG"))
    got = read_folder(tmp_path, format="muct")
    assert len(got.images) == 4
    check_counts(got, tmp_path)


def test_a_folder_of_what_is_not_read_says_what_is_there(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    with pytest.raises(BadInputError, match=r"5 files .* are of the format HEIC.*mogrify") as caught:
        read_folder(tmp_path, called="phone.zip")
    assert str(caught.value).startswith("phone.zip holds no images, only 5 other files")
