"""Scores and slopes of a field are those of whole images, cropped anew."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.imaging.crop import take_crop
from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.base import CountingClassifier
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.descent.field_input import FieldInput
from facepriv.perturb.descent.mesh_field import MeshField
from facepriv.types import CropFunction


class Functional(DlibGender):
    """dlib's network with the same crop, written as a function of the whole image."""

    def crop(self, face):
        spec = super().crop(face)
        height, width = face.pixels.shape[:2]
        return CropFunction((0, 0, width, height), spec.height, spec.width, lambda region: take_crop(spec, region))


@pytest.fixture(scope="module", params=["smooth", "sharp"])
def parts(faces, request):
    face, other = faces[1], faces[-2]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    return face, MeshField(mesh, warp_onto(mesh, other.pixels, other.landmarks), face.pixels, request.param)


def test_scores_are_those_of_the_stored_images(parts):
    face, field = parts
    rng = np.random.default_rng(0)
    points = [rng.uniform(-1, 1, field.size) for _ in range(3)]
    found = FieldInput(DlibGender(), face, field).scores([field.values(point) for point in points])
    expected = [AnchoredCrop.of(DlibGender(), face).score(field.image(point)) for point in points]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("guide", [DlibGender, Functional])
def test_slopes_are_differences_of_unclipped_images(parts, guide):
    face, field = parts
    rng = np.random.default_rng(1)
    at = rng.uniform(-0.2, 0.2, field.size)
    counting = CountingClassifier(guide())
    view = FieldInput(counting, face, field)
    assert view.linear == (guide is DlibGender)
    score, slopes = view.slopes(at, 0.3)
    assert counting.evaluations == field.size + 1

    spec = DlibGender().crop(face)
    here = field.values(at)
    columns = field.weights.toarray()
    for k in (0, field.size // 2, field.size - 1):
        moved = here + 0.3 * columns[:, [k]] * field.direction
        crops = np.stack([take_crop(spec, field.placed(one.astype(np.float32))) for one in (here, moved)])
        low, high = DlibGender().score(crops)
        assert score == pytest.approx(low, abs=1e-3)
        assert slopes[k] == pytest.approx((high - low) / 0.3, abs=2e-3)


def test_batches_make_no_difference(parts):
    face, field = parts
    at = np.zeros(field.size)
    _, whole = FieldInput(DlibGender(), face, field).slopes(at, 0.3)
    _, parted = FieldInput(DlibGender(), face, field, batch_values=7 * 32 * 32 * 3).slopes(at, 0.3)
    np.testing.assert_allclose(parted, whole, atol=1e-3)
