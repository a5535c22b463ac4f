"""What a table of runs needs: names, notes and tags; what is deleted and may be restored; figures read in advance."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _job() -> sa.Column[int]:
    return sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)


def upgrade() -> None:
    op.create_table(
        "job_notes",
        _job(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=True),
    )
    op.create_table(
        "trash",
        _job(),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_by", sa.Text, nullable=False),
        sa.Column("with_job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=True),
    )
    op.create_index("ix_trash_with_job_id", "trash", ["with_job_id"])
    op.create_table(
        "job_figures",
        _job(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
    )
