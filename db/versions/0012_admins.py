"""Users with the role admin, passwords that are to be changed, and users who were removed."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROLES = "role IN ('auditor', 'officer', 'admin')"


def upgrade() -> None:
    connection = op.get_bind()
    columns = (
        sa.Column("must_change", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
    )
    if connection.dialect.name != "sqlite":
        for column in columns:
            op.add_column("users", column)
        op.drop_constraint("role", "users", type_="check")
        op.create_check_constraint("role", "users", ROLES)
        return
    # SQLite makes the table anew, which would give ids again that were given to users before.
    last = connection.scalar(sa.text(f"SELECT seq {_SEQUENCE}"))
    with op.batch_alter_table(
        "users",
        table_kwargs={"sqlite_autoincrement": True},
        recreate="always",
    ) as batch:
        for column in columns:
            batch.add_column(column)
        batch.drop_constraint("role", type_="check")
        batch.create_check_constraint("role", ROLES)
    if last is not None:
        connection.execute(sa.text(f"DELETE {_SEQUENCE}"))
        connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('users', :last)"), {"last": last})


_SEQUENCE = "FROM sqlite_sequence WHERE name = 'users'"
