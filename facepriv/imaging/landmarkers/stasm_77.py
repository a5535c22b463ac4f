"""The 77 landmarks of Stasm 4, with which the paper made its triangles (section 2.2).

Stasm is an active shape model (Milborrow and Nicolls 2014) compiled into a library, which looks for a face by itself,
with the Haar cascades that come with it. It is shown what lies around the box that our detector found, so that it takes
the same face.
"""

from __future__ import annotations

import ctypes
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.landmarkers.registry import no_landmarks
from facepriv.types import Box, Image, ModelCard, WeightFile
from facepriv.weights.files import require_all, sha256_of
from facepriv.weights.instances import SharedModel

RELEASE = "2.0.2"
POINTS = 77
AROUND = 0.5
"""How far around the box Stasm is shown the image, in sides of the box: its own box of a face is wider and higher."""
LEAST_SIDE, MOST_SIDE = 200, 400
"""Sides of the box, pixels, between which the image is shown as it is. Stasm overlooks faces narrower than 100 pixels,
and brings every face to one size itself, so that more pixels only cost time."""

_CASCADES = {
    "haarcascade_frontalface_alt2.xml": "f14cf5e321f9d9b6186e81e307f309fbe8efc03598ddbf0ca4070f0794ffc30a",
    "haarcascade_mcs_lefteye.xml": "8caf438737940056f5da1e3b94f88f60b93a7ffe54d90e120a6068dc6b027273",
    "haarcascade_mcs_righteye.xml": "bf5f20f822403e9a4695f7200467f6c930077cd4903a62cce0553fe48cf16943",
}


def _make_stasm() -> Any:
    import _stasm
    import stasm

    # The system's OpenCV, apart from this program's own, would start a thread for every core in each process.
    one_thread = getattr(ctypes.CDLL(_stasm.__file__), "_ZN2cv13setNumThreadsEi", None)
    if one_thread is not None:
        one_thread(1)
    stasm.init()
    return stasm


_stasm = SharedModel(_make_stasm)


class Stasm77:
    """Points of jaw, forehead, brows, eyes with their pupils, nose and mouth."""

    card = ModelCard(
        name="stasm-77",
        kind="landmarks",
        title="Stasm's 77 landmarks",
        licence="Stasm: 2-clause BSD, with a note that a SIFT patent may restrict its use; its cascades: OpenCV's "
        "3-clause BSD",
        source="Stasm 4 (Milborrow and Nicolls 2014), trained on MUCT; package stasm",
        weights=tuple(
            WeightFile(name=name, sha256=sha256, package="stasm", inside=f"data/{name}")
            for name, sha256 in _CASCADES.items()
        ),
        command="make stasm",
        release=RELEASE,
        notes="The paper's landmarks, forehead included; for methods that lay triangles over a face. The detector's 68 "
        "go on placing all crops.",
    )
    name = card.name
    version = card.version
    """Hash of release and cascades; the shape model is part of the release."""

    @property
    def build(self) -> str:
        """SHA-256 of the library, which is compiled on every machine for itself; empty where there is none."""
        library = find_spec("_stasm")
        return "" if library is None or library.origin is None else sha256_of(Path(library.origin))

    def ready(self) -> None:
        """Check that the package is here, unchanged, and can be loaded; raises ModelUnavailableError."""
        how = f"Build it with: {self.card.command}."
        try:
            built = version("stasm")
        except PackageNotFoundError:
            raise ModelUnavailableError(f"Stasm must be built from its source, but is not here. {how}") from None
        if built != RELEASE:
            raise ModelUnavailableError(f"The package stasm {RELEASE} was expected, but {built} is installed. {how}")
        require_all(self.card)
        try:
            import stasm  # noqa: F401
        except ImportError as error:
            raise ModelUnavailableError(
                f"Stasm's library was expected to load, but does not ({error}); it needs the OpenCV of the system that "
                f"it was built with. {how}"
            ) from error

    def locate(self, pixels: Image, box: Box, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Find the points ``(77, 2)`` of the face in the box.

        Raises FailureToAcquireError with code ``no-landmarks`` if Stasm finds no face around the box, or one whose
        middle lies outside.
        """
        left, top, right, bottom = box
        shown, corner, scale = _around(pixels, box)
        with _stasm.use() as stasm:
            # The library keeps no copy of the image, so this one must outlive both calls.
            stasm.open_image(shown)
            shown_points = np.array(stasm.search_auto(), dtype=np.float64)
        if shown_points.shape != (POINTS, 2):
            raise no_landmarks(self.name)
        points = (shown_points + 0.5) / scale - 0.5 + corner
        x, y = points.mean(axis=0)
        if not (left <= x < right and top <= y < bottom):
            raise no_landmarks(self.name)
        return points.astype(np.float32)


def _around(pixels: Image, box: Box) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """Return what lies around a box in grey, its corner in the image, and how much it was enlarged, x and y."""
    left, top, right, bottom = box
    across, down = AROUND * (right - left), AROUND * (bottom - top)
    height, width = pixels.shape[:2]
    x, y = (min(max(0, int(side)), most - 1) for side, most in ((left - across, width), (top - down, height)))
    end_x, end_y = min(width, max(x + 1, int(right + across))), min(height, max(y + 1, int(bottom + down)))
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[y:end_y, x:end_x]), cv2.COLOR_RGB2GRAY)
    side = max(right - left, 1)
    wanted = min(max(side, LEAST_SIDE), MOST_SIDE) / side
    size = (max(1, round(grey.shape[1] * wanted)), max(1, round(grey.shape[0] * wanted)))
    scale = np.array(size) / (grey.shape[1], grey.shape[0])
    if wanted != 1:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if wanted < 1 else cv2.INTER_LINEAR)
    return np.ascontiguousarray(grey), np.array([x, y], dtype=np.float64), scale
