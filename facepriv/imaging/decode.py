"""Decode image files that strangers give: each is checked until it has been decoded in full.

What a file is called plays no part; its content decides. Metadata (EXIF, GPS, comments, colour profiles) never
leaves this module: only pixels do, turned upright and brought to sRGB.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, UnidentifiedImageError

from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import (
    FORMATS,
    HEAD,
    READABLE,
    archive_kind,
    camera_raw_sentence,
    find_camera_raw,
    foreign_image,
    inflate,
    sniff,
)
from facepriv.types import Image

MIN_SIDE = 40
"""Shortest side in pixels; no detector finds a face in less."""

_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

NOTE_GREY = "It was grey and its one channel was repeated as red, green and blue."
NOTE_BILEVEL = "It was black and white without greys and was converted to RGB."
NOTE_PALETTE = "It had a colour palette and was converted to RGB."
NOTE_ALPHA = "It had transparency and was laid on white."
NOTE_OPAQUE = "It had an alpha channel without any transparency, which was dropped."
NOTE_DEEP = "It had more than 8 bits a channel and was scaled to 8."
NOTE_CMYK = "It was CMYK and was converted to RGB."
NOTE_PROFILE = "Its colours were converted from its own colour profile to sRGB."
NOTE_FRAMES = "It held several pictures, of which the first was taken."


@dataclass(frozen=True, eq=False)
class Decoded:
    """One decoded image and what had to be done to it."""

    pixels: Image
    """``(h, w, 3)`` RGB, upright, its own memory."""
    notes: tuple[str, ...] = ()
    """Full sentences without the file's name, so that equal ones can be counted."""


def decode(data: bytes | Path, *, name: str, max_pixels: int) -> Decoded:
    """Decode one image file to upright RGB pixels.

    Grey, palette, RGBA, 16-bit and CMYK images are photographs too: they are converted and the notes say so.
    Transparency is laid on white, the ground of most cut-out portraits. More than 8 bits are scaled by the whole range,
    not clipped. Of several frames the first is taken. An image packed by gzip, bzip2 or xz is unpacked. Raises
    BadInputError with code ``unreadable``, ``empty-file``, ``file-too-large``, ``not-an-image``,
    ``unsupported-format``, ``camera-raw``, ``too-many-pixels``, ``too-small``, ``truncated`` (cut off or damaged) or
    ``unsupported-pixels``.

    Parameters
    ----------
    data
        The file's bytes, or where they are.
    name
        What the error calls the file. Its ending counts only for formats that no content tells (TGA, PCX, raws).
    max_pixels
        Largest width x height; checked before any pixel is decoded. Pillow's own limit
        (``PIL.Image.MAX_IMAGE_PIXELS``) holds as well.
    """
    raw = _unpack(_read(data, name, max_pixels), name, max_pixels)
    image = _open(raw, name, max_pixels)
    _check_size(*image.size, name, max_pixels)
    notes: list[str] = []
    try:
        if image.format == "PNG":
            _open(raw, name, max_pixels).verify()  # checks the checksums, which loading alone does not
        several = _has_second_frame(image, raw, name, max_pixels)
        image.load()
        orientation = _orientation(image)
        profile = image.info.get("icc_profile")
        flat = _to_rgb(image, raw, name, notes)
    except (BadInputError, MemoryError):
        raise
    except Exception as error:  # decoders of broken files raise whatever they stumble over
        raise _damaged(name, image.format or "image") from error
    if isinstance(profile, bytes):
        flat = _to_srgb(flat, profile, notes)
    elif flat.mode == "CMYK":
        flat = flat.convert("RGB")
    if several:
        notes.append(NOTE_FRAMES)
    if orientation in _TURNS:
        flat = flat.transpose(_TURNS[orientation])
    return Decoded(np.array(flat, dtype=np.uint8), tuple(notes))


def _has_second_frame(image: PIL.Image.Image, raw: bytes, name: str, max_pixels: int) -> bool:
    """Return whether a file holds a second picture; all of them are not counted, which may take minutes."""
    # A property of some formats and a number of others; asked of the image itself, a TIFF counts.
    if not hasattr(type(image), "n_frames") and "n_frames" not in vars(image):
        return False
    try:
        _open(raw, name, max_pixels).seek(1)
    except EOFError:
        return False
    return True


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise BadInputError(
            f"{name} has {width:,} x {height:,} pixels, more than the {max_pixels:,} allowed; scale it down or raise "
            "FACEPRIV_MAX_PIXELS.",
            code="too-many-pixels",
        )
    if min(width, height) < MIN_SIDE:
        raise BadInputError(
            f"{name} is {width} x {height} pixels, too small to hold a face; "
            f"use images of at least {MIN_SIDE} pixels on the shorter side.",
            code="too-small",
        )


def _most_bytes(max_pixels: int) -> int:
    # No honest file of max_pixels is larger than 16-bit RGBA without compression.
    return 8 * max_pixels + (16 << 20)


def _unpack(raw: bytes, name: str, max_pixels: int) -> bytes:
    """Return the image inside a compressed file; any other file as it is."""
    kind = archive_kind(raw[:HEAD])
    if kind not in ("gzip", "bzip2", "xz"):
        return raw
    inside = inflate(raw, _most_bytes(max_pixels))
    if inside is None:
        raise _damaged(name, kind)
    return _read(inside, name, max_pixels)


def _read(data: bytes | Path, name: str, max_pixels: int) -> bytes:
    most = _most_bytes(max_pixels)
    if isinstance(data, Path):
        try:
            size = data.stat().st_size
            raw = data.read_bytes() if size <= most else b""
        except OSError as error:
            raise BadInputError(
                f"{name} cannot be read ({error.strerror or error}); check that it is a file and may be read.",
                code="unreadable",
            ) from error
    else:
        raw, size = data, len(data)
    if size > most:
        raise BadInputError(
            f"{name} is {size:,} bytes, more than any image of {max_pixels:,} pixels needs; export it smaller.",
            code="file-too-large",
        )
    if not raw:
        raise BadInputError(f"{name} is empty (0 bytes); copy or export it again.", code="empty-file")
    return raw


def _open(raw: bytes, name: str, max_pixels: int) -> PIL.Image.Image:
    """Read the header only; refuse what is no image, of a foreign format, or a decompression bomb."""
    raw_kind = find_camera_raw(io.BytesIO(raw), name)
    if raw_kind is not None:
        raise BadInputError(camera_raw_sentence(name, raw_kind), code="camera-raw")
    claimed = sniff(raw[:HEAD], name)
    # Pillow takes nearly anything for TGA or PCX, so these need a name.
    formats = [each for each in FORMATS if each not in ("TGA", "PCX") or each == claimed]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            return PIL.Image.open(io.BytesIO(raw), formats=formats)
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        number = re.search(r"\((\d+) pixels\)", str(error))
        size = f"{int(number[1]):,} pixels" if number else "too many pixels"
        most = min(max_pixels, PIL.Image.MAX_IMAGE_PIXELS or max_pixels)
        # No setting helps above Pillow's limit, which is one for all threads and so is not moved for one image.
        raise BadInputError(
            f"{name} has {size}, more than the {most:,} allowed and than can be read at all; scale it down.",
            code="too-many-pixels",
        ) from error
    except UnidentifiedImageError as error:
        if claimed is not None:
            raise _damaged(name, claimed) from error
        kind = foreign_image(raw[:HEAD]) or archive_kind(raw[:HEAD]) or ("PDF" if raw.startswith(b"%PDF") else None)
        if kind is not None:
            raise BadInputError(
                f"{name} is of the format {kind}, which is not read; convert it to {READABLE}.",
                code="unsupported-format",
            ) from error
        raise BadInputError(
            f"{name} is not an image, whatever its name says; a {READABLE} file was expected.", code="not-an-image"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # see decode
        raise _damaged(name, claimed or "image") from error


def _damaged(name: str, kind: str) -> BadInputError:
    kind = {"MPO": "JPEG", "WEBP": "WebP", "JPEG2000": "JPEG 2000", "SUN": "Sun raster"}.get(kind, kind)
    return BadInputError(
        f"{name} is a {kind} file that is cut off or damaged, so the whole picture cannot be read from it; "
        "copy or export it again.",
        code="truncated",
    )


def _orientation(image: PIL.Image.Image) -> int:
    # TIFF is turned by Pillow while loading, which also removes the tag. Broken EXIF must not cost the photo.
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _to_rgb(image: PIL.Image.Image, raw: bytes, name: str, notes: list[str]) -> PIL.Image.Image:
    """Convert a loaded image to 8-bit RGB without transparency; CMYK stays, since its profile is needed first."""
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format == "PPM"):
        notes.extend((NOTE_DEEP, NOTE_GREY))
        return PIL.Image.fromarray(_deep_grey(image)).convert("RGB")
    if mode == "CMYK":
        # Pillow takes JPEG CMYK as Adobe writes it, inverted, as browsers do.
        notes.append(NOTE_CMYK)
        return image
    transparent = "A" in mode or mode == "RGBa" or "transparency" in image.info
    if mode not in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr"):
        raise BadInputError(
            f"{name} holds pixels of kind {mode}, not those of a photograph; save it as 8-bit or 16-bit grey or RGB.",
            code="unsupported-pixels",
        )
    note = {"1": NOTE_BILEVEL, "L": NOTE_GREY, "LA": NOTE_GREY, "La": NOTE_GREY, "P": NOTE_PALETTE, "PA": NOTE_PALETTE}
    if mode in note:
        notes.append(note[mode])
    # La and RGBa (premultiplied) cannot go to RGBA except by their unmultiplied kin.
    # What needs no conversion is not copied: a photo of 65 megapixels takes 260 MB each time.
    plain = image.convert("LA" if mode == "La" else "RGBA") if mode in ("La", "RGBa") else image
    wanted = "RGBA" if transparent else "RGB"
    plain = plain if plain.mode == wanted else plain.convert(wanted)
    if _bits(image, raw) > 8:
        notes.insert(0, NOTE_DEEP)
        plain = _deep_colour(plain, raw)
    return _on_white(plain, notes) if transparent else plain


def _deep_grey(image: PIL.Image.Image) -> NDArray[np.uint8]:
    tags: Any = getattr(image, "tag_v2", {})
    bits = int(tags.get(258, (16,))[0])
    pixels = _scale(np.asarray(image), (1 << bits) - 1)
    white_is_zero = tags.get(262) == 0  # Pillow inverts this for 8 bits but not for 16
    return 255 - pixels if white_is_zero else pixels


def _scale(values: NDArray[Any], top: int) -> NDArray[np.uint8]:
    """Scale 0..top to 0..255, rounded to the nearest."""
    wide = np.minimum(values.astype(np.uint32), top)
    return ((wide * 255 + top // 2) // top).astype(np.uint8)


def _bits(image: PIL.Image.Image, raw: bytes) -> int:
    if image.format == "PNG":
        return raw[24]  # bit depth in IHDR (PNG specification, 11.2.1)
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})
        return int(max(tags.get(258, (8,))))
    return 8


def _deep_colour(plain: PIL.Image.Image, raw: bytes) -> PIL.Image.Image:
    """Round 16-bit colour to 8 bits, where Pillow has kept the high byte and thereby darkened it.

    OpenCV reads the 16 bits. Its result is taken only where it agrees with Pillow's to one level everywhere, since
    for rare layouts (separate planes) the two order channels differently.
    """
    import cv2

    deep = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    mode = plain.mode
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3 or deep.shape[2] not in (3, 4):
        return plain
    order = [2, 1, 0, 3] if mode == "RGBA" and deep.shape[2] == 4 else [2, 1, 0]
    rounded = _scale(deep[..., order], 65535)
    coarse = np.asarray(plain)
    if rounded.shape != coarse.shape or int(np.abs(rounded.astype(np.int16) - coarse).max()) > 1:
        return plain
    return PIL.Image.fromarray(rounded, mode=None)


def _on_white(image: PIL.Image.Image, notes: list[str]) -> PIL.Image.Image:
    lowest, _ = image.getchannel("A").getextrema()
    if lowest == 255:
        notes.append(NOTE_OPAQUE)
        return image.convert("RGB")
    notes.append(NOTE_ALPHA)
    white = PIL.Image.new("RGBA", image.size, (255, 255, 255, 255))
    return PIL.Image.alpha_composite(white, image).convert("RGB")


def _to_srgb(image: PIL.Image.Image, profile: bytes, notes: list[str]) -> PIL.Image.Image:
    """Convert by an embedded ICC profile; one that is broken or of another colour space is ignored."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        description = ImageCms.getProfileDescription(own).casefold()
        if own.profile.xcolor_space.strip() == image.mode and "srgb" not in description:
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
            if converted is not None:
                notes.append(NOTE_PROFILE)
                return converted
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        pass
    return image if image.mode == "RGB" else image.convert("RGB")
