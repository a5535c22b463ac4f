"""Report on the quality of a template set: the documented, versioned JSON ``facepriv.template-quality/1``.

Templates are named by their places in the set only: who they are of is looked up in the set, never written elsewhere.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from facepriv.schemas.base import Frozen
from facepriv.schemas.figures import Histogram
from facepriv.schemas.quality import Label


class AlikeTemplates(Frozen):
    """Two templates of different subjects that are alike as those of one person are."""

    first: int
    """Place in the set, from 0."""
    second: int
    score: float
    """Cosine similarity or, for Euclidean distance d of templates of median length 1, ``1 - d^2 / 2``."""


class AlikeSubjects(Frozen):
    """Pairs of templates of different subjects that are more alike than those of different people are by chance."""

    threshold: float
    compared: int
    found: int
    """How many pairs reach the threshold; the most alike are listed."""
    pairs: list[AlikeTemplates]
    """The most alike first."""


class SplitSubject(Frozen):
    """A subject two of whose templates are less alike than those of different people usually are."""

    first: int
    """Place of one of the two least alike templates."""
    second: int
    score: float


class SplitSubjects(Frozen):
    """Subjects that may be several people."""

    usual: float
    """Median score of templates of different subjects."""
    checked: int
    """Subjects with two templates or more."""
    found: int
    subjects: list[SplitSubject]
    """Those with the least alike templates first."""


class DoubtfulLabels(Frozen):
    """Labels that all of the most similar templates of other people contradict."""

    neighbours: int
    """How many neighbours were asked, of as many women as men to choose among."""
    judged: int
    found: dict[Label, int]
    """By the label that is contradicted."""
    templates: list[int]
    """Places, in the order of the set."""


class TemplateQualityReport(Frozen):
    """What a template set is like, and what in it deserves a second look."""

    model_config = ConfigDict(title="Quality of templates")

    schema_: Literal["facepriv.template-quality/1"] = Field(default="facepriv.template-quality/1", alias="schema")
    rows_sha256: str
    records_sha256: str
    """Of the set as it was checked."""
    templates: int
    subjects: int
    labels: dict[Label, int]
    """Templates by label."""
    subject_labels: dict[Label, int]
    """Subjects by the label of their templates; one with both counts for both."""
    templates_per_subject: Histogram
    """Subjects by their number of templates, counts under ``subjects``; the last bin holds all that have more."""
    compared: int
    """Templates that were compared: all, or of a large set those of some whole subjects."""
    alike: AlikeSubjects | None
    split: SplitSubjects | None
    doubtful: DoubtfulLabels | None
    not_checked: list[str] = Field(default_factory=list)
    """Sentences on what could not be checked, and why."""
    seconds: float
