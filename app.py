"""The dashboard's server: ``python app.py [--port N] [--address A]`` serves it on this machine only.

The pages are reached through ``pages/router.py`` alone. Streamlit finds pages by itself in a folder ``pages/`` beside
the main script; the main script stands inside ``pages/``, so there is none beside it and nothing to find.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from streamlit.auth_util import encode_provider_token, get_cookie_with_chunks
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_auth_routes import create_auth_routes
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from uvicorn.config import HTTP_PROTOCOLS

from facepriv.config import Settings, get_settings
from facepriv.errors import BadInputError, FaceprivError
from facepriv.scratch import spooling_into
from facepriv.services.jobs.deletion import empty_trash
from facepriv.services.jobs.interrupted_purges import finish_purges
from facepriv.services.jobs.left_behind import remove_left_behind
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.store import Store, open_store
from facepriv.web.access import Access
from facepriv.web.blobs import blob_routes
from facepriv.web.headers import SecurityHeaders
from facepriv.web.login import DONE, NO_USERS, get_provider, login_routes, provider_routes
from facepriv.web.own_pages import OwnPagesOnly, is_loopback
from facepriv.web.page_key import PageKeyScript
from facepriv.web.pages import assets
from facepriv.web.patience import Patience, PatientProtocol
from facepriv.web.releases import release_routes
from facepriv.web.share import share_routes

ROOT = Path(__file__).resolve().parent
PORT_VARIABLE = "FACEPRIV_PORT"
TABLES = ("server.trustedUserHeaders",)
"""Options whose value is itself a table."""
MESSAGES = ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request", "deferred_file", "dataframe_chunk")
"""What a page's browser side says to its script, by Streamlit's names."""


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Clear away what killed processes left, and start a worker, which continues unfinished jobs and ends later."""
    introduce_provider()
    with suppress(FaceprivError, OSError):  # the server does not depend on it, and `facepriv doctor` names it
        await asyncio.to_thread(empty_trash, store())
        await asyncio.to_thread(remove_left_behind, store(), get_settings())
        await asyncio.to_thread(finish_purges, store(), get_settings())
    await asyncio.to_thread(ensure_worker, get_settings())
    yield {}
    with suppress(FaceprivError):
        await asyncio.to_thread(store().access.sum_up)


@cache
def store() -> Store:
    """Return the stores that the server's own routes share."""
    return open_store(get_settings())


def _own_pages_only(wrapped: ASGIApp) -> OwnPagesOnly:
    settings = get_settings()
    # Without a login nobody else may reach it, whatever the settings say.
    return OwnPagesOnly(wrapped, settings.public_url if settings.login else "")


def _access(wrapped: ASGIApp) -> Access:
    return Access(wrapped, store, get_settings(), of_pages=is_page_message)


def is_page_message(message: bytes) -> bool:
    """Return whether a message is one that a page's browser side sends, not one of Streamlit's developers' tools.

    Those empty the caches of everybody or tell about the source's repository; some only Streamlit's settings hold back.
    """
    parsed = BackMsg()
    try:
        parsed.ParseFromString(message)
    except DecodeError:
        return False
    kind: str | None = parsed.WhichOneof("type")
    if kind == "backend_operation_request":
        kind = parsed.backend_operation_request.WhichOneof("payload")
    return kind in MESSAGES


def own_origin() -> str:
    """Return the one address at which an identity provider sends people back."""
    host = st.get_option("server.address") or "127.0.0.1"
    here = f"http://{f'[{host}]' if ':' in host else host}:{st.get_option('server.port')}"
    return get_settings().public_url.rstrip("/") or here


def introduce_provider() -> None:
    """Tell Streamlit of the identity provider, if there is one, as if it stood in a file of secrets."""
    provider = get_provider(get_settings())
    if provider is None:
        return
    section: dict[str, Any] = {
        "redirect_uri": own_origin() + DONE,
        "cookie_secret": secrets.token_hex(),
        "client_id": provider.client_id,
        "client_secret": provider.client_secret.get_secret_value(),
        "server_metadata_url": provider.metadata_url,
        "client_kwargs": {"scope": "openid email"},
    }
    st.secrets.merge_programmatic_secrets({"auth": section})


async def send_to_provider(request: Request) -> Response:
    """Redirect a browser to the provider as `st.login` does, which needs a page and so a session."""
    query = urlencode({"provider": encode_provider_token("default")}).encode()
    return await _streamlit_route("/auth/login")(Request({**request.scope, "query_string": query}))


async def claims_from_provider(request: Request) -> dict[str, Any] | None:
    """Return the claims of the identity token in a browser's answer, checked by Streamlit, or None.

    Streamlit puts them into a signed cookie, which would be good for 30 days and which no server can end. It is taken
    out of the answer here, and no browser ever gets one.
    """
    answer = await _streamlit_route("/oauth2callback")(request)
    cookies = SimpleCookie()
    for header in answer.headers.getlist("set-cookie"):
        cookies.load(header)

    def signed(name: str) -> bytes | None:
        value = cookies[name].value if name in cookies else ""
        return decode_signed_value(get_cookie_secret(), name, value.encode("latin-1"))

    claims = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    return None if claims is None else json.loads(claims)


def _streamlit_route(path: str) -> Callable[[Request], Awaitable[Response]]:
    endpoint: Callable[[Request], Awaitable[Response]]
    endpoint = next(route.endpoint for route in create_auth_routes("") if route.path == path)
    return endpoint


# Settings are read when the server starts, not when this module is imported.
app = st.App(
    ROOT / "pages" / "router.py",
    routes=[
        assets,
        *login_routes(store, get_settings),
        *provider_routes(
            store,
            get_settings,
            origin=own_origin,
            send_to_provider=send_to_provider,
            get_claims=claims_from_provider,
        ),
        *share_routes(store),
        *blob_routes(),
        *release_routes(store),
    ],
    middleware=[
        Middleware(Patience),
        Middleware(_own_pages_only),
        Middleware(SecurityHeaders),
        Middleware(_access),
        Middleware(PageKeyScript),
    ],
    lifespan=lifespan,
)


def server_options(port: int | None = None, address: str | None = None, public_url: str = "") -> dict[str, Any]:
    """Return the options of ``.streamlit/config.toml`` as Streamlit names them, with another port or address if given.

    With an address for others, their browsers' pages may speak to the server, too.
    """
    options = dict(_flat(tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))))
    if port is not None:
        options["server.port"] = port
    if address is not None:
        options["server.address"] = address
    if public_url:
        options["browser.serverAddress"] = urlsplit(public_url).hostname
        options["server.corsAllowedOrigins"] = [public_url]
        options["client.allowedOrigins"] = [*options["client.allowedOrigins"], public_url]
    return options


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        nested = isinstance(value, dict) and prefix + key not in TABLES
        pairs += _flat(value, f"{prefix}{key}.") if nested else [(prefix + key, value)]
    return pairs


def port_number(text: str) -> int:
    """Read a port; raises ValueError for anything but 1 to 65535."""
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError(text)
    return port


def check_reach(settings: Settings, address: str | None) -> None:
    """Raise BadInputError, with code ``unsafe-address``, for a server that others would reach in the open."""
    public = urlsplit(settings.public_url)
    host = "127.0.0.1" if address is None else address
    if settings.public_url and (
        public.scheme != "https"
        or not public.hostname
        or public.path.strip("/")
        or public.query
        or public.fragment
        or "@" in public.netloc
    ):
        raise BadInputError(
            "FACEPRIV_PUBLIC_URL must be an address like https://faces.example.org, without a path, "
            f"but it is {settings.public_url!r}: passwords and faces go over TLS only.",
            code="unsafe-address",
        )
    if not settings.login and (settings.public_url or not is_loopback(host)):
        raise BadInputError(
            "Without a login the dashboard is served on a loopback address only, such as 127.0.0.1; leave out "
            "--no-auth, or --address and FACEPRIV_PUBLIC_URL.",
            code="unsafe-address",
        )
    if not is_loopback(host) and not settings.public_url:
        raise BadInputError(
            f"To be reached at {address!r} the dashboard needs TLS before it: set FACEPRIV_PUBLIC_URL to the https "
            "address of the proxy that forwards to it, or keep to a loopback address such as 127.0.0.1.",
            code="unsafe-address",
        )


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; return the exit status."""
    parser = argparse.ArgumentParser(description="Serve the facepriv dashboard on this machine.")
    parser.add_argument("--port", default=os.environ.get(PORT_VARIABLE), help=f"port, or {PORT_VARIABLE}; default 8501")
    parser.add_argument("--address", help="address to listen at; default 127.0.0.1")
    parser.add_argument("--no-auth", action="store_true", help="ask nobody to sign in; on a loopback address only")
    options = parser.parse_args(arguments)
    try:
        port = None if options.port is None else port_number(options.port)
    except ValueError:
        parser.error(f"Expected a port from 1 to 65535, got {options.port!r}; give one with --port or {PORT_VARIABLE}.")
    if options.no_auth:
        os.environ["FACEPRIV_LOGIN"] = "false"
    try:
        settings = get_settings()
        check_reach(settings, options.address)
        settings.identity_provider()
        with open_store(settings) as opened:
            no_users = settings.login and not opened.users.list()
    except FaceprivError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if no_users:
        sys.stderr.write(f"{NO_USERS}\n")
    # Starlette hands an interrupt on after its own shutdown; a person who pressed Ctrl+C knows why it ended.
    HTTP_PROTOCOLS["auto"] = f"{PatientProtocol.__module__}:{PatientProtocol.__name__}"
    with suppress(KeyboardInterrupt), spooling_into(settings.temporary):
        app.run(config=server_options(port, options.address, settings.public_url))
    with open_store(settings) as opened:
        runs, studies = (table.count(states=("waiting", "running")) for table in (opened.runs, opened.studies))
    if runs:
        sys.stderr.write("Runs that wait or are under way are finished by their worker; `facepriv runs` shows them.\n")
    if studies:
        sys.stderr.write("Studies that wait or are under way are finished, too; `facepriv studies` shows them.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
