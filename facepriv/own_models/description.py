"""Descriptions of own models: the fields of a user's YAML, checked, with one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from facepriv.errors import BadInputError

MAX_YAML_BYTES = 65_536
NOT_WRITTEN = frozenset(["form", "found", "width"])
"""Fields that are set when a model is added."""
NAME = r"^[a-z0-9][a-z0-9-]{1,39}$"
GENDER_LABELS = ("female", "male")


def _repeat_single(value: object) -> object:
    single = isinstance(value, int | float) and not isinstance(value, bool)
    return (value,) * 3 if single else value


Triple = Annotated[tuple[float, float, float], BeforeValidator(_repeat_single)]
"""One number for each colour; a single number stands for three of it."""


class Described(BaseModel):
    """Base of all parts of a description: no unknown fields, no infinite numbers, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True)


class FivePoints(Described):
    """The square that most recognition networks were trained on: eyes, nose tip and mouth corners in fixed places."""

    kind: Literal["five-points"]


class AlignedChip(Described):
    """dlib's upright face chip."""

    kind: Literal["aligned-chip"]
    padding: float = Field(default=0.25, ge=0, le=4)
    """Margin, as a fraction of the face's size."""


class EyeSquare(Described):
    """A square placed by the eyes; units are distances between the eyes' centres."""

    kind: Literal["eye-square"]
    side: float = Field(default=3.75, gt=0, le=20)
    below: float = Field(default=0.6, ge=-10, le=10)
    """How far its centre lies below the middle of the eyes."""
    level: bool = True
    """Whether it is turned so that the eyes are level."""


class BoxSquare(Described):
    """An upright square around the detector's box."""

    kind: Literal["box-square"]
    margin: float = Field(default=0.0, ge=0, le=4)
    """What is added on every side, as a fraction of the box's longer edge."""


Alignment = Annotated[FivePoints | AlignedChip | EyeSquare | BoxSquare, Field(discriminator="kind")]


class NetworkInput(Described):
    """How a crop becomes what the network reads: ``(pixel - mean) / std``, pixels 0..255."""

    name: str | None = None
    """Of the graph's input; needed where it has several."""
    size: int = Field(ge=8, le=1024)
    """Pixels along an edge of the square crop."""
    layout: Literal["NCHW", "NHWC"]
    colours: Literal["RGB", "BGR"]
    mean: Triple = (0.0, 0.0, 0.0)
    """In the order of ``colours``."""
    std: Triple = (1.0, 1.0, 1.0)

    @field_validator("std")
    @classmethod
    def _check_std(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if 0 in value:
            raise ValueError("no value may be 0, since pixels are divided by it")
        return value


class ClassifierOutput(Described):
    """The output of the graph that holds the label, and the meaning of its numbers."""

    name: str | None = None
    """Of an output or of any value inside the graph, such as the logits before a softmax; by default its one output."""
    meaning: Literal["logits", "probabilities", "logit", "probability"] | None = None
    """Two logits or two probabilities in the order of ``labels``; or one of either, of the last of ``labels``."""
    apply: Literal["softmax", "sigmoid", "argmax"] | None = None
    """What has to be applied to the numbers, in place of ``meaning``.

    A softmax to two; a sigmoid to one, of the last of ``labels``, or to each of two; or only the larger of two counts.
    """
    columns: tuple[int | tuple[int, ...], ...] = ()
    """Which numbers of the output these are, in the order of ``labels``; by default all, which are as many."""
    labels: tuple[str, str]

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, value: tuple[str, str]) -> tuple[str, str]:
        if set(value) != set(GENDER_LABELS):
            raise ValueError("write [female, male] or [male, female], in the network's order")
        return value

    @field_validator("columns", mode="before")
    @classmethod
    def _check_places(cls, value: object) -> object:
        if (
            isinstance(value, list | tuple)
            and value
            and all(
                _is_place(each) or (isinstance(each, list | tuple) and each and all(map(_is_place, each)))
                for each in value
            )
        ):
            return value
        raise ValueError("write places in the output, counted from 0, such as [7, 8]; for several classes a list each")

    @model_validator(mode="after")
    def _check_columns(self) -> ClassifierOutput:
        if (self.meaning is None) == (self.apply is None):
            raise ValueError("write either `meaning` or `apply`: what the numbers are, or what makes them so")
        widths = self.widths
        if self.columns and len(self.columns) not in widths:
            raise ValueError(
                f"with {self.meaning or self.apply}, `columns` takes {' or '.join(map(str, widths))} of the output's "
                "numbers, counted from 0, in the order of `labels`"
            )
        places = [place for each in self.columns for place in ((each,) if isinstance(each, int) else each)]
        if len(set(places)) < len(places):
            raise ValueError("`columns` may name each number of the output once")
        if self.takes_one_each and any(not isinstance(each, int) for each in self.columns):
            raise ValueError(f"with {self.meaning or self.apply}, each of `columns` is a single number")
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Return how many numbers, or groups of numbers, the output may have."""
        if self.apply == "sigmoid":
            return (1, 2)
        return (1,) if self.meaning in ("logit", "probability") else (2,)

    @property
    def takes_one_each(self) -> bool:
        """Return whether a label cannot be of several classes: their numbers do not add up."""
        return self.apply == "sigmoid" or self.widths == (1,)

    @model_serializer(mode="wrap")
    def _leave_out_unused(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A description without these has the version that it had before there were any.
        written: dict[str, Any] = write(self)
        unused = [name for name in ("meaning", "apply", "columns") if not written[name]]
        return {name: value for name, value in written.items() if name not in unused}


def _is_place(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class MatcherOutput(Described):
    """The output of the graph that is the template."""

    name: str | None = None
    metric: Literal["cosine"] = "cosine"


class Model(Described):
    """Fields of every description."""

    name: str = Field(pattern=NAME)
    """Name in the registry: 2 to 40 small letters, digits and hyphens."""
    title: str = Field(default="", max_length=200)
    licence: str = Field(min_length=1, max_length=200)
    """Under which it may be used, in your own words."""
    source: str = Field(min_length=1, max_length=400)
    """Who made it, and where it comes from."""
    notes: str = Field(default="", max_length=1000)
    found: tuple[str, ...] = ()
    """Findings of the trial when the model was added, in sentences."""


class _OfClassifier(Described):
    kind: Literal["classifier"]
    attribute: Literal["gender"] = "gender"


class _OfMatcher(Described):
    kind: Literal["matcher"]
    width: int | None = Field(default=None, ge=1)
    """Numbers of a template; set when the model is added."""


class _Network(Model):
    form: Literal["network"] = "network"
    network: str = Field(min_length=1, max_length=200)
    """File of the ONNX graph, beside the YAML."""
    input: NetworkInput
    crop: Alignment

    @field_validator("network")
    @classmethod
    def _check_file_name(cls, value: str) -> str:
        if Path(value).name != value or value in (".", ".."):
            raise ValueError("write the name of a file beside the YAML, without folders")
        return value


class NetworkClassifier(_Network, _OfClassifier):
    """An ONNX graph that classifies."""

    output: ClassifierOutput


class NetworkMatcher(_Network, _OfMatcher):
    """An ONNX graph that embeds."""

    output: MatcherOutput = MatcherOutput()


class _Command(Model):
    form: Literal["command"] = "command"
    command: tuple[str, ...] = Field(min_length=1, max_length=64)
    """Program and arguments; no shell reads them."""
    version: str = Field(min_length=1, max_length=100)
    """Version of the software; another version is another model."""
    images: Literal["whole", "crop"] = "whole"
    """Whether it gets the whole stored image, or a crop of ``size`` pixels placed as ``crop`` says."""
    size: int | None = Field(default=None, ge=8, le=1024)
    crop: Alignment | None = None
    stays_open: bool = False
    """Whether one process answers line by line until its input ends, instead of one process for each call."""
    timeout_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Longest wait for the next answer."""

    @model_validator(mode="after")
    def _check_crop(self) -> _Command:
        given = {self.crop is not None, self.size is not None}
        if given != {self.images == "crop"}:
            raise ValueError("with `images: crop`, both `crop` and `size` are needed; without it, neither may be given")
        return self


class CommandClassifier(_Command, _OfClassifier):
    """A program that classifies."""


class CommandMatcher(_Command, _OfMatcher):
    """A program that embeds."""


class Weight(Described):
    """A weight file of a matcher, as `facepriv.types.WeightFile` names it."""

    name: str
    sha256: str
    package: str
    inside: str


class TrainedOn(Described):
    """The data that a probe was trained on, and its accuracy on people left out."""

    dataset_id: int
    dataset: str
    content_sha256: str
    excluded: tuple[str, ...]
    """Data sets whose people and images were left out."""
    images: dict[str, int]
    """By label."""
    subjects: dict[str, int]
    folds: int
    """Parts of the people, each left out once."""
    accuracy: float
    """Balanced, on people left out."""
    auc: float
    seed: int
    scikit_learn: str
    facepriv: str


class ProbeModel(Model, _OfClassifier):
    """A linear classifier of a matcher's templates; made by training, not from a YAML."""

    form: Literal["probe"] = "probe"
    matcher: str
    matcher_version: str
    matcher_weights: tuple[Weight, ...]
    """Files that the matcher must still have."""
    trained_on: TrainedOn


NetworkModel = NetworkClassifier | NetworkMatcher
CommandModel = CommandClassifier | CommandMatcher
AnyModel = NetworkModel | CommandModel | ProbeModel
_by_form_and_kind: TypeAdapter[AnyModel] = TypeAdapter(
    Annotated[
        Annotated[NetworkModel, Field(discriminator="kind")]
        | Annotated[CommandModel, Field(discriminator="kind")]
        | ProbeModel,
        Field(discriminator="form"),
    ]
)


def read_yaml(text: bytes) -> AnyModel:
    """Return the description of a network or a command that a YAML holds.

    Raises BadInputError with code ``model-description`` and one sentence for each mistake.
    """
    if len(text) > MAX_YAML_BYTES:
        raise _error(f"A YAML of at most {MAX_YAML_BYTES:,} bytes was expected, but this has {len(text):,}.")
    content = _load(text)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise _error("A YAML with fields such as `name: my-model` was expected, but it is something else.")
    forms = [form for form in ("network", "command") if form in content]
    if len(forms) != 1:
        raise _error(
            "Either `network: FILE.onnx` or `command: [PROGRAM, ...]` was expected, but "
            f"{'both are' if forms else 'neither is'} there."
        )
    for key in NOT_WRITTEN & content.keys():
        raise _error(f"`{key}` is set when the model is added; leave it out.")
    return parse({**content, "form": forms[0]})


def _load(text: bytes) -> Any:
    import yaml

    try:
        decoded = text.decode("utf-8")
        has_references = any(isinstance(token, yaml.AliasToken) for token in yaml.scan(decoded))
        content = None if has_references else yaml.safe_load(decoded)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise _error(f"A YAML file was expected, but it cannot be read as one{line}; correct it.") from error
    except (RecursionError, ValueError) as error:
        raise _error("A YAML file in UTF-8 was expected, but it cannot be read as one.") from error
    if has_references:
        raise _error("A YAML without references (*name) was expected; write such values out.")
    return content


def parse(content: dict[str, Any]) -> AnyModel:
    """Return the description that has these fields, ``form`` among them; raise as `read_yaml` does."""
    try:
        return _by_form_and_kind.validate_python(content)
    except ValidationError as error:
        raise _error(" ".join(map(_sentence, error.errors(include_url=False)))) from error


_SENTENCES = {
    "missing": "`{field}` is missing.",
    "extra_forbidden": "`{field}` is not a field of such a description; check its spelling.",
    "string_pattern_mismatch": "`{field}` must be 2 to 40 small letters, digits and hyphens, not {input}.",
    "union_tag_invalid": "`{field}` must be one of {expected_tags}, not '{tag}'.",
    "union_tag_not_found": "`{field}` is missing.",
}
_TAGS = frozenset(["five-points", "aligned-chip", "eye-square", "box-square"])


def _sentence(error: Any) -> str:
    """Return a mistake that pydantic found as a sentence."""
    levels = 1 if error["loc"][:1] == ("probe",) or len(error["loc"]) == 1 else 2  # form and kind
    path = [str(part) for part in error["loc"][levels:] if part not in _TAGS]
    context = error.get("ctx", {})
    field = ".".join([*path, *([context["discriminator"].strip("'")] if "discriminator" in context else [])])
    message = error["msg"].removeprefix("Value error, ")
    standard = "`{field}` cannot be {input}: {message}." if field else f"{message[:1].upper()}{message[1:]}."
    text = repr(error["input"])
    shortened = text if len(text) <= 60 else f"{text[:57]}..."
    return _SENTENCES.get(error["type"], standard).format(
        **{**context, "field": field, "input": shortened, "message": message}
    )


def _error(sentence: str) -> BadInputError:
    return BadInputError(sentence, code="model-description")
