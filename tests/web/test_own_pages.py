"""Only this server's own pages are answered, through a real server that real bytes are sent to."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from facepriv.web.own_pages import is_loopback, is_own

pytestmark = pytest.mark.xdist_group("own-pages")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "0.0.0.0", "192.168.1.4", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8501", None, True),
        ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("[::1]:8501", "http://[::1]:8501", True),
        ("localhost:8501", "http://localhost:8501", True),
        ("localhost:8501", "http://localhost:3000", False),
        ("127.0.0.1:8501", "http://evil.example", False),
        ("127.0.0.1:8501", "null", False),
        ("127.0.0.1:8501", "http://[evil", False),
        ("evil.example:8501", None, False),
        ("evil.example@127.0.0.1:8501", None, False),
        ("evil.example:8501", "http://evil.example:8501", False),
        (None, None, False),
    ],
)
def test_own(host, origin, own):
    given = {name: value for name, value in (("host", host), ("origin", origin)) if value is not None}
    assert is_own(Headers(given)) is own


PUBLIC = "https://faces.example.org"


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("faces.example.org", "https://faces.example.org", True),
        ("faces.example.org", "http://faces.example.org", False),
        ("faces.example.org", None, True),
        ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("127.0.0.1:8501", "https://faces.example.org", False),
        ("faces.example.org:8501", None, False),
        ("Faces.Example.ORG", "https://faces.example.org", True),
        ("faces.example.org:443", "https://faces.example.org", True),
        ("evil.faces.example.org", None, False),
        ("evil@faces.example.org", None, False),
    ],
)
def test_own_under_a_public_address(host, origin, own):
    given = {name: value for name, value in (("host", host), ("origin", origin)) if value is not None}
    assert is_own(Headers(given), PUBLIC) is own


def test_what_changes_something_must_name_its_origin():
    assert not is_own(Headers({"host": "127.0.0.1:8501"}), must_name=True)
    assert is_own(Headers({"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:8501"}), must_name=True)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """The port of a dashboard with an empty data folder, on which any look for a host name is fatal."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    code = (
        "import sys, streamlit.net_util as net\n"
        "def fatal(*a, **k):\n    print('ASKED ANOTHER HOST', flush=True)\n"
        "net._make_blocking_http_get = fatal\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import app\n"
        f"sys.exit(app.main(['--no-auth', '--port', '{number}']))"
    )
    log = (home / "log").open("w+")
    environment = {"FACEPRIV_HOME": str(home / "data"), "PATH": "/usr/bin:/bin"}
    server = subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log, env=environment, cwd=ROOT)
    for _ in range(300):
        if server.poll() is None and status(number, "/_stcore/health") == 200:
            break
        time.sleep(0.2)
    yield number
    server.terminate()
    server.wait(20)
    log.seek(0)
    assert "ASKED ANOTHER HOST" not in log.read()


def status(port: int, path: str, **headers: str) -> int | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            lines = [f"GET {path} HTTP/1.1", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
            if "Host" not in headers:
                lines.append(f"Host: 127.0.0.1:{port}")
            if "Upgrade" not in headers:
                lines.append("Connection: close")
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            return int(connection.recv(64).split()[1])
    except (OSError, IndexError):
        return None


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


def test_own_pages_are_served(port):
    assert status(port, "/") == 200
    assert status(port, "/", Origin=f"http://127.0.0.1:{port}") == 200
    assert status(port, "/_stcore/stream", Origin=f"http://127.0.0.1:{port}", **UPGRADE) == 101


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/agent/openapi.json", "/media/x"])
def test_foreign_names_and_origins_are_refused(port, path):
    assert status(port, path, Host=f"evil.example:{port}") == 403
    assert status(port, path, Origin="http://evil.example") == 403


def test_websockets_without_an_origin_are_refused(port):
    assert status(port, "/_stcore/stream", **UPGRADE) == 403


def test_foreign_websockets_are_refused(port):
    assert status(port, "/_stcore/stream", Origin="http://evil.example", **UPGRADE) == 403
    rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}
    assert status(port, "/_stcore/stream", **rebound, **UPGRADE) == 403
