"""Central types: what the layers hand to each other. Nothing here computes.

Images are RGB uint8 ``(h, w, 3)`` everywhere in the package. Rates are fractions 0..1.
Gender scores are log-odds in nats, male positive: ``log p(male) - log p(female)``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""One RGB image, ``(h, w, 3)``."""
Floats64 = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are exclusive."""

Gender = Literal["male", "female"]
Stop = Literal["flipped", "already-wrong", "sweeps", "rounds", "floor", "face-lost", "landed"]
"""Why a perturbation ended: the file's score passed -margin; it had before the first update; the limit of sweeps
or of rounds was reached; going on would have passed the floor set for a matcher or for image quality; the face could
no longer be found in the image; the file's score came near the one drawn for it."""

GENDER = "gender"
"""The attribute that labels, audits and policies are about; classifiers of others tell their own."""
MALE, FEMALE = 1, -1
GENDERS: dict[Gender, int] = {"male": MALE, "female": FEMALE}
GENDER_NAMES: dict[int, Gender] = {MALE: "male", FEMALE: "female"}


@dataclass(frozen=True, eq=False)
class Face:
    """One image in which one face was found and measured."""

    image_id: str
    subject: str
    label: int | None
    """+1 male, -1 female as labelled by the data set, None where it says nothing."""
    pixels: Image
    landmarks: NDArray[np.float32]
    """``(k, 2)`` x, y in pixels; k = 68 (dlib)."""
    box: Box
    mesh: NDArray[np.float32] | None = None
    """``(k, 2)`` x, y in pixels: points of another landmarker, as of Stasm's 77; None where there are no others."""

    @property
    def points(self) -> NDArray[np.float32]:
        """Corners ``(k, 2)`` of the triangles that a perturbation moves: the mesh, else the landmarks.

        Crops are always made from the landmarks: whoever attacks the file knows nothing of the mesh.
        """
        return self.landmarks if self.mesh is None else self.mesh


@dataclass(frozen=True, eq=False)
class CropSpec:
    """A fixed linear map from an image to a classifier's input, before normalisation.

    ``matrix`` (2, 3) takes an output pixel's centre ``(x, y, 1)`` to image coordinates; the value there is the
    bilinear interpolation averaged over ``samples x samples`` points of the output pixel's footprint, so a
    reduction does not alias. Points outside the image take the nearest edge pixel (``outside="edge"``) or black
    (``outside="black"``).
    """

    matrix: NDArray[np.float64]
    height: int
    width: int
    samples: int = 1
    outside: Literal["edge", "black"] = "edge"


@dataclass(frozen=True, eq=False)
class PyramidCrop(CropSpec):
    """dlib's face chip: a rectangle turned about its middle, brought to size through dlib's image pyramid.

    The map is linear but for dlib's rounding. ``matrix`` says where output pixels lie in the image; what they take
    from there is dlib's smoothing, not ``samples``.
    """

    rectangle: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """left, top, right, bottom before the turn; the last pixels are inside."""
    angle: float = 0.0
    """Radians."""


@dataclass(frozen=True, eq=False)
class CropFunction:
    """A crop that is no linear map of the image: any function of the pixels inside a box.

    ``box`` lies inside the image. ``function`` is given its pixels ``(bottom - top, right - left, 3)`` float32 0..255,
    not rounded, and nothing else of the image; it gives the classifier's input ``(height, width, 3)`` float32 0..255,
    depends on nothing but these pixels, and leaves them alone. Methods that count on a linear crop refuse such a
    classifier or compute every crop again.
    """

    box: Box
    height: int
    width: int
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]]


Crop = CropSpec | CropFunction


@dataclass(frozen=True)
class WeightFile:
    """One file of model weights, found in an installed package or in the data folder and checked before use."""

    name: str
    sha256: str
    """Pinned, or recorded when the file was fetched; empty where nothing was recorded yet."""
    package: str
    """Import name of the installed package that carries the file; empty for a file in the data folder."""
    inside: str
    """Path inside that package or the data folder."""
    url: str | None = None
    """Where the same bytes can be fetched, for machines that reach it."""
    bytes: int | None = None
    """Size that is published for a file that has to be fetched; None where none is known."""


@dataclass(frozen=True)
class ModelCard:
    """What a user must know before choosing a model."""

    name: str
    kind: Literal["classifier", "matcher", "detector", "landmarks"]
    title: str
    licence: str
    source: str
    weights: tuple[WeightFile, ...] = ()
    requirement: str = ""
    """The pip requirement that brings the weights, for "how to get it"; empty for weights that are fetched."""
    notes: str = ""
    command: str = ""
    """What brings it where neither a plain installation nor fetching does."""
    release: str = ""
    """Release of the package where a part of the model is its code."""

    @property
    def version(self) -> str:
        """First 12 digits of the weight file's SHA-256; of several, of the SHA-256 of their hashes and release."""
        digests = sorted([weight.sha256 for weight in self.weights] + [self.release] * bool(self.release))
        whole = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        return whole[:12]


class Model(Protocol):
    """What classifiers, matchers and landmarkers have in common."""

    card: ModelCard

    @property
    def name(self) -> str:
        """Name in the registry, followed by ``@`` and the value of its one option if it has one: ``dlib-age@40``."""

    @property
    def version(self) -> str:
        """Prefix of the SHA-256 of the weights, or of what a landmarker was trained to and its release."""


@runtime_checkable
class AttributeClassifier(Model, Protocol):
    """A black box that tells an attribute from a crop: no gradients."""

    attribute: str
    """What it tells: ``gender``, or ``age`` or ``race`` in two classes."""

    def crop(self, face: Face) -> Crop:
        """Return the crop that this classifier wants for this face; a linear one where it can be written so."""

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, height, width, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats of its positive class.

        That is male, at least so many years, or one class against all others.
        """


@runtime_checkable
class PublishedClassifier(AttributeClassifier, Protocol):
    """A classifier whose publisher's own pipeline differs from its crop: what counts is what its users get.

    One that has an attribute ``oversamples`` set takes several passes for a score; its crop is one of them.
    """

    def score_published(self, face: Face) -> float:
        """Score a face as the publisher's own tools do on the file, log-odds in nats."""


@runtime_checkable
class FaceMatcher(Model, Protocol):
    """Turns faces into templates and compares templates."""

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, d)`` unit rows; a NaN row is a failure to acquire."""

    def compare(self, gallery: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare ``(g, d)`` with ``(p, d)`` as ``(g, p)`` similarity, higher = more similar.

        The score of two templates depends on nothing else and not on their order. Several threads may compare at once.
        """


@runtime_checkable
class CropMatcher(FaceMatcher, Protocol):
    """A matcher that can also be given crops, as classifiers are: what a probe on its templates needs."""

    def crop(self, face: Face) -> Crop:
        """Return the crop that this matcher wants for this face; a linear one where it can be written so."""

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, height, width, 3)`` RGB 0..255 as ``(n, d)`` unit rows."""


@runtime_checkable
class Landmarker(Model, Protocol):
    """Finds the points of a face that perturbations are laid over."""

    @property
    def build(self) -> str:
        """Hash of a library that was built on this machine; empty where there is none."""

    def ready(self) -> None:
        """Raise `ModelUnavailableError` if it cannot be used here; the text says how to get it."""

    def locate(self, pixels: Image, box: Box, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Find the points ``(k, 2)``, x, y in pixels, of the face that the detector has found.

        They depend on nothing but what is given. Raises `FailureToAcquireError` with code ``no-landmarks`` if there are
        none to be found in the box.
        """


@dataclass(frozen=True, eq=False)
class PerturbResult:
    """What one perturbation of one image came to, re-measured on the stored file."""

    image_id: str
    candidate_id: str | None
    """The gallery image blended in; None for a method that needs none."""
    png: bytes
    """The file to be stored."""
    pixels: Image
    """The stored image, decoded from ``png``: what an attacker gets."""
    updates: int
    """Accepted steps; of Algorithm 1 triangle steps (the paper's "number of perturbations")."""
    evaluations: int
    """Images scored by the guides, checks of the file included."""
    stop: Stop
    trajectory: NDArray[np.float64]
    """``(updates + 1,)`` guide score ``f`` after every update, first the original's (Figure 4)."""
    anchors: tuple[int, ...]
    """Numbers of updates after which the crop was re-anchored on the landmarks found again."""
    file_face: Face | None
    """The face found again in the stored file; None if there was none to be found."""
    file_score: float
    """First guide's score of ``file_face``; NaN if no face was found."""
    file_scores: Mapping[str, float]
    """All guides' scores of ``file_face``, by name."""
    fixed_score: float
    """First guide's score of the stored file under the *original's* crop: a diagnostic, never a success."""
    success: bool
    """Whether the file is as asked for: ``flipped`` or, where scores were drawn, every guide's score of ``file_face``
    near its own."""
    flipped: bool
    """Whether every guide's score of ``file_face`` is on the other side of the label."""
    survived: Mapping[str, bool]
    """The same as ``flipped`` for versions of the stored file (`facepriv.imaging.versions`), the face found again."""
    notes: tuple[str, ...] = ()
    """Sentences on how it was computed that a user should know of."""
    target: float | None = None
    """First guide's score that the file was to end at, where one was drawn."""


@dataclass(frozen=True)
class PerturbFailure:
    """An image that a method could not perturb, and why."""

    image_id: str
    code: str
    sentence: str


@dataclass(frozen=True)
class Problem:
    """One thing that was wrong with an input, in one sentence, with a code to count by."""

    name: str
    """The file, row or column it is about."""
    code: str
    """Reason in kebab-case, e.g. ``not-an-image``, ``truncated``, ``no-face``."""
    sentence: str


@dataclass(frozen=True)
class LabelledImage:
    """One image of a data set on disk or in an archive, before its face was looked for."""

    name: str
    """Path inside the source, POSIX separators."""
    subject: str
    label: int | None
    path: Path
    """Where its bytes are now."""
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """What else the data set says of it: ``age`` in years as a number, ``race`` in the data set's own words."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Where ``subject`` and ``label`` come from, each in a few words: a column of a table and its line, a folder ..."""


Origin = Literal["command line", "dashboard", "python"]


@dataclass(frozen=True)
class Actor:
    """Who does something, and from where, for the access log and the queue."""

    name: str
    """A login name, or that of the operating system's user."""
    origin: Origin


UNNAMED = Actor("", "python")
"""A program that uses the package and does not say for whom."""

Identities = Literal["people", "groups", "none"]
"""What the subjects of a data set are: people, which comparisons need; groups that may hold several people (accounts,
families), which only keep folds apart; or nothing, every image standing for itself. Only people are matched."""


@dataclass(frozen=True)
class Terms:
    """What a data set's terms of use forbid, beyond its licence."""

    sentence: str
    """What is forbidden, as one sentence to a user."""
    showable: frozenset[str]
    """Subjects whose images may be shown to others or passed on; those of all others may not."""


@dataclass(frozen=True)
class ProtocolPair:
    """One comparison that a data set's published protocol asks for."""

    fold: int
    """From 1."""
    first: str
    """Name of an image, as in `LabelledImage`."""
    second: str
    mated: bool
    first_more: tuple[str, ...] = ()
    """Further images of the first side, where templates of several images are compared."""
    second_more: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        """Return the names of all images of both sides."""
        return (self.first, *self.first_more, self.second, *self.second_more)


Metric = Literal["cosine", "euclidean"]
"""How a matcher compares templates: by the cosine of the angle between them, or by their Euclidean distance."""


@dataclass(frozen=True, eq=False)
class Templates:
    """Templates of one matcher, with what is known of whom they show."""

    rows: NDArray[np.float32]
    """``(n, d)``; rows of length 1 where the metric is cosine."""
    records: NDArray[np.str_]
    """``(n,)`` name of each template."""
    subjects: NDArray[np.str_]
    """``(n,)`` subject of each template."""
    labels: NDArray[np.int8]
    """``(n,)`` +1 male, -1 female as labelled, 0 where no label is known."""
    metric: Metric
    matcher: str
    """Name of the matcher, as stated by whoever brought the templates; empty where nobody did."""
    version: str
    """Version of the matcher, as stated; empty where nobody did."""
