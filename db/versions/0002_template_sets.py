"""Template sets: a table of their own beside the data sets of images, and one of the trials of protections on them."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "template_sets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ready", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("reader_reason", sa.Text, nullable=False),
        sa.Column("metric", sa.String(16), nullable=False),
        sa.Column("matcher", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column(
            "dataset_id", sa.Integer, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), nullable=True, index=True
        ),
        sa.Column("templates", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("subjects", sa.Integer, nullable=False),
        sa.Column("male", sa.Integer, nullable=False),
        sa.Column("female", sa.Integer, nullable=False),
        sa.Column("retain_until", sa.Date, nullable=True),
        sa.Column("terms", sa.JSON, nullable=True),
        sa.Column("datasheet", sa.JSON, nullable=True),
        sa.Column("problems", sa.JSON, nullable=True),
        sa.Column("quality", sa.JSON, nullable=True),
        sa.Column("rows_sha256", sa.String(64), nullable=True, index=True),
        sa.Column("records_sha256", sa.String(64), nullable=True, index=True),
        sa.CheckConstraint("metric IN ('cosine', 'euclidean')", name="metric"),
        sa.CheckConstraint("NOT ready OR (rows_sha256 IS NOT NULL AND records_sha256 IS NOT NULL)", name="files"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_template_sets_name_ready",
        "template_sets",
        ["name"],
        unique=True,
        sqlite_where=sa.text("ready"),
        postgresql_where=sa.text("ready"),
    )
    op.create_table(
        "protections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, unique=True),
        _template_set("template_set_id", nullable=False),
        _template_set("fit_on_id", nullable=True),
        _template_set("learn_from_id", nullable=True),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=True),
        sqlite_autoincrement=True,
    )


def _template_set(name: str, *, nullable: bool) -> sa.Column[int]:
    key = sa.ForeignKey("template_sets.id", ondelete="RESTRICT")
    return sa.Column(name, sa.Integer, key, nullable=nullable, index=True)
