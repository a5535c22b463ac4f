"""`facepriv db`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import file_target
from facepriv.cli.store import get_actor

db = typer.Typer(help="Upgrade, check, back up and restore the database.", no_args_is_help=True)


@db.command("upgrade")
def upgrade() -> None:
    """Upgrade the database to the revision that this release needs; back it up first."""
    from facepriv.config import get_settings
    from facepriv.store import migrate

    migrate.upgrade(get_settings().database_url)
    typer.echo(f"The database is at revision {migrate.head()}.")


@db.command("check")
def check() -> None:
    """Check that the database is intact and has the right revision, and count what it holds."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.database import check_database

    typer.echo(check_database(get_settings()))


@db.command("backup")
def backup(file: Annotated[Path, typer.Argument(help="New file to write.", callback=file_target)]) -> None:
    """Back up the database to one SQLite file while workers run; it does not contain artifact files."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.database import back_up_database

    typer.echo(back_up_database(get_settings(), file, actor=get_actor()))


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A file from facepriv db backup, or a copy of facepriv.sqlite.")],
) -> None:
    """Restore a backup into a new, empty database; the backup may come from an older release or the other database."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.database import restore_database

    typer.echo(restore_database(get_settings(), file, actor=get_actor()))
