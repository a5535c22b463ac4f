"""Landmarkers: registered plug-ins that give the points of a face over which a perturbation is laid."""

from facepriv.errors import FailureToAcquireError
from facepriv.registry import Registry
from facepriv.schemas.requests import DEFAULT_LANDMARKER
from facepriv.types import Landmarker

__all__ = ["DEFAULT_LANDMARKER", "landmarkers", "no_landmarks"]

landmarkers: Registry[Landmarker] = Registry(
    "landmarker",
    "facepriv.landmarkers",
    {
        DEFAULT_LANDMARKER: "facepriv.imaging.landmarkers.dlib_68:Dlib68",
        "stasm-77": "facepriv.imaging.landmarkers.stasm_77:Stasm77",
    },
)


def no_landmarks(landmarker: str) -> FailureToAcquireError:
    """Return the error of a landmarker, by name, that finds no points in the face of an image."""
    return FailureToAcquireError(
        f"The landmarks {landmarker} were expected in the face that the detector found, but none are found there; "
        "leave the image out, or start a run with the landmarks dlib-68.",
        code="no-landmarks",
    )
