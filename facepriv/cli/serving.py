"""`facepriv serve`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on; any but a loopback address needs FACEPRIV_PUBLIC_URL.")
    ] = "127.0.0.1",
    auth: Annotated[
        bool,
        typer.Option("--auth/--no-auth", help="Ask users to sign in; otherwise only a loopback address is allowed."),
    ] = True,
) -> None:
    """Serve the dashboard on this machine to the users added with `facepriv user add`."""
    import os

    from facepriv.resources import root

    command = [sys.executable, str(root() / "app.py"), "--port", str(port), "--address", address]
    command += [] if auth else ["--no-auth"]
    sys.stdout.flush()
    sys.stderr.flush()
    # The server takes this process's place, so that whatever ends this command ends the server.
    os.execv(command[0], command)
