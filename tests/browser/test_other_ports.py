"""Another user's server at another port of this machine receives the session's cookie, and gets nothing by it."""

from __future__ import annotations

import http.server
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from facepriv.services.sharing.shares import share
from tests.actors import ADA
from tests.browser.test_access import (  # noqa: F401 (fixtures)
    PASSWORD,
    Site,
    browse,
    cookie_of,
    fetch,
    key_of,
    sign_in,
    site,
    websocket_of,
)
from tests.browser.test_journey import PATIENCE, settle
from tests.pages.conftest import face_folder, prepared  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = """<!doctype html><title>other</title><body><script>
const tell = (what) => { document.title = "done"; document.body.textContent = what; };
const tries = {
  stored: () => String(localStorage.getItem("facepriv.key")),
  socket: () => new Promise((done) => {
    const socket = new WebSocket("ws://SITE/_stcore/stream", ["streamlit"]);
    socket.onopen = () => done("open");
    socket.onclose = () => done("closed");
  }),
  page: () => fetch("http://SITE/runs", { credentials: "include" }).then((a) => a.text()).catch(() => "unreadable"),
  frame: () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.src = "http://SITE/account";
    document.body.append(frame);
    setTimeout(() => {
      try { done(frame.contentDocument === null ? "unreadable" : frame.contentDocument.body.textContent || "empty"); }
      catch { done("unreadable"); }
    }, 1500);
  }),
};
(async () => {
  const found = {};
  for (const [name, go] of Object.entries(tries)) found[name] = await go();
  tell(JSON.stringify(found));
})();
</script>"""


class Thief(http.server.ThreadingHTTPServer):
    """Serves a page to whoever comes, and notes what their browser sent along."""

    def __init__(self, address: str) -> None:
        self.headers: list[dict[str, str]] = []
        page = PAGE.replace("SITE", address.removeprefix("http://")).encode()
        thief = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                thief.headers.append(dict(self.headers))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def cookie(self, name: str) -> str:
        """Return a cookie that a browser sent here although another port had set it."""
        sent = "; ".join(headers.get("Cookie", "") for headers in self.headers)
        return next(pair for pair in sent.split("; ") if pair.startswith(f"{name}="))


@contextmanager
def thief_beside(site: Site) -> Iterator[Thief]:  # noqa: F811
    with Thief(site.address) as thief:
        threading.Thread(target=thief.serve_forever, daemon=True).start()
        yield thief
        thief.shutdown()


def socket_opens(site: Site, cookie: str, protocols: list[str]) -> bool:  # noqa: F811
    """Speak as the thief's own program, which may send any header."""
    headers = {"Cookie": cookie}
    url = site.address.replace("http", "ws") + "/_stcore/stream"
    try:
        with connect(
            url, origin=site.address, additional_headers=headers, subprotocols=protocols, proxy=None
        ) as opened:
            opened.send(b"")
            opened.recv(timeout=1)
    except (InvalidStatus, ConnectionClosed):
        return False
    except TimeoutError:
        return True
    return True


@pytest.mark.parametrize("name", ["ada", "otto"])
def test_a_server_at_another_port_gets_a_cookie_and_nothing_by_it(browse, site, name):  # noqa: F811
    with site.store() as store:
        number = share(store, run_id=1, link=False, officer="otto", actor=ADA).share.id
    page = browse()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    sign_in(page, site, name, "/runs?run=1" if name == "ada" else "/")
    if name == "ada":
        page.get_by_role("radio", name="Images", exact=True).click()
        settle(page)
        page.wait_for_timeout(1500)
    with thief_beside(site) as thief:
        lured = page.context.new_page()
        lured.goto(thief.address)
        lured.wait_for_function("document.title === 'done'", timeout=PATIENCE)
        found = lured.evaluate("JSON.parse(document.body.textContent)")
        assert found == {"stored": "null", "socket": "closed", "page": "unreadable", "frame": "unreadable"}
        assert all(key_of(page) not in str(headers) for headers in thief.headers)
        cookie = thief.cookie("facepriv_session")
        xsrf = thief.cookie("_streamlit_xsrf")
    assert cookie == cookie_of(page), "cookies know no ports"

    # What the thief's own program can do with it.
    token = cookie.partition("=")[2]
    for protocols in (
        ["streamlit"],
        ["streamlit", xsrf.partition("=")[2], "facepriv."],
        ["streamlit", f"facepriv.{token}"],
    ):
        assert not socket_opens(site, f"{cookie}; {xsrf}", protocols)
    assert socket_opens(site, f"{cookie}; {xsrf}", ["streamlit", "x", f"facepriv.{key_of(page)}"]), "the test can tell"
    for path in ("/", "/account", "/runs?run=1", "/datasets"):
        status, body = fetch(site, path, cookie=cookie)
        assert status in (200, 403), path
        for content in (b"Run 1", b"algorithm1", b"few", name.encode() + b","):
            assert content not in body, "the page that scripts run in, without content"
    assert fetch(site, f"/shared/{number}", cookie=cookie)[0] == 403
    assert fetch(site, "/session", cookie=cookie)[0] == 401
    assert fetch(site, "/_stcore/metrics", cookie=cookie)[0] == 401
    origin = {"Origin": site.address, "X_Xsrftoken": xsrf.partition("=")[2]}
    for method, path in (
        ("PUT", "/_stcore/upload_file/1/2"),
        ("DELETE", "/_stcore/upload_file/1/2"),
        ("POST", "/runs"),
    ):
        assert fetch(site, path, cookie=f"{cookie}; {xsrf}", method=method, body=b"x", **origin)[0] == 401, path
    form = {"Content_Type": "application/x-www-form-urlencoded", **origin}
    fetch(site, "/logout", cookie=cookie, method="POST", body=b"key=x", **form)

    # Pictures have addresses that nobody can guess, and no page of another origin is told them.
    pictures = [url for url in addresses if "/pictures/" in url or "ticket=" in url]
    assert pictures
    assert all(re.search(r"/pictures/[\w-]{40,}|ticket=[0-9a-f]{64}", url) for url in pictures)
    assert all(site.address not in str(headers) for headers in thief.headers)

    # The user notices nothing of it.
    page.reload()
    settle(page)
    assert websocket_of(page) == "open"
    assert "nobody" not in {actor for actor, _, detail in site.lines("access-refused") if "key" in detail}
    assert name in {actor for actor, _, detail in site.lines("access-refused") if "without the page's key" in detail}


def test_tabs_share_the_key_and_a_browser_without_it_signs_in_again(browse, site):  # noqa: F811
    page = browse()
    sign_in(page, site, "ada", "/runs?run=1")
    second = page.context.new_page()
    second.goto(f"{site.address}/account")
    settle(second)
    page.reload()
    settle(page)
    # As where somebody signed in at another port: the cookie is there, and not the key.
    second.evaluate("localStorage.removeItem('facepriv.key')")
    second.goto(f"{site.address}/runs?run=1")
    second.get_by_role("heading", name="Sign in").wait_for(timeout=PATIENCE)
    second.get_by_label("Name").fill("ada")
    second.get_by_label("Password").fill(PASSWORD)
    second.get_by_role("button", name="Sign in", exact=True).click()
    second.get_by_role("heading", name="Run 1").wait_for(timeout=PATIENCE)
    settle(second)
    page.goto(f"{site.address}/datasets")
    settle(page)
    second.get_by_role("button", name="Sign out").click()
    second.get_by_role("heading", name="Sign in").wait_for(timeout=PATIENCE)
    page.get_by_role("heading", name="Sign in").wait_for(timeout=PATIENCE)
    assert page.evaluate("localStorage.getItem('facepriv.key')") is None, "signing out clears it"


def test_uploads_show_the_key(browse, site, tmp_path):  # noqa: F811
    faces = tmp_path / "faces.zip"
    with zipfile.ZipFile(faces, "w") as archive:
        archive.writestr("a.txt", "no face")
    page = browse()
    sign_in(page, site, "ada", "/datasets")
    with page.expect_response(lambda answer: "/_stcore/upload_file/" in answer.url, timeout=PATIENCE) as uploaded:
        page.locator("[data-testid=stFileUploaderDropzoneInput]").nth(0).set_input_files(faces)
    page.get_by_text("faces.zip").wait_for(state="attached", timeout=PATIENCE)
    assert uploaded.value.request.method == "PUT"
    assert uploaded.value.ok
    session = uploaded.value.url.removeprefix(site.address)
    own = {"Origin": site.address, "X_Xsrftoken": uploaded.value.request.headers["x-xsrftoken"]}
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
    for method in ("PUT", "DELETE"):
        assert fetch(site, session, cookie=cookies, method=method, body=b"x", **own)[0] == 401, "without the key"
