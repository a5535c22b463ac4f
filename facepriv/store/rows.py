"""Tables of the database, as typed SQLAlchemy models; nothing outside ``facepriv.store`` sees a row of them.

Images and arrays above some kilobytes are artifacts; rows hold their SHA-256.
Every change here needs a migration in ``db/versions``; a test compares the two.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.protections import ProtectionResult, ProtectionSpec
from facepriv.schemas.runs import RunResult, RunSpec
from facepriv.schemas.studies import StudyProgress, StudyResult, StudySpec
from facepriv.types import Box, Terms

Value = TypeVar("Value")


class Converted(TypeDecorator[Value]):
    """Values that the database keeps in another form; None is NULL."""

    def process_bind_param(self, value: Value | None, dialect: Dialect) -> Any:
        """Convert a value to what the database keeps."""
        return None if value is None else self._to_stored(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Value | None:
        """Convert what the database keeps back."""
        return None if value is None else self._from_stored(value)

    def _to_stored(self, value: Value) -> Any:
        raise NotImplementedError

    def _from_stored(self, stored: Any) -> Value:
        raise NotImplementedError


class UtcDateTime(Converted[datetime]):
    """A moment in UTC: takes aware datetimes only and gives aware ones back, also where the database drops the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def _to_stored(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError(f"A datetime with a time zone was expected, but {value.isoformat()} has none.")
        return value.astimezone(UTC)

    def _from_stored(self, stored: datetime) -> datetime:
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


class PackedArray(Converted[NDArray[Any]]):
    """A small numpy array as little-endian bytes in rows of ``columns`` numbers; ``columns=0`` is one dimension.

    What comes back is read-only, so a record made of it cannot be changed by accident.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, dtype: str, columns: int = 0) -> None:
        super().__init__()
        self.dtype = dtype
        self.columns = columns

    def _to_stored(self, value: NDArray[Any]) -> bytes:
        return np.ascontiguousarray(value, dtype=self.dtype).tobytes()

    def _from_stored(self, stored: bytes) -> NDArray[Any]:
        array = _unpacked(stored, self.dtype)
        return array.reshape(-1, self.columns) if self.columns else array


class PackedFloats(Converted[NDArray[Any]]):
    """A vector of float32 or float64 as one letter for its kind and little-endian bytes; comes back read-only."""

    impl = LargeBinary
    cache_ok = True

    def _to_stored(self, value: NDArray[Any]) -> bytes:
        kind = "f" if value.dtype == np.float32 else "d"
        return kind.encode() + np.ascontiguousarray(value, dtype=f"<{kind}").tobytes()

    def _from_stored(self, stored: bytes) -> NDArray[Any]:
        return _unpacked(stored[1:], f"<{stored[:1].decode()}")


def _unpacked(stored: bytes, dtype: str) -> NDArray[Any]:
    """Return the numbers in the machine's own byte order, read-only."""
    array = np.frombuffer(stored, dtype=dtype)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


class PackedBox(Converted[Box]):
    """left, top, right and bottom of a box as four little-endian 32-bit integers."""

    impl = LargeBinary
    cache_ok = True

    def _to_stored(self, value: Box) -> bytes:
        return struct.pack("<4i", *value)

    def _from_stored(self, stored: bytes) -> Box:
        return cast(Box, struct.unpack("<4i", stored))


class TermsJson(Converted[Terms]):
    """What a data set's terms allow, as JSON."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def _to_stored(self, value: Terms) -> dict[str, Any]:
        return {"sentence": value.sentence, "showable": sorted(value.showable)}

    def _from_stored(self, stored: dict[str, Any]) -> Terms:
        return Terms(stored["sentence"], frozenset(stored["showable"]))


class PydanticText(Converted[BaseModel]):
    """A pydantic model as JSON text; what does not fit the model any more raises pydantic's ValidationError."""

    impl = Text
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__()
        self.model = model

    def _to_stored(self, value: BaseModel) -> str:
        return value.model_dump_json(by_alias=True)

    def _from_stored(self, stored: str) -> BaseModel:
        return self.model.model_validate_json(stored)


class JsonCollection(TypeDecorator[Any]):
    """A mapping or a tuple as JSON; an empty one is NULL, which is read as an empty one."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: type[dict[str, Any]] | type[tuple[Any, ...]]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Convert any mapping or sequence."""
        return self.kind(value) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Convert back."""
        return self.kind(value or ())


Sha256 = Annotated[str, "SHA-256 in hexadecimal"]


class Base(DeclarativeBase):
    """Root of the models; every constraint gets a name, so that later migrations can speak of it."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        float: Double,
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
        Box: PackedBox,
        Sha256: String(64),
    }
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# Ids are never given twice (AUTOINCREMENT), so "run 7" in an access log or an old export cannot come to mean another.
_NEVER_REUSED = {"sqlite_autoincrement": True}


class Numbered:
    """A row with an id."""

    __table_args__: Any = _NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class DatasetRow(Numbered, Base):
    """A data set. Rows with ``ready`` false belong to an import that has not finished and are shown to nobody."""

    __tablename__ = "datasets"
    __table_args__ = (
        # Two imports may be under way with one name; the first to finish gets it.
        Index(
            "uq_datasets_name_ready", "name", unique=True, sqlite_where=text("ready"), postgresql_where=text("ready")
        ),
        _NEVER_REUSED,
    )

    name: Mapped[str]
    ready: Mapped[bool]
    created_at: Mapped[datetime]
    source: Mapped[str]
    reader: Mapped[str]
    reader_reason: Mapped[str]
    licence: Mapped[str]
    content_sha256: Mapped[Sha256 | None]
    notes: Mapped[str]
    detector_fingerprint: Mapped[Sha256 | None]
    retain_until: Mapped[date | None]
    identities: Mapped[str] = mapped_column(String(8), server_default=text("'people'"))
    # The three below are NULL where nobody said anything, as of terms that forbid nothing.
    terms: Mapped[Terms | None] = mapped_column(TermsJson)
    datasheet: Mapped[dict[str, Any] | None]
    quality: Mapped[dict[str, Any] | None]
    # What an import imports from, by which it goes on until it has finished, NULL where it cannot; and which session
    # writes it, NULL where none does. Problems written meanwhile are notes to go on from.
    resume_key: Mapped[Sha256 | None]
    importer: Mapped[str | None] = mapped_column(String(16))


class TemplateSetRow(Numbered, Base):
    """A set of templates: the numbers in one artifact file, of whom they are in another.

    Rows with ``ready`` false belong to a set that is being saved and are shown to nobody. One that was made from a data
    set, or from another template set, goes with it; without CASCADE that does not happen as a side effect.
    """

    __tablename__ = "template_sets"
    __table_args__ = (
        Index(
            "uq_template_sets_name_ready",
            "name",
            unique=True,
            sqlite_where=text("ready"),
            postgresql_where=text("ready"),
        ),
        CheckConstraint("metric IN ('cosine', 'euclidean')", name="metric"),
        CheckConstraint("NOT ready OR (rows_sha256 IS NOT NULL AND records_sha256 IS NOT NULL)", name="files"),
        _NEVER_REUSED,
    )

    name: Mapped[str]
    ready: Mapped[bool]
    created_at: Mapped[datetime]
    source: Mapped[str]
    reader: Mapped[str]
    reader_reason: Mapped[str]
    metric: Mapped[str] = mapped_column(String(16))
    matcher: Mapped[str]
    version: Mapped[str]
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"), index=True)
    origin_id: Mapped[int | None] = mapped_column(ForeignKey("template_sets.id"), index=True)
    templates: Mapped[int]
    width: Mapped[int]
    subjects: Mapped[int]
    male: Mapped[int]
    female: Mapped[int]
    retain_until: Mapped[date | None]
    terms: Mapped[Terms | None] = mapped_column(TermsJson)
    datasheet: Mapped[dict[str, Any] | None]
    problems: Mapped[tuple[dict[str, Any], ...] | None] = mapped_column(JsonCollection(tuple))
    quality: Mapped[dict[str, Any] | None]
    # NULL until the files are there.
    rows_sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    records_sha256: Mapped[Sha256 | None] = mapped_column(index=True)


class ImageRow(Numbered, Base):
    """One image of a data set, with the face found in it or the reason why none was."""

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("dataset_id", "name"),
        Index(None, "dataset_id", "failure"),
        CheckConstraint("label IN (-1, 1)", name="label"),
        CheckConstraint("width > 0 AND height > 0", name="size"),
        CheckConstraint("(failure IS NULL) = (failure_sentence IS NULL)", name="failure"),
        _NEVER_REUSED,
    )

    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str]
    subject: Mapped[str]
    label: Mapped[int | None] = mapped_column(SmallInteger)
    width: Mapped[int]
    height: Mapped[int]
    source_sha256: Mapped[Sha256]
    artifact_sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    failure: Mapped[str | None]
    failure_sentence: Mapped[str | None]
    box: Mapped[Box | None]
    landmarks: Mapped[NDArray[np.float32] | None] = mapped_column(PackedArray("<f4", columns=2))
    attributes: Mapped[Mapping[str, Any] | None] = mapped_column(JsonCollection(dict))


class ProtocolPairRow(Base):
    """One comparison that a data set's published protocol asks for, in the protocol's order."""

    __tablename__ = "protocol_pairs"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    fold: Mapped[int]
    first_image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    second_image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    mated: Mapped[bool]


class ImageOriginRow(Base):
    """Where the subject and the label of an image come from; images of earlier versions have none."""

    __tablename__ = "image_origins"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str | None]
    label: Mapped[str | None]


class LeftOutRow(Numbered, Base):
    """A file that an import found and did not take, with the reason."""

    __tablename__ = "left_out"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    code: Mapped[str]
    sentence: Mapped[str]


class CorrectionRow(Numbered, Base):
    """A subject or a label that somebody corrected by hand."""

    __tablename__ = "corrections"
    __table_args__ = (CheckConstraint("field IN ('subject', 'label')", name="field"), _NEVER_REUSED)

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    field: Mapped[str] = mapped_column(String(8))
    # A label as its word; NULL where there was none, or is none any more.
    was: Mapped[str | None]
    became: Mapped[str | None]
    by: Mapped[str]
    at: Mapped[datetime]


class ProblemRow(Numbered, Base):
    """A file or row that an import left out, or a notice about one."""

    __tablename__ = "problems"
    __table_args__ = (Index(None, "dataset_id", "code"), _NEVER_REUSED)

    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str]
    code: Mapped[str]
    sentence: Mapped[str]


class JobRow(Numbered, Base):
    """One request that workers carry out; a run or an audit has a row of its own beside it, which goes with it.

    ``kind`` and ``request`` are text that the database does not check, so that a new kind needs no migration.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "state", "id"),
        CheckConstraint(
            "state IN ('waiting', 'running', 'previewed', 'complete', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name="lease"),
        _NEVER_REUSED,
    )

    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    request: Mapped[str]
    actor: Mapped[str]
    origin: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    stage: Mapped[str] = mapped_column(default="")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    losses: Mapped[int] = mapped_column(default=0)
    spent: Mapped[float] = mapped_column(default=0.0)
    stage_since: Mapped[datetime | None]
    stage_from: Mapped[int] = mapped_column(default=0)
    # Of kinds without a table of their own.
    result: Mapped[str | None]
    # The data set that an import made. Of runs and audits their own row says it.
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)


class JobNoteRow(Base):
    """The name, notes and tags that somebody gave to a run or an audit; they go with it."""

    __tablename__ = "job_notes"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str]
    notes: Mapped[str]
    tags: Mapped[tuple[str, ...] | None] = mapped_column(JsonCollection(tuple))


class TrashRow(Base):
    """A run or an audit that was deleted and may be restored for a while; no list has it meanwhile.

    An audit that was deleted with its run names that run's job, and comes back with it.
    """

    __tablename__ = "trash"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    deleted_at: Mapped[datetime]
    deleted_by: Mapped[str]
    with_job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)


class JobFiguresRow(Base):
    """The few figures of a run or an audit that lists show, so that no list reads whole results.

    A cache: they follow from spec and result. ``version`` is that of the code that read them.
    """

    __tablename__ = "job_figures"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int]
    figures: Mapped[dict[str, Any]]


class JobPlanRow(Base):
    """What was promised of a job when it was asked for on a page, and whether whoever asked has seen its end."""

    __tablename__ = "job_plans"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    # NULL where nothing could be promised.
    plan: Mapped[JobPlan | None] = mapped_column(PydanticText(JobPlan))
    # NULL until its end was announced on a page, and until its own page was looked at.
    announced_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]


class SpeedRow(Base):
    """What a piece of work has taken on this installation, of all jobs together; estimates are made of it."""

    __tablename__ = "speeds"

    # Such as "score|dlib-gender", or what several such have in common.
    what: Mapped[str] = mapped_column(primary_key=True)
    steps: Mapped[float]
    seconds: Mapped[float]
    # What they would have taken at the reference speed.
    expected: Mapped[float]


class RunRow(Numbered, Base):
    """A run: an immutable spec, and once its job is complete a result.

    ``method``, ``guide`` and ``images`` repeat the spec, so that lists need not parse it. The data set is held by
    RESTRICT: results never vanish as a side effect of tidying up data.
    """

    __tablename__ = "runs"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"), index=True)
    spec: Mapped[RunSpec] = mapped_column(PydanticText(RunSpec))
    result: Mapped[RunResult | None] = mapped_column(PydanticText(RunResult))
    method: Mapped[str]
    guide: Mapped[str]
    images: Mapped[int]


class AuditRow(Numbered, Base):
    """A leak audit of a data set, or of a run's images beside it.

    It goes with its run, whose images it is about. The data set is held by RESTRICT, as runs hold theirs.
    """

    __tablename__ = "audits"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    spec: Mapped[AuditSpec] = mapped_column(PydanticText(AuditSpec))
    result: Mapped[AuditResult | None] = mapped_column(PydanticText(AuditResult))
    images: Mapped[int]


class ProtectionRow(Numbered, Base):
    """The trial of a protection on a template set; it goes with every set that it knew, as its job does."""

    __tablename__ = "protections"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    template_set_id: Mapped[int] = mapped_column(ForeignKey("template_sets.id", ondelete="RESTRICT"), index=True)
    fit_on_id: Mapped[int | None] = mapped_column(ForeignKey("template_sets.id", ondelete="RESTRICT"), index=True)
    learn_from_id: Mapped[int | None] = mapped_column(ForeignKey("template_sets.id", ondelete="RESTRICT"), index=True)
    method: Mapped[str]
    spec: Mapped[ProtectionSpec] = mapped_column(PydanticText(ProtectionSpec))
    result: Mapped[ProtectionResult | None] = mapped_column(PydanticText(ProtectionResult))


class StudyRow(Numbered, Base):
    """A study: a search over methods and proportions; what it has done so far is kept step by step.

    The data set is held by RESTRICT, as runs hold theirs.
    """

    __tablename__ = "studies"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"), index=True)
    spec: Mapped[StudySpec] = mapped_column(PydanticText(StudySpec))
    progress: Mapped[StudyProgress] = mapped_column(PydanticText(StudyProgress))
    result: Mapped[StudyResult | None] = mapped_column(PydanticText(StudyResult))


class StudyRunRow(Base):
    """A run that belongs to a study, with its audits; only whoever asks for it sees it among the others."""

    __tablename__ = "study_runs"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)


class MeasureRow(Base):
    """Numbers computed from a stored image, by the image's content: a template, a score, an attacker's features.

    A cache: every row could be computed again. ``name`` says what it is and by which model; ``fingerprint`` stands for
    everything that it depends on besides the image. Rows go as soon as no image of a data set or a run has that content
    any more, see `Leftovers`.
    """

    __tablename__ = "measures"

    artifact_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[Sha256] = mapped_column(primary_key=True)
    vector: Mapped[NDArray[Any]] = mapped_column(PackedFloats)


class LogLineRow(Numbered, Base):
    """One line of what became of a job, in words for the user; it goes with the job."""

    __tablename__ = "log_lines"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    owner: Mapped[str | None]
    text: Mapped[str]


class RunImageRow(Base):
    """What became of one image in one run; written once, when it is done or has failed."""

    __tablename__ = "run_images"
    __table_args__ = (
        UniqueConstraint("run_id", "position"),
        CheckConstraint("failure_stage IN ('acquire-before', 'perturb', 'acquire-after')", name="failure_stage"),
        CheckConstraint(
            "(failure IS NULL) = (failure_sentence IS NULL) AND (failure IS NULL) = (failure_stage IS NULL)",
            name="failure",
        ),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="RESTRICT"), primary_key=True, index=True)
    position: Mapped[int]
    candidate_image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id", ondelete="RESTRICT"), index=True)
    artifact_sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    updates: Mapped[int | None]
    evaluations: Mapped[int | None]
    stop: Mapped[str | None]
    success: Mapped[bool | None]
    file_score: Mapped[float | None]
    anchors: Mapped[tuple[int, ...] | None] = mapped_column(JsonCollection(tuple))
    trajectory: Mapped[NDArray[np.float64] | None] = mapped_column(PackedArray("<f8"))
    psnr_db: Mapped[float | None]
    ssim: Mapped[float | None]
    seconds: Mapped[float | None]
    failure: Mapped[str | None]
    failure_stage: Mapped[str | None] = mapped_column(String(16))
    failure_sentence: Mapped[str | None]
    after_box: Mapped[Box | None]
    after_landmarks: Mapped[NDArray[np.float32] | None] = mapped_column(PackedArray("<f4", columns=2))
    fixed_score: Mapped[float | None]
    survived: Mapped[Mapping[str, bool] | None] = mapped_column(JsonCollection(dict))
    notes: Mapped[tuple[str, ...] | None] = mapped_column(JsonCollection(tuple))


class RunSourceRow(Base):
    """A data set other than a run's own whose images the run reads, to learn from them.

    Held by RESTRICT, as the run's own is: what was learnt from people must not outlive the wish to delete them unseen.
    """

    __tablename__ = "run_sources"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(
        ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True, index=True
    )


class LearningRow(Base):
    """What a run's method has learnt before it perturbed: an artifact file, and what it cost."""

    __tablename__ = "learnings"
    __table_args__ = (CheckConstraint("source IN ('folds', 'demo', 'dataset')", name="source"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    artifact_sha256: Mapped[Sha256] = mapped_column(index=True)
    subjects: Mapped[int]
    images: Mapped[int]
    evaluations: Mapped[int]


class AccessRow(Numbered, Base):
    """One line of the access log; lines are added and never changed."""

    __tablename__ = "access_log"

    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(index=True)
    origin: Mapped[str] = mapped_column(String(16))
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]
    # NULL in lines that something else than facepriv wrote.
    chain_sha256: Mapped[Sha256 | None]


class UserRow(Numbered, Base):
    """Somebody who may sign in to the dashboard; never deleted, since the access log names them, but disabled."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('auditor', 'officer', 'admin')", name="role"),
        _NEVER_REUSED,
    )

    name: Mapped[str]
    # The name in one case, so that nobody can be mistaken for another.
    key: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(8))
    # NULL for who signs in through an identity provider only.
    password_hash: Mapped[str | None]
    # E-mail address or subject that the identity provider vouches for.
    oidc: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    # The password was chosen by somebody else.
    must_change: Mapped[bool] = mapped_column(default=False, server_default=false())
    removed_at: Mapped[datetime | None]


class SessionRow(Numbered, Base):
    """One sign-in of a user; the cookie holds a random token, and only its hash stands here."""

    __tablename__ = "sessions"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AttemptRow(Base):
    """One failed try of a password or passphrase, kept for a day; the key is a hash of what it was tried on."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "key_sha256", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key_sha256: Mapped[Sha256]
    at: Mapped[datetime] = mapped_column(index=True)


class DoomedFileRow(Base):
    """An artifact file whose rows were deleted; the row goes with the file, or once another row refers to it."""

    __tablename__ = "doomed_files"

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)


class InstallationRow(Base):
    """The one row that says which database this is; the place of its artifacts bears the same id."""

    __tablename__ = "installation"

    identity: Mapped[str] = mapped_column(String(32), primary_key=True)


class ShareRow(Numbered, Base):
    """Results of a run or an audit, shown to whoever has the link, or to one officer with an account.

    It goes with its run or audit.
    """

    __tablename__ = "shares"
    __table_args__ = (
        CheckConstraint("run_id IS NOT NULL OR audit_id IS NOT NULL", name="of_something"),
        CheckConstraint("faces >= 0", name="faces"),
        _NEVER_REUSED,
    )

    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    audit_id: Mapped[int | None] = mapped_column(ForeignKey("audits.id", ondelete="CASCADE"), index=True)
    # NULL where there is no link, only an officer.
    token_sha256: Mapped[Sha256 | None] = mapped_column(unique=True)
    passphrase_hash: Mapped[str | None]
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    faces: Mapped[int]
    shared_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    views: Mapped[int]
    viewed_at: Mapped[datetime | None]


class ReleaseRow(Numbered, Base):
    """Images or templates that were handed out under a policy; it outlives what it was made of.

    Copies cannot be called back, so what is known of them stays when the data set is gone. It names nobody and no file.
    """

    __tablename__ = "releases"
    __table_args__ = (CheckConstraint("items >= 0", name="items"), _NEVER_REUSED)

    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"), index=True)
    template_set_id: Mapped[int | None] = mapped_column(ForeignKey("template_sets.id", ondelete="SET NULL"), index=True)
    # What it was made of in words, such as "run 3"; stays when that is gone.
    about: Mapped[str]
    policy: Mapped[str]
    items: Mapped[int]
    manifest_sha256: Mapped[Sha256]
    verdict: Mapped[str]
    released_by: Mapped[str]
    at: Mapped[datetime]


class RemarkRow(Numbered, Base):
    """What an officer said about results: a comment, or a sign-off with what exactly was signed.

    A sign-off outlives its run, so that what was decided stays known; the hash says about what.
    """

    __tablename__ = "remarks"
    __table_args__ = (
        CheckConstraint("decision IN ('accepted', 'conditions', 'rejected')", name="decision"),
        CheckConstraint("(decision IS NULL) = (sha256 IS NULL)", name="signed"),
        _NEVER_REUSED,
    )

    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    audit_id: Mapped[int | None] = mapped_column(ForeignKey("audits.id", ondelete="SET NULL"), index=True)
    # What it is about in words, such as "run 3, audit 2"; stays when the run is gone.
    about: Mapped[str]
    author: Mapped[str]
    at: Mapped[datetime]
    decision: Mapped[str | None] = mapped_column(String(16))
    text: Mapped[str]
    sha256: Mapped[Sha256 | None]


class RequestRow(Numbered, Base):
    """What an officer asked for or why they do not sign, or what an auditor answered; it outlives its results."""

    __tablename__ = "requests"
    __table_args__ = (CheckConstraint("kind IN ('request', 'refusal', 'answer')", name="kind"), _NEVER_REUSED)

    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    audit_id: Mapped[int | None] = mapped_column(ForeignKey("audits.id", ondelete="SET NULL"), index=True)
    # The thread: what it is about in words, such as "run 3, audit 2"; stays when these are gone.
    about: Mapped[str]
    author: Mapped[str]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(8))
    text: Mapped[str]
    # Of the results then.
    sha256: Mapped[Sha256]


class RequestReadRow(Base):
    """How far somebody has read a thread of requests and answers."""

    __tablename__ = "request_reads"

    reader: Mapped[str] = mapped_column(primary_key=True)
    thread: Mapped[str] = mapped_column(primary_key=True)
    up_to: Mapped[int]
