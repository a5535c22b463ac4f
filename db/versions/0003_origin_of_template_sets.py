"""A template set may be made from another one, protected; it then goes with that one."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    # SQLite makes the table anew, which would give ids again that were given to sets deleted since.
    last = connection.scalar(sa.text(f"SELECT seq {_SEQUENCE}")) if is_sqlite else None
    with op.batch_alter_table("template_sets", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("origin_id", sa.Integer, nullable=True))
        batch.create_foreign_key("fk_template_sets_origin_id_template_sets", "template_sets", ["origin_id"], ["id"])
        batch.create_index("ix_template_sets_origin_id", ["origin_id"])
    if last is not None:
        connection.execute(sa.text(f"DELETE {_SEQUENCE}"))
        connection.execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('template_sets', :last)"), {"last": last}
        )


_SEQUENCE = "FROM sqlite_sequence WHERE name = 'template_sets'"
