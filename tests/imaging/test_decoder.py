"""One image can neither hold a worker nor take it down: it is left out with the reason, and the next one is decoded."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facepriv.child_process import ChildProcess
from facepriv.errors import BadInputError
from facepriv.imaging import decoder as module
from facepriv.imaging.decode import NOTE_FRAMES, decode
from facepriv.imaging.decoder import decode_apart

MAX_PIXELS = 1_000_000


def picture(format: str = "PNG", side: int = 64) -> bytes:
    out = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    PIL.Image.fromarray(values).save(out, format)
    return out.getvalue()


def many_frames(number: int) -> bytes:
    """A TIFF of 126 bytes a frame, each of which shows the one picture in it."""
    raw = bytearray(picture("TIFF"))
    start = struct.unpack("<I", raw[4:8])[0]
    entries = raw[start : start + 2 + 12 * struct.unpack("<H", raw[start : start + 2])[0]]
    raw[start + len(entries) : start + len(entries) + 4] = struct.pack("<I", len(raw) + len(raw) % 2)
    raw += b"\0" * (len(raw) % 2)
    for frame in range(number):
        after = len(raw) + len(entries) + 4
        raw += entries + struct.pack("<I", after if frame + 1 < number else 0)
    return bytes(raw)


def test_frames_beyond_the_first_are_not_counted():
    begun = time.monotonic()
    decoded = decode(many_frames(20_000), name="many.tif", max_pixels=MAX_PIXELS)
    assert time.monotonic() - begun < 3, "counting them takes ten seconds and more"
    assert decoded.notes == (NOTE_FRAMES,)
    assert decode(picture("TIFF"), name="one.tif", max_pixels=MAX_PIXELS).notes == ()


def test_it_is_decoded_as_in_this_process(tmp_path: Path):
    (tmp_path / "ä.png").write_bytes(picture())
    for data in (picture(), picture("JPEG"), picture("GIF"), tmp_path / "ä.png"):
        here = decode(data, name="a", max_pixels=MAX_PIXELS)
        there = decode_apart(data, name="a", max_pixels=MAX_PIXELS)
        np.testing.assert_array_equal(here.pixels, there.pixels)
        assert there.pixels.flags.writeable
        assert here.notes == there.notes


def test_what_decoding_refuses_is_refused_alike(tmp_path: Path):
    for data in (b"", b"no image", picture()[:-30], picture(side=8), tmp_path / "nothing"):
        with pytest.raises(BadInputError) as here:
            decode(data, name="a", max_pixels=MAX_PIXELS)
        with pytest.raises(BadInputError) as there:
            decode_apart(data, name="a", max_pixels=MAX_PIXELS)
        assert (str(here.value), here.value.code) == (str(there.value), there.value.code)


@pytest.mark.parametrize("name", ["too-slow", "too-much-memory", "not-decodable"])
def test_a_bad_image_is_left_out_and_the_next_one_decoded(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(module, "_process", ChildProcess("tests.imaging.misbehaving_decoder"))
    decode_apart(picture(), name="good", max_pixels=MAX_PIXELS)
    with pytest.raises(BadInputError, match=rf"^{name} .* was left out; save it anew") as caught:
        decode_apart(picture(), name=name, max_pixels=MAX_PIXELS, seconds=2.0)
    assert caught.value.code == name
    assert decode_apart(picture(), name="good", max_pixels=MAX_PIXELS).pixels.shape == (64, 64, 3)
