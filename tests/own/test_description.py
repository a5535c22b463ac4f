"""A YAML is read strictly: every mistake gets a sentence of its own."""

from __future__ import annotations

import copy

import pytest
import yaml

from facepriv.errors import BadInputError
from facepriv.own_models.description import CommandMatcher, NetworkClassifier, read_yaml
from tests.own_models import GENDER, MATCHER

COMMAND = {
    "name": "vendor",
    "kind": "matcher",
    "licence": "theirs",
    "source": "them",
    "version": 3.1,
    "command": ["/opt/vendor/embed", "--fast"],
}


def text(description, **changes):
    return yaml.safe_dump({**copy.deepcopy(description), **changes}).encode()


def refused(description, **changes):
    with pytest.raises(BadInputError) as caught:
        read_yaml(text(description, **changes))
    assert caught.value.code == "model-description"
    return str(caught.value)


def test_reads_a_network():
    found = read_yaml(text(GENDER, input={**GENDER["input"], "mean": 127.5}))
    assert isinstance(found, NetworkClassifier)
    assert found.input.mean == (127.5, 127.5, 127.5)
    assert found.input.std == (256, 256, 256)
    assert found.crop.padding == 0.2
    assert read_yaml(text(MATCHER)).output.metric == "cosine"


def test_reads_a_command():
    found = read_yaml(text(COMMAND))
    assert isinstance(found, CommandMatcher)
    assert found.version == "3.1"
    assert found.images == "whole"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "My Model"}, "`name` must be 2 to 40 small letters, digits and hyphens, not 'My Model'."),
        ({"name": "../up"}, "`name` must be"),
        ({"kind": "detector"}, "`kind` must be classifier or matcher, not 'detector'."),
        ({"licence": None}, "`licence` cannot be None"),
        ({"colour": "RGB"}, "`colour` is not known here; known are "),
        ({"command": ["x"]}, "but both are there"),
        ({"attribute": "age"}, "`attribute` cannot be 'age'"),
        ({"network": "../gender.onnx"}, "write the name of a file beside the YAML, without folders."),
        ({"crop": {"kind": "oval"}}, "`crop` cannot be {'kind': 'oval'}"),
        ({"crop": {"kind": "eye-square", "sides": 3}}, "`crop.sides` is not known here; known are kind, side, below"),
        ({"output": {"meaning": "logits", "labels": ["man", "woman"]}}, "write [female, male] or [male, female]"),
        ({"output": {"meaning": "softmax", "labels": ["female", "male"]}}, "`output.meaning` cannot be 'softmax'"),
        ({"input": {**GENDER["input"], "std": 0}}, "no value may be 0"),
        ({"input": {**GENDER["input"], "mean": [1, 2]}}, "`input.mean"),
        ({"input": {**GENDER["input"], "std": float("nan")}}, "`input.std"),
        ({"input": {**GENDER["input"], "size": 100_000}}, "`input.size` cannot be 100000"),
        ({"found": ["all is well"]}, "`found` is found out when the model is added; leave it out."),
    ],
)
def test_each_mistake_is_one_sentence(changes, sentence):
    told = refused(GENDER, **changes)
    assert sentence in told
    assert told.endswith(".")
    assert "\n" not in told


def test_several_mistakes_are_several_sentences():
    broken = {key: value for key, value in GENDER.items() if key not in ("licence", "crop")}
    assert refused(broken) == "`licence` is missing. `crop` is missing."


@pytest.mark.parametrize(
    "changes",
    [
        {"images": "crop"},
        {"images": "crop", "size": 32},
        {"images": "whole", "crop": {"kind": "five-points"}, "size": 9},
    ],
)
def test_a_command_gets_a_crop_just_where_it_asks_for_one(changes):
    assert "both crop and size" in refused(COMMAND, **changes) or "neither crop nor size" in refused(COMMAND, **changes)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "A YAML with fields such as"),
        (b"[1, 2]", "A YAML with fields such as"),
        (b"name: a\nkind: [", "cannot be read as one (line"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a: &x [1]\nb: *x\n", "without references"),
        (b"!!python/object/apply:os.system ['true']", "cannot be read as one"),
        (b"x" * 70_000, "at most 65,536 bytes"),
        (b"kind: classifier\nname: abc\n", "but neither is there"),
    ],
)
def test_what_is_no_description_is_refused(content, sentence):
    with pytest.raises(BadInputError, match="expected") as caught:
        read_yaml(content)
    assert sentence in str(caught.value)
