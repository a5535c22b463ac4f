"""Where each image's subject and label come from, which files an import left out, and corrections made by hand."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_origins",
        sa.Column("image_id", sa.Integer, sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("subject", sa.Text, nullable=True),
        sa.Column("label", sa.Text, nullable=True),
    )
    op.create_table(
        "left_out",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.Integer, sa.ForeignKey("images.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("field", sa.String(8), nullable=False),
        sa.Column("was", sa.Text, nullable=True),
        sa.Column("became", sa.Text, nullable=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("field IN ('subject', 'label')", name="field"),
        sqlite_autoincrement=True,
    )
