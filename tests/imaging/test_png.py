"""Stored images are written and read back pixel for pixel, without metadata."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging.png import decode_png, encode_png


def test_png_round_trip_is_exact_repeatable_and_without_metadata() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (45, 70, 3), dtype=np.uint8)
    raw = encode_png(pixels)
    assert raw == encode_png(pixels.copy()) == encode_png(pixels[:, ::-1].copy()[:, ::-1])
    assert np.array_equal(decode_png(raw), pixels)
    kinds, at = [], 8
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "big")
        kinds.append(raw[at + 4 : at + 8])
        at += 12 + length
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("pixels", [np.zeros((5, 5)), np.zeros((5, 5, 4), np.uint8), np.zeros((0, 5, 3), np.uint8)])
def test_only_rgb_uint8_is_encoded(pixels: np.ndarray) -> None:
    with pytest.raises(BadInputError) as caught:
        encode_png(pixels)
    assert caught.value.code == "bad-pixels"
