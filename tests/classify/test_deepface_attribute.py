"""deepface's attribute networks, run for real on small ONNX graphs with their signatures.

The published weights take ``(n, 224, 224, 3)``, blue first and up to 1, and give probabilities after a softmax: of
Woman and Man, of 101 ages, of six races.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.deepface import (
    FLOOR,
    LOGITS,
    RACES,
    DeepFaceAge,
    DeepFaceGender,
    DeepFaceRace,
    log_of_probabilities,
    logits_session,
)
from facepriv.classify.registry import classifiers
from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.imaging.crop import take_crop
from facepriv.services.models.catalogue import status_of
from facepriv.types import AttributeClassifier, PublishedClassifier
from facepriv.weights.deepface_models import MODELS
from facepriv.weights.files import data_path
from tests.contracts import test_classifiers as contract
from tests.deepface_graphs import grey_levels, let_deepface_find, trust, write_classes

AGE, GENDER, RACE = (MODELS[f"deepface-{name}"] for name in ("age", "gender", "race"))

# Logits from the means of blue, green and red: rows are the channels as fed, columns the classes.
GENDER_WEIGHTS = np.array([[3.0, -2.0], [0.5, 1.0], [-4.0, 6.0]], dtype=np.float32)
STEEP = GENDER_WEIGHTS * 100
MADE = {
    "gender": (GENDER, DeepFaceGender, GENDER_WEIGHTS),
    "age": (AGE, DeepFaceAge, np.random.default_rng(1).normal(0, 3, (3, 101)).astype(np.float32)),
    "race": (RACE, DeepFaceRace, np.random.default_rng(2).normal(0, 3, (3, 6)).astype(np.float32)),
}
ENDS = ["softmax", "softmax, identity", "other"]


@pytest.fixture
def make_classifier(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))

    def make(attribute="gender", weights=None, end="softmax", batch="n", **options):
        model, made, usual = MADE[attribute]
        write_classes(data_path(model.inside), usual if weights is None else weights, end=end, batch=batch)
        trust(model)
        return made(**options)

    return make


@pytest.fixture(params=MADE)
def classifier(request, make_classifier):
    return make_classifier(request.param)


@pytest.fixture
def inputs(classifier, faces):
    return np.stack([take_crop(classifier.crop(face), face.pixels) for face in faces[:4]])


test_crop_is_a_crop_of_fixed_size = contract.test_crop_is_a_crop_of_fixed_size
test_scores_are_finite_log_odds = contract.test_scores_are_finite_log_odds
test_no_image_gives_no_score = contract.test_no_image_gives_no_score
test_a_batch_scores_like_its_images_one_by_one = contract.test_a_batch_scores_like_its_images_one_by_one
test_leaves_its_input_alone_and_repeats_itself = contract.test_leaves_its_input_alone_and_repeats_itself
test_scores_do_not_tie_under_a_small_change = contract.test_scores_do_not_tie_under_a_small_change


def test_is_a_classifier_of_its_attribute(classifier):
    assert isinstance(classifier, AttributeClassifier)
    assert status_of(classifier.card).usable
    assert len(classifier.version) == 12
    assert classifier.attribute in MADE
    assert classifier.card.name == f"deepface-{classifier.attribute}"
    assert classifier.card.name in classifiers.names()


def crops_of(classifier, faces):
    return np.stack([take_crop(classifier.crop(face), face.pixels) for face in faces[:3]])


def logits_of(inputs, weights):
    return inputs.astype(np.float64).mean(axis=(1, 2))[:, ::-1] / 255 @ weights.astype(np.float64)


def expected(inputs, weights):
    logits = logits_of(inputs, weights)
    return logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize("end", ENDS)
def test_gender_is_the_log_odds_of_the_man_fed_blue_first_up_to_one(make_classifier, faces, end):
    classifier = make_classifier(end=end)
    crops = crops_of(classifier, faces)
    np.testing.assert_allclose(classifier.score(crops), expected(crops, GENDER_WEIGHTS), rtol=1e-4)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("boundary", [1, 40, 100])
def test_age_is_the_log_odds_of_being_at_least_the_boundary(make_classifier, faces, end, boundary):
    classifier = make_classifier("age", end=end, boundary=boundary)
    crops = crops_of(classifier, faces)
    powers = np.exp(logits_of(crops, MADE["age"][2]))
    sums = np.log(powers[:, boundary:].sum(axis=1)) - np.log(powers[:, :boundary].sum(axis=1))
    np.testing.assert_allclose(classifier.score(crops), sums, rtol=1e-3, atol=1e-4)
    assert classifier.name == f"deepface-age@{boundary}"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("word", RACES)
def test_race_is_the_log_odds_of_one_word_against_the_rest(make_classifier, faces, end, word):
    classifier = make_classifier("race", end=end, word=word)
    crops = crops_of(classifier, faces)
    powers = np.exp(logits_of(crops, MADE["race"][2]))
    one = powers[:, RACES.index(word)]
    np.testing.assert_allclose(classifier.score(crops), np.log(one / (powers.sum(axis=1) - one)), rtol=1e-3, atol=1e-4)
    assert classifier.name == f"deepface-race@{word}"


@pytest.mark.parametrize("attribute", MADE)
def test_classes_are_those_that_deepface_itself_tells(attribute, make_classifier, faces, tmp_path, monkeypatch):
    from deepface import DeepFace

    classifier = make_classifier(attribute)
    let_deepface_find(tmp_path, monkeypatch)
    bgr = grey_levels(take_crop(classifier.crop(faces[0]), faces[0].pixels))
    (found,) = DeepFace.analyze(bgr, actions=[attribute], detector_backend="skip", silent=True)
    shares = np.exp(classifier.logits(bgr[None, ..., ::-1].astype(np.float32))[0])
    shares /= shares.sum()
    if attribute == "age":
        assert found["age"] == pytest.approx(shares @ np.arange(101), abs=1)
    else:
        words = ["Woman", "Man"] if attribute == "gender" else [word.replace("-", " ") for word in RACES]
        np.testing.assert_allclose(shares, [found[attribute][word] / 100 for word in words], atol=1e-4)


def test_a_published_score_is_of_what_deepface_itself_tells_of_the_file(make_classifier, faces, tmp_path, monkeypatch):
    from deepface import DeepFace

    classifier = make_classifier("gender")
    let_deepface_find(tmp_path, monkeypatch)
    (found,) = DeepFace.analyze(faces[0].pixels[..., ::-1].copy(), actions=["gender"], silent=True)
    told = np.log(found["gender"]["Man"] / found["gender"]["Woman"])
    assert classifier.score_published(faces[0]) == pytest.approx(told, abs=1e-4)
    assert isinstance(classifier, PublishedClassifier)


def test_where_deepface_finds_no_face_the_crop_is_scored(make_classifier, faces):
    classifier = make_classifier("gender")
    blank = replace(faces[0], pixels=np.full_like(faces[0].pixels, 128))
    crop = take_crop(classifier.crop(blank), blank.pixels)
    assert classifier.score_published(blank) == pytest.approx(float(classifier.score(crop[None])[0]))


def test_words_and_ages_are_deepface_own():
    from deepface.models.demography import DemographyUtils

    assert [word.replace("-", " ") for word in RACES] == DemographyUtils.RACE_LABELS
    flat = np.zeros(AGE.outputs)
    flat[-1] = 1
    assert DemographyUtils.find_apparent_age(flat) == AGE.outputs - 1


@pytest.mark.parametrize("boundary", [0, 101, -1, "40", 39.5, None])
def test_a_boundary_that_leaves_no_age_on_one_side_or_is_no_year_is_refused(boundary):
    with pytest.raises(BadInputError, match="boundary of deepface-age must be a whole number of years from 1 to 100"):
        DeepFaceAge(boundary=boundary)


@pytest.mark.parametrize("word", ["middle eastern", "White", "", 3])
def test_a_word_that_the_network_does_not_know_is_refused(word):
    with pytest.raises(BadInputError, match="class of deepface-race must be one of: asian, indian") as caught:
        DeepFaceRace(word=word)
    assert caught.value.code == "unknown-class"


def test_a_graph_that_takes_one_image_at_a_time_is_given_one_at_a_time(make_classifier, faces):
    classifier = make_classifier("race", batch=1)
    crops = crops_of(classifier, faces)
    np.testing.assert_allclose(classifier.score(crops), make_classifier("race").score(crops), rtol=1e-3)


def test_weights_of_other_classes_are_refused(make_classifier, faces):
    classifier = make_classifier("age", weights=GENDER_WEIGHTS)
    with pytest.raises(ModelUnavailableError, match="expected to give 101 classes, but give 2"):
        classifier.score(crops_of(classifier, faces))


def test_log_odds_pass_the_range_of_a_probability(make_classifier):
    classifier = make_classifier(weights=STEEP)
    crops = np.full((2, 224, 224, 3), 200, dtype=np.float32)
    crops[1, 100, 100] += 20
    scores = classifier.score(crops)
    np.testing.assert_allclose(scores, expected(crops, STEEP), rtol=1e-4)
    assert scores[0] > -np.log(FLOOR)
    assert scores[0] != scores[1]


def test_without_a_softmax_at_the_end_the_floor_bounds_the_score(make_classifier):
    classifier = make_classifier(weights=GENDER_WEIGHTS * np.float32(12), end="other")
    crops = np.zeros((1, 224, 224, 3), dtype=np.float32)
    crops[..., 0] = 255
    (score,) = classifier.score(crops)
    assert expected(crops, GENDER_WEIGHTS * 12)[0] == pytest.approx(120)
    assert score == pytest.approx(-np.log(FLOOR))
    np.testing.assert_allclose(log_of_probabilities(np.array([[0.0, 1.0]])), [[np.log(FLOOR), 0]])


@pytest.mark.parametrize(("end", "output"), [("softmax", LOGITS), ("softmax, identity", LOGITS), ("other", None)])
def test_logits_are_taken_where_the_graph_allows_it(tmp_path, end, output):
    write_classes(tmp_path / "g.onnx", GENDER_WEIGHTS, end=end)
    (found,) = logits_session(tmp_path / "g.onnx").get_outputs()
    assert found.name == (output or "probabilities")


def test_what_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "page.onnx"
    path.write_text("<html>Not Found</html>")
    with pytest.raises(ModelUnavailableError, match="should be an ONNX graph"):
        logits_session(path)


@pytest.mark.parametrize("attribute", MADE)
def test_without_weights_it_says_how_to_get_them(attribute, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    classifier = MADE[attribute][1]()
    assert status_of(classifier.card).how == f"facepriv fetch deepface-{attribute}"
    with pytest.raises(ModelUnavailableError, match=f"facepriv fetch deepface-{attribute}"):
        classifier.score(np.zeros((1, 224, 224, 3), dtype=np.float32))
