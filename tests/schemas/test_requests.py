"""Requests refuse what cannot be by one sentence with a code; their fields are described once for everybody."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from facepriv.errors import BadInputError
from facepriv.schemas.fields import describe_fields
from facepriv.schemas.requests import AuditRequest, ImportRequest, PathSource, RunRequest


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, "bad-dataset"),
        ({"dataset": "few", "seed": -1}, "bad-seed"),
        ({"dataset": "few", "seed": 0.5}, "bad-seed"),
        ({"dataset": "few", "limit": 0}, "bad-limit"),
        ({"dataset": "few", "guides": ()}, "bad-guides"),
        ({"dataset": "few", "keep_weight": float("nan")}, "bad-keep-weight"),
        ({"dataset": "few", "parameters": ["eps"]}, "bad-parameter"),
        ({"dataset": "few", "colour": "red"}, "bad-colour"),
    ],
)
def test_what_a_run_cannot_be_asked_for(values: dict, code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        RunRequest(**values)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_texts_are_read_as_values() -> None:
    read = RunRequest(dataset="few", parameters=[" eps = 0.1 ", "candidates=same"], guards=["none"], seed="3")
    assert read.parameters == {"eps": "0.1", "candidates": "same"}
    assert read.guards == ()
    assert read.seed == 3


@pytest.mark.parametrize(("given", "p"), [("auto", "auto"), ("0.5", 0.5), (1, 1.0)])
def test_a_proportion_is_a_number_or_automatic(given: object, p: object) -> None:
    assert AuditRequest(run=1, p=given).p == p


def test_a_request_comes_back_from_its_json() -> None:
    asked = ImportRequest(
        name="few", source=PathSource(path="/faces"), retain_until="2100-01-31", mapping={"0": "male"}
    )
    assert ImportRequest.model_validate_json(asked.model_dump_json()) == asked


class Example(BaseModel):
    number: float = Field(default=0.5, gt=0, le=2, description="A number")
    several: tuple[Literal["a", "b"], ...] = ("a",)
    choice: Literal["x", "y"] | None = None
    needed: int


@pytest.mark.parametrize(
    ("name", "words", "text", "value"),
    [
        ("number", "number", "0.5", "0.5"),
        ("several", "several of: a | b", "a, b", ("a", "b")),
        ("choice", "x | y or none", "None", None),
        ("needed", "whole number", "7", "7"),
    ],
)
def test_fields_in_words_and_from_text(name: str, words: str, text: str, value: object) -> None:
    field = describe_fields(Example)[name]
    assert field.type_in_words == words
    assert field.from_text(text) == value
    assert field.required == (name == "needed")


def test_bounds_and_defaults() -> None:
    number = describe_fields(Example)["number"]
    assert number.least == 0
    assert number.most == 2
    assert number.default == 0.5
    assert number.help == "A number"


@pytest.mark.parametrize("request_type", [RunRequest, AuditRequest])
def test_every_field_has_a_help(request_type: type[BaseModel]) -> None:
    assert [one.name for one in describe_fields(request_type).values() if not one.help] == []
