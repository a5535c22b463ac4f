"""How a landmarker says that it finds nothing."""

from __future__ import annotations

from facepriv.errors import FailureToAcquireError


def no_landmarks(landmarker: str) -> FailureToAcquireError:
    """Return the error of a landmarker, by name, that finds no points in the face of an image."""
    return FailureToAcquireError(
        f"The landmarks {landmarker} were expected in the face that the detector found, but none are found there; "
        "leave the image out, or start a run with the landmarks dlib-68.",
        code="no-landmarks",
    )
