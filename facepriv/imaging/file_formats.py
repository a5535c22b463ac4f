"""Formats of files by their content and, where that does not tell, by what their names end in.

Which images are read, which are not, and what other files are: nothing is decoded here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from typing import IO, Any

READABLE = "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, JPEG 2000, TGA, PGM or PPM"
"""The usual ones of the formats that are read, for messages."""
FORMATS: tuple[str, ...] = (
    *("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "AVIF", "JPEG2000", "PCX", "SGI", "SUN", "TGA"),
)
"""Pillow's names of the formats that are read; PPM covers PGM and PBM too."""
HEAD = 32
"""First bytes of a file that tell its format."""

_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"II*\x00", 0, "TIFF"),
    (b"MM\x00*", 0, "TIFF"),
    (b"GIF87a", 0, "GIF"),
    (b"GIF89a", 0, "GIF"),
    (b"ftypavi", 4, "AVIF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", 0, "JPEG2000"),
    (b"\xff\x4f\xff\x51\x00", 0, "JPEG2000"),
    (b"\x59\xa6\x6a\x95", 0, "SUN"),
)
_ENDINGS_OF_WEAK = {".tga": "TGA", ".vda": "TGA", ".icb": "TGA", ".vst": "TGA", ".pcx": "PCX"}
"""Formats without a sign at their beginning, which a name has to tell."""
_RAW_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"ftypcrx ", 4, "Canon CR3"),
    (b"HEAPCCDR", 6, "Canon CRW"),
    (b"CR\x02\x00", 8, "Canon CR2"),
    (b"FUJIFILMCCD-RAW", 0, "Fujifilm RAF"),
    (b"IIRO", 0, "Olympus ORF"),
    (b"IIRS", 0, "Olympus ORF"),
    (b"MMOR", 0, "Olympus ORF"),
    (b"IIU\x00", 0, "Panasonic RW2"),
    (b"\x00MRM", 0, "Minolta MRW"),
    (b"FOVb", 0, "Sigma X3F"),
    (b"IIII", 8, "Phase One IIQ"),
)
_RAW_ENDINGS: dict[str, str] = {
    **dict.fromkeys((".nef", ".nrw"), "Nikon"),
    **dict.fromkeys((".cr2", ".cr3", ".crw"), "Canon"),
    **dict.fromkeys((".arw", ".srf", ".sr2"), "Sony"),
    **dict.fromkeys((".rw2", ".rwl"), "Panasonic or Leica"),
    **dict.fromkeys((".pef", ".ptx"), "Pentax"),
    **dict.fromkeys((".3fr", ".fff"), "Hasselblad"),
    **dict.fromkeys((".iiq", ".cap", ".eip"), "Phase One"),
    **dict.fromkeys((".kdc", ".dcr", ".k25", ".dcs"), "Kodak"),
    ".dng": "DNG",
    ".raf": "Fujifilm",
    ".orf": "Olympus",
    ".ori": "Olympus",
    ".srw": "Samsung",
    ".x3f": "Sigma",
    ".mos": "Leaf",
    ".mef": "Mamiya",
    ".mrw": "Minolta",
    ".erf": "Epson",
    ".gpr": "GoPro",
    ".bay": "Casio",
    ".raw": "unknown maker",
}
_FOREIGN_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"ftyphe", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIC"),
    (b"ftypmsf1", 4, "HEIC"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", 0, "JPEG XL"),
    (b"8BPS", 0, "Photoshop"),
    (b"\x00\x00\x01\x00", 0, "icon"),
    (b"v/1\x01", 0, "OpenEXR"),
    (b"DDS ", 0, "DDS"),
    (b"qoif", 0, "QOI"),
    (b"%!PS", 0, "PostScript"),
    (b"SIMPLE  =", 0, "FITS"),
)
_FOREIGN_ENDINGS: dict[str, str] = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".psd", ".psb"), "Photoshop"),
    **dict.fromkeys((".ico", ".cur", ".icns"), "icon"),
    **dict.fromkeys((".eps", ".ps", ".ai"), "PostScript"),
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".fit", ".fits"), "FITS"),
    ".jxl": "JPEG XL",
    ".jxr": "JPEG XR",
    ".svg": "SVG",
    ".xcf": "GIMP",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
    ".dds": "DDS",
    ".qoi": "QOI",
    ".wmf": "WMF",
    ".emf": "EMF",
    ".djvu": "DjVu",
}
_ARCHIVE_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"PK\x03\x04", 0, "zip"),
    (b"PK\x05\x06", 0, "zip"),
    (b"7z\xbc\xaf\x27\x1c", 0, "7-Zip"),
    (b"Rar!\x1a\x07", 0, "RAR"),
    (b"\x1f\x8b", 0, "gzip"),
    (b"BZh", 0, "bzip2"),
    (b"\xfd7zXZ\x00", 0, "xz"),
    (b"\x28\xb5\x2f\xfd", 0, "Zstandard"),
    (b"\x1f\x9d", 0, "compress"),
    (b"LZIP", 0, "lzip"),
    (b"MSCF", 0, "cabinet"),
    (b"-lh", 2, "LHA"),
    (b"\x60\xea", 0, "ARJ"),
)
_OPENERS: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
"""Compressions of one file that images come in."""
_READABLE_NAMES = (
    ".jpg .jpeg .jpe .jfif .png .webp .avif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .gif .jp2 .j2k .j2c .jpc .jpf "
    ".jpx .tga .vda .icb .vst .pcx .sgi .rgb .rgba .bw .ras .sun"
)
_READABLE_ENDINGS = frozenset(_READABLE_NAMES.split())


def suffix_of(name: str) -> str:
    """Return the extension of a file name in lower case with its dot; empty if it has none."""
    last = name[name.rfind("/") + 1 :]
    dot = last.rfind(".")
    return last[dot:].casefold() if 0 < dot < len(last) - 1 else ""


def unpacked_name(name: str) -> str:
    """Return a file name without the ending of a compression of one file: ``a.ppm.bz2`` is ``a.ppm``."""
    return name[: -len(end)] if (end := suffix_of(name)) in (".gz", ".bz2", ".xz") else name


def is_readable_name(name: str) -> bool:
    """Return whether a file name ends like that of an image that is read, compressed or not."""
    return suffix_of(unpacked_name(name)) in _READABLE_ENDINGS


def is_image_name(name: str) -> bool:
    """Return whether a file name ends like that of an image, read or not."""
    end = suffix_of(unpacked_name(name))
    return end in _READABLE_ENDINGS or end in _FOREIGN_ENDINGS or end in _RAW_ENDINGS


def sniff(head: bytes, name: str = "") -> str | None:
    """Name the format that is read which a file of these first bytes claims to be.

    ``head`` holds `HEAD` bytes, or the whole of a shorter file. Two formats have no sign of their own, and count only
    where ``name`` ends as theirs.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, place, kind in _MAGIC:
        if head.startswith(magic, place):
            return kind
    # "BM" and "P5" are too short to stand alone.
    if head[:2] == b"BM" and head[14:18] in _BITMAP_HEADERS:
        return "BMP"
    if re.match(rb"P[1-6]\s", head):
        return "PPM"
    if head[:2] == b"\x01\xda" and head[2:3] in (b"\0", b"\1") and head[3:4] in (b"\1", b"\2"):
        return "SGI"
    return _ENDINGS_OF_WEAK.get(suffix_of(name)) if len(head) >= 18 else None


_BITMAP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124))
"""Sizes that the second header of a bitmap has."""


def find_camera_raw(stream: IO[bytes], name: str) -> str | None:
    """Return which camera raw a file is, such as ``Nikon`` or ``Canon CR3``, by its content or its name; None if none.

    Most raws are TIFF files whose first picture is a thumbnail, and whose other pictures hold sensor values (DNG
    specification 1.7, chapter 2; TIFF/EP, ISO 12234-2). ``stream`` is read anywhere.
    """
    stream.seek(0)
    head = stream.read(HEAD)
    for magic, place, kind in _RAW_MAGIC:
        if head.startswith(magic, place):
            return kind
    named = _RAW_ENDINGS.get(suffix_of(name))
    if named is None and head[:4] in (b"II*\x00", b"MM\x00*"):
        return _raw_in_tiff(stream)
    return named


_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_IFDS, _DNG_VERSION = 254, 262, 271, 330, 50706
_SENSOR_VALUES = (32803, 34892)
"""Photometric interpretations of a colour filter array, and of linear raw values."""
_MOST_DIRECTORIES = 20


def _raw_in_tiff(stream: IO[bytes]) -> str | None:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    stream.seek(0)
    header = stream.read(8)
    pending = [int.from_bytes(header[4:8], "little" if header[:2] == b"II" else "big")]
    seen: set[int] = set()
    is_raw, maker, first = False, "", pending[0]
    while pending and len(seen) < _MOST_DIRECTORIES:
        offset = pending.pop(0)
        if offset in seen or offset < 8:
            continue
        seen.add(offset)
        directory = ImageFileDirectory_v2(header)
        try:
            stream.seek(offset)
            directory.load(stream)
            below = directory.get(_SUB_IFDS, ())
            maker = maker or str(directory.get(_MAKE, "")).strip("\0 ")
            is_raw |= directory.get(_PHOTOMETRIC) in _SENSOR_VALUES or _DNG_VERSION in directory
            # TIFF/EP: the first picture is a reduced one, the whole one is below it.
            is_raw |= offset == first and bool(below) and directory.get(_SUBFILE_TYPE) == 1
        except Exception:  # noqa: S112 - a broken directory says nothing, and decoding tells what is broken
            continue
        pending += [int(each) for each in (below if isinstance(below, tuple) else (below,))]
        if directory.next:
            pending.append(int(directory.next))
    return (maker or "unknown maker") if is_raw else None


def camera_raw_sentence(name: str, kind: str) -> str:
    """Say that a camera raw is not read, and what to do."""
    return (
        f"{name} is a camera raw ({kind}), which is not read, and the small preview inside it is no photograph of use; "
        f"develop it to a JPEG or TIFF with the camera's own software, or with: darktable-cli {name} "
        f"{name.rpartition('.')[0] or name}.jpg"
    )


def foreign_image(head: bytes, name: str = "") -> str | None:
    """Name the image format that is not read which a file is, by its first bytes or its name; None if it is none."""
    for magic, place, kind in _FOREIGN_MAGIC:
        if head.startswith(magic, place):
            return kind
    return _FOREIGN_ENDINGS.get(suffix_of(name))


def archive_kind(head: bytes) -> str | None:
    """Name the archive or compression that a file of these first bytes is; None if it is none."""
    return next((kind for magic, place, kind in _ARCHIVE_MAGIC if head.startswith(magic, place)), None)


def inflate(raw: bytes, most: int) -> bytes | None:
    """Return the content of a file packed by gzip, bzip2 or xz; None if it is not, or is damaged.

    Of more than ``most`` bytes, one more than that comes back.
    """
    opener = _OPENERS.get(archive_kind(raw[:HEAD]) or "")
    if opener is None:
        return None
    try:
        with opener(io.BytesIO(raw)) as stream:
            return bytes(stream.read(most + 1))
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return None


def inflate_start(stream: IO[bytes]) -> bytes:
    """Return the first `HEAD` bytes inside a file packed by gzip, bzip2 or xz; nothing if it is not, or is damaged."""
    place = stream.tell()
    opener = _OPENERS.get(archive_kind(stream.read(HEAD)) or "")
    stream.seek(place)
    if opener is None:
        return b""
    try:
        with opener(stream) as unpacked:
            return bytes(unpacked.read(HEAD))
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return b""
