"""What methods learn, what becomes of flips in versions of the file, and what models say of untouched images."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns that may be empty are added in place; the table is not built anew.
    op.add_column("run_images", sa.Column("fixed_score", sa.Double(), nullable=True))
    op.add_column("run_images", sa.Column("survived", sa.JSON(), nullable=True))
    op.add_column("run_images", sa.Column("notes", sa.JSON(), nullable=True))

    op.create_table(
        "run_sources",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_run_sources_dataset_id_datasets"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_sources_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "dataset_id", name=op.f("pk_run_sources")),
    )
    op.create_index(op.f("ix_run_sources_dataset_id"), "run_sources", ["dataset_id"])

    op.create_table(
        "learnings",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("artifact_sha256", sa.String(64), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("evaluations", sa.Integer(), nullable=False),
        sa.CheckConstraint("source IN ('folds', 'demo', 'dataset')", name=op.f("ck_learnings_source")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_learnings_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "part", name=op.f("pk_learnings")),
    )
    op.create_index(op.f("ix_learnings_artifact_sha256"), "learnings", ["artifact_sha256"])

    op.create_table(
        "embeddings",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("matcher", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_embeddings_image_id_images"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", "matcher", name=op.f("pk_embeddings")),
    )

    op.create_table(
        "first_scores",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("classifier", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_first_scores_image_id_images"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", "classifier", name=op.f("pk_first_scores")),
    )
