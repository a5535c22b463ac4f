"""The first schema: every table, its indexes, and the triggers that keep the access log as it is."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REFUSAL = "lines of the access log are added and never changed or removed"


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("actor", sa.Text, nullable=False, index=True),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("chain_sha256", sa.String(64), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key_sha256", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    op.create_index(op.f("ix_attempts_key_sha256_at"), "attempts", ["key_sha256", "at"])
    op.create_table(
        "datasets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ready", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("reader_reason", sa.Text, nullable=False),
        sa.Column("licence", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=True),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("detector_fingerprint", sa.String(64), nullable=True),
        sa.Column("retain_until", sa.Date, nullable=True),
        sa.Column("identities", sa.String(8), nullable=False, server_default=sa.text("'people'")),
        sa.Column("terms", sa.JSON, nullable=True),
        sa.Column("datasheet", sa.JSON, nullable=True),
        sa.Column("quality", sa.JSON, nullable=True),
        sa.Column("resume_key", sa.String(64), nullable=True),
        sa.Column("importer", sa.String(16), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_datasets_name_ready",
        "datasets",
        ["name"],
        unique=True,
        sqlite_where=sa.text("ready"),
        postgresql_where=sa.text("ready"),
    )
    op.create_table(
        "measures",
        sa.Column("artifact_sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=True),
        sa.Column("oidc", sa.Text, nullable=True, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('auditor', 'officer')", name="role"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "images",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("label", sa.SmallInteger, nullable=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("artifact_sha256", sa.String(64), nullable=True, index=True),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("failure_sentence", sa.Text, nullable=True),
        sa.Column("box", sa.LargeBinary, nullable=True),
        sa.Column("landmarks", sa.LargeBinary, nullable=True),
        sa.Column("attributes", sa.JSON, nullable=True),
        sa.UniqueConstraint("dataset_id", "name"),
        sa.CheckConstraint("(failure IS NULL) = (failure_sentence IS NULL)", name="failure"),
        sa.CheckConstraint("label IN (-1, 1)", name="label"),
        sa.CheckConstraint("width > 0 AND height > 0", name="size"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_images_dataset_id_failure"), "images", ["dataset_id", "failure"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text, nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("spent", sa.Double, nullable=False),
        sa.Column("stage_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stage_from", sa.Integer, nullable=False),
        sa.Column("result", sa.Text, nullable=True),
        sa.Column(
            "dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=True, index=True
        ),
        sa.CheckConstraint("state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name="lease"),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'previewed', 'complete', 'failed', 'cancelled')", name="state"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_state_id"), "jobs", ["state", "id"])
    op.create_table(
        "problems",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_problems_dataset_id_code"), "problems", ["dataset_id", "code"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_lines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text, nullable=True),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "protocol_pairs",
        sa.Column("dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("fold", sa.Integer, nullable=False),
        sa.Column(
            "first_image_id", sa.Integer, sa.ForeignKey("images.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column(
            "second_image_id", sa.Integer, sa.ForeignKey("images.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("mated", sa.Boolean, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, unique=True),
        sa.Column(
            "dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), nullable=False, index=True
        ),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=True),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("guide", sa.Text, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audits",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, unique=True),
        sa.Column(
            "dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), nullable=False, index=True
        ),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=True, index=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=True),
        sa.Column("images", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "learnings",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("artifact_sha256", sa.String(64), nullable=False, index=True),
        sa.Column("subjects", sa.Integer, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("evaluations", sa.Integer, nullable=False),
        sa.CheckConstraint("source IN ('folds', 'demo', 'dataset')", name="source"),
    )
    op.create_table(
        "run_images",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "image_id", sa.Integer, sa.ForeignKey("images.id", ondelete="RESTRICT"), primary_key=True, index=True
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column(
            "candidate_image_id", sa.Integer, sa.ForeignKey("images.id", ondelete="RESTRICT"), nullable=True, index=True
        ),
        sa.Column("artifact_sha256", sa.String(64), nullable=True, index=True),
        sa.Column("updates", sa.Integer, nullable=True),
        sa.Column("evaluations", sa.Integer, nullable=True),
        sa.Column("stop", sa.Text, nullable=True),
        sa.Column("success", sa.Boolean, nullable=True),
        sa.Column("file_score", sa.Double, nullable=True),
        sa.Column("anchors", sa.JSON, nullable=True),
        sa.Column("trajectory", sa.LargeBinary, nullable=True),
        sa.Column("psnr_db", sa.Double, nullable=True),
        sa.Column("ssim", sa.Double, nullable=True),
        sa.Column("seconds", sa.Double, nullable=True),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("failure_stage", sa.String(16), nullable=True),
        sa.Column("failure_sentence", sa.Text, nullable=True),
        sa.Column("after_box", sa.LargeBinary, nullable=True),
        sa.Column("after_landmarks", sa.LargeBinary, nullable=True),
        sa.Column("fixed_score", sa.Double, nullable=True),
        sa.Column("survived", sa.JSON, nullable=True),
        sa.Column("notes", sa.JSON, nullable=True),
        sa.UniqueConstraint("run_id", "position"),
        sa.CheckConstraint(
            "(failure IS NULL) = (failure_sentence IS NULL) AND (failure IS NULL) = (failure_stage IS NULL)",
            name="failure",
        ),
        sa.CheckConstraint("failure_stage IN ('acquire-before', 'perturb', 'acquire-after')", name="failure_stage"),
    )
    op.create_table(
        "run_sources",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True, index=True
        ),
    )
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="SET NULL"), nullable=True, index=True),
        sa.Column("audit_id", sa.Integer, sa.ForeignKey("audits.id", ondelete="SET NULL"), nullable=True, index=True),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(16), nullable=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.CheckConstraint("decision IN ('accepted', 'conditions', 'rejected')", name="decision"),
        sa.CheckConstraint("(decision IS NULL) = (sha256 IS NULL)", name="signed"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shares",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=True, index=True),
        sa.Column("audit_id", sa.Integer, sa.ForeignKey("audits.id", ondelete="CASCADE"), nullable=True, index=True),
        sa.Column("token_sha256", sa.String(64), nullable=True, unique=True),
        sa.Column("passphrase_hash", sa.Text, nullable=True),
        sa.Column("officer_id", sa.Integer, sa.ForeignKey("users.id", ondelete="RESTRICT"), nullable=True, index=True),
        sa.Column("faces", sa.Integer, nullable=False),
        sa.Column("shared_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("views", sa.Integer, nullable=False),
        sa.Column("viewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("faces >= 0", name="faces"),
        sa.CheckConstraint("run_id IS NOT NULL OR audit_id IS NOT NULL", name="of_something"),
        sqlite_autoincrement=True,
    )
    _keep_access_log()


def _keep_access_log() -> None:
    """Let the database itself refuse to change or remove a line of the access log."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER access_log_no_{change.lower()} BEFORE {change} ON access_log "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
    else:
        op.execute(
            "CREATE OR REPLACE FUNCTION facepriv_access_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER access_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION facepriv_access_log_is_append_only()"
        )
