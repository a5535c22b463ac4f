"""What officers ask for before they sign, what auditors answer, and who has read how far."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="SET NULL"), nullable=True),
        sa.Column("audit_id", sa.Integer, sa.ForeignKey("audits.id", ondelete="SET NULL"), nullable=True),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.CheckConstraint("kind IN ('request', 'refusal', 'answer')", name="kind"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_requests_run_id", "requests", ["run_id"])
    op.create_index("ix_requests_audit_id", "requests", ["audit_id"])
    op.create_table(
        "request_reads",
        sa.Column("reader", sa.Text, primary_key=True),
        sa.Column("thread", sa.Text, primary_key=True),
        sa.Column("up_to", sa.Integer, nullable=False),
    )
