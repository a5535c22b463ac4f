"""A template set may be made from another one, protected; it then goes with that one."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As SQLite and PostgreSQL both have it; making the table anew, as Alembic would on SQLite, loses its partial index.
    op.execute(
        "ALTER TABLE template_sets ADD COLUMN origin_id INTEGER "
        "CONSTRAINT fk_template_sets_origin_id_template_sets REFERENCES template_sets (id)"
    )
    op.create_index("ix_template_sets_origin_id", "template_sets", ["origin_id"])
