"""Faces on a page: always as lossless PNG, never larger than they are looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw

from facepriv.config import get_settings
from facepriv.services.pictures import stored_pixels
from facepriv.store import ArtifactStore, Box, DatasetCounts, DatasetRecord, ImageRecord, open_artifacts, open_store
from facepriv.types import GENDER_NAMES
from parts.formats import plain

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


def thumbnail(record: ImageRecord) -> Image | None:
    """Give a small square of an image's face, or of the whole image if none was found; None if it was not kept."""
    if record.artifact_sha256 is None:
        return None
    artifacts = open_artifacts(get_settings())
    return _thumbnail(artifacts, artifacts.location, record.artifact_sha256, record.box)


# In the server's memory only, so that nothing of a face is written to disk; same hash, same bytes for ever. An hour
# after a data set was deleted nothing of it is left there either.
@st.cache_data(max_entries=500, ttl=3600, show_spinner=False)
def _thumbnail(_artifacts: ArtifactStore, location: str, sha256: str, box: Box | None) -> Image:
    picture = Pictures.fromarray(stored_pixels(_artifacts, sha256))
    if box is not None:
        left, top, right, bottom = box
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


def forget() -> None:
    """Drop all faces from memory, as after a deletion."""
    _thumbnail.clear()
    _counts.clear()


def dataset_counts(record: DatasetRecord) -> DatasetCounts:
    """Count what a data set holds; a finished one never changes."""
    return _counts(get_settings().home.as_posix(), record.id, record.created_at.isoformat())


@st.cache_data(max_entries=200, show_spinner=False)
def _counts(home: str, dataset_id: int, created_at: str) -> DatasetCounts:
    with open_store(get_settings()) as store:
        return store.datasets.counts(dataset_id)


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
    st.image(pixels, caption=plain(caption), alt=alt, output_format="PNG", width="stretch")
