"""Every use case without a browser. Exit codes: 0 done, 1 it could not be done (one sentence why), 2 wrong usage."""

from facepriv.cli.commands import app, main

__all__ = ["app", "main"]
