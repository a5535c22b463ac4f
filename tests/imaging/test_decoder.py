"""One image can neither hold a worker nor take it down: it is left out with the reason, and the next one is decoded."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging import decoder as module
from facepriv.imaging.decode import NOTE_FRAMES, decode
from facepriv.imaging.decoder import Decoder

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


@pytest.fixture
def decoder():
    decoder = Decoder()
    yield decoder
    decoder.close()


def test_frames_beyond_the_first_are_not_counted():
    begun = time.monotonic()
    decoded = decode(many_frames(20_000), name="many.tif", max_pixels=MAX_PIXELS)
    assert time.monotonic() - begun < 3, "counting them takes ten seconds and more"
    assert decoded.notes == (NOTE_FRAMES,)
    assert decode(picture("TIFF"), name="one.tif", max_pixels=MAX_PIXELS).notes == ()


def test_it_is_decoded_as_in_this_process(decoder: Decoder, tmp_path: Path):
    (tmp_path / "ä.png").write_bytes(picture())
    for data in (picture(), picture("JPEG"), picture("GIF"), tmp_path / "ä.png"):
        here = decode(data, name="a", max_pixels=MAX_PIXELS)
        there = decoder.decode(data, name="a", max_pixels=MAX_PIXELS)
        np.testing.assert_array_equal(here.pixels, there.pixels)
        assert there.pixels.flags.writeable
        assert here.notes == there.notes


def test_what_decoding_refuses_is_refused_alike(decoder: Decoder, tmp_path: Path):
    for data in (b"", b"no image", picture()[:-30], picture(side=8), tmp_path / "nothing"):
        with pytest.raises(BadInputError) as here:
            decode(data, name="a", max_pixels=MAX_PIXELS)
        with pytest.raises(BadInputError) as there:
            decoder.decode(data, name="a", max_pixels=MAX_PIXELS)
        assert (str(here.value), here.value.code) == (str(there.value), there.value.code)


def served_by(monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    """Let the process do something else when it is to decode the file called ``bad``."""
    program = f"""
import os, signal, sys, time
from facepriv.imaging import decoder
real = decoder.decode
def decode(data, *, name, max_pixels):
    if name == "bad":
        {harm}
    return real(data, name=name, max_pixels=max_pixels)
decoder.decode = decode
decoder.main()
"""
    start = subprocess.Popen

    def spoilt(command, **options):
        return start([command[0], "-c", program], **options)

    monkeypatch.setattr(module.subprocess, "Popen", spoilt)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        ("time.sleep(600)", "too-slow"),
        ("bytes(3 << 30)", "too-much-memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "not-decodable"),
        ("os.write(1, b'printed by a library')", ""),
    ],
    ids=["endless", "memory", "crash", "printing"],
)
def test_a_bad_image_is_left_out_and_the_next_one_decoded(monkeypatch: pytest.MonkeyPatch, harm: str, code: str):
    served_by(monkeypatch, harm)
    decoder = Decoder(2.0)
    try:
        decoder.decode(picture(), name="good", max_pixels=MAX_PIXELS)
        if code:
            with pytest.raises(BadInputError, match=r"^bad .* was left out; save it anew") as caught:
                decoder.decode(picture(), name="bad", max_pixels=MAX_PIXELS)
            assert caught.value.code == code
        else:
            decoder.decode(picture(), name="bad", max_pixels=MAX_PIXELS)
        assert decoder.decode(picture(), name="good", max_pixels=MAX_PIXELS).pixels.shape == (64, 64, 3)
    finally:
        decoder.close()


def test_a_fork_leaves_the_process_alone(decoder: Decoder):
    decoder.decode(picture(), name="a", max_pixels=MAX_PIXELS)
    child = os.fork()
    if child == 0:
        decoder.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert decoder.decode(picture(), name="a", max_pixels=MAX_PIXELS).pixels.shape == (64, 64, 3)
