"""`facepriv models`, and JSON that others can rely on."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("cli")


def test_models(empty):
    said = empty("models")
    assert said.code == 0
    assert "dlib-gender" in said.out
    document = empty.json("models")
    assert document["schema"] == "facepriv.models/1"
    for model in document["models"]:
        assert {*model} == {
            *("name", "kind", "attribute", "title", "usable", "state", "reason", "how"),
            *("bytes", "version", "licence", "source", "notes"),
        }
        assert model["bytes"] if model["usable"] else model["state"] == "not here"
    usable = {model["name"] for model in document["models"] if model["usable"]}
    assert usable >= {"dlib-hog-68", "dlib-gender", "levi-hassner", "dlib-resnet", "sface"}
