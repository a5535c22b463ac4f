"""A real classifier whose crop is not linear: dlib's network fed by dlib's own chip, which is rounded twice."""

from __future__ import annotations

from dataclasses import replace

import dlib
import numpy as np

from facepriv.classify.dlib import PADDING, DlibGender
from facepriv.imaging.crop import dlib_shape
from facepriv.types import CropFunction, Face

MARGIN = 16
"""Pixels around the chip, for the pyramid's filter."""


class ChipGender(DlibGender):
    card = replace(DlibGender.card, name="dlib-gender-chip")
    name = "dlib-gender-chip"
    score_published = None

    def crop(self, face: Face) -> CropFunction:
        height, width = face.pixels.shape[:2]
        details = dlib.get_face_chip_details(dlib_shape(face.landmarks, face.box)[1], DlibGender.size, PADDING)
        x, y = details.rect.dcenter().x, details.rect.dcenter().y
        reach = np.hypot(details.rect.width(), details.rect.height()) / 2 + MARGIN
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        right, bottom = min(width, int(x + reach)), min(height, int(y + reach))
        moved_box = (face.box[0] - left, face.box[1] - top, face.box[2] - left, face.box[3] - top)
        _, shape = dlib_shape(face.landmarks - np.float32([left, top]), moved_box)

        def chip(region: np.ndarray) -> np.ndarray:
            return dlib.get_face_chip(np.rint(region).astype(np.uint8), shape, DlibGender.size, PADDING).astype(
                np.float32
            )

        return CropFunction(
            box=(left, top, right, bottom), height=DlibGender.size, width=DlibGender.size, function=chip
        )
