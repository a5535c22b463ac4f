"""deepface's published weights, run for real where ``facepriv fetch`` has brought them into the data folder.

``pytest -m weights`` runs them on the data folder of the environment (``FACEPRIV_HOME``).
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from facepriv.classify.deepface import RACES
from facepriv.classify.registry import classifiers
from facepriv.config import get_settings
from facepriv.imaging.crop import take_crop
from facepriv.match.registry import matchers
from facepriv.services.models.catalogue import status_of
from facepriv.weights.deepface_models import MATCHERS, MODELS
from tests.deepface_graphs import grey_levels, let_deepface_find

AGE, GENDER, RACE = (MODELS[f"deepface-{name}"] for name in ("age", "gender", "race"))

pytestmark = pytest.mark.weights


def made(registry, model):
    found = registry.create(model.name)
    if not status_of(found.card).usable:
        pytest.skip(f"the weights of {model.name} are not in the data folder; facepriv fetch {model.name} brings them")
    return found


@pytest.fixture(params=MATCHERS, ids=lambda model: model.name)
def model(request):
    return request.param


@pytest.fixture
def matcher(model):
    return made(matchers, model)


@pytest.fixture(autouse=True)
def _deepface_finds_the_same_files(monkeypatch):
    let_deepface_find(get_settings().home, monkeypatch)


def test_the_template_is_the_one_that_deepface_itself_computes(matcher, model, faces):
    from deepface import DeepFace

    if model.runtime == "insightface":
        pytest.importorskip("insightface", reason="deepface itself needs the package insightface for this model")
    (found,) = DeepFace.represent(faces[0].pixels[..., ::-1].copy(), model_name=model.deepface_name)
    theirs = np.array(found["embedding"])
    (ours,) = matcher.embed(faces[:1])
    np.testing.assert_allclose(ours, theirs / np.linalg.norm(theirs), atol=1e-5)


def test_the_same_people_score_higher(matcher, faces):
    templates = matcher.embed(faces)
    upper = np.triu_indices(len(faces), 1)
    mated = np.array([[a.subject == b.subject for b in faces] for a in faces])[upper]
    assert roc_auc_score(mated, matcher.compare(templates, templates)[upper]) > 0.75


@pytest.mark.parametrize("model", [GENDER, AGE, RACE], ids=lambda model: model.name)
def test_classes_are_those_that_deepface_itself_tells(model, faces):
    from deepface import DeepFace

    classifier = made(classifiers, model)
    crop = take_crop(classifier.crop(faces[0]), faces[0].pixels)
    bgr = grey_levels(crop)
    (found,) = DeepFace.analyze(bgr, actions=[classifier.attribute], detector_backend="skip", silent=True)
    logits = classifier.logits(bgr[None, ..., ::-1].astype(np.float32))[0]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    if model is AGE:
        assert found["age"] == pytest.approx(shares @ np.arange(101), abs=1)
        return
    words = [word.replace("-", " ") for word in RACES] if model is RACE else ["Woman", "Man"]
    told = found["race" if model is RACE else "gender"]
    np.testing.assert_allclose(shares, [told[word] / 100 for word in words], atol=1e-3)


def test_men_score_higher_than_women(faces):
    classifier = made(classifiers, GENDER)
    crops = np.stack([take_crop(classifier.crop(face), face.pixels) for face in faces])
    labels = [face.label for face in faces]
    assert roc_auc_score(labels, classifier.score(crops)) > 0.75
