"""Faces on a page: always as lossless PNG, never larger than they are looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw

from facepriv.store.records import ImageRecord
from facepriv.types import GENDER_NAMES

Image = NDArray[np.uint8]
Point = tuple[float, float]

THUMBNAIL = 140
"""Side of a thumbnail, pixels."""
MESH = (240, 228, 66)
"""Yellow, which no skin tone comes near."""
MARGIN = 0.25
"""Of the face box, around it."""


def label_name(label: int | None) -> str:
    """Write a label in words."""
    return "unlabelled" if label is None else GENDER_NAMES[label]


def thumbnail(pixels: Image, record: ImageRecord) -> Image:
    """Cut out the face with a margin, or take the whole image if none was found, and fit it into a small square."""
    picture = Pictures.fromarray(pixels)
    if record.box is not None:
        left, top, right, bottom = record.box
        margin = round(MARGIN * max(right - left, bottom - top))
        picture = picture.crop(
            (
                max(0, left - margin),
                max(0, top - margin),
                min(picture.width, right + margin),
                min(picture.height, bottom + margin),
            )
        )
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    # On a square of its own, so that all stand in one line.
    square = Pictures.new("RGB", (THUMBNAIL, THUMBNAIL), (128, 128, 128))
    square.paste(picture, ((THUMBNAIL - picture.width) // 2, (THUMBNAIL - picture.height) // 2))
    return np.asarray(square)


def with_mesh(pixels: Image, edges: Iterable[tuple[Point, Point]]) -> Image:
    """Draw the triangles' edges over an image, which is enlarged so that the lines stay thin."""
    height, width = pixels.shape[:2]
    scale = max(1, round(800 / max(height, width)))
    picture = Pictures.fromarray(pixels).resize((width * scale, height * scale), Pictures.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    for (x0, y0), (x1, y1) in edges:
        # Pixel centres stand at whole numbers in the mesh and at halves in the enlarged image.
        pen.line([((v + 0.5) * scale) for v in (x0, y0, x1, y1)], fill=MESH, width=scale)
    return np.asarray(picture)


def show(pixels: Image, caption: str, alt: str) -> None:
    """Show an image at the column's width."""
    st.image(pixels, caption=caption, alt=alt, output_format="PNG", width="stretch")
