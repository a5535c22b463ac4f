"""An id of the database, which the place of its artifacts bears too."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table("installation", sa.Column("identity", sa.String(32), primary_key=True))
    op.bulk_insert(table, [{"identity": uuid.uuid4().hex}])
