"""Artifact files whose rows were deleted and that are to be deleted themselves, should that be interrupted."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("doomed_files", sa.Column("sha256", sa.String(64), primary_key=True))
