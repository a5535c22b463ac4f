"""Whether a database is sound, and how much it holds."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from facepriv.errors import StoreError
from facepriv.store import migrate, sqlite
from facepriv.store.engine import Database
from facepriv.store.rows import AuditRow, DatasetRow, ImageRow, RunRow, TemplateSetRow


@dataclass(frozen=True)
class Contents:
    """How much a database of this facepriv's revision holds; data sets are counted once their import has finished."""

    datasets: int
    images: int
    runs: int
    audits: int
    template_sets: int


def inspect_database(database: Database) -> Contents:
    """Look through the whole database, and count what it holds.

    SQLite's pages, indexes and foreign keys are checked; PostgreSQL's server looks after its own.

    Raises
    ------
    StoreError
        If the database is empty, damaged, or not of the revision that this facepriv needs, or lets the access log be
        changed.
    """
    with database.reading() as session:
        connection = session.connection()
        migrate.check(connection, database.where)
        damage = _damage(connection)
        if damage:
            raise StoreError(f"The database {database.where} is damaged ({damage}); restore a backup.")
        if not is_log_protected(connection):
            raise StoreError(
                f"The database {database.where} does not protect its access log any more: triggers are missing or "
                "changed, so lines may have been too; compare the log with a backup, and restore it."
            )
        datasets = select(func.count()).select_from(DatasetRow).where(DatasetRow.ready)
        template_sets = select(func.count()).select_from(TemplateSetRow).where(TemplateSetRow.ready)
        images = select(func.count(ImageRow.id)).join(DatasetRow, DatasetRow.id == ImageRow.dataset_id)
        return Contents(
            datasets=session.execute(datasets).scalar_one(),
            images=session.execute(images.where(DatasetRow.ready)).scalar_one(),
            runs=session.execute(select(func.count(RunRow.id))).scalar_one(),
            audits=session.execute(select(func.count(AuditRow.id))).scalar_one(),
            template_sets=session.execute(template_sets).scalar_one(),
        )


def find_damage(database: Database) -> str:
    """Return the first thing wrong with a database of any revision, or nothing; raises StoreError if unreadable."""
    with database.reading() as session:
        return _damage(session.connection())


def is_log_protected(connection: Connection) -> bool:
    """Return whether the database has the triggers that refuse to change or remove a line of the access log."""
    if connection.dialect.name == "sqlite":
        query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'access_log'")
        triggers: dict[str, str] = {row.name: row.sql for row in connection.execute(query)}
        wanted = {
            f"access_log_no_{change.lower()}": f"BEFORE {change} ON access_log BEGIN SELECT RAISE(ABORT,"
            for change in ("UPDATE", "DELETE")
        }
        return all(body in triggers.get(name, "") for name, body in wanted.items())
    query = text(
        "SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE t.tgrelid = 'access_log'::regclass AND t.tgname = 'access_log_append_only' AND t.tgenabled IN ('O', 'A')"
    )
    return any("RAISE EXCEPTION" in body for body in connection.scalars(query))


def _damage(connection: Connection) -> str:
    if connection.dialect.name != "sqlite":
        return ""
    damage = sqlite.damage(connection)
    if damage is not None:
        return damage
    orphans = sqlite.orphans(connection)
    return f"{orphans:,} rows lack the rows they refer to" if orphans else ""
