"""`facepriv serve`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen at; any but a loopback one needs FACEPRIV_PUBLIC_URL.")
    ] = "127.0.0.1",
    auth: Annotated[
        bool, typer.Option("--auth/--no-auth", help="Whether to ask who comes; without, on a loopback address only.")
    ] = True,
) -> None:
    """Serve the dashboard on this machine, to the users that `facepriv user add` made."""
    import os

    from facepriv.resources import root

    command = [sys.executable, str(root() / "app.py"), "--port", str(port), "--address", address]
    command += [] if auth else ["--no-auth"]
    sys.stdout.flush()
    sys.stderr.flush()
    # The server takes this process's place, so that whatever ends this command ends the server.
    os.execv(command[0], command)
