"""Residual features are finite on any image, and show noise, triangles and smooth colour fields where they were put."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging.crop import aligned_chip
from facepriv.imaging.residuals import COUNT, RINGS, SIGMAS, SIZE, STEPS, residual_features
from facepriv.imaging.restoring import RESTORERS

PER_CHANNEL = COUNT // 3
LUMA, RED_GREEN = 0, PER_CHANNEL
FIRST_RING = len(SIGMAS)
EVEN = slice(FIRST_RING, FIRST_RING + len(RINGS) - 1)
ODD = slice(EVEN.stop, EVEN.stop + len(RINGS) - 1)


def of(face, pixels):
    return residual_features(replace(face, pixels=pixels))


def field(face, i, j, size=6.0):
    """Pixels with a cosine of i by j half waves across the face's crop added to red and taken from green."""
    matrix = aligned_chip(face, size=SIZE, padding=0.2).matrix
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    x, y = np.meshgrid(np.arange(face.pixels.shape[1]), np.arange(face.pixels.shape[0]))
    u, v = (np.einsum("ck,k...->c...", inverse, np.stack([x, y, np.ones_like(x)])) + 0.5) / SIZE
    wave = size * np.cos(np.pi * i * u) * np.cos(np.pi * j * v)
    return np.clip(np.rint(face.pixels + wave[..., None] * (1, -0.509, 0)), 0, 255).astype(np.uint8)


def test_features_are_counted_finite_and_the_same_twice(faces):
    for face in faces[:3]:
        before = face.pixels.copy()
        features = residual_features(face)
        assert features.shape == (COUNT,)
        assert features.dtype == np.float64
        assert np.isfinite(features).all()
        np.testing.assert_array_equal(residual_features(face), features)
        np.testing.assert_array_equal(face.pixels, before)


def test_flat_grey_tiny_and_huge_images_have_finite_features(faces):
    face = faces[0]
    for value in (0, 77, 255):
        features = of(face, np.full_like(face.pixels, value))
        np.testing.assert_allclose(features[:FIRST_RING], -2)  # no variance but the floor's
        np.testing.assert_allclose(features[EVEN], -2)
    assert np.isfinite(of(face, RESTORERS["grey"](face.pixels))).all()
    assert np.isfinite(of(face, face.pixels[:1, :1])).all()
    noise = np.random.default_rng(0).integers(0, 256, (2400, 1920, 3), dtype=np.uint8)
    huge = replace(face, pixels=noise, landmarks=face.landmarks * 8, box=tuple(8 * side for side in face.box))
    assert np.isfinite(residual_features(huge)).all()


def test_a_grey_image_has_nothing_in_the_colour_differences(faces):
    features = of(faces[0], RESTORERS["grey"](faces[0].pixels))
    np.testing.assert_allclose(features[RED_GREEN : RED_GREEN + ODD.stop], -2, atol=1e-6)


def test_shares_of_pairs_sum_to_one(faces):
    features = residual_features(faces[0]).reshape(3, PER_CHANNEL)
    shares = features[:, ODD.stop :].reshape(3, len(STEPS), -1)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=2), 1)


@pytest.mark.parametrize(("i", "j", "parity"), [(4, 6, EVEN), (6, 0, EVEN), (5, 5, ODD), (9, 2, ODD)])
def test_a_planted_colour_field_shows_in_its_own_ring_and_grey_removes_it(faces, i, j, parity):
    face = faces[0]
    planted = field(face, i, j)
    rise = (of(face, planted) - residual_features(face)).reshape(3, PER_CHANNEL)
    ring = int(np.digitize(np.hypot(i, j), RINGS)) - 1
    own = rise[1, parity]
    assert own.argmax() == ring
    assert own[ring] > 0.5
    other = rise[1, ODD if parity is EVEN else EVEN]
    assert own[ring] > 3 * np.abs(other).max()
    assert np.abs(rise[0, :FIRST_RING]).max() < 0.1  # brightness and its noise hardly change
    grey, grey_before = (of(face, RESTORERS["grey"](pixels)) for pixels in (planted, face.pixels))
    np.testing.assert_allclose(grey[RED_GREEN:], grey_before[RED_GREEN:], atol=0.02)


def test_noise_raises_the_finest_band_and_blur_lowers_it(faces):
    face = faces[0]
    own = residual_features(face)
    noise = np.random.default_rng(0).normal(0, 4, face.pixels.shape)
    noisy = of(face, np.clip(np.rint(face.pixels + noise), 0, 255).astype(np.uint8))
    blurred = of(face, cv2.GaussianBlur(face.pixels, (0, 0), 2))
    # A face's own edges are many times stronger than this noise in brightness, not in colour.
    assert (noisy - own)[LUMA] > 0.02
    assert (noisy - own)[RED_GREEN] > 0.5
    assert (blurred - own)[[LUMA, RED_GREEN]].max() < -0.3


def test_changes_outside_the_face_do_not_show(faces):
    face = faces[0]
    pixels = face.pixels.copy()
    pixels[:10] = 255 - pixels[:10]
    np.testing.assert_array_equal(of(face, pixels), residual_features(face))


def test_landmarks_that_are_no_numbers_are_refused(faces):
    with pytest.raises(BadInputError, match="Finite landmarks"):
        residual_features(replace(faces[0], landmarks=np.full((68, 2), np.nan, np.float32)))


@pytest.mark.slow
def test_a_probe_tells_colour_fields_of_other_people_from_untouched_images(faces, others, make_gallery):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from facepriv.classify.registry import classifiers
    from facepriv.perturb.registry import perturbers

    guide, method = classifiers.create("dlib-gender"), perturbers.create("colour-field")

    def both(some):
        results = method(some, [guide], gallery=make_gallery(others), seed=0)
        changed = [result.file_face for result in results if result.success]
        rows = np.stack([residual_features(face) for face in (*some, *changed)])
        return rows, np.repeat([0, 1], [len(some), len(changed)])

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(*both(others[::2]))
    rows, perturbed = both(faces[::2])
    assert roc_auc_score(perturbed, probe.decision_function(rows)) > 0.8
