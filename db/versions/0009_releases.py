"""What was released, by whom, and with which hash."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="SET NULL"), nullable=True),
        sa.Column("template_set_id", sa.Integer, sa.ForeignKey("template_sets.id", ondelete="SET NULL"), nullable=True),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("released_by", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("items >= 0", name="items"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_releases_dataset_id", "releases", ["dataset_id"])
    op.create_index("ix_releases_template_set_id", "releases", ["template_set_id"])
