"""Requests of jobs: what a person, a page or a program asks for, before anything is looked up.

Each field is declared once, with its default, range and help; command-line options and page widgets are made from here.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from facepriv.errors import BadInputError
from facepriv.schemas.audits import SelectBy
from facepriv.schemas.base import Frozen, Meaning
from facepriv.schemas.fields import refusal
from facepriv.schemas.studies import Release

DEFAULT_PROTECTION, DEFAULT_GUIDE, DEFAULT_LANDMARKER = "recommended", "dlib-gender", "dlib-68"
SECOND_GUIDE = "levi-hassner"
"""Stands for the paper's second classifier where its experiments are repeated."""
Aim = Literal["unseen", "guide"]
"""What a perturbation is for: to hide gender from classifiers nobody asked, or to fool its guides, unnoticeably."""
AUTO: Literal["auto"] = "auto"
FOLDS: Literal["folds"] = "folds"
MOST_ACCURACY, MOST_FNMR_LOSS = 0.65, 0.005
"""How often the strongest attacker on protected templates may be right, and how much FNMR may rise."""
ATTACKER_AT_MOST, MATCHES_LOST, STUDY_FMR = 0.7, 0.03, 0.001
"""How often the strongest attacker may be right in what a study looks for, how many genuine matches may be lost, and at
which false match rate."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
LIMIT_HELP = "Take at most this many images: whole subjects, spread evenly over the data set. Default: all"
SEED_HELP = "Starting number of the randomness; the same seed gives the same result"


class Request(Frozen):
    """What a job is to do. Making one raises `BadInputError` of one sentence, with code ``bad-`` and the field."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    kind: ClassVar[str]
    """Name among `facepriv.services.jobs.kinds`."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise refusal(error) from error


def read_settings(value: Any) -> Any:
    """Read parameters written as ``name=value``; whether they may be so is the method's to say.

    Raises BadInputError with code ``bad-parameter`` if one is written otherwise, or given twice.
    """
    if not isinstance(value, (list, tuple)):
        return value
    read: dict[str, str] = {}
    for setting in value:
        name, equals, text = (part.strip() for part in str(setting).partition("="))
        if not equals or name in read:
            raise BadInputError(
                f"A parameter is written once, as name=value, but {setting!r} was given; write for instance eps=0.1.",
                code="bad-parameter",
            )
        read[name] = text
    return read


def _as_several(value: Any) -> Any:
    """Read one text as a list of one: requests of earlier versions have one or none."""
    return () if value is None else (value,) if isinstance(value, str) else value


class RunRequest(Request):
    """Perturb a data set's images and judge what was stored."""

    kind: ClassVar[str] = "run"

    dataset: str | int = Field(description="Name of the data set")
    aim: Aim | None = Field(
        default=None,
        description="What the images are changed for. unseen: hide gender from classifiers that are not known, by a "
        "change that people see. guide: fool the guides, which are known, by a change that hardly anyone notices and "
        "that does nothing to other classifiers. Default: that of the method, if one is named; guide, if only guides "
        "are; otherwise unseen",
    )
    method: str | None = Field(
        default=None,
        description="How images are changed; see facepriv methods. Unnoticeable methods work against their guides "
        "only; visible methods also fool some other classifiers. Default: the method for the aim",
    )
    parameters: Annotated[dict[str, Any], BeforeValidator(read_settings)] = Field(
        default_factory=dict,
        description="Parameter of the method as name=value; several values of one: a,b,c",
    )
    guides: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Classifier that the method tries to fool, such as dlib-gender, or dlib-age@40 with the boundary "
        "in years. With several guides, an image counts as flipped once all of them are fooled; the chart shows the "
        "first one's score. Default: dlib-gender; for the aim unseen, all usable gender classifiers but the jury",
    )
    keep: tuple[str, ...] = Field(
        default=(),
        description="Classifier whose score the method tries to keep as it is, such as dlib-age@40. It keeps the "
        "answer, not what a person sees. Each one makes the run slower",
    )
    keep_weight: float = Field(
        default=1.0,
        gt=0,
        description="How much a change of the kept scores costs compared with everything else. Higher values keep them "
        "closer and may change the image more",
    )
    guards: tuple[str, ...] | None = Field(
        default=None,
        description="Guard matcher, which the method consults while it changes a face, so that the matcher keeps "
        "accepting it; none for no matcher. Each one makes the run slower. Default: all matchers of the run, for "
        "visible methods that use guards",
    )
    learn_from: str | None = Field(
        default=None,
        description="For methods that first learn from people other than those they change: folds (what they learn "
        "from one half of the people is used on the other half; semantic adds the demo faces to small halves), demo, "
        "or the name of another data set without common images. Default: folds if the data set is large enough, "
        "otherwise demo",
    )
    landmarker: str = Field(
        default=DEFAULT_LANDMARKER,
        description="Landmarks whose triangles a method moves, and by which it chooses candidates; see facepriv "
        "models, kind landmarks. Crops always use the detector's 68 points",
    )
    classifiers: tuple[str, ...] | None = Field(
        default=None,
        description="Classifier that judges the images before and after; guides always do. Default: all usable gender "
        "classifiers",
    )
    jury: tuple[str, ...] = Field(
        default=(),
        description="Gender classifier that sits on the jury: it judges only, and guides nothing. The run reports what "
        "the majority of the jury says of each image, and each juror on its own. Default: no jury",
    )
    matchers: tuple[str, ...] | None = Field(
        default=None,
        description="Matcher that checks whether people can still be recognised. Default: all usable ones",
    )
    panel: bool = Field(
        default=True,
        description="Also judge every flip on a fixed panel of recompressed, shrunk, filtered and recoloured versions "
        "that no method may use. Takes a fifth of a second for a small photo, more for a large one",
    )
    limit: int | None = Field(default=None, ge=1, description=LIMIT_HELP)
    seed: int = Field(
        default=0,
        ge=0,
        description=SEED_HELP + ". With side=drawn, the seed is the key: by default a secret one is drawn",
    )
    audit: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] | None = Field(
        default=None,
        description="Audit the run once it is complete, with this proportion of its images changed, 0 to 1, or auto "
        "for the best one. Default: no audit",
    )
    audit_select_by: SelectBy = Field(
        default="image",
        description="For that audit: draw each image on its own, or each subject with all images",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_guard(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "guards": ()} if list(values.get("guards") or ()) == ["none"] else values


class AuditRequest(Request):
    """Measure what attackers learn about gender from a data set, or from what a run made of it."""

    kind: ClassVar[str] = "audit"

    dataset: str | int | None = Field(default=None, description="Name of the data set, audited as it is")
    run: int | None = Field(
        default=None,
        description="Audit this complete run instead: untouched, perturbed and mixed images",
    )
    attackers: tuple[str, ...] | None = Field(
        default=None,
        description="Attacker. Each one learns from some of the people, picks the best means there, and guesses the "
        "gender label of the others. Default: all; --attackers lists them",
    )
    classifiers: tuple[str, ...] | None = Field(
        default=None,
        description="Gender classifier whose scores the attackers read: of the file as it is, and after attempts to "
        "undo a perturbation. Default: all usable ones",
    )
    matchers: tuple[str, ...] | None = Field(
        default=None,
        description="Face matcher whose templates (the numbers that it stores about a face) the attackers learn from. "
        "Default: all usable ones",
    )
    learn_from: str | int | None = Field(
        default=None,
        description="Data set of other people from whom the attackers learn, so that all audited people are guessed by "
        "attackers who have seen none of them. Of a run, attackers who know the policy need a complete run on that "
        "data set with the same method and settings; without it they learn as by default. Default: attackers learn "
        "from some of the audited people and are judged on the others",
    )
    with_templates: tuple[str | int, ...] = Field(
        default=(),
        description="Template set that is released together with the images and was made from the same data set, such "
        "as one kept under a protection: attackers read its templates beside the images. Default: none",
    )
    p: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field(
        default=AUTO,
        description="For a run: proportion of images perturbed, 0 to 1; auto takes the smallest at which the strongest "
        "attacker learns least",
    )
    against: tuple[str, ...] = Field(default=(), description="Attacker to choose the proportion against. Default: all")
    select_by: SelectBy = Field(
        default="image",
        description="For a run: draw each image on its own, or each subject with all images. If images are drawn, a "
        "person may have both untouched and perturbed ones, and an attacker who knows which belong together may learn "
        "from that",
    )
    draws: int = Field(default=3, ge=1, description="For a run: random draws over which each proportion is averaged")
    most_fnmr_loss: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="For a run: how much worse matching may become, as a fraction such as 0.01: the proportion of "
        "genuine pairs of the mixed database rejected when at most 0.1 % of impostors are accepted, minus the same for "
        "untouched images",
    )
    limit: int | None = Field(default=None, ge=1, description=LIMIT_HELP)
    seed: int = Field(default=0, ge=0, description=SEED_HELP)


class ProtectionRequest(Request):
    """Try a protection on a template set: what attackers still learn from it, and what recognition loses."""

    kind: ClassVar[str] = "protection"

    templates: str | int = Field(description="Name of the template set")
    method: str = Field(
        default=DEFAULT_PROTECTION, description="Protection, see facepriv protections; recommended is the one advised"
    )
    parameters: Annotated[dict[str, Any], BeforeValidator(read_settings)] = Field(
        default_factory=dict, description="Parameter of the protection as name=value"
    )
    others: tuple[str, ...] = Field(
        default=(),
        description="Protection to compare with; all for every other one. Parameters follow a colon: "
        "transport:shrinkage=0.1,enrolment=guess. Each takes about as long as the first",
    )
    fit_on: str | int = Field(
        default=FOLDS,
        description="Template set of other people that the protection is fitted on, besides a third of the people of "
        "this set; folds for none",
    )
    learn_from: str | int | None = Field(
        default=None,
        description="Template set of other people, labelled, of the same matcher, from whom attackers learn who hold "
        "the map but not the key. Default: there are no such attackers",
    )
    attackers: tuple[str, ...] | None = Field(default=None, description="Attacker on templates. Default: all")
    most_accuracy: float = Field(
        default=MOST_ACCURACY,
        ge=0.5,
        le=1,
        description="Ceiling: how often the strongest attacker may be right, 0.5 (guessing) to 1",
    )
    most_fnmr_loss: float = Field(
        default=MOST_FNMR_LOSS,
        ge=0,
        le=1,
        description="Floor of matching: proportion of genuine comparisons that may be lost in addition, when at most "
        "0.1 % of impostors are accepted",
    )
    wrong_guesses: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="For protections that need a label at enrolment: proportion of people enrolled with the wrong one",
    )
    partings: int = Field(
        default=3, ge=1, le=100, description="Random partings of the people that figures are averaged over"
    )
    seed: int = Field(default=0, ge=0, description=SEED_HELP)


def read_time(value: Any) -> str:
    """Read an amount of time such as ``90s``, ``30m`` or ``1.5h``; a bare number is minutes.

    Raises BadInputError with code ``bad-time`` if it is none, or not at least a second.
    """
    text = str(value).strip().lower()
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "m")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise BadInputError(
            f"A time such as 90s, 30m or 2h was expected, but {value!r} was given; write a number and its unit.",
            code="bad-time",
        )
    return f"{number}{unit}"


class StudyRequest(Request):
    """Search for what hides gender from the strongest attacker and loses few genuine matches."""

    kind: ClassVar[str] = "study"

    dataset: str | int = Field(description="Name of the data set")
    attacker_at_most: float = Field(
        default=ATTACKER_AT_MOST,
        ge=0.5,
        le=1,
        description="Goal: how often the strongest attacker may be right, 0.5 (guessing) to 1",
    )
    matches_lost: float = Field(
        default=MATCHES_LOST,
        ge=0,
        le=1,
        description="Goal: proportion of genuine matches that may be lost",
    )
    fmr: float = Field(
        default=STUDY_FMR,
        ge=0.0001,
        le=0.1,
        description="Operating point at which lost matches are counted: proportion of impostors accepted before "
        "anything is changed",
    )
    release: Release = Field(
        default="images",
        description="What will be released: images, templates (of the template sets made from the data set), or both",
    )
    time: Annotated[str, BeforeValidator(read_time)] = Field(
        default="30m", description="Time that the study may take, such as 90s, 30m or 2h"
    )
    methods: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Perturbation method to try. Default: all of them"
    )
    strengths: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Strength to try, for methods that have one. Default: all of them"
    )
    sides: tuple[Literal["opposite", "drawn"], ...] = Field(
        default=("opposite", "drawn"),
        min_length=1,
        description="Side to send images to, for methods that choose: opposite, the other gender's, or drawn by a key",
    )
    guides: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Classifier that the methods try to fool. Default: all usable ones for visible methods; for "
        "unnoticeable ones dlib-gender alone and, with colour-field, all together, too",
    )
    proportions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        default=(0.5, 0.75, 1.0), min_length=1, description="Proportion of images changed, above 0 to 1"
    )
    select_by: tuple[SelectBy, ...] = Field(
        default=("image", "subject"),
        min_length=1,
        description="Draw each image on its own (image), or each person with all images (subject)",
    )
    protections: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Protection of templates to try. Default: all of them"
    )
    attackers: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Attacker on images. Default: all"
    )
    template_attackers: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Attacker on templates. Default: all"
    )
    classifiers: tuple[str, ...] | None = Field(
        default=None, description="Gender classifier whose scores the attackers read. Default: all usable ones"
    )
    matchers: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Face matcher whose lost matches count. Default: all usable ones"
    )
    limit: int | None = Field(default=None, ge=1, description=LIMIT_HELP)
    seed: int = Field(default=0, ge=0, description=SEED_HELP)

    @property
    def seconds(self) -> float:
        """Return the time allowed."""
        return float(self.time[:-1]) * _UNITS[self.time[-1]]


class PathSource(Frozen):
    """A folder or a zip archive of images on this machine."""

    type: Literal["path"] = "path"
    path: str
    closed: bool = False
    """Whether it must be a folder that pages may import from, of which nothing outside is read."""


class UploadSource(Frozen):
    """Files that were put aside in the import's folder, the first as ``0``, the second as ``1`` ..."""

    type: Literal["upload"] = "upload"
    files: tuple[str, ...]
    """Names as they came: of images, or of one zip archive."""


class DemoSource(Frozen):
    """The synthetic demo faces."""

    type: Literal["demo"] = "demo"
    images_per_subject: int | None = 2
    """None for all."""


class Columns(Frozen):
    """Columns of a label table, where their names are not recognised."""

    file: str | None = Field(default=None, description="Column of the file names")
    subject: str | None = Field(default=None, description="Column of the subjects")
    gender: str | None = Field(default=None, description="Column of the gender labels")
    age: str | None = Field(default=None, description="Column of the ages, in years or bands")
    race: str | None = Field(default=None, description="Column of the race, in the data set's words")


class ImportRequest(Request):
    """Make a data set of images and their labels."""

    kind: ClassVar[str] = "import"

    name: str = Field(description="What to call the data set")
    source: Annotated[PathSource | UploadSource | DemoSource, Field(discriminator="type")]
    folder: str = ""
    """Name of the private folder with what was put aside for it; empty until there is one."""
    labels: Annotated[tuple[str, ...], BeforeValidator(_as_several)] = Field(
        default=(),
        description="Label table: one row an image, with columns for the file, the gender label and, if there is one, "
        "the subject. Several tables may be given for different images. Default: those beside the images",
    )
    format: str = Field(
        default="auto",
        description="How file names and folders tell the subject and the label; auto looks and says what it found",
    )
    mapping: dict[str, Meaning] = Field(
        default_factory=dict,
        description="What label values mean, e.g. 0=male,1=female,-1=unknown; bare numbers are refused without it",
    )
    columns: Columns = Columns()
    name_encoding: str | None = Field(
        default=None,
        description="Encoding of the names in an archive that do not say theirs, such as cp932 for Japanese or cp850 "
        "for Western Europe. Default: UTF-8 or the likeliest one, which the preview tells",
    )
    several_faces: Literal["refuse", "middle", "largest"] = Field(
        default="refuse",
        description="Which face counts in an image that shows several: none (refuse: the image counts as one without a "
        "usable face), the one in the middle (as in Labeled Faces in the Wild), or the largest",
    )
    subjects: Literal["auto", "people", "groups", "none"] = Field(
        default="auto",
        description="What the folders or file names stand for that tell images apart: people, groups that may hold "
        "several people, or none of both. Default: what the files show",
    )
    retain_until: date | None = Field(
        default=None,
        description="Last day on which the images may be kept, like 2027-03-31. Once it is past, facepriv says so; "
        "nothing is removed by itself",
    )
    datasheet: dict[str, str] | None = None
    preview: bool = Field(default=False, description="Show what would be imported, and wait for somebody to confirm it")
    ask: bool = False
    """Whether a preview puts questions that must be answered, instead of refusing what the files do not decide."""
    quality: bool = Field(
        default=False,
        description="Check the quality afterwards: look for images of one person under several names, and for labels "
        "that every classifier contradicts. It takes about as long as finding the faces; a later run computes none of "
        "it again",
    )


class DatasetSource(Frozen):
    """A data set of images, whose templates a matcher makes."""

    type: Literal["dataset"] = "dataset"
    dataset: str | int
    matcher: str


class TemplateColumns(Frozen):
    """Columns or arrays of a table of templates, where their names are not recognised."""

    template: str | None = Field(
        default=None,
        description="Column or array of the templates, or what the names of its numbered columns begin with",
    )
    record: str | None = Field(default=None, description="Column or array that names each template")
    subject: str | None = Field(default=None, description="Column or array of the subjects")
    gender: str | None = Field(default=None, description="Column or array of the gender labels")


class TemplatesRequest(Request):
    """Make a template set: of a file of templates, or of a data set of images by a matcher."""

    kind: ClassVar[str] = "templates"

    name: str = Field(description="What to call the template set")
    source: Annotated[PathSource | UploadSource | DatasetSource, Field(discriminator="type")]
    folder: str = ""
    """Name of the private folder with what was put aside for it; empty until there is one."""
    labels: str | None = Field(
        default=None,
        description="Label table (CSV) with a row for each template: by its name in the column file or, where the "
        "templates have no names, in their order; columns for the subject and the gender label",
    )
    metric: Literal["cosine", "euclidean"] | None = Field(
        default=None,
        description="How the matcher compares templates; rows are scaled to length 1 for cosine. Default: what the "
        "file says, otherwise cosine",
    )
    matcher: str = Field(default="", max_length=200, description="Name of the matcher that made the templates")
    version: str = Field(default="", max_length=200, description="Version of that matcher")
    mapping: dict[str, Meaning] = Field(
        default_factory=dict,
        description="What label values mean, e.g. 0=male,1=female,-1=unknown; bare numbers are refused without it",
    )
    columns: TemplateColumns = TemplateColumns()
    retain_until: date | None = Field(
        default=None,
        description="Last day on which the templates may be kept, like 2027-03-31. Once it is past, facepriv says so; "
        "nothing is removed by itself",
    )
    datasheet: dict[str, str] | None = None
    quality: bool = Field(
        default=True,
        description="Check the quality afterwards: look for one person under several names, several people under one "
        "name, and labels that all similar templates contradict",
    )
