"""What becomes of runs line by line, how far they are, how long data may be kept, and measures by content."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("found_by", sa.String(64), nullable=True))
    op.add_column("datasets", sa.Column("retain_until", sa.Date(), nullable=True))

    for queue in ("runs", "audits"):
        op.add_column(queue, sa.Column("losses", sa.Integer(), nullable=False, server_default=sa.text("0")))
        op.add_column(queue, sa.Column("spent", sa.Double(), nullable=False, server_default=sa.text("0")))
        op.add_column(queue, sa.Column("stage_since", sa.DateTime(timezone=True), nullable=True))
        op.add_column(queue, sa.Column("stage_from", sa.Integer(), nullable=False, server_default=sa.text("0")))

    op.create_table(
        "log_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("audit_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint("(run_id IS NULL) <> (audit_id IS NULL)", name=op.f("ck_log_lines_of_one")),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_log_lines_audit_id_audits"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_log_lines_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_lines")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_log_lines_run_id"), "log_lines", ["run_id"])
    op.create_index(op.f("ix_log_lines_audit_id"), "log_lines", ["audit_id"])

    # Caches by image become one cache by content; what they held is computed again when it is next needed.
    for cache in ("embeddings", "first_scores", "image_measures", "run_measures"):
        op.drop_table(cache)
    op.create_table(
        "measures",
        sa.Column("artifact_sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("artifact_sha256", "name", "made_by", name=op.f("pk_measures")),
    )
