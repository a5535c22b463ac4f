"""The input kept up to date is, bit for bit, the crop of the whole changed image."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.dlib_gender import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.imaging.crop import take_crop
from facepriv.imaging.triangulation import triangulate
from facepriv.perturb.linear_input import LinearInput


@pytest.mark.parametrize("make", [DlibGender, LeviHassner])
def test_equals_cropping_the_whole_image(faces, make):
    face, classifier = faces[0], make()
    rng = np.random.default_rng(1)
    height, width = face.pixels.shape[:2]
    mesh = triangulate(face.landmarks, height, width)
    image = face.pixels.reshape(-1, 3).astype(np.float32)
    kept = LinearInput(classifier, face, image, mesh.pixels)
    spec = classifier.crop(face)
    for triangle in rng.permutation(len(mesh.triangles))[:25]:
        pixels = mesh.pixels[triangle]
        values = tuple(rng.uniform(0, 255, (len(pixels), 3)).astype(np.float32) for _ in range(2))
        pair = kept.try_pair(int(triangle), values).copy()
        for which, value in enumerate(values):
            whole = image.copy()
            whole[pixels] = value
            np.testing.assert_array_equal(pair[which], take_crop(spec, whole.reshape(height, width, 3)))
        which = int(rng.integers(2))
        image[pixels] = values[which]
        kept.accept(int(triangle), which)
        np.testing.assert_array_equal(kept.current[0], take_crop(spec, image.reshape(height, width, 3)))
