"""Landmarkers: registered plug-ins that give the points of a face over which a perturbation is laid."""

from facepriv.registry import Registry
from facepriv.schemas.requests import DEFAULT_LANDMARKER
from facepriv.types import Landmarker

__all__ = ["DEFAULT_LANDMARKER", "landmarkers"]

landmarkers: Registry[Landmarker] = Registry(
    "landmarker",
    "facepriv.landmarkers",
    {
        DEFAULT_LANDMARKER: "facepriv.imaging.landmarkers.dlib_68:Dlib68",
        "stasm-77": "facepriv.imaging.landmarkers.stasm_77:Stasm77",
    },
)
