"""The panel: a fixed set of processed versions on which flips are judged, and which no method may use.

What a method was made to survive says little about what it was not made for, so success is also counted on
recompressed, shrunk, filtered and recoloured versions that it has never met.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from facepriv.imaging.versions import jpeg, resize
from facepriv.types import Image

SOCIAL_SIDE, SOCIAL_QUALITY = 720, 71
"""Longer side, pixels, and JPEG quality to which social networks bring a photo, roughly."""
SCREEN_SCALE = 1.1
"""By which a screen shows an image larger before somebody takes a screenshot and shrinks it again."""
CROPPED_SHARE = 0.05
"""Of the width and the height, cut off on every side."""


@dataclass(frozen=True)
class PanelVersion:
    """One way in which whoever passes a file on changes it."""

    title: str
    make: Callable[[Image], Image]
    """Takes and returns ``(h, w, 3)`` RGB uint8; the size may change."""


def encoded(pixels: Image, form: str, **options: Any) -> Image:
    """Compress by Pillow and decompress."""
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, form, **options)
    file.seek(0)
    return np.array(Pillow.open(file).convert("RGB"))


def scaled(pixels: Image, scale: float, kernel: Pillow.Resampling) -> Image:
    """Shrink or enlarge by Pillow; at least one pixel is left in either direction."""
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.array(Pillow.fromarray(pixels).resize((width, height), kernel))


def curve(pixels: Image, function: Callable[[Any], Any]) -> Image:
    """Change grey levels by a function of 0..1."""
    levels = np.clip(np.rint(255 * function(np.arange(256) / 255)), 0, 255).astype(np.uint8)
    return levels[pixels]


def sharpened(pixels: Image) -> Image:
    """Add half of what a blur of one pixel takes away (unsharp masking)."""
    blurred = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    return np.asarray(cv2.addWeighted(pixels, 1.5, blurred, -0.5, 0), dtype=np.uint8)


def screenshot(pixels: Image) -> Image:
    """Enlarge as a screen does, and shrink again."""
    shown = scaled(pixels, SCREEN_SCALE, Pillow.Resampling.BILINEAR)
    height, width = pixels.shape[:2]
    return np.array(Pillow.fromarray(shown).resize((width, height), Pillow.Resampling.BICUBIC))


def cropped(pixels: Image) -> Image:
    """Cut off the edges."""
    down, across = (round(side * CROPPED_SHARE) for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[down : pixels.shape[0] - down, across : pixels.shape[1] - across])


def shared_on_a_network(pixels: Image) -> Image:
    """Shrink, sharpen a little and compress, as social networks do with what is uploaded."""
    scale = min(0.9, SOCIAL_SIDE / max(pixels.shape[:2]))
    return jpeg(sharpened(scaled(pixels, scale, Pillow.Resampling.LANCZOS)), SOCIAL_QUALITY)


PANEL: Mapping[str, PanelVersion] = {
    "jpeg95": PanelVersion("JPEG, quality 95", lambda pixels: jpeg(pixels, 95)),
    "jpeg85": PanelVersion("JPEG, quality 85", lambda pixels: jpeg(pixels, 85)),
    "jpeg75": PanelVersion("JPEG, quality 75", lambda pixels: jpeg(pixels, 75)),
    "jpeg75-444": PanelVersion(
        "JPEG, quality 75, full colour (4:4:4)", lambda pixels: encoded(pixels, "JPEG", quality=75, subsampling=0)
    ),
    "webp80": PanelVersion("WebP, quality 80", lambda pixels: encoded(pixels, "WEBP", quality=80)),
    "avif60": PanelVersion("AVIF, quality 60", lambda pixels: encoded(pixels, "AVIF", quality=60)),
    "resize90": PanelVersion(
        "90 % of the size, Lanczos", lambda pixels: scaled(pixels, 0.9, Pillow.Resampling.LANCZOS)
    ),
    "resize60": PanelVersion("60 % of the size, averaged", lambda pixels: resize(pixels, 0.6)),
    "resize50": PanelVersion(
        "50 % of the size, bicubic", lambda pixels: scaled(pixels, 0.5, Pillow.Resampling.BICUBIC)
    ),
    "screenshot": PanelVersion("enlarged by a screen and shrunk again", screenshot),
    "blur": PanelVersion("blurred a little (0.7 pixels)", lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 0.7)),
    "sharpen": PanelVersion("sharpened", sharpened),
    "bright": PanelVersion("10 % brighter", lambda pixels: curve(pixels, lambda level: 1.1 * level)),
    "gamma": PanelVersion("gamma 1.2", lambda pixels: curve(pixels, lambda level: level**1.2)),
    "crop": PanelVersion("5 % cut off on every side", cropped),
    "social": PanelVersion("shrunk, sharpened and compressed as by a social network", shared_on_a_network),
}
"""By name."""
PANEL_TITLES: Mapping[str, str] = {name: version.title for name, version in PANEL.items()}

PANEL_VERSIONS: Mapping[str, Callable[[Image], Image]] = {name: version.make for name, version in PANEL.items()}
