"""Descriptions of own models are read strictly, with one sentence for each mistake."""

from __future__ import annotations

import copy

import pytest
import yaml

from facepriv.errors import BadInputError
from facepriv.own_models.description import CommandMatcher, NetworkClassifier, parse, read_yaml
from tests.own_model_files import GENDER, MATCHER

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
    description = read_yaml(text(GENDER, input={**GENDER["input"], "mean": 127.5}))
    assert isinstance(description, NetworkClassifier)
    assert description.input.mean == (127.5, 127.5, 127.5)
    assert description.input.std == (256, 256, 256)
    assert description.crop.padding == 0.2
    assert read_yaml(text(MATCHER)).output.metric == "cosine"


def test_reads_a_command():
    description = read_yaml(text(COMMAND))
    assert isinstance(description, CommandMatcher)
    assert description.version == "3.1"
    assert description.images == "whole"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "My Model"}, "name"),
        ({"name": "../up"}, "name"),
        ({"kind": "detector"}, "kind"),
        ({"licence": None}, "licence"),
        ({"colour": "RGB"}, "colour"),
        ({"command": ["x"]}, "command: [PROGRAM, ...]"),
        ({"attribute": "age"}, "attribute"),
        ({"network": "../gender.onnx"}, "network"),
        ({"crop": {"kind": "oval"}}, "crop.kind"),
        ({"crop": {"padding": 1}}, "crop.kind"),
        ({"crop": {"kind": "eye-square", "sides": 3}}, "crop.sides"),
        ({"output": {"meaning": "logits", "labels": ["man", "woman"]}}, "output.labels"),
        ({"output": {"meaning": "softmax", "labels": ["female", "male"]}}, "output.meaning"),
        ({"output": {"labels": ["female", "male"]}}, "output"),
        ({"output": {"meaning": "logits", "apply": "softmax", "labels": ["female", "male"]}}, "output"),
        ({"output": {"meaning": "logits", "columns": [7], "labels": ["female", "male"]}}, "output"),
        ({"output": {"meaning": "logit", "columns": [7, 8], "labels": ["female", "male"]}}, "output"),
        ({"output": {"meaning": "logits", "columns": [7, 7], "labels": ["female", "male"]}}, "output"),
        ({"output": {"apply": "sigmoid", "columns": [[1, 2], 3], "labels": ["female", "male"]}}, "output"),
        ({"output": {"apply": "softmax", "columns": [-1, 0], "labels": ["female", "male"]}}, "output.columns"),
        ({"output": {"apply": "softmax", "columns": [[], 0], "labels": ["female", "male"]}}, "output.columns"),
        ({"input": {**GENDER["input"], "std": 0}}, "input.std"),
        ({"input": {**GENDER["input"], "mean": [1, 2]}}, "input.mean.2"),
        ({"input": {**GENDER["input"], "size": 100_000}}, "input.size"),
        ({"found": ["all is well"]}, "found"),
        ({"form": "network"}, "form"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_field(changes, field):
    sentence = refused(GENDER, **changes)
    assert f"`{field}`" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_several_mistakes_are_several_sentences():
    broken = {key: value for key, value in GENDER.items() if key not in ("licence", "crop")}
    assert refused(broken) == "`licence` is missing. `crop` is missing."


def test_numbers_must_be_finite():
    sentences = refused(GENDER, input={**GENDER["input"], "std": float("nan")}).split(". ")
    assert len(sentences) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"images": "crop"},
        {"images": "crop", "size": 32},
        {"images": "whole", "crop": {"kind": "five-points"}, "size": 9},
    ],
)
def test_a_command_gets_a_crop_just_where_it_asks_for_one(changes):
    assert "`crop` and `size`" in refused(COMMAND, **changes)


@pytest.mark.parametrize(
    ("content", "words"),
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
def test_what_is_no_description_is_refused(content, words):
    with pytest.raises(BadInputError) as caught:
        read_yaml(content)
    assert caught.value.code == "model-description"
    assert words in str(caught.value)


def test_what_is_not_used_of_an_output_is_not_written():
    """Otherwise the same YAML would have another version than before there were columns."""
    description = read_yaml(text(GENDER))
    assert description.output.model_dump(mode="json") == {
        "name": "logits",
        "meaning": "logits",
        "labels": ["female", "male"],
    }
    picked = read_yaml(text(GENDER, output={"apply": "softmax", "columns": [7, [8, 9]], "labels": ["male", "female"]}))
    assert picked.output.columns == (7, (8, 9))
    assert parse(picked.model_dump(mode="json")) == picked
