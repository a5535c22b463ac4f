"""`facepriv db`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import file_target
from facepriv.cli.store import ACTOR

db = typer.Typer(help="Look after the database.", no_args_is_help=True)


@db.command("upgrade")
def upgrade() -> None:
    """Bring the database to the revision that this release needs; back it up before."""
    from facepriv.config import get_settings
    from facepriv.store import migrate

    migrate.upgrade(get_settings().database_url)
    typer.echo(f"The database is at revision {migrate.head()}.")


@db.command("check")
def check() -> None:
    """Check that the database is sound and has the revision that this release needs, and say what it holds."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.database import check_database

    typer.echo(check_database(get_settings()))


@db.command("backup")
def backup(file: Annotated[Path, typer.Argument(help="New file.", callback=file_target)]) -> None:
    """Write the database to one SQLite file while workers go on; artifact files are not in it."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.database import back_up_database

    typer.echo(back_up_database(get_settings(), file, actor=ACTOR))


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="What facepriv db backup wrote, or a copy of facepriv.sqlite.")],
) -> None:
    """Fill a new, empty database with a backup, of either kind of database and of this release or an older one."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.database import restore_database

    typer.echo(restore_database(get_settings(), file, actor=ACTOR))
