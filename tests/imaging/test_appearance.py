"""The upright chip is that of the sparse crop; its features are finite, of one size, and tell genders apart."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facepriv.datasets.demo import read_demo
from facepriv.errors import BadInputError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.appearance import BRIGHTNESS, COLOUR, COUNT, appearance_features, upright
from facepriv.imaging.crop import aligned_chip, take_crop
from facepriv.imaging.decode import decode

PICTURES = BRIGHTNESS**2 + 2 * COLOUR**2


def enlarge(face, factor):
    """The same face in a photo of another size."""
    return replace(
        face,
        pixels=cv2.resize(face.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC),
        landmarks=((face.landmarks + 0.5) * factor - 0.5).astype(np.float32),
        box=tuple(round(factor * side) for side in face.box),
    )


def test_upright_is_the_sparse_crop(faces):
    for face in faces[:3]:
        for size in (32, 64, 150):
            there = take_crop(aligned_chip(face, size=size, padding=0.2), face.pixels)
            assert np.abs(upright(face, size=size) - there).max() < 2  # positions are rounded to 1/32 pixel


def test_upright_repeats_the_edge_where_the_photo_ends(faces):
    face = faces[0]
    left, top, right, bottom = face.box
    cut = replace(face, pixels=face.pixels[top:bottom, left:right], landmarks=face.landmarks - (left, top))
    chip, whole = upright(cut, size=64), upright(face, size=64)
    assert np.abs(chip - whole)[20:44, 20:44].max() < 1
    far = upright(replace(face, landmarks=face.landmarks + 5000), size=64)
    np.testing.assert_array_equal(far, np.broadcast_to(face.pixels[-1, -1], far.shape))


def test_features_are_counted_finite_and_the_same_twice(faces):
    for face in faces[:3]:
        before = face.pixels.copy()
        features = appearance_features(face)
        assert features.shape == (COUNT,)
        assert features.dtype == np.float64
        assert np.isfinite(features).all()
        np.testing.assert_array_equal(appearance_features(face), features)
        np.testing.assert_array_equal(face.pixels, before)


def test_size_of_the_photo_matters_little(faces):
    face = faces[0]
    own, other = appearance_features(face)[:PICTURES], appearance_features(faces[2])[:PICTURES]
    large = appearance_features(enlarge(face, 7.5))[:PICTURES]
    assert np.linalg.norm(large - own) < 0.15 * np.linalg.norm(other - own)
    assert np.linalg.norm(appearance_features(enlarge(face, 0.5))[:PICTURES] - own) < 0.3 * np.linalg.norm(other - own)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_image_has_finite_features_and_no_gradients(faces, value):
    features = appearance_features(replace(faces[0], pixels=np.full_like(faces[0].pixels, value)))
    assert np.isfinite(features).all()
    assert np.abs(features[:PICTURES]).max() < 1e-4


def test_a_grey_image_has_no_colour_and_a_tiny_one_will_do(faces):
    grey = np.repeat(faces[0].pixels[..., :1], 3, axis=2)
    assert np.abs(appearance_features(replace(faces[0], pixels=grey))[BRIGHTNESS**2 : PICTURES]).max() < 1e-5
    assert np.isfinite(appearance_features(replace(faces[0], pixels=faces[0].pixels[:1, :1]))).all()


def test_brightness_and_contrast_of_the_photo_play_no_part_in_the_small_picture(faces):
    darker = replace(faces[0], pixels=(faces[0].pixels // 2 + 20).astype(np.uint8))
    own, dark = (appearance_features(face)[: BRIGHTNESS**2] for face in (faces[0], darker))
    assert np.abs(own - dark).max() < 0.05


def test_landmarks_that_are_no_numbers_are_refused(faces):
    with pytest.raises(BadInputError, match="Finite landmarks") as caught:
        appearance_features(replace(faces[0], landmarks=np.full((68, 2), np.nan, np.float32)))
    assert caught.value.code == "degenerate-landmarks"


@pytest.mark.slow
def test_a_linear_probe_learns_gender_from_other_people():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images = read_demo(images_per_subject=1).images
    rows = [
        appearance_features(acquire(decode(image.path, name=image.name, max_pixels=1_000_000).pixels))
        for image in images
    ]
    labels = np.array([image.label for image in images])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)  # one image a person, so folds share nobody
    scores = cross_val_predict(probe, np.stack(rows), labels, cv=folds, method="decision_function")
    assert roc_auc_score(labels, scores) > 0.85
