"""A stored database of revision 0001, and a revision after the present one, so that upgrading is really tried."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.store import migrate
from tests.store.tampering import set_revision

STORED = Path(__file__).parent / "fixtures" / "revision_0001.sql"
UNKNOWN, NEXT = "9999", "0999"
NEXT_MIGRATION = f'''"""A column and a table that no facepriv has."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{{head}}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("log_lines") as batch:
        batch.add_column(sa.Column("weight", sa.Integer, nullable=False, server_default="7"))
    op.create_table("weights", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE runs SET method = 'renamed' WHERE method = 'algorithm1'")
'''


def write_stored_database(file: Path) -> Path:
    """Make a SQLite file, and its folder, of revision 0001 with rows in every table."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(STORED.read_text(encoding="utf-8"))
    return file


def write_unknown_database(file: Path) -> Path:
    """Make a data folder's SQLite file of a revision that this facepriv does not know."""
    set_revision(Settings(home=write_stored_database(file).parent), UNKNOWN)
    return file


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this process have one migration more: what was up to date before is older now."""
    folder = shutil.copytree(migrate.scripts(), tmp_path / "next" / "db")
    migration = folder / "versions" / f"{NEXT}_next.py"
    migration.write_text(NEXT_MIGRATION.format(head=migrate.head()), encoding="utf-8")
    monkeypatch.setattr(migrate, "scripts", lambda: folder)
    return NEXT
