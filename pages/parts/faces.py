"""Faces on a page: always as lossless PNG, never larger than they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
import streamlit as st
from PIL import Image as Pictures

from facepriv.config import get_settings
from facepriv.imaging.png import encode_png
from facepriv.measures.stored_faces import stored_pixels
from facepriv.store import ArtifactStore, DatasetCounts, DatasetRecord, ImageRecord, open_artifacts, open_store
from facepriv.types import GENDER_NAMES, Box
from facepriv.web.blobs import BLOBS, Blob, Kind
from facepriv.web.releases import OFFERS
from facepriv.web.viewer import PairView, viewer_page
from parts.shell import me

THUMBNAIL = 140
"""Side of a thumbnail, pixels; ``style.css`` shows it in this size."""
MARGIN = 0.25
"""Of the face box, around it."""
HEIGHT = 720
"""Of the viewer's frame until its script has measured it, pixels."""


def label_name(label: int | None) -> str:
    """Write a label in words."""
    return "unlabelled" if label is None else GENDER_NAMES[label]


# In the server's memory only, so that nothing of a face is written to disk; same hash, same bytes for ever. An hour
# after a data set was deleted nothing of it is left there either.
@st.cache_data(max_entries=500, ttl=3600, show_spinner=False)
def _thumbnail(_artifacts: ArtifactStore, location: str, sha256: str, box: Box | None) -> bytes:
    """Return a small square of an image's face, or of the whole image if none was found, as PNG."""
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
    return encode_png(np.asarray(square))


def forget() -> None:
    """Drop all faces from memory, as after a deletion."""
    _thumbnail.clear()
    _counts.clear()
    BLOBS.clear()
    OFFERS.clear()


def dataset_counts(record: DatasetRecord) -> DatasetCounts:
    """Count what a data set holds; a finished one never changes."""
    return _counts(get_settings().home.as_posix(), record.id, record.created_at.isoformat())


@st.cache_data(max_entries=200, show_spinner=False)
def _counts(home: str, dataset_id: int, created_at: str) -> DatasetCounts:
    with open_store(get_settings()) as store:
        return store.datasets.counts(dataset_id)


def address(content: bytes, kind: Kind = "pictures", file_name: str = "") -> str:
    """Return the path under which only the person who looks at this page gets the bytes."""
    return BLOBS.save(Blob(content, kind, file_name), me().holder)


def gallery(images: Iterable[ImageRecord]) -> None:
    """Show those of these images that were kept side by side, as many as fit, each with its subject and label."""
    artifacts = open_artifacts(get_settings())
    items = []
    for image in images:
        if image.artifact_sha256 is not None:
            picture = address(_thumbnail(artifacts, artifacts.location, image.artifact_sha256, image.box))
            label = label_name(image.label)
            caption = " · ".join(filter(None, (image.subject, label, image.failure)))
            items.append(
                f'<li><figure><img src="{picture}" alt="{escape(f"Image {image.name}, labelled {label}")}">'
                f"<figcaption>{escape(caption)}</figcaption></figure></li>"
            )
    if items:
        st.html(f'<ul class="faces" role="list">{"".join(items)}</ul>')


def viewer(view: PairView) -> None:
    """Show one image before and after, in a frame that its script makes as high as what it holds."""
    # What stands around the frame would keep the height given here.
    st.html("<style>.st-key-viewer > * {height: auto !important; flex: none !important}</style>")
    with st.container(key="viewer"):
        st.iframe(address(viewer_page(view), "viewers"), height=HEIGHT, alt=view.title)
