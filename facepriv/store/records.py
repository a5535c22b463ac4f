"""What the stores take and give: frozen values, detached from the database. No row object leaves the package."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.protections import ProtectionResult, ProtectionSpec
from facepriv.schemas.runs import LearnSource, RunResult, RunSpec
from facepriv.schemas.studies import StudyProgress, StudyResult, StudySpec
from facepriv.types import FEMALE, MALE, Box, Identities, Metric, Origin, Terms

JobState = Literal["waiting", "running", "previewed", "complete", "failed", "cancelled"]
"""``previewed`` is an import that waits for somebody to confirm what was recognised."""
UNDER_WAY: tuple[JobState, ...] = ("waiting", "running")
RUN_STATES: tuple[JobState, ...] = ("waiting", "running", "complete", "failed", "cancelled")
"""States that the job of a run or an audit can be in."""

FailureStage = Literal["acquire-before", "perturb", "acquire-after"]


def _check_landmarks(landmarks: NDArray[Any] | None) -> None:
    if landmarks is not None and (landmarks.ndim != 2 or landmarks.shape[1] != 2):
        raise BadInputError(f"Landmarks must be an array (k, 2) of x and y, but its shape is {landmarks.shape}.")


@dataclass(frozen=True, kw_only=True)
class NewDataset:
    """A data set that is being imported."""

    name: str
    source: str
    """Where it comes from, in words for the user."""
    reader: str
    """Name of the convention its files are read by."""
    reader_reason: str = ""
    """Why that reader was chosen."""
    licence: str = ""
    notes: str = ""
    """What its owner wants kept beside it, such as the basis of consent and until when it may be kept."""
    detector_fingerprint: str | None = None
    """Hash of what looked for faces in its images; None where an earlier facepriv did not note it."""
    retain_until: date | None = None
    """Last day on which it may be kept; None where none was set."""
    identities: Identities = "people"
    terms: Terms | None = None
    datasheet: dict[str, Any] | None = None
    """Source, licence, consent basis and the like, as entered."""


@dataclass(frozen=True, kw_only=True)
class DatasetRecord(NewDataset):
    """A finished data set."""

    id: int
    created_at: datetime
    """When its import was finished, UTC."""
    content_sha256: str
    """Hash of the images' hashes, subjects and labels; independent of their order and names."""
    quality: dict[str, Any] | None = None
    """Its data-quality report, of the schema ``facepriv.quality/1``; None where none was made."""

    @property
    def ref(self) -> DatasetRef:
        """The data set as a run's spec names it."""
        return DatasetRef(id=self.id, name=self.name, content_sha256=self.content_sha256)


@dataclass(frozen=True, kw_only=True)
class NewTemplateSet:
    """A set of templates on its way into the store."""

    name: str
    source: str
    """Where it comes from, in words for the user."""
    reader: str
    """Format that it was read from, or how it was made."""
    reader_reason: str = ""
    """Which column held what, or what else is to be known of how it came about."""
    dataset_id: int | None = None
    """The data set of images that it was made from, with which it goes; None where it came as templates."""
    origin_id: int | None = None
    """The template set that it was made from, with which it goes; None where it was made from no other."""
    retain_until: date | None = None
    """Last day on which it may be kept; None where none was set."""
    terms: Terms | None = None
    datasheet: dict[str, Any] | None = None
    """Source, licence, consent basis and the like, as entered."""
    problems: tuple[dict[str, Any], ...] = ()
    """What was left out or changed: ``code``, ``count`` and ``sentence`` of each."""


@dataclass(frozen=True, kw_only=True)
class TemplateSetRecord(NewTemplateSet):
    """A set of templates, without the templates."""

    id: int
    created_at: datetime
    metric: Metric
    matcher: str
    """As stated by whoever brought it, or that made it; empty where nobody said."""
    version: str
    templates: int
    width: int
    """Numbers of a template."""
    subjects: int
    male: int
    """Templates labelled male."""
    female: int
    quality: dict[str, Any] | None
    """Its quality report, of the schema ``facepriv.template-quality/1``; None where none was made."""
    rows_sha256: str
    """Hash of the ``.npy`` file of ``(templates, width)`` float32."""
    records_sha256: str
    """Hash of the ``.npz`` file of records, subjects and labels."""

    @property
    def unlabelled(self) -> int:
        """Templates without a label."""
        return self.templates - self.male - self.female


@dataclass(frozen=True, kw_only=True)
class DatasetCounts:
    """How many of what a data set holds."""

    images: int
    subjects: int
    labels: dict[int | None, int]
    """Images by label: +1 male, -1 female, None unlabelled; a label without images is left out."""
    failures: dict[str, int]
    """Images without a usable face, by code."""
    problems: dict[str, int]
    """Notes on what was left out or changed, by code; one note may tell of many files or rows."""


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """All that is kept because of a data set, and goes with it."""

    dataset: DatasetRecord
    images: int
    runs: tuple[int, ...]
    """Numbers of the runs on it, and of those that took candidates from it or learnt from it."""
    audits: tuple[int, ...]
    """Numbers of the audits of it or of these runs."""
    shares: int
    """Shares of the results of these runs and audits."""
    template_sets: tuple[str, ...] = ()
    """Names of the template sets that were made from it."""
    protections: tuple[int, ...] = ()
    """Numbers of the trials of protections that knew any of these."""
    studies: tuple[int, ...] = ()
    """Numbers of the studies of it, to which some of the runs belong."""
    artifacts: frozenset[str]
    """Hashes of the artifacts that it or these runs refer to; others may have the same."""
    sources: frozenset[str]
    """Hashes of its images' files as they came."""
    busy: tuple[str, ...]
    """Those of the runs, audits, protections and studies that a worker holds now, such as ``run 7``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundFace:
    """The one face found in an image's content, or the reason why none can be used."""

    box: Box | None
    landmarks: NDArray[np.float32] | None
    """``(k, 2)`` x, y in pixels."""
    failure: str | None
    failure_sentence: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class NewImage:
    """An image on its way into a data set.

    Raises
    ------
    BadInputError
        If the label, the size or the landmarks' shape is none, or a failure lacks its sentence.
    """

    name: str
    """Path inside the source; unique in the data set."""
    subject: str
    label: int | None
    """+1 male, -1 female, None where the data set says nothing."""
    width: int
    height: int
    source_sha256: str
    """Hash of the bytes as they came."""
    artifact_sha256: str | None = None
    """Hash of the lossless PNG in the artifact store."""
    failure: str | None = None
    """Why no face can be used, in kebab-case, e.g. ``no-face``, ``several-faces``."""
    failure_sentence: str | None = None
    box: Box | None = None
    landmarks: NDArray[np.float32] | None = None
    """``(k, 2)`` x, y in pixels."""
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """As in `facepriv.types.LabelledImage`."""

    def __post_init__(self) -> None:
        _check_landmarks(self.landmarks)
        if self.label not in (None, MALE, FEMALE):
            raise BadInputError(f"The label of image {self.name!r} must be +1, -1 or None, but it is {self.label!r}.")
        if self.width < 1 or self.height < 1:
            raise BadInputError(f"Image {self.name!r} must have pixels, but its size is {self.width} x {self.height}.")
        if (self.failure is None) != (self.failure_sentence is None):
            raise BadInputError(f"The failure of image {self.name!r} needs both a code and a sentence.")


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageRecord(NewImage):
    """An image of a data set."""

    id: int
    dataset_id: int


@dataclass(frozen=True, kw_only=True)
class ImageOrigin:
    """Where what is said of an image comes from, in a few words such as ``folder`` or a table and its line."""

    image_id: int
    subject: str | None
    label: str | None


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A subject or a label that somebody corrected by hand."""

    image_id: int
    field: Literal["subject", "label"]
    was: str | None
    """The subject, or the label as its word; None where there was none."""
    became: str | None
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class UnfinishedImport:
    """An import that is under way or was interrupted and can go on."""

    name: str
    """Of the data set to be."""
    resume_key: str
    """What it imports from, by which it goes on."""
    images: int
    """Images written so far; nobody sees them."""
    written_at: datetime
    """When it last wrote anything, UTC."""
    written_by: bool
    """Whether a session may be writing it; one that was killed counts for another hour."""


@dataclass(frozen=True, kw_only=True)
class ImagePair:
    """One comparison that a data set's published protocol asks for."""

    fold: int
    """From 1."""
    first: int
    """Id of an image."""
    second: int
    mated: bool
    first_more: tuple[int, ...] = ()
    """Further images of the first side, where templates of several images are compared."""
    second_more: tuple[int, ...] = ()

    @property
    def sides(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the ids of the images of either side."""
        return (self.first, *self.first_more), (self.second, *self.second_more)

    @property
    def images(self) -> tuple[int, ...]:
        """Return the ids of all images of both sides."""
        first, second = self.sides
        return (*first, *second)


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is: what its own record and those of its run or audit have in common."""

    state: JobState
    created_at: datetime
    started_at: datetime | None
    """When a worker first took it up."""
    finished_at: datetime | None
    """When it became complete, failed or cancelled."""
    owner: str | None
    """Worker that has it, or had it last."""
    lease_until: datetime | None
    """Until when the worker is believed to be alive without another heartbeat."""
    attempts: int
    """How often a worker took it up."""
    cancel_requested: bool
    stage: str
    """What the worker is at."""
    done: int
    total: int
    error: str | None
    """Why it failed, in one sentence."""
    losses: int
    """Workers lost in a row without having finished anything; at `MAX_LOSSES` it fails."""
    spent: float
    """Seconds that workers were at it, of all attempts together."""
    stage_since: datetime | None
    """When the present stage was begun in this attempt."""
    stage_from: int
    """What of it had been done then."""

    def pace(self, now: datetime) -> tuple[float, float] | None:
        """Return steps a second in the present stage and the seconds that are left of it; None while unknown."""
        done = self.done - self.stage_from
        if self.state != "running" or self.stage_since is None or done <= 0 or now <= self.stage_since:
            return None
        rate = done / (now - self.stage_since).total_seconds()
        return rate, max(0, self.total - self.done) / rate


@dataclass(frozen=True, kw_only=True)
class JobRecord(JobProgress):
    """A request that a worker carries out."""

    id: int
    kind: str
    """``import``, ``run``, ``audit``, ``templates``, ``protection`` or ``study``; ``study-run`` and ``study-audit`` are
    parts of a study, which no worker takes up but the one that has the study."""
    request: str
    """What was asked for, as JSON."""
    actor: str
    """Who asked."""
    origin: Origin
    """From where."""
    result: str | None
    """JSON of kinds without a record of their own, such as the preview of an import."""
    dataset_id: int | None
    """The data set that an import made."""


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of what became of a job; it names images by id only."""

    at: datetime
    owner: str | None
    """Worker that wrote it; None for what a person or the queue itself did."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """A run or an audit that was deleted and may be restored."""

    noun: str
    """``run`` or ``audit``."""
    number: int
    dataset_id: int
    dataset_name: str
    deleted_at: datetime
    deleted_by: str
    until: datetime
    """When it goes for good."""


@dataclass(frozen=True, kw_only=True)
class JobNotes:
    """What somebody wrote about a run or an audit."""

    name: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunSummary(JobProgress):
    """A run without its spec and result: all that a list needs."""

    id: int
    job_id: int
    dataset_id: int
    dataset_name: str
    images: int
    """Images asked for."""
    method: str
    guide: str
    actor: str
    """Who asked for it."""


@dataclass(frozen=True, kw_only=True)
class AuditSummary(JobProgress):
    """An audit without its spec and result."""

    id: int
    job_id: int
    dataset_id: int
    dataset_name: str
    images: int
    """Images asked for."""
    run_id: int | None
    """The run whose images were audited beside the untouched ones."""


@dataclass(frozen=True, kw_only=True)
class AuditRecord(AuditSummary):
    """An audit with its spec and, once complete, its result."""

    spec: AuditSpec
    result: AuditResult | None


@dataclass(frozen=True, kw_only=True)
class ProtectionSummary(JobProgress):
    """The trial of a protection without its spec and result."""

    id: int
    job_id: int
    template_set_id: int
    template_set_name: str
    method: str
    """The protection that was asked for."""


@dataclass(frozen=True, kw_only=True)
class ProtectionRecord(ProtectionSummary):
    """The trial of a protection with its spec and, once complete, its result."""

    spec: ProtectionSpec
    result: ProtectionResult | None


@dataclass(frozen=True, kw_only=True)
class StudySummary(JobProgress):
    """A study without its spec, steps and result."""

    id: int
    job_id: int
    dataset_id: int
    dataset_name: str


@dataclass(frozen=True, kw_only=True)
class StudyRecord(StudySummary):
    """A study with its spec, what it has done so far and, once complete, its result."""

    spec: StudySpec
    progress: StudyProgress
    result: StudyResult | None


@dataclass(frozen=True, kw_only=True)
class RunRecord(RunSummary):
    """A run with its spec and, once complete, its result."""

    spec: RunSpec
    result: RunResult | None


@dataclass(frozen=True, kw_only=True, eq=False)
class RunImage:
    """What became of one image of a run; a failed one has a row too, so that none is dropped.

    NaN in a score or measure becomes None.

    Raises
    ------
    BadInputError
        If the landmarks are not ``(k, 2)`` or a failure lacks its stage or sentence.
    """

    image_id: int
    position: int
    """Its place in the spec's ``image_ids``."""
    candidate_image_id: int | None = None
    artifact_sha256: str | None = None
    """The perturbed image as stored: what an attacker gets."""
    updates: int | None = None
    evaluations: int | None = None
    stop: str | None = None
    success: bool | None = None
    file_score: float | None = None
    """Guide's log-odds of the stored file with the face found again in it; None if none was."""
    anchors: tuple[int, ...] = ()
    trajectory: NDArray[np.float64] | None = None
    """``(updates + 1,)`` guide log-odds after every update."""
    psnr_db: float | None = None
    """Inside the face box; infinite if nothing was changed."""
    ssim: float | None = None
    seconds: float | None = None
    failure: str | None = None
    failure_stage: FailureStage | None = None
    failure_sentence: str | None = None
    after_box: Box | None = None
    after_landmarks: NDArray[np.float32] | None = None
    """``(k, 2)`` x, y in pixels, found again in the stored file."""
    fixed_score: float | None = None
    """Guide's log-odds of the stored file under the *original's* crop: a diagnostic, never a success."""
    survived: Mapping[str, bool] = field(default_factory=dict)
    """Whether the flip is still there in versions of the stored file, by version; empty where that was not tried."""
    notes: tuple[str, ...] = ()
    """Sentences on how it was computed that a user should know of."""

    def __post_init__(self) -> None:
        _check_landmarks(self.after_landmarks)
        if len({part is None for part in (self.failure, self.failure_stage, self.failure_sentence)}) == 2:
            raise BadInputError(f"The failure of image {self.image_id} needs a code, a stage and a sentence.")
        for name in ("file_score", "fixed_score", "psnr_db", "ssim", "seconds"):
            value = getattr(self, name)
            # Databases differ in how they keep NaN (SQLite turns it into NULL), so "no score" is None everywhere.
            object.__setattr__(self, name, None if value is None or math.isnan(value) else float(value))


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What a run's method has learnt in one go, before it perturbed."""

    part: int
    """Number of the learning: for ``folds`` the half that was learnt from, else 0."""
    source: LearnSource
    artifact_sha256: str
    """Hash of the ``.npz`` file in the artifact store."""
    subjects: int
    images: int
    evaluations: int
    """Images that the guides scored while learning."""


@dataclass(frozen=True, kw_only=True)
class AccessRecord:
    """One line of the access log."""

    id: int
    at: datetime
    actor: str
    """Who: a login name, or that of the operating system's user."""
    origin: Origin
    """From where."""
    action: str
    """What, in kebab-case, e.g. ``dataset-purged``."""
    subject: str
    """To what, by kind and id, e.g. ``run 7``; never a person's name."""
    detail: str
    chain_sha256: str = ""
    """Hash of this line and the one before; empty where something else than facepriv wrote the line."""


Role = Literal["auditor", "officer", "admin"]
ROLES: tuple[Role, ...] = ("auditor", "officer", "admin")
AUDITING: tuple[Role, ...] = ("auditor", "admin")
"""Roles that see and do what auditors do; an admin manages users besides."""
Decision = Literal["accepted", "conditions", "rejected"]
DECISIONS: tuple[Decision, ...] = ("accepted", "conditions", "rejected")


@dataclass(frozen=True, kw_only=True)
class UserRecord:
    """Somebody who may sign in to the dashboard, unless disabled."""

    id: int
    name: str
    role: Role
    password_hash: str | None
    """Argon2 hash with its parameters; None for who signs in through an identity provider only."""
    oidc: str | None
    """E-mail address or subject that the identity provider vouches for."""
    created_at: datetime
    disabled_at: datetime | None
    must_change: bool = False
    """Whether the password was chosen by somebody else, and is to be changed before anything else is seen."""
    removed_at: datetime | None = None
    """When they were removed: they are in no list any more, but the access log names them."""


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """One sign-in of a user."""

    id: int
    user: str
    role: Role
    """The user's role now, not when they signed in."""
    must_change: bool
    """Whether the user must change the password first."""
    created_at: datetime
    seen_at: datetime
    """When it was last used, to the minute."""
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class ShareRecord:
    """Results of a run or an audit, shown to whoever has the link, or to one officer with an account."""

    id: int
    run_id: int | None
    audit_id: int | None
    has_link: bool
    passphrase_hash: str | None
    officer: str | None
    """Name of the officer it is for, if it is for one."""
    faces: int
    """Pairs of faces before and after that it shows, at most."""
    shared_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    views: int
    viewed_at: datetime | None
    is_deleted: bool = False
    """Whether its run or audit was deleted, and may be restored."""

    def is_open(self, now: datetime) -> bool:
        """Return whether it still shows anything."""
        return self.revoked_at is None and now < self.expires_at and not self.is_deleted


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """Images or templates that were handed out under a policy."""

    id: int
    dataset_id: int | None
    """Whose images; None for templates, and once that data set is deleted."""
    template_set_id: int | None
    about: str
    """What it was made of, such as ``run 3`` or ``protection 2``; stays when that is gone."""
    policy: str
    """How it was made, for the auditor."""
    items: int
    """How many images or templates."""
    manifest_sha256: str
    """Of the manifest, which names the hash of every file."""
    verdict: str
    """What was said of its protection then; empty if nobody had measured it."""
    released_by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class RemarkRecord:
    """What an officer said about results: a comment, or a sign-off."""

    id: int
    run_id: int | None
    audit_id: int | None
    about: str
    author: str
    at: datetime
    decision: Decision | None
    """None for a comment."""
    text: str
    sha256: str | None
    """Of what was signed; None for a comment."""


RequestKind = Literal["request", "refusal", "answer"]


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """What an officer asked for before they sign or why they do not, or what an auditor answered."""

    id: int
    run_id: int | None
    audit_id: int | None
    about: str
    """The thread it is in, such as ``run 3, audit 2``."""
    author: str
    at: datetime
    kind: RequestKind
    text: str
    sha256: str
    """Of the results then."""
