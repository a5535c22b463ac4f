"""Landmarkers: registered plug-ins that give the points of a face over which a perturbation is laid."""

from facepriv.registry import Registry
from facepriv.types import Landmarker

DEFAULT_LANDMARKER = "dlib-68"

landmarkers: Registry[Landmarker] = Registry(
    "landmarker",
    "facepriv.landmarkers",
    {
        DEFAULT_LANDMARKER: "facepriv.imaging.landmarkers.dlib_68:Dlib68",
        "stasm-77": "facepriv.imaging.landmarkers.stasm_77:Stasm77",
    },
)
