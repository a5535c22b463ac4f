"""Faces as deepface's users cut them out: its default detector, its alignment by the eyes, its black bands."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.boxes import LEAST_OVERLAP, most_overlapping
from facepriv.types import Face

DETECTOR = "opencv"
"""deepface's default: OpenCV's cascades of faces and of eyes, files of the package."""
_detecting = threading.Lock()
"""deepface keeps one detector for the whole process, which must not be used by two threads at once."""


def deepface_input(face: Face, width: int, height: int) -> NDArray[np.float32] | None:
    """Return what deepface 0.0.103 feeds to a network of ``represent`` and ``analyze`` with their defaults.

    Returns
    -------
    ``(1, height, width, 3)`` BGR 0..1; of several faces the one in the face's box. None where its detector finds none
    there: deepface's users get no answer for such an image.
    """
    from deepface.modules.detection import extract_faces
    from deepface.modules.exceptions import FaceNotDetected
    from deepface.modules.preprocessing import resize_image

    bgr = np.ascontiguousarray(face.pixels[..., ::-1])
    try:
        with _detecting:
            found = extract_faces(bgr, detector_backend=DETECTOR)
    except FaceNotDetected:
        return None
    areas = [each["facial_area"] for each in found]
    boxes = [(a["x"], a["y"], a["x"] + a["w"], a["y"] + a["h"]) for a in areas]
    best, overlap = most_overlapping(boxes, face.box)
    if overlap < LEAST_OVERLAP:
        return None
    return np.asarray(resize_image(found[best]["face"][..., ::-1], (height, width)), dtype=np.float32)
