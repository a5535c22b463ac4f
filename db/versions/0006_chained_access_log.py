"""The access log becomes a chain of hashes, and the database itself refuses to change or remove its lines."""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facepriv.store.chain import START, link_sha256
from facepriv.store.rows import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

REFUSAL = "lines of the access log are added and never changed or removed"


def upgrade() -> None:
    op.add_column("access_log", sa.Column("chain_sha256", sa.String(64), nullable=True))
    # Lines of before are chained as they stand now: nothing can vouch for what they were earlier.
    connection = op.get_bind()
    log = sa.table(
        "access_log",
        sa.column("id", sa.Integer),
        sa.column("at", UtcDateTime),
        *(sa.column(name, sa.Text) for name in ("actor", "action", "subject", "detail", "chain_sha256")),
    )
    previous = START
    lines = connection.execute(sa.select(log).order_by(log.c.id)).all()
    for line in lines:
        previous = link_sha256(previous, line.at, line.actor, line.action, line.subject, line.detail)
        connection.execute(sa.update(log).where(log.c.id == line.id).values(chain_sha256=previous))

    if connection.dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER access_log_no_{change.lower()} BEFORE {change} ON access_log "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
    else:
        op.execute(
            "CREATE OR REPLACE FUNCTION facepriv_access_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER access_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION facepriv_access_log_is_append_only()"
        )
