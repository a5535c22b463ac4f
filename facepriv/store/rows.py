"""Tables of the database, as typed SQLAlchemy models; nothing outside ``facepriv.store`` sees a row of them.

Images and arrays above some kilobytes are artifacts; rows hold their SHA-256.
Every change here needs a migration in ``db/versions``; a test compares the two.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.schemas.runs import RunResult, RunSpec
from facepriv.types import Box, Terms


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: takes aware datetimes only and gives aware ones back, also where the database drops the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a naive datetime raises, because its zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"A datetime with a time zone was expected, but {value.isoformat()} has none.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PackedArray(TypeDecorator[NDArray[Any]]):
    """A small numpy array as little-endian bytes in rows of ``columns`` numbers; ``columns=0`` is one dimension.

    What comes back is read-only, so a record made of it cannot be changed by accident.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, dtype: str, columns: int = 0) -> None:
        super().__init__()
        self.dtype = dtype
        self.columns = columns

    def process_bind_param(self, value: NDArray[Any] | None, dialect: Dialect) -> bytes | None:
        """Pack the numbers in C order."""
        return None if value is None else np.ascontiguousarray(value, dtype=self.dtype).tobytes()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> NDArray[Any] | None:
        """Unpack to the machine's own byte order."""
        if value is None:
            return None
        array = np.frombuffer(value, dtype=self.dtype)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if self.columns:
            array = array.reshape(-1, self.columns)
        array.flags.writeable = False
        return array


class PackedBox(TypeDecorator[Box]):
    """left, top, right and bottom of a box as four little-endian 32-bit integers."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Box | None, dialect: Dialect) -> bytes | None:
        """Pack the four sides."""
        return None if value is None else struct.pack("<4i", *value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Box | None:
        """Unpack the four sides."""
        return None if value is None else cast(Box, struct.unpack("<4i", value))


class PackedFloats(TypeDecorator[NDArray[Any]]):
    """A vector of float32 or float64 as one letter for its kind and little-endian bytes; comes back read-only."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: NDArray[Any] | None, dialect: Dialect) -> bytes | None:
        """Pack the numbers; anything but float32 becomes float64."""
        if value is None:
            return None
        kind = b"f" if value.dtype == np.float32 else b"d"
        return kind + np.ascontiguousarray(value, dtype=np.dtype(kind.decode()).newbyteorder("<")).tobytes()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> NDArray[Any] | None:
        """Unpack to the machine's own byte order."""
        if value is None:
            return None
        dtype = np.dtype(value[:1].decode())
        array = np.frombuffer(value, dtype=dtype.newbyteorder("<"), offset=1).astype(dtype, copy=False)
        array.flags.writeable = False
        return array


class JsonMapping(TypeDecorator[Mapping[str, Any]]):
    """A mapping as JSON; an empty one is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> dict[str, Any] | None:
        """Write any mapping as an object."""
        return dict(value) if value else None

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Mapping[str, Any]:
        """Read NULL as an empty mapping."""
        return value or {}


class JsonTuple(TypeDecorator[tuple[Any, ...]]):
    """A tuple as a JSON list; an empty one is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: tuple[Any, ...] | None, dialect: Dialect) -> list[Any] | None:
        """Write a list."""
        return list(value) if value else None

    def process_result_value(self, value: list[Any] | None, dialect: Dialect) -> tuple[Any, ...]:
        """Read NULL as an empty tuple."""
        return tuple(value or ())


class TermsJson(TypeDecorator[Terms]):
    """What a data set's terms allow, as JSON."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Terms | None, dialect: Dialect) -> dict[str, Any] | None:
        """Write the subjects that may be shown in one order."""
        return None if value is None else {"sentence": value.sentence, "showable": sorted(value.showable)}

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Terms | None:
        """Read the subjects that may be shown as a set."""
        return None if value is None else Terms(value["sentence"], frozenset(value["showable"]))


class PydanticText(TypeDecorator[BaseModel]):
    """A pydantic model as JSON text; what does not fit the model any more raises pydantic's ValidationError."""

    impl = Text
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: BaseModel | None, dialect: Dialect) -> str | None:
        """Write the fields under their public names."""
        return None if value is None else value.model_dump_json(by_alias=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> BaseModel | None:
        """Read and validate."""
        return None if value is None else self.model.model_validate_json(value)


class Base(DeclarativeBase):
    """Root of the models; every constraint gets a name, so that later migrations can speak of it."""

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
_SHA256 = String(64)


class DatasetRow(Base):
    """A data set. Rows with ``ready`` false belong to an import that has not finished and are shown to nobody."""

    __tablename__ = "datasets"
    __table_args__ = (
        # Two imports may be under way with one name; the first to finish gets it.
        Index(
            "uq_datasets_name_ready", "name", unique=True, sqlite_where=text("ready"), postgresql_where=text("ready")
        ),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    ready: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(Text)
    reader: Mapped[str] = mapped_column(Text)
    reader_reason: Mapped[str] = mapped_column(Text)
    licence: Mapped[str] = mapped_column(Text)
    content_sha256: Mapped[str | None] = mapped_column(_SHA256)
    notes: Mapped[str] = mapped_column(Text)
    detector_fingerprint: Mapped[str | None] = mapped_column(_SHA256)
    retain_until: Mapped[date | None] = mapped_column(Date)
    identities: Mapped[str] = mapped_column(String(8), server_default=text("'people'"))
    # The three below are NULL where nobody said anything, as of terms that forbid nothing.
    terms: Mapped[Terms | None] = mapped_column(TermsJson)
    datasheet: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # What an import imports from, by which it goes on until it has finished, NULL where it cannot; and which session
    # writes it, NULL where none does. Problems written meanwhile are notes to go on from.
    resume_key: Mapped[str | None] = mapped_column(_SHA256)
    importer: Mapped[str | None] = mapped_column(String(16))


class ImageRow(Base):
    """One image of a data set, with the face found in it or the reason why none was."""

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("dataset_id", "name"),
        Index(None, "dataset_id", "failure"),
        Index(None, "artifact_sha256"),
        CheckConstraint("label IN (-1, 1)", name="label"),
        CheckConstraint("width > 0 AND height > 0", name="size"),
        CheckConstraint("(failure IS NULL) = (failure_sentence IS NULL)", name="failure"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    label: Mapped[int | None] = mapped_column(SmallInteger)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    source_sha256: Mapped[str] = mapped_column(_SHA256)
    artifact_sha256: Mapped[str | None] = mapped_column(_SHA256)
    failure: Mapped[str | None] = mapped_column(Text)
    failure_sentence: Mapped[str | None] = mapped_column(Text)
    box: Mapped[Box | None] = mapped_column(PackedBox)
    landmarks: Mapped[NDArray[np.float32] | None] = mapped_column(PackedArray("<f4", columns=2))
    attributes: Mapped[Mapping[str, Any] | None] = mapped_column(JsonMapping)


class ProtocolPairRow(Base):
    """One comparison that a data set's published protocol asks for, in the protocol's order."""

    __tablename__ = "protocol_pairs"
    __table_args__ = (Index(None, "first_image_id"), Index(None, "second_image_id"))

    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    fold: Mapped[int] = mapped_column(Integer)
    first_image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    second_image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    mated: Mapped[bool] = mapped_column(Boolean)


class ProblemRow(Base):
    """A file or row that an import left out, or a notice about one."""

    __tablename__ = "problems"
    __table_args__ = (Index(None, "dataset_id", "code"), _NEVER_REUSED)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    sentence: Mapped[str] = mapped_column(Text)


class JobRow(Base):
    """One request that workers carry out; a run or an audit has a row of its own beside it, which goes with it.

    ``kind`` and ``request`` are text that the database does not check, so that a new kind needs no migration.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "dataset_id"),
        CheckConstraint(
            "state IN ('waiting', 'running', 'previewed', 'complete', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name="lease"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    request: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    stage: Mapped[str] = mapped_column(Text, default="")
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    losses: Mapped[int] = mapped_column(Integer, default=0)
    spent: Mapped[float] = mapped_column(Double, default=0.0)
    stage_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stage_from: Mapped[int] = mapped_column(Integer, default=0)
    # Of kinds without a table of their own.
    result: Mapped[str | None] = mapped_column(Text)
    # The data set that an import made. Of runs and audits their own row says it.
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))


class RunRow(Base):
    """A run: an immutable spec, and once its job is complete a result.

    ``method``, ``guide`` and ``images`` repeat the spec, so that lists need not parse it. The data set is held by
    RESTRICT: results never vanish as a side effect of tidying up data.
    """

    __tablename__ = "runs"
    __table_args__ = (UniqueConstraint("job_id"), Index(None, "dataset_id"), _NEVER_REUSED)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"))
    spec: Mapped[RunSpec] = mapped_column(PydanticText(RunSpec))
    result: Mapped[RunResult | None] = mapped_column(PydanticText(RunResult))
    method: Mapped[str] = mapped_column(Text)
    guide: Mapped[str] = mapped_column(Text)
    images: Mapped[int] = mapped_column(Integer)


class AuditRow(Base):
    """A leak audit of a data set, or of a run's images beside it.

    It goes with its run, whose images it is about. The data set is held by RESTRICT, as runs hold theirs.
    """

    __tablename__ = "audits"
    __table_args__ = (UniqueConstraint("job_id"), Index(None, "dataset_id"), Index(None, "run_id"), _NEVER_REUSED)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    spec: Mapped[AuditSpec] = mapped_column(PydanticText(AuditSpec))
    result: Mapped[AuditResult | None] = mapped_column(PydanticText(AuditResult))
    images: Mapped[int] = mapped_column(Integer)


class MeasureRow(Base):
    """Numbers computed from a stored image, by the image's content: a template, a score, an attacker's features.

    A cache: every row could be computed again. ``name`` says what it is and by which model; ``fingerprint`` stands for
    everything that it depends on besides the image. Rows go as soon as no image of a data set or a run has that content
    any more, see `Leftovers`.
    """

    __tablename__ = "measures"

    artifact_sha256: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    vector: Mapped[NDArray[Any]] = mapped_column(PackedFloats)


class LogLineRow(Base):
    """One line of what became of a job, in words for the user; it goes with the job."""

    __tablename__ = "log_lines"
    __table_args__ = (Index(None, "job_id"), _NEVER_REUSED)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class RunImageRow(Base):
    """What became of one image in one run; written once, when it is done or has failed."""

    __tablename__ = "run_images"
    __table_args__ = (
        UniqueConstraint("run_id", "position"),
        Index(None, "image_id"),
        Index(None, "candidate_image_id"),
        Index(None, "artifact_sha256"),
        CheckConstraint("failure_stage IN ('acquire-before', 'perturb', 'acquire-after')", name="failure_stage"),
        CheckConstraint(
            "(failure IS NULL) = (failure_sentence IS NULL) AND (failure IS NULL) = (failure_stage IS NULL)",
            name="failure",
        ),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="RESTRICT"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    candidate_image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id", ondelete="RESTRICT"))
    artifact_sha256: Mapped[str | None] = mapped_column(_SHA256)
    updates: Mapped[int | None] = mapped_column(Integer)
    evaluations: Mapped[int | None] = mapped_column(Integer)
    stop: Mapped[str | None] = mapped_column(Text)
    success: Mapped[bool | None] = mapped_column(Boolean)
    file_score: Mapped[float | None] = mapped_column(Double)
    anchors: Mapped[tuple[int, ...] | None] = mapped_column(JsonTuple)
    trajectory: Mapped[NDArray[np.float64] | None] = mapped_column(PackedArray("<f8"))
    psnr_db: Mapped[float | None] = mapped_column(Double)
    ssim: Mapped[float | None] = mapped_column(Double)
    seconds: Mapped[float | None] = mapped_column(Double)
    failure: Mapped[str | None] = mapped_column(Text)
    failure_stage: Mapped[str | None] = mapped_column(String(16))
    failure_sentence: Mapped[str | None] = mapped_column(Text)
    after_box: Mapped[Box | None] = mapped_column(PackedBox)
    after_landmarks: Mapped[NDArray[np.float32] | None] = mapped_column(PackedArray("<f4", columns=2))
    fixed_score: Mapped[float | None] = mapped_column(Double)
    survived: Mapped[Mapping[str, bool] | None] = mapped_column(JsonMapping)
    notes: Mapped[tuple[str, ...] | None] = mapped_column(JsonTuple)


class RunSourceRow(Base):
    """A data set other than a run's own whose images the run reads, to learn from them.

    Held by RESTRICT, as the run's own is: what was learnt from people must not outlive the wish to delete them unseen.
    """

    __tablename__ = "run_sources"
    __table_args__ = (Index(None, "dataset_id"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True)


class LearningRow(Base):
    """What a run's method has learnt before it perturbed: an artifact file, and what it cost."""

    __tablename__ = "learnings"
    __table_args__ = (
        Index(None, "artifact_sha256"),
        CheckConstraint("source IN ('folds', 'demo', 'dataset')", name="source"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    artifact_sha256: Mapped[str] = mapped_column(_SHA256)
    subjects: Mapped[int] = mapped_column(Integer)
    images: Mapped[int] = mapped_column(Integer)
    evaluations: Mapped[int] = mapped_column(Integer)


class AccessRow(Base):
    """One line of the access log; lines are added and never changed."""

    __tablename__ = "access_log"
    __table_args__ = (Index(None, "at"), Index(None, "actor"), _NEVER_REUSED)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    # NULL in lines that something else than facepriv wrote.
    chain_sha256: Mapped[str | None] = mapped_column(_SHA256)


class UserRow(Base):
    """Somebody who may sign in to the dashboard; never deleted, since the access log names them, but disabled."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("key"),
        UniqueConstraint("oidc"),
        CheckConstraint("role IN ('auditor', 'officer')", name="role"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # The name in one case, so that nobody can be mistaken for another.
    key: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(8))
    # NULL for who signs in through an identity provider only.
    password_hash: Mapped[str | None] = mapped_column(Text)
    # E-mail address or subject that the identity provider vouches for.
    oidc: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SessionRow(Base):
    """One sign-in of a user; the cookie holds a random token, and only its hash stands here."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("token_sha256"), Index(None, "user_id"), _NEVER_REUSED)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_sha256: Mapped[str] = mapped_column(_SHA256)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AttemptRow(Base):
    """One failed try of a password or passphrase, kept for a day; the key is a hash of what it was tried on."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "key_sha256", "at"), Index(None, "at"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key_sha256: Mapped[str] = mapped_column(_SHA256)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ShareRow(Base):
    """Results of a run or an audit, shown to whoever has the link, or to one officer with an account.

    It goes with its run or audit.
    """

    __tablename__ = "shares"
    __table_args__ = (
        UniqueConstraint("token_sha256"),
        Index(None, "run_id"),
        Index(None, "audit_id"),
        Index(None, "officer_id"),
        CheckConstraint("run_id IS NOT NULL OR audit_id IS NOT NULL", name="of_something"),
        CheckConstraint("faces >= 0", name="faces"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    audit_id: Mapped[int | None] = mapped_column(ForeignKey("audits.id", ondelete="CASCADE"))
    # NULL where there is no link, only an officer.
    token_sha256: Mapped[str | None] = mapped_column(_SHA256)
    passphrase_hash: Mapped[str | None] = mapped_column(Text)
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    faces: Mapped[int] = mapped_column(Integer)
    shared_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    views: Mapped[int] = mapped_column(Integer)
    viewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RemarkRow(Base):
    """What an officer said about results: a comment, or a sign-off with what exactly was signed.

    A sign-off outlives its run, so that what was decided stays known; the hash says about what.
    """

    __tablename__ = "remarks"
    __table_args__ = (
        Index(None, "run_id"),
        Index(None, "audit_id"),
        CheckConstraint("decision IN ('accepted', 'conditions', 'rejected')", name="decision"),
        CheckConstraint("(decision IS NULL) = (sha256 IS NULL)", name="signed"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    audit_id: Mapped[int | None] = mapped_column(ForeignKey("audits.id", ondelete="SET NULL"))
    # What it is about in words, such as "run 3, audit 2"; stays when the run is gone.
    about: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    decision: Mapped[str | None] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(_SHA256)
