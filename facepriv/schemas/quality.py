"""Report on the quality of a data set: the documented, versioned JSON ``facepriv.quality/1``.

Images are named by their ids only: who is on a doubtful pair is looked up in the data set, never written elsewhere.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from facepriv.schemas.base import Frozen, ModelRef
from facepriv.schemas.figures import Histogram, Summary

Label = Literal["female", "male", "unlabelled"]
LABELS: tuple[Label, ...] = ("female", "male", "unlabelled")
EYES_BELOW = (30.0, 60.0, 90.0)
"""Inter-eye distances, in pixels, whose undercutting is counted: too small for most matchers, below what is asked of
photos for documents, below what is recommended for them."""


class Acquisition(Frozen):
    """In how many images of a label no usable face was found, and why."""

    images: int
    failed: int
    by_reason: dict[str, int]


class Shortfall(Frozen):
    """How many images have less than so many pixels between the eyes."""

    below: float
    images: int


class InterEyeDistance(Frozen):
    """Pixels between the centres of the eyes, a measure that ISO/IEC 29794-5 names; of images with a usable face."""

    summary: Summary
    histogram: Histogram
    shortfalls: list[Shortfall]


class NearDuplicate(Frozen):
    """Two images of different subjects that a matcher takes for one person by far."""

    first: int
    """Id of an image."""
    second: int
    score: float


class NearDuplicates(Frozen):
    """Pairs of images of different subjects that are more alike than those of different people are by chance."""

    matcher: ModelRef
    threshold: float
    compared: int
    """Non-mated comparisons made."""
    found: int
    """How many of them reach the threshold; the most alike are listed."""
    pairs: list[NearDuplicate]
    """The most alike first."""


class SplitSubject(Frozen):
    """A subject whose images look like several people to a matcher."""

    groups: list[int]
    """Images of each group, the largest first."""
    first: int
    """Id of an image of the largest group, and of the one outside it that is least like it."""
    second: int
    score: float


class SplitSubjects(Frozen):
    """Subjects whose images fall into groups that no score joins, though scores of different people reach it."""

    matcher: ModelRef
    threshold: float
    """Score from which two images of a subject are joined."""
    checked: int
    """Subjects with several images."""
    found: int
    subjects: list[SplitSubject]
    """Those whose images are least alike first."""

    @property
    def groups_likely(self) -> bool:
        """Return whether so many subjects fall apart that they may be groups of people."""
        return self.checked > 1 and 2 * self.found > self.checked


class Contradiction(Frozen):
    """An image whose label every classifier contradicts."""

    image: int
    least: float
    """Least log-odds, in nats, by which any of them does."""


class Contradictions(Frozen):
    """Labels that every gender classifier contradicts; they are listed for review and never changed."""

    classifiers: list[ModelRef]
    judged: int
    """Labelled images of which every classifier has a score."""
    found: dict[Label, int]
    """By the label that is contradicted."""
    images: list[Contradiction]
    """Those contradicted most first."""


class QualityReport(Frozen):
    """What a data set is like, and what in it deserves a second look."""

    model_config = ConfigDict(title="Data quality")

    schema_: Literal["facepriv.quality/1"] = Field(default="facepriv.quality/1", alias="schema")
    content_sha256: str
    """Of the data set as it was checked."""
    images: int
    subjects: int
    labels: dict[Label, int]
    """Images by label."""
    subject_labels: dict[Label, int]
    """Subjects by the label of their images; one with both counts for both."""
    acquisition: dict[Label, Acquisition]
    images_per_subject: Histogram
    """Subjects by their number of images, counts under ``subjects``; the last bin holds all that have more."""
    width: Summary
    height: Summary
    inter_eye_distance: InterEyeDistance | None
    """None where no image has a usable face."""
    near_duplicates: NearDuplicates | None
    contradictions: Contradictions | None
    split_subjects: SplitSubjects | None = None
    """None where nothing was compared, as in reports of earlier versions."""
    not_checked: list[str] = Field(default_factory=list)
    """Sentences on what could not be checked, and why."""
    seconds: float
