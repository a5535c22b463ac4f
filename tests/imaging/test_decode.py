"""Decoding: what is converted, what is refused, and that refusal comes before any pixel."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms

from facepriv.errors import BadInputError
from facepriv.imaging import decode as module
from facepriv.imaging.decode import decode
from facepriv.imaging.png import encode_png

MAX = 50_000_000
# Pillow warns of the broken EXIF that some tests make on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")


def smooth(height: int = 60, width: int = 80) -> np.ndarray:
    """A picture without sharp edges, so that lossy formats keep it nearly."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], -1).astype(np.uint8)


def saved(pixels: np.ndarray | PIL.Image.Image, kind: str, **options: object) -> bytes:
    image = pixels if isinstance(pixels, PIL.Image.Image) else PIL.Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def deep_png(pixels: np.ndarray) -> bytes:
    """PNG of 16-bit grey, RGB or RGBA pixels."""
    order = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    return cv2.imencode(".png", order)[1].tobytes()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_png(side: int = 20_000) -> bytes:
    """A valid grey PNG of side x side pixels in some 400 kB, made without holding its pixels."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def code_of(data: bytes | Path, **options: int) -> str:
    with pytest.raises(BadInputError) as caught:
        decode(data, name="x.jpg", max_pixels=options.get("max_pixels", MAX))
    assert str(caught.value).startswith("x.jpg ")
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    got = decode(saved(smooth(), kind), name="x.jpg", max_pixels=MAX)
    assert np.array_equal(got.pixels, smooth())
    assert got.pixels.dtype == np.uint8
    assert got.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_are_near(kind: str) -> None:
    got = decode(saved(smooth(), kind, quality=95), name="no-extension", max_pixels=MAX)
    assert np.abs(got.pixels.astype(int) - smooth()).mean() < 3
    assert got.notes == ()


def test_a_path_reads_like_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(smooth(), "PNG"))
    assert np.array_equal(decode(tmp_path / "a.jpg", name="a.jpg", max_pixels=MAX).pixels, smooth())


def test_the_pixels_can_be_written_to() -> None:
    got = decode(saved(smooth(), "PNG"), name="x", max_pixels=MAX).pixels
    got[0, 0] = 1
    assert got.flags.c_contiguous


def test_text_named_jpg() -> None:
    assert code_of(b"This is not a picture.\n" * 20) == "not-an-image"


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    assert code_of(b"") == "empty-file"
    assert code_of(tmp_path / "x.jpg") == "empty-file"


def test_missing_file(tmp_path: Path) -> None:
    assert code_of(tmp_path / "x.jpg") == "unreadable"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
    ],
)
def test_a_truncated_file_never_gives_half_an_image(kind: str, options: dict[str, object]) -> None:
    whole = saved(smooth(), kind, **options)
    complete = decode(whole, name="x.jpg", max_pixels=MAX).pixels
    for length in {*range(16, len(whole), max(1, len(whole) // 25)), len(whole) - 4, len(whole) - 1}:
        try:
            got = decode(whole[:length], name="x.jpg", max_pixels=MAX).pixels
            code = ""
        except BadInputError as error:
            got, code = None, error.code
        if got is None:  # cut inside the header, the first bytes may not tell what the file was to be
            assert code in ("truncated", "not-an-image")
        else:  # of a PNG, the checksum of the empty end mark may be missing: no pixel depends on it
            assert np.array_equal(got, complete)
            assert kind == "PNG"
            assert length >= len(whole) - 4
    assert code_of(whole[: len(whole) * 3 // 4]) == "truncated"


def test_a_damaged_png_is_refused() -> None:
    raw = bytearray(saved(smooth(), "PNG"))
    raw[raw.index(b"IDAT") + 40] ^= 0xFF
    assert code_of(bytes(raw)) == "truncated"


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    raw = huge_png()
    assert len(raw) < 1_000_000
    tracemalloc.start()
    try:
        assert code_of(raw) == "too-many-pixels"
        assert code_of(raw, max_pixels=10**9) == "too-many-pixels"  # Pillow's own limit holds too
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_the_limit_on_pixels_counts_exactly() -> None:
    raw = saved(smooth(60, 80), "PNG")
    assert decode(raw, name="x", max_pixels=4800).pixels.shape == (60, 80, 3)
    assert code_of(raw, max_pixels=4799) == "too-many-pixels"


def test_between_ones_own_limit_and_pillows_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 3000)  # 4,800 pixels warn, 6,000 would raise
    assert code_of(saved(smooth(60, 80), "PNG")) == "too-many-pixels"
    with pytest.raises(BadInputError, match=r"allowed and than can be read at all; scale it down\.$"):
        decode(saved(smooth(60, 80), "PNG"), name="x", max_pixels=MAX)


def test_a_file_larger_than_any_honest_image() -> None:
    assert code_of(saved(smooth(), "PNG") + bytes(17 << 20), max_pixels=4800) == "file-too-large"


def test_too_small() -> None:
    assert code_of(saved(smooth(39, 400), "PNG")) == "too-small"
    assert decode(saved(smooth(40, 40), "PNG"), name="x", max_pixels=MAX).pixels.shape == (40, 40, 3)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (saved(smooth(), "ICO"), "icon"),
        (b"\xff\x0a" + bytes(100), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), "JPEG XL"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7-Zip"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
        (b"%PDF-1.7" + bytes(100), "PDF"),
    ],
)
def test_foreign_formats_are_called_by_name(raw: bytes, word: str) -> None:
    with pytest.raises(BadInputError, match=f"of the format {word}, ") as caught:
        decode(raw, name="x.jpg", max_pixels=MAX)
    assert caught.value.code == "unsupported-format"


def test_float_pixels_are_refused() -> None:
    assert code_of(saved(PIL.Image.fromarray(np.ones((50, 50), np.float32)), "TIFF")) == "unsupported-pixels"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey(kind: str) -> None:
    grey = smooth()[..., 0]
    got = decode(saved(grey, kind), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, np.repeat(grey[..., None], 3, 2))
    assert got.notes == (module.NOTE_GREY,)


def test_grey_jpeg() -> None:
    got = decode(saved(smooth()[..., 0], "JPEG"), name="x", max_pixels=MAX)
    assert got.pixels.shape == (60, 80, 3)
    assert got.notes == (module.NOTE_GREY,)


def test_bilevel() -> None:
    got = decode(saved(PIL.Image.fromarray(smooth()[..., 0] > 99), "PNG"), name="x", max_pixels=MAX)
    assert set(np.unique(got.pixels)) == {0, 255}
    assert got.notes == (module.NOTE_BILEVEL,)


def test_palette() -> None:
    few = PIL.Image.fromarray(smooth()).quantize(32)
    got = decode(saved(few, "PNG"), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, np.asarray(few.convert("RGB")))
    assert got.notes == (module.NOTE_PALETTE,)


def test_transparency_is_laid_on_white() -> None:
    rgba = np.dstack([smooth(), np.full((60, 80), 255, np.uint8)])
    rgba[:, :40, 3] = 0
    got = decode(saved(rgba, "PNG"), name="x", max_pixels=MAX)
    assert (got.pixels[:, :40] == 255).all()
    assert np.array_equal(got.pixels[:, 40:], smooth()[:, 40:])
    assert got.notes == (module.NOTE_ALPHA,)


def test_transparent_palette_and_grey() -> None:
    image = PIL.Image.fromarray(np.repeat(np.arange(60, dtype=np.uint8)[:, None], 80, 1))
    got = decode(saved(image, "PNG", transparency=5), name="x", max_pixels=MAX)
    assert (got.pixels[5] == 255).all()
    assert (got.pixels[6] == 6).all()
    assert got.notes == (module.NOTE_GREY, module.NOTE_ALPHA)


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    rgba = np.dstack([smooth(), np.full((60, 80), 255, np.uint8)])
    got = decode(saved(rgba, "WEBP", lossless=True), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, smooth())
    # A WebP writer may drop a needless alpha channel by itself.
    assert got.notes in ((), (module.NOTE_OPAQUE,))
    got = decode(saved(rgba, "PNG"), name="x", max_pixels=MAX)
    assert got.notes == (module.NOTE_OPAQUE,)


def ramp16(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 65536, shape, dtype=np.uint16)


def expected8(values: np.ndarray) -> np.ndarray:
    return np.rint(values / 257).astype(np.uint8)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_grey_of_16_bits_is_scaled(order: str) -> None:
    deep = ramp16(50, 60)
    assert np.array_equal(decode(deep_png(deep), name="x", max_pixels=MAX).pixels[..., 0], expected8(deep))
    mode = "I;16" if order == "<u2" else "I;16B"
    tiff = saved(PIL.Image.frombytes(mode, (60, 50), deep.astype(order).tobytes()), "TIFF")
    got = decode(tiff, name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels[..., 1], expected8(deep))
    assert got.notes == (module.NOTE_DEEP, module.NOTE_GREY)


def test_a_pgm_of_16_bits_is_scaled() -> None:
    deep = ramp16(50, 60)
    raw = b"P5\n60 50\n65535\n" + deep.astype(">u2").tobytes()
    got = decode(raw, name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels[..., 2], expected8(deep))


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_rgb_of_16_bits_is_rounded(kind: str) -> None:
    deep = ramp16(50, 60, 3)
    got = decode(cv2.imencode(kind, deep[..., ::-1])[1].tobytes(), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, expected8(deep))
    assert got.notes == (module.NOTE_DEEP,)


def test_rgba_of_16_bits() -> None:
    deep = ramp16(50, 60, 4)
    deep[..., 3] = 65535
    deep[:10, :, 3] = 0
    got = decode(deep_png(deep), name="x", max_pixels=MAX)
    assert (got.pixels[:10] == 255).all()
    assert np.array_equal(got.pixels[10:], expected8(deep)[10:, :, :3])
    assert got.notes == (module.NOTE_DEEP, module.NOTE_ALPHA)


def test_inverted_grey_of_16_bits() -> None:
    deep = ramp16(50, 60)
    image = PIL.Image.frombytes("I;16", (60, 50), deep.tobytes())
    got = decode(saved(image, "TIFF", tiffinfo={262: 0}), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels[..., 0], 255 - expected8(deep))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str) -> None:
    """JPEG holds CMYK inverted, as Adobe writes it, and TIFF does not; the colours must come out right for both."""
    colours = np.zeros((60, 90, 3), np.uint8)
    colours[:, :30], colours[:, 30:60], colours[:, 60:] = (230, 40, 40), (245, 245, 245), (20, 60, 200)
    raw = saved(PIL.Image.fromarray(colours).convert("CMYK"), kind, **({"quality": 95} if kind == "JPEG" else {}))
    if kind == "JPEG":
        assert b"Adobe" in raw
    got = decode(raw, name="x", max_pixels=MAX)
    for column in (15, 45, 75):
        assert np.abs(got.pixels[30, column].astype(int) - colours[30, column]).max() < 12
    assert got.notes == (module.NOTE_CMYK,)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_orientation_turns_the_image_upright(orientation: int, kind: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    raw = saved(smooth(), kind, exif=exif)
    plain = smooth()
    turned = {
        1: plain,
        2: plain[:, ::-1],
        3: plain[::-1, ::-1],
        4: plain[::-1],
        5: plain.transpose(1, 0, 2),
        6: np.rot90(plain, -1),
        7: plain.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(plain),
    }[orientation]
    assert np.array_equal(decode(raw, name="x", max_pixels=MAX).pixels, turned)


def test_a_deep_tiff_on_its_side_is_turned_once() -> None:
    tifffile = pytest.importorskip("tifffile")
    deep = ramp16(50, 60, 3)
    out = io.BytesIO()
    tifffile.imwrite(out, deep, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    got = decode(out.getvalue(), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, np.rot90(expected8(deep), -1))


def test_broken_exif_does_not_cost_the_photo() -> None:
    raw = saved(smooth(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert decode(raw, name="x", max_pixels=MAX).pixels.shape == (60, 80, 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    frames = [PIL.Image.fromarray(np.full((50, 50, 3), v, np.uint8)) for v in (10, 200)]
    raw = saved(frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": 1} if kind == "WEBP" else {}))
    got = decode(raw, name="x", max_pixels=MAX)
    assert (got.pixels == 10).all()
    assert module.NOTE_FRAMES in got.notes


def test_an_own_colour_profile_is_honoured() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))  # another space than RGB: must be left alone
    raw = saved(smooth(), "PNG", icc_profile=linear.tobytes())
    assert np.array_equal(decode(raw, name="x", max_pixels=MAX).pixels, smooth())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    raw = saved(smooth(), "PNG", icc_profile=srgb)
    got = decode(raw, name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, smooth())
    assert got.notes == ()
    # The same profile with a gamma of 1 instead of sRGB's curve: mid grey must become lighter.
    got = decode(saved(np.full((50, 50, 3), 128, np.uint8), "PNG", icc_profile=gamma1(srgb)), name="x", max_pixels=MAX)
    assert got.notes == (module.NOTE_PROFILE,)
    assert abs(int(got.pixels[0, 0, 0]) - 188) <= 2


def gamma1(profile: bytes) -> bytes:
    """Swap the curves of an RGB profile for straight lines and its description for another of equal length."""
    raw = bytearray(profile)
    for at in range(132, 132 + 12 * int.from_bytes(raw[128:132], "big"), 12):
        tag, offset, size = bytes(raw[at : at + 4]), *struct.unpack(">II", raw[at + 4 : at + 12])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            raw[offset : offset + size] = (b"curv" + bytes(8)).ljust(size, b"\0")[:size]
        if tag == b"desc":
            body = bytes(raw[offset : offset + size])
            raw[offset : offset + size] = body.replace("sRGB".encode("utf-16-be"), "zzzz".encode("utf-16-be"))
    return bytes(raw)


def test_a_broken_colour_profile_is_ignored() -> None:
    got = decode(saved(smooth(), "PNG", icc_profile=b"no profile"), name="x", max_pixels=MAX)
    assert np.array_equal(got.pixels, smooth())


def test_gps_and_names_in_exif_are_gone_after_a_round_trip() -> None:
    exif = PIL.Image.Exif()
    exif[0x013B] = "Erika Mustermann"
    raw = saved(smooth(), "JPEG", exif=exif, comment=b"Erika Mustermann")
    assert b"Erika" in raw
    assert b"Erika" not in encode_png(decode(raw, name="x", max_pixels=MAX).pixels)
