"""Every registered classifier, and every form of own ones, keeps the contract of `AttributeClassifier`."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.registry import classifiers
from facepriv.errors import BadInputError
from facepriv.imaging.crop import take_crop
from facepriv.registry import VALUE
from facepriv.services.models.catalogue import ModelStatus, status_of
from facepriv.types import GENDER, AttributeClassifier, CropFunction, CropSpec
from tests.own_model_files import CLASSIFIERS


def status(name: str) -> ModelStatus:
    return status_of(classifiers.create(name).card)


@pytest.fixture(params=[*(name for name in classifiers.names() if status(name).usable), *CLASSIFIERS])
def classifier(request) -> AttributeClassifier:
    if request.param in CLASSIFIERS:
        request.getfixturevalue("own_home")
    return classifiers.create(request.param)


@pytest.mark.parametrize("name", classifiers.names())
def test_is_tested_here(name):
    if not status(name).usable:
        pytest.skip(status(name).reason)


@pytest.fixture
def inputs(classifier, faces):
    return np.stack([take_crop(classifier.crop(face), face.pixels) for face in faces[:4]])


def test_is_a_classifier(classifier):
    assert isinstance(classifier, AttributeClassifier)
    assert classifier.name.partition(VALUE)[0] in classifiers.names()
    assert classifier.name.partition(VALUE)[0] == classifier.card.name
    assert len(classifier.version) == 12
    assert classifier.card.licence
    assert classifier.card.source


def test_its_name_makes_it_again(classifier, inputs):
    again = classifiers.create(classifier.name)
    assert again.name == classifier.name
    assert again.version == classifier.version
    assert again.attribute == classifier.attribute
    assert again.score(inputs).tolist() == classifier.score(inputs).tolist()


def test_option_is_told_by_its_name(classifier):
    option = getattr(classifier, "option", None)
    if option is None:
        assert classifier.name == classifier.card.name
        with pytest.raises(BadInputError, match="takes no value") as caught:
            classifiers.create(f"{classifier.name}@40")
        assert caught.value.code == "takes-no-value"
    else:
        assert classifier.name == f"{classifier.card.name}{VALUE}{getattr(classifier, option)}"
        with pytest.raises(BadInputError, match=classifier.card.name):
            classifiers.create(f"{classifier.card.name}{VALUE}-1")


def test_crop_is_a_crop_of_fixed_size(classifier, faces):
    specs = [classifier.crop(face) for face in faces[:4]]
    assert all(isinstance(spec, CropSpec | CropFunction) for spec in specs)
    assert len({(spec.height, spec.width) for spec in specs}) == 1


def test_scores_are_finite_log_odds(classifier, inputs):
    scores = classifier.score(inputs)
    assert scores.shape == (4,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()


def test_no_image_gives_no_score(classifier, inputs):
    assert classifier.score(inputs[:0]).shape == (0,)


def test_a_batch_scores_like_its_images_one_by_one(classifier, inputs):
    single = np.concatenate([classifier.score(inputs[i : i + 1]) for i in range(len(inputs))])
    np.testing.assert_allclose(classifier.score(inputs), single, rtol=1e-4, atol=1e-4)


def test_leaves_its_input_alone_and_repeats_itself(classifier, inputs):
    before = inputs.copy()
    first = classifier.score(inputs)
    np.testing.assert_array_equal(inputs, before)
    np.testing.assert_array_equal(classifier.score(inputs), first)


def test_scores_do_not_tie_under_a_small_change(classifier, inputs):
    """Log-odds do not saturate: a change that a probability in float32 would swallow moves them."""
    changed = inputs.copy()
    height, width = inputs.shape[1:3]
    changed[:, height // 3 : height // 2, width // 3 : width // 2] += 2
    assert (classifier.score(changed) != classifier.score(inputs)).all()


def test_male_is_positive(classifier, faces):
    if classifier.attribute != GENDER:
        pytest.skip(f"it tells {classifier.attribute}")
    scores = {-1: [], 1: []}
    for face in faces:
        crop = take_crop(classifier.crop(face), face.pixels)
        scores[face.label].append(classifier.score(crop[None])[0])
    assert np.mean(scores[1]) > 0 > np.mean(scores[-1])
