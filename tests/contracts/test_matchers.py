"""Every registered matcher, and every form of own ones, keeps the contract of `FaceMatcher`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facepriv.imaging.crop import take_crop
from facepriv.match.registry import matchers
from facepriv.services.models.catalogue import ModelStatus, status_of
from facepriv.types import CropMatcher, FaceMatcher
from tests.own_model_files import MATCHERS


def status(name: str) -> ModelStatus:
    return status_of(matchers.create(name).card)


@pytest.fixture(params=[*(name for name in matchers.names() if status(name).usable), *MATCHERS])
def matcher(request) -> FaceMatcher:
    if request.param in MATCHERS:
        request.getfixturevalue("own_home")
    return matchers.create(request.param)


@pytest.mark.parametrize("name", matchers.names())
def test_is_tested_here(name):
    if not status(name).usable:
        pytest.skip(status(name).reason)


def test_is_a_matcher(matcher):
    assert isinstance(matcher, FaceMatcher)
    assert matcher.name in matchers.names()
    assert matcher.name == matcher.card.name
    assert len(matcher.version) == 12
    assert matcher.card.licence


def test_templates_are_unit_rows(matcher, faces):
    templates = matcher.embed(faces[:3])
    assert templates.dtype == np.float32
    assert templates.shape[0] == 3
    np.testing.assert_allclose(np.linalg.norm(templates, axis=1), 1, atol=1e-5)


def test_no_face_gives_no_template(matcher, faces):
    assert matcher.embed([]).shape == (0, matcher.embed(faces[:1]).shape[1])


def test_together_as_one_by_one_and_twice_alike(matcher, faces):
    together = matcher.embed(faces[:3])
    single = np.concatenate([matcher.embed([face]) for face in faces[:3]])
    np.testing.assert_allclose(together, single, atol=1e-5)
    np.testing.assert_array_equal(matcher.embed(faces[:3]), together)


def test_leaves_faces_alone(matcher, faces):
    pixels, landmarks = faces[0].pixels.copy(), faces[0].landmarks.copy()
    matcher.embed(faces[:1])
    np.testing.assert_array_equal(faces[0].pixels, pixels)
    np.testing.assert_array_equal(faces[0].landmarks, landmarks)


def test_compare_gives_gallery_by_probes(matcher, faces):
    templates = matcher.embed(faces[:5])
    scores = matcher.compare(templates[:2], templates)
    assert scores.shape == (2, 5)
    assert scores.argmax(axis=1).tolist() == [0, 1], "nothing is more similar to a face than itself"
    np.testing.assert_allclose(matcher.compare(templates, templates[:2]), scores.T, atol=1e-6)


def test_a_missing_template_compares_as_nan(matcher, faces):
    templates = matcher.embed(faces[:2])
    templates[0] = np.nan
    scores = matcher.compare(templates, templates)
    assert np.isnan(scores[0]).all()
    assert np.isfinite(scores[1, 1])


def test_same_subjects_are_more_similar(matcher, faces):
    templates = matcher.embed(faces)
    scores = matcher.compare(templates, templates)
    same = np.array([[a.subject == b.subject for b in faces] for a in faces])
    mated = scores[same & ~np.eye(len(faces), dtype=bool)]
    assert mated.min() > np.quantile(scores[~same], 0.9)


def test_crops_give_nearly_the_templates_of_faces(matcher, faces):
    if not isinstance(matcher, CropMatcher):
        pytest.skip(f"{matcher.name} takes whole images only")
    crops = np.stack([take_crop(matcher.crop(face), face.pixels) for face in faces[:3]])
    before = crops.copy()
    templates = matcher.embed_crops(crops)
    np.testing.assert_array_equal(crops, before)
    np.testing.assert_allclose(templates, np.concatenate([matcher.embed_crops(one[None]) for one in crops]), atol=1e-5)
    assert (np.sum(templates * matcher.embed(faces[:3]), axis=1) > 0.98).all()
    assert matcher.embed_crops(crops[:0]).shape == (0, templates.shape[1])


def test_threads_may_compare_at_once_and_order_does_not_matter(matcher):
    random = np.random.default_rng(0)
    width = matcher.embed([]).shape[1]
    rows = random.normal(size=(40, width)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alone = matcher.compare(rows, rows[:30])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: matcher.compare(rows, rows[:30]), range(16)):
            np.testing.assert_array_equal(found, alone)
    np.testing.assert_allclose(matcher.compare(rows[:30], rows).T, alone, atol=1e-6)
