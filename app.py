"""The dashboard's server: ``python app.py [--port N] [--address A]`` serves it on this machine only.

The pages are reached through ``pages/router.py`` alone. Streamlit finds pages by itself in a folder ``pages/`` beside
the main script; the main script stands inside ``pages/``, so there is none beside it and nothing to find.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.services.local_worker import ensure_worker
from facepriv.store import open_store
from facepriv.web.headers import SecurityHeaders
from facepriv.web.loopback import LoopbackOnly, is_loopback
from facepriv.web.pictures import shelf_routes
from facepriv.web.viewer import asset_routes

ROOT = Path(__file__).resolve().parent
PORT_VARIABLE = "FACEPRIV_PORT"


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Start a worker beside the server, so that runs left from last time go on; it ends by itself after the server."""
    await asyncio.to_thread(ensure_worker, get_settings())
    yield {}


app = st.App(
    ROOT / "pages" / "router.py",
    routes=[*shelf_routes(), *asset_routes()],
    middleware=[Middleware(LoopbackOnly), Middleware(SecurityHeaders)],
    lifespan=lifespan,
)


def server_options(port: int | None = None, address: str | None = None) -> dict[str, Any]:
    """Give the options of ``.streamlit/config.toml`` as Streamlit names them, with another port or address if given."""
    options = dict(_flat(tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))))
    if port is not None:
        options["server.port"] = port
    if address is not None:
        options["server.address"] = address
    return options


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs


def port_number(text: str) -> int:
    """Read a port; raises ValueError for anything but 1 to 65535."""
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError(text)
    return port


def loopback_address(text: str) -> str:
    """Check an address; raises ValueError for one that other machines reach, since there is no login yet."""
    if not is_loopback(text):
        raise ValueError(text)
    return text


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; gives the exit status."""
    parser = argparse.ArgumentParser(description="Serve the facepriv dashboard on this machine.")
    parser.add_argument("--port", default=os.environ.get(PORT_VARIABLE), help=f"port, or {PORT_VARIABLE}; default 8501")
    parser.add_argument("--address", help="loopback address; default 127.0.0.1")
    given = parser.parse_args(arguments)
    try:
        port = None if given.port is None else port_number(given.port)
    except ValueError:
        parser.error(f"Expected a port from 1 to 65535, got {given.port!r}; give one with --port or {PORT_VARIABLE}.")
    try:
        address = None if given.address is None else loopback_address(given.address)
    except ValueError:
        parser.error(
            f"Expected a loopback address such as 127.0.0.1, got {given.address!r}; the dashboard shows faces and has "
            "no login yet, so it is not served to a network."
        )
    try:
        with open_store(get_settings()):
            pass
    except FaceprivError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # Starlette hands an interrupt on after its own shutdown; a person who pressed Ctrl+C knows why it ended.
    with suppress(KeyboardInterrupt):
        app.run(config=server_options(port, address))
    with open_store(get_settings()) as store:
        unfinished = store.runs.count(states=("waiting", "running"))
    if unfinished:
        sys.stderr.write("Runs that wait or are under way are finished by their worker; `facepriv runs` shows them.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
