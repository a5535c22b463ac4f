"""Signing in through an identity provider, with a real one and a real server."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from facepriv.config import Settings
from facepriv.services.accounts.users import add_user, set_disabled
from facepriv.store import Store, open_store
from facepriv.web.login import login_routes
from tests.actors import TEST
from tests.browser.conftest import ROOT, serving
from tests.web.asgi import ask
from tests.web.conftest import PASSWORD
from tests.web.provider import CLIENT, SECRET, Provider
from tests.web.signing_in import read_signed_in

pytestmark = pytest.mark.xdist_group("oidc")

ERIKA = {"sub": "1234", "email": "Erika@Example.org", "email_verified": True}
QUIET = {"FACEPRIV_AUTO_WORKER": "false"}


@dataclass
class Site:
    address: str
    store: Store
    provider: Provider
    log: Path

    def browser(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def come(self, browser: requests.Session, to: str = "/", **person: object) -> requests.Response:
        """Sign in through the provider as a person, following every redirect."""
        self.provider.person = person or ERIKA
        answer = browser.get(f"{self.address}/login/provider", params={"next": to}, timeout=20)
        signed_in = read_signed_in(answer.text)
        if signed_in is None:
            return answer
        path, browser.headers["X-Facepriv-Key"] = signed_in
        page = browser.get(self.address + path, timeout=20)
        page.history = [*answer.history, answer]
        return page

    def status(self, browser: requests.Session, path: str) -> int:
        return browser.get(self.address + path, timeout=20).status_code


@pytest.fixture(scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("oidc") / "home"
    with Provider() as provider, open_store(Settings(home=home)) as store:
        add_user(store, "erika", "officer", oidc="erika@example.ORG", actor=TEST)
        add_user(store, "sam", "auditor", oidc=f"{provider.issuer}#5678", actor=TEST)
        add_user(store, "dora", "officer", oidc="dora@example.org", actor=TEST)
        set_disabled(store, "dora", True, actor=TEST)
        variables = {
            "FACEPRIV_OIDC_ISSUER": provider.issuer,
            "FACEPRIV_OIDC_CLIENT_ID": CLIENT,
            "FACEPRIV_OIDC_CLIENT_SECRET": SECRET,
            "FACEPRIV_OIDC_NAME": "Example & Sons",
        }
        with serving(ROOT / "app.py", home, login=True, **QUIET, **variables) as address:
            yield Site(address, store, provider, next(home.parent.glob("server-*.log")))


@pytest.fixture
def site(_site: Site) -> Iterator[Site]:
    _site.provider.reset()
    yield _site
    assert SECRET not in _site.log.read_text()


@pytest.fixture
def off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard without a provider, where somebody left one in Streamlit's own file of secrets."""
    folder = tmp_path_factory.mktemp("off")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(
        f'[auth]\ncookie_secret = "{SECRET}"\nredirect_uri = "http://127.0.0.1/oauth2callback"\nclient_id = "x"\n'
        'client_secret = "x"\nserver_metadata_url = "http://127.0.0.1:9/"\n'
    )
    with serving(ROOT / "app.py", folder / "home", login=True, **QUIET) as address:
        yield address


def refusals(store: Store) -> list[tuple[str, str, str]]:
    return [(one.actor, one.subject, one.detail) for one in store.access.list(action="sign-in-refused")]


def websocket_opens(address: str, cookies: dict[str, str], key: object = "") -> bool:
    """Say whether pages are served over the WebSocket to somebody with these cookies and this page key."""
    said = "; ".join(f"{name}={value}" for name, value in cookies.items())
    url = address.replace("http://", "ws://") + "/_stcore/stream"
    try:
        options = {"additional_headers": {"Cookie": said}, "open_timeout": 10, "proxy": None}
        with connect(url, origin=address, subprotocols=["streamlit", f"facepriv.{key}"], **options) as socket:
            assert socket.subprotocol == "streamlit"
            socket.send(b"")
            socket.recv(timeout=0.5)
    except (InvalidStatus, ConnectionClosed):
        return False
    except TimeoutError:
        return True
    return True


def test_who_is_known_gets_in_with_their_role_until_the_session_is_revoked(site: Site) -> None:
    browser = site.browser()
    assert "Sign in with Example &amp; Sons" in browser.get(f"{site.address}/login?next=/account", timeout=20).text
    answer = site.come(browser, "/account")
    assert answer.status_code == 200
    assert urlsplit(answer.url).path == "/account"
    assert {"nonce", "state", "code_challenge"} <= set(site.provider.asked)
    assert site.provider.asked["redirect_uri"] == f"{site.address}/login/provider/done"
    assert site.provider.asked["scope"] == "openid email"
    assert site.status(browser, "/runs") == 403
    assert websocket_opens(site.address, browser.cookies.get_dict(), browser.headers["X-Facepriv-Key"])
    assert not websocket_opens(site.address, browser.cookies.get_dict()), "the cookie alone, as at another port"
    # Streamlit's cookie with the claims, which nobody could revoke, never came.
    assert not any("_streamlit_user" in one.headers.get("set-cookie", "") for one in [*answer.history, answer])
    assert site.store.access.list(action="signed-in")[0].actor == "erika"
    site.store.sessions.revoke_all(site.store.users.get("erika").id)
    assert site.status(browser, "/account") == 401
    assert not websocket_opens(site.address, browser.cookies.get_dict(), browser.headers["X-Facepriv-Key"])


def test_a_subject_counts_even_if_nothing_is_told_about_an_address(site: Site) -> None:
    browser = site.browser()
    answer = site.come(browser, "/runs?run=3", sub="5678")
    assert answer.url == f"{site.address}/runs?run=3"
    assert site.status(browser, "/runs") == 200
    # Logging out ends it, whatever the provider remembers.
    form = {"data": {"key": browser.headers["X-Facepriv-Key"]}, "headers": {"Origin": site.address}}
    assert browser.post(f"{site.address}/logout", **form, timeout=20).status_code == 200
    assert site.status(browser, "/runs") == 401


@pytest.mark.parametrize(
    ("person", "says"),
    [
        ({"sub": "99", "email": "max@example.org", "email_verified": True}, "--oidc max@example.org"),
        (
            {"sub": "99", "email": "erika@example.org", "email_verified": False},
            "#99, with an unverified e-mail address",
        ),
        ({"sub": "99", "email": "erika@example.org"}, "#99, with an unverified e-mail address"),
        (
            {"sub": "99", "email": "erika@example.org", "email_verified": "true"},
            "#99, with an unverified e-mail address",
        ),
        ({"sub": "5678 "}, "facepriv user add NAME --role officer --oidc"),
        ({"sub": "<b>99</b>"}, "#&lt;b&gt;99&lt;/b&gt;"),
        ({"sub": "7", "email": "dora@example.org", "email_verified": True}, "dora can no longer sign in"),
    ],
    ids=["unknown", "unverified", "nothing verified", "verified as text", "other subject", "markup", "disabled"],
)
def test_who_is_not_known_is_told_so_in_one_page(site: Site, person: dict[str, object], says: str) -> None:
    browser = site.browser()
    answer = site.come(browser, **person)
    assert answer.status_code == 403
    assert says in answer.text
    assert site.status(browser, "/account") == 401
    # Equal ones are summed up, so the first of these cases may have written it.
    assert ("nobody", "user 3" if "dora" in says else "", "through the provider") in refusals(site.store)


SPOILED = {
    "another dashboard's": {"aud": "other"},
    "another dashboard's, by us": {"aud": ["other"], "azp": CLIENT},
    "another issuer's": {"iss": "https://login.example.org"},
    "another sign-in's": {"nonce": "n"},
    "too old": {"exp": int(time.time()) - 1000},
}
SPOILED_TOO = {
    "another issuer's of a like name": {"iss": "http://127.0.0.1/realms/test"},
    "another sign-in's, which names none": {"nonce": None},
    "nobody's": {"sub": None},
    "of no issuer": {"iss": None},
    "for nobody": {"aud": None},
    "good for ever": {"exp": None},
    "not yet valid": {"nbf": int(time.time()) + 1000},
    "from the future": {"iat": int(time.time()) + 1000},
}


@pytest.mark.parametrize(
    "claims",
    [
        *(pytest.param(claims, id=name) for name, claims in SPOILED.items()),
        *(pytest.param(claims, id=name, marks=pytest.mark.slow) for name, claims in SPOILED_TOO.items()),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(site: Site, claims: dict[str, object]) -> None:
    site.provider.claims = claims
    browser = site.browser()
    assert site.come(browser).status_code == 401
    assert site.status(browser, "/account") == 401


def test_a_token_that_somebody_else_signed_is_refused(site: Site) -> None:
    site.provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert site.come(site.browser()).status_code == 401


def encode(part: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def sign_symmetrically(claims: dict[str, object], secret: bytes) -> str:
    signed = f"{encode({'alg': 'HS256', 'kid': 'one'})}.{encode(claims)}"
    return f"{signed}.{urlsafe_b64encode(hmac.digest(secret, signed.encode(), 'sha256')).decode().rstrip('=')}"


FORGED = {
    "unsigned": lambda claims, _: f"{encode({'alg': 'none'})}.{encode(claims)}.",
    "unsigned in another spelling": lambda claims, _: f"{encode({'alg': 'None', 'kid': 'one'})}.{encode(claims)}.",
    "signed with the public key as a secret": lambda claims, key: sign_symmetrically(claims, key.as_pem(private=False)),
    "signed with the client's secret": lambda claims, _: sign_symmetrically(claims, SECRET.encode()),
    "signed with a key that it brings along": lambda claims, _: bring_key(claims),
    "no token": lambda *_: "x.y.z",
}


def bring_key(claims: dict[str, object]) -> str:
    own = RSAKey.generate_key(2048, {"kid": "one"})
    header = {"alg": "RS256", "kid": "one", "jwk": own.as_dict(private=False)}
    registry = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    return jwt.encode(header, claims, own, registry=registry)


OFTEN = ("unsigned", "signed with the public key as a secret")


@pytest.mark.parametrize(
    "forge",
    [pytest.param(forge, id=name, marks=() if name in OFTEN else pytest.mark.slow) for name, forge in FORGED.items()],
)
def test_a_token_that_is_forged_is_refused(site: Site, forge: Callable[[dict, RSAKey], str]) -> None:
    site.provider.forge = lambda claims: forge(claims, site.provider.own_key)
    browser = site.browser()
    assert site.come(browser).status_code == 401
    assert site.status(browser, "/account") == 401


@pytest.mark.parametrize("spoil", ["no state", "empty state", "no code", "another's code", "two states"])
def test_an_answer_that_was_tampered_with_is_refused(site: Site, spoil: str) -> None:
    site.provider.person = ERIKA
    answers = []
    for browser in (site.browser(), site.browser()):
        there = browser.get(f"{site.address}/login/provider", allow_redirects=False, timeout=20)
        back = browser.get(there.headers["location"], allow_redirects=False, timeout=20).headers["location"]
        answers.append((browser, dict(parse_qsl(urlsplit(back).query))))
    (victim, own), (_, others) = answers
    query = {
        "no state": {"code": own["code"]},
        "empty state": {"code": own["code"], "state": ""},
        "no code": {"state": own["state"]},
        "another's code": {"code": others["code"], "state": own["state"]},
        "two states": [("code", others["code"]), ("state", others["state"]), ("state", own["state"])],
    }[spoil]
    assert victim.get(f"{site.address}/login/provider/done", params=query, timeout=20).status_code == 401
    assert site.status(victim, "/account") == 401


def test_the_provider_sends_people_back_to_this_host_whatever_they_ask(site: Site) -> None:
    port = urlsplit(site.address).port
    evil = "https://evil.example/login/provider/done"
    browser = site.browser()
    asked = browser.get(
        f"{site.address}/login/provider",
        params={"redirect_uri": evil, "provider": "evil"},
        headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Forwarded-Proto": "https"},
        allow_redirects=False,
        timeout=20,
    )
    told = dict(parse_qsl(urlsplit(asked.headers["location"]).query))
    assert told["redirect_uri"] == f"{site.address}/login/provider/done"
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}"):
        for path in ("/login/provider", "/login/provider/done?code=x&state=y"):
            assert browser.get(site.address + path, headers={"Host": host}, timeout=20).status_code == 403
    elsewhere = browser.get(
        f"{site.address}/login/provider", headers={"Host": "localhost:1"}, allow_redirects=False, timeout=20
    )
    assert elsewhere.headers["location"].startswith(f"{site.address}/login/provider?")


def test_what_was_not_begun_in_this_browser_is_refused(site: Site) -> None:
    attacker, victim = site.browser(), site.browser()
    victim.get(f"{site.address}/login/provider", allow_redirects=False, timeout=20)
    forged = victim.get(f"{site.address}/login/provider/done?code=x&state=forged", timeout=20)
    assert forged.status_code == 401
    site.provider.person = ERIKA
    there = attacker.get(f"{site.address}/login/provider", allow_redirects=False, timeout=20)
    back = attacker.get(there.headers["location"], allow_redirects=False, timeout=20).headers["location"]
    assert back.startswith(f"{site.address}/login/provider/done?")
    assert victim.get(back, timeout=20).status_code == 401
    assert site.status(victim, "/account") == 401
    assert attacker.get(back, timeout=20).status_code == 200
    assert attacker.get(back, timeout=20).status_code == 401  # an answer counts once
    assert refusals(site.store)[0][2].startswith("through the provider, without proof")


def test_a_provider_that_refuses_or_fails(site: Site) -> None:
    site.provider.says_no = True
    answer = site.come(site.browser())
    assert answer.status_code == 401
    assert "did not say who you are" in answer.text
    site.provider.is_down = True
    answer = site.come(site.browser())
    assert answer.status_code == 502
    assert "cannot be reached" in answer.text


@pytest.mark.parametrize(
    "to",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/runs", "/" + "a" * 2000],
    ids=["other host", "other address", "backslash", "not an officer's", "too long"],
)
def test_one_is_sent_on_to_what_this_server_has_and_the_role_may_have(site: Site, to: str) -> None:
    answer = site.come(site.browser(), to)
    assert answer.url == f"{site.address}/"


def test_it_begins_where_it_will_end(site: Site) -> None:
    elsewhere = site.address.replace("127.0.0.1", "localhost")
    answer = requests.get(f"{elsewhere}/login/provider?next=/account", allow_redirects=False, timeout=20)
    assert answer.headers["location"] == f"{site.address}/login/provider?next=%2Faccount"


@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout", "/oauth2callback", "/oauth2callback?code=x&state=y"])
def test_streamlits_own_ways_in_stay_closed(site: Site, path: str) -> None:
    assert site.status(site.browser(), path) == 401


@pytest.mark.slow
def test_without_a_provider_there_is_nothing_and_streamlits_cookie_opens_nothing(off: str) -> None:
    for path in ("/login/provider", "/login/provider/done?code=x&state=y"):
        assert requests.get(off + path, timeout=20).status_code == 404, path
    assert "/login/provider" not in requests.get(f"{off}/login", timeout=20).text
    told = {"origin": off, "is_logged_in": True, "email": "erika@example.org", "session": "1", "name": "ada"}
    signed = create_signed_value(SECRET, "_streamlit_user", json.dumps(told)).decode()
    for path in ("/", "/runs", "/auth/login", "/oauth2callback", "/media/x", "/_stcore/metrics"):
        answer = requests.get(off + path, cookies={"_streamlit_user": signed}, timeout=20)
        assert answer.status_code == 401, path
    assert not websocket_opens(off, {"_streamlit_user": signed})


@pytest.mark.slow
def test_passwords_can_be_switched_off(store: Store) -> None:
    settings = Settings(
        passwords=False,
        oidc_issuer="https://login.example.org",
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_name="Example",
    )
    site = Starlette(routes=login_routes(lambda: store, lambda: settings))
    shown = ask(site, "/login", query=urlencode({"next": "/a?b=c&d"})).body.decode()
    assert "<form" not in shown
    link = shown.partition('href="/login/provider?')[2].partition('"')[0]
    assert parse_qs(link) == {"next": ["/a?b=c&d"]}
    form = urlencode({"name": "ada", "password": PASSWORD}).encode()
    kind = ("content-type", "application/x-www-form-urlencoded")
    answer = ask(site, "/login", kind, method="POST", body=form)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers
