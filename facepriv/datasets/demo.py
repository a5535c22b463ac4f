"""The demo set: 240 images of 60 people who do not exist, CC-BY 4.0; its README names source and limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import LabelledImage

LICENCE = (
    "CC-BY 4.0: adapted from DeBruine, L. and Jones, B. (2017). Face Research Lab London Set (Version 5). figshare. "
    "https://doi.org/10.6084/m9.figshare.5047666.v5; changed, see README.md beside the images"
)


def demo_folder() -> Path:
    """Return the folder of the demo set inside the package."""
    return Path(__file__).parent / "demo_faces"


def read_demo(images_per_subject: int | None = None) -> ReadResult:
    """Read the demo set: 60 subjects, 30 of each gender, four images each, or the first so many of each by name.

    Raises BadInputError with code ``bad-count`` if fewer than one image a subject is asked for.
    """
    if images_per_subject is not None and images_per_subject < 1:
        raise BadInputError(f"At least one image a subject is needed, but {images_per_subject} came.", code="bad-count")
    read = read_folder(demo_folder(), format="csv")
    # Its README lies beside the images, as the licence asks, and is nothing to be told of.
    result = replace(read, licence=LICENCE, problems=[each for each in read.problems if each.name != "README.md"])
    if images_per_subject is None:
        return result
    count: Counter[str] = Counter()
    images: list[LabelledImage] = []
    for image in result.images:
        count[image.subject] += 1
        if count[image.subject] <= images_per_subject:
            images.append(image)
    return replace(result, images=images)
