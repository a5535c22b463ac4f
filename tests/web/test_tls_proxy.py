"""A dashboard behind a TLS proxy, attacked by clients of the proxy and by others past it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from facepriv.config import Settings
from facepriv.services.accounts.users import FROM_ONE_PLACE, add_user
from facepriv.store import Store, open_store
from tests.actors import TEST
from tests.browser.conftest import ROOT, serving
from tests.web.conftest import PASSWORD
from tests.web.signing_in import read_signed_in
from tests.web.tls_proxy import TlsProxy, write_certificate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")]

HOST = "faces.example.org"
PUBLIC = f"https://{HOST}"


@dataclass
class Site:
    proxy: TlsProxy
    store: Store
    certificate: Path

    def ask(self, path: str, *, method: str = "GET", past: bool = False, **options: object) -> requests.Response:
        """Ask through the proxy as a client of the public name does, or past it."""
        headers = {"Host": HOST, **options.pop("headers", {})}
        address = self.proxy.backend if past else f"https://127.0.0.1:{self.proxy.port}"
        session = requests.Session()
        session.trust_env = False
        return session.request(
            method, address + path, headers=headers, verify=False, allow_redirects=False, timeout=20, **options
        )

    def sign_in(self, name: str = "ada", password: str = PASSWORD, **headers: str) -> requests.Response:
        form = {"name": name, "password": password, "next": "/runs"}
        return self.ask("/login", method="POST", data=form, headers={"Origin": PUBLIC, **headers})

    def socket_opens(self, cookie: str, key: str, *, origin: str = PUBLIC, host: str = HOST) -> bool:
        context = ssl.create_default_context(cafile=self.certificate)
        options = {"subprotocols": ["streamlit", "x", f"facepriv.{key}"], "additional_headers": {"Cookie": cookie}}
        try:
            with connect(
                f"wss://{host}/_stcore/stream",
                origin=origin,
                ssl=context,
                address=("127.0.0.1", self.proxy.port),
                server_hostname=HOST,
                proxy=None,
                **options,
            ) as socket:
                socket.send(b"")
                socket.recv(timeout=1)
        except (InvalidStatus, ConnectionClosed):
            return False
        except TimeoutError:
            return True
        return True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    certificate = write_certificate(folder, HOST)
    home = folder / "home"
    variables = {"FACEPRIV_PUBLIC_URL": PUBLIC, "FACEPRIV_AUTO_WORKER": "false"}
    with (
        open_store(Settings(home=home)) as store,
        TlsProxy(certificate) as proxy,
        serving(ROOT / "app.py", home, login=True, **variables) as backend,
    ):
        proxy.backend = backend
        for name in ("ada", "eve", "bob"):
            add_user(store, name, "auditor", password=PASSWORD, actor=TEST)
        yield Site(proxy, store, certificate)


def test_a_session_lives_behind_the_proxy_and_nowhere_else(site: Site):
    answer = site.sign_in()
    assert answer.status_code == 200
    to, key = read_signed_in(answer.text)
    assert to == "/runs"
    said = answer.headers["set-cookie"]
    assert said.startswith("__Host-facepriv_session=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(said.split("; "))
    assert "Domain" not in said
    cookie = said.partition(";")[0]
    assert site.ask("/runs", headers={"Cookie": cookie}).status_code == 200
    assert site.socket_opens(cookie, key)
    assert not site.socket_opens(cookie, "")
    # Under the name that goes over plain HTTP, too, the token opens nothing.
    assert site.ask("/runs", headers={"Cookie": cookie.removeprefix("__Host-")}).status_code == 401
    assert not site.socket_opens(cookie.removeprefix("__Host-"), key)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"http://{HOST}", f"https://{HOST}:8443", "null", f"{PUBLIC}.evil.example"]
)
def test_other_origins_and_hosts_are_refused(site: Site, origin: str):
    answer = site.sign_in("eve")
    _, key = read_signed_in(answer.text)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert not site.socket_opens(cookie, key, origin=origin)
    assert site.sign_in(Origin=origin).status_code == 403
    leave = {"data": {"key": key}, "headers": {"Origin": origin, "Cookie": cookie}}
    assert site.ask("/logout", method="POST", **leave).status_code == 403
    assert site.ask("/runs", headers={"Cookie": cookie}).status_code == 200, "nobody was signed out"


@pytest.mark.parametrize("host", ["evil.example", f"{HOST}.evil.example", f"{HOST}:8443", f"evil@{HOST}", ""])
def test_other_host_names_are_refused_whatever_else_is_said(site: Site, host: str):
    forwarded = {"X-Forwarded-Host": HOST, "Forwarded": f"host={HOST}"}
    assert site.ask("/login", headers={"Host": host, **forwarded}).status_code in (400, 403)


def test_a_client_cannot_say_who_it_is_to_go_on_guessing(site: Site):
    for number in range(FROM_ONE_PLACE):
        said = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
        assert site.sign_in("bob", "wrong", **said).status_code == 401
    assert site.sign_in("bob", PASSWORD, **{"X-Forwarded-For": "198.51.100.99"}).status_code == 429
    site.proxy.client = "192.0.2.8"
    assert site.sign_in("bob").status_code == 200, "its owner, elsewhere, is not shut out"
    site.proxy.client = "192.0.2.7"


def test_past_the_proxy_there_is_nothing_more(site: Site):
    """From the same machine, without TLS, with everything that a proxy would say."""
    said = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Facepriv-User": "ada",
        "X-Facepriv-Session": "1",
    }
    for host in (HOST, "127.0.0.1", "localhost"):
        assert site.ask("/runs", past=True, headers={"Host": host, **said}).status_code == 401
    assert site.ask("/login", past=True, headers={"Host": "evil.example", **said}).status_code == 403
