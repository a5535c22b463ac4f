"""Environment of the migrations. Logging is left as the program that migrates has set it up."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from facepriv.config import get_settings
from facepriv.store.engine import Database
from facepriv.store.rows import Base


def migrate(connection: Connection) -> None:
    """Run the migrations inside the transaction that the connection is already in."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite alters a table by building it anew
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    database = Database(get_settings().database_url, foreign_keys=False)
    with database.migrating() as connection:
        migrate(connection)
    database.close()
