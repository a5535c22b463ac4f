"""What a user's YAML says of a model of theirs, checked: every mistake gets a sentence of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import pydantic
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from facepriv.errors import BadInputError
from facepriv.wording import listed

MOST_YAML_BYTES = 65_536
FOUND_OUT = frozenset(["found", "width"])
"""Fields that are no user's to write."""
NAME = r"^[a-z0-9][a-z0-9-]{1,39}$"
GENDER_LABELS = ("female", "male")

Triple = tuple[float, float, float]


class Described(BaseModel):
    """Base of all parts of a description: nothing unknown, nothing infinite, never changed."""

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

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        single = isinstance(value, int | float) and not isinstance(value, bool)
        return (value,) * 3 if single else value

    @field_validator("std")
    @classmethod
    def _no_zero(cls, value: Triple) -> Triple:
        if 0 in value:
            raise ValueError("no value may be 0, since pixels are divided by it")
        return value


class ClassifierOutput(Described):
    """Which output of the graph tells the label, and what its numbers mean."""

    name: str | None = None
    """Of an output or of any value inside the graph, such as the logits before a softmax; by default its one output."""
    meaning: Literal["logits", "probabilities", "logit", "probability"]
    """Two logits or two probabilities in the order of ``labels``; or one of either, of the last of ``labels``."""
    labels: tuple[str, str]

    @field_validator("labels")
    @classmethod
    def _both(cls, value: tuple[str, str]) -> tuple[str, str]:
        if set(value) != set(GENDER_LABELS):
            raise ValueError("write [female, male] or [male, female], in the network's order")
        return value


class MatcherOutput(Described):
    """Which output of the graph is the template."""

    name: str | None = None
    metric: Literal["cosine"] = "cosine"


class Model(Described):
    """What every description says."""

    form: ClassVar[Literal["network", "command", "probe"]]
    name: str = Field(pattern=NAME)
    """Name in the registry: 2 to 40 small letters, digits and hyphens."""
    title: str = Field(default="", max_length=200)
    licence: str = Field(min_length=1, max_length=200)
    """Under which it may be used, in your own words."""
    source: str = Field(min_length=1, max_length=400)
    """Who made it, and where it comes from."""
    notes: str = Field(default="", max_length=1000)
    found: tuple[str, ...] = ()
    """Sentences on what a trial told when the model was added."""


class _OfClassifier(Described):
    kind: Literal["classifier"]
    attribute: Literal["gender"] = "gender"


class _OfMatcher(Described):
    kind: Literal["matcher"]
    width: int | None = Field(default=None, ge=1)
    """Numbers of a template; found when the model is added."""


class _Network(Model):
    form = "network"
    network: str = Field(min_length=1, max_length=200)
    """File of the ONNX graph, beside the YAML."""
    input: NetworkInput
    crop: Alignment

    @field_validator("network")
    @classmethod
    def _a_bare_name(cls, value: str) -> str:
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
    form = "command"
    command: tuple[str, ...] = Field(min_length=1, max_length=64)
    """Program and arguments; no shell reads them."""
    version: str = Field(min_length=1, max_length=100)
    """Of the software: a change of it makes another model of it."""
    images: Literal["whole", "crop"] = "whole"
    """Whether it gets the whole stored image, or a crop of ``size`` pixels placed as ``crop`` says."""
    size: int | None = Field(default=None, ge=8, le=1024)
    crop: Alignment | None = None
    stays_open: bool = False
    """Whether one process answers line by line until its input ends, instead of one process for each call."""
    timeout_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Longest wait for the next answer."""

    @model_validator(mode="after")
    def _crop_where_asked_for(self) -> _Command:
        if (self.images == "crop") != (self.crop is not None and self.size is not None):
            raise ValueError("with images: crop both crop and size are needed, otherwise neither")
        if self.images == "whole" and (self.crop is not None or self.size is not None):
            raise ValueError("with images: whole neither crop nor size may be given")
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
    """What a probe was trained on and how well it did on people left out."""

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
    """A linear classifier of a matcher's templates; made by training, never by a YAML."""

    form = "probe"
    matcher: str
    matcher_version: str
    matcher_weights: tuple[Weight, ...]
    """Files that the matcher must still have."""
    trained_on: TrainedOn


AnyModel = NetworkClassifier | NetworkMatcher | CommandClassifier | CommandMatcher | ProbeModel
_FORMS: dict[tuple[str, str], type[AnyModel]] = {
    ("network", "classifier"): NetworkClassifier,
    ("network", "matcher"): NetworkMatcher,
    ("command", "classifier"): CommandClassifier,
    ("command", "matcher"): CommandMatcher,
    ("probe", "classifier"): ProbeModel,
}


def read_yaml(text: bytes) -> AnyModel:
    """Read a description of a network or a command.

    Raises
    ------
    BadInputError
        With code ``model-description``; the text has one sentence for each mistake.
    """
    if len(text) > MOST_YAML_BYTES:
        raise _bad(f"A YAML of at most {MOST_YAML_BYTES:,} bytes was expected, but this has {len(text):,}.")
    content = _load(text)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise _bad("A YAML with fields such as `name: my-model` was expected, but it is something else.")
    forms = [form for form in ("network", "command") if form in content]
    if len(forms) != 1:
        raise _bad(
            "Either `network: FILE.onnx` or `command: [PROGRAM, ...]` was expected, but "
            f"{'both are' if forms else 'neither is'} there."
        )
    if content.get("kind") not in ("classifier", "matcher"):
        raise _bad(f"`kind` must be classifier or matcher, not {_short(content.get('kind'))}.")
    for key in FOUND_OUT & content.keys():
        raise _bad(f"`{key}` is found out when the model is added; leave it out.")
    return check(forms[0], content)


def _load(text: bytes) -> Any:
    import yaml

    try:
        decoded = text.decode("utf-8")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(decoded)):
            raise _bad("A YAML without references (*name) was expected; write such values out.")
        return yaml.safe_load(decoded)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise _bad(f"A YAML file was expected, but it cannot be read as one{where}; correct it.") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, BadInputError):
            raise
        raise _bad("A YAML file in UTF-8 was expected, but it cannot be read as one.") from error


def check(form: str, content: dict[str, Any]) -> AnyModel:
    """Make a description from its fields; raises BadInputError as `read_yaml` does."""
    wanted = _FORMS.get((form, str(content.get("kind"))))
    if wanted is None:
        raise _bad(f"A description of a network, command or probe was expected, but this is of a {_short(form)}.")
    try:
        return wanted.model_validate(content)
    except pydantic.ValidationError as error:
        raise _bad(" ".join(_sentence(one, wanted) for one in error.errors(include_url=False))) from error


def _sentence(error: Any, wanted: type[BaseModel]) -> str:
    tags = {"five-points", "aligned-chip", "eye-square", "box-square"}
    where = ".".join(str(part) for part in error["loc"] if part not in tags)
    if error["type"] == "missing":
        return f"`{where}` is missing."
    if error["type"] == "extra_forbidden":
        return f"`{where}` is not known here; known are {listed(_known(error['loc'][:-1], wanted))}."
    if where == "name":
        return f"`name` must be 2 to 40 small letters, digits and hyphens, not {_short(error['input'])}."
    why = error["msg"].removeprefix("Value error, ")
    return f"`{where}` cannot be {_short(error['input'])}: {why}." if where else f"{why[0].upper()}{why[1:]}."


def _known(path: tuple[Any, ...], wanted: type[BaseModel]) -> list[str]:
    """Return the fields of the part that a path leads to."""
    part: Any = wanted
    for step in path:
        if isinstance(part, type) and issubclass(part, BaseModel) and step in part.model_fields:
            part = part.model_fields[str(step)].annotation
            continue
        kinds = [one for one in get_args(part) if step in get_args(getattr(one, "model_fields", {})["kind"].annotation)]
        part = kinds[0]
    return list(part.model_fields)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _bad(sentence: str) -> BadInputError:
    return BadInputError(sentence, code="model-description")
