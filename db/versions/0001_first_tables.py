"""The first tables: data sets, images, problems, runs, their images and scores, and the access log."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_access_log_actor"), "access_log", ["actor"])
    op.create_index(op.f("ix_access_log_at"), "access_log", ["at"])

    op.create_table(
        "datasets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("reader_reason", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
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
        "images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("label", sa.SmallInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("artifact_sha256", sa.String(64), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failure_sentence", sa.Text(), nullable=True),
        sa.Column("box_left", sa.Integer(), nullable=True),
        sa.Column("box_top", sa.Integer(), nullable=True),
        sa.Column("box_right", sa.Integer(), nullable=True),
        sa.Column("box_bottom", sa.Integer(), nullable=True),
        sa.Column("landmarks", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("label IN (-1, 1)", name=op.f("ck_images_label")),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_images_size")),
        sa.CheckConstraint(
            "(box_left IS NULL) = (box_top IS NULL) AND (box_left IS NULL) = (box_right IS NULL)"
            " AND (box_left IS NULL) = (box_bottom IS NULL)",
            name=op.f("ck_images_box"),
        ),
        sa.CheckConstraint("(failure IS NULL) = (failure_sentence IS NULL)", name=op.f("ck_images_failure")),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_images_dataset_id_datasets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("dataset_id", "name", name=op.f("uq_images_dataset_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_images_artifact_sha256"), "images", ["artifact_sha256"])
    op.create_index(op.f("ix_images_dataset_id_failure"), "images", ["dataset_id", "failure"])

    op.create_table(
        "problems",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_problems_dataset_id_datasets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problems")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_problems_dataset_id_code"), "problems", ["dataset_id", "code"])

    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("guide", sa.Text(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'complete', 'failed', 'cancelled')", name=op.f("ck_runs_state")
        ),
        sa.CheckConstraint("(state = 'complete') = (result IS NOT NULL)", name=op.f("ck_runs_result")),
        sa.CheckConstraint(
            "state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name=op.f("ck_runs_lease")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_runs_dataset_id_datasets"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_runs_dataset_id"), "runs", ["dataset_id"])
    op.create_index(op.f("ix_runs_state_id"), "runs", ["state", "id"])

    op.create_table(
        "gender_scores",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("classifier", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(8), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.CheckConstraint("phase IN ('before', 'after')", name=op.f("ck_gender_scores_phase")),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_gender_scores_image_id_images"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_gender_scores_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "image_id", "classifier", "phase", name=op.f("pk_gender_scores")),
    )
    op.create_index(op.f("ix_gender_scores_image_id"), "gender_scores", ["image_id"])

    op.create_table(
        "run_images",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("candidate_image_id", sa.Integer(), nullable=True),
        sa.Column("artifact_sha256", sa.String(64), nullable=True),
        sa.Column("updates", sa.Integer(), nullable=True),
        sa.Column("evaluations", sa.Integer(), nullable=True),
        sa.Column("stop", sa.Text(), nullable=True),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("file_score", sa.Double(), nullable=True),
        sa.Column("anchors", sa.JSON(), nullable=False),
        sa.Column("trajectory", sa.LargeBinary(), nullable=True),
        sa.Column("psnr_db", sa.Double(), nullable=True),
        sa.Column("ssim", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failure_stage", sa.String(16), nullable=True),
        sa.Column("failure_sentence", sa.Text(), nullable=True),
        sa.Column("after_left", sa.Integer(), nullable=True),
        sa.Column("after_top", sa.Integer(), nullable=True),
        sa.Column("after_right", sa.Integer(), nullable=True),
        sa.Column("after_bottom", sa.Integer(), nullable=True),
        sa.Column("after_landmarks", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "failure_stage IN ('acquire-before', 'perturb', 'acquire-after')",
            name=op.f("ck_run_images_failure_stage"),
        ),
        sa.CheckConstraint(
            "(failure IS NULL) = (failure_sentence IS NULL) AND (failure IS NULL) = (failure_stage IS NULL)",
            name=op.f("ck_run_images_failure"),
        ),
        sa.CheckConstraint(
            "(after_left IS NULL) = (after_top IS NULL) AND (after_left IS NULL) = (after_right IS NULL)"
            " AND (after_left IS NULL) = (after_bottom IS NULL)",
            name=op.f("ck_run_images_after_box"),
        ),
        sa.ForeignKeyConstraint(
            ["candidate_image_id"],
            ["images.id"],
            name=op.f("fk_run_images_candidate_image_id_images"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_run_images_image_id_images"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_images_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "image_id", name=op.f("pk_run_images")),
        sa.UniqueConstraint("run_id", "position", name=op.f("uq_run_images_run_id_position")),
    )
    op.create_index(op.f("ix_run_images_artifact_sha256"), "run_images", ["artifact_sha256"])
    op.create_index(op.f("ix_run_images_candidate_image_id"), "run_images", ["candidate_image_id"])
    op.create_index(op.f("ix_run_images_image_id"), "run_images", ["image_id"])
