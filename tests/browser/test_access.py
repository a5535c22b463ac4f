"""Who may see what, in real browsers against a real server: sign-in, roles, links, sign-off, and what is refused."""

from __future__ import annotations

import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from facepriv.config import Settings
from facepriv.services.accounts.users import add_user
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import share
from facepriv.store import Store, open_store
from facepriv.store.rows import ShareRow
from tests.actors import ADA, TEST
from tests.browser.conftest import ROOT, serving
from tests.browser.test_journey import LOOKS, PATIENCE, choose, photograph, settle
from tests.pages.conftest import audit_result, face_folder, prepared, repeat_run, store_audit  # noqa: F401 (fixtures)
from tests.store.tampering import set_columns
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "a password for tests"
PASSPHRASE = "a phrase for tests"


@dataclass
class Site:
    address: str
    settings: Settings

    @contextmanager
    def store(self) -> Iterator[Store]:
        with open_store(self.settings) as opened:
            yield opened

    def lines(self, action: str) -> list[tuple[str, str, str]]:
        with self.store() as store:
            return [(one.actor, one.subject, one.detail) for one in store.access.list(action=action)]


@pytest.fixture(scope="module")
def site(tmp_path_factory, prepared) -> Iterator[Site]:  # noqa: F811
    """A server with two auditors and two officers, a run (1) with an audit (1), and the same run again (3)."""
    home = tmp_path_factory.mktemp("access") / "home"
    shutil.copytree(prepared, home)
    settings = Settings(home=home, workers=1)
    with open_store(settings) as store:
        for name, role in (("ada", "auditor"), ("eve", "auditor"), ("otto", "officer"), ("olga", "officer")):
            add_user(store, name, role, password=PASSWORD, actor=TEST)
        store_audit(store, audit_result("of-run"), run_id=1)
        run = store.runs.get(1)
        repeat_run(store, run, run.spec)
    with serving(ROOT / "app.py", home, login=True, FACEPRIV_WORKERS="1", FACEPRIV_AUTO_WORKER="false") as address:
        yield Site(address, settings)


@pytest.fixture
def browse(chromium):
    """Open pages, each in a fresh browser that knows nothing."""
    contexts = []

    def go(**options):
        contexts.append(chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        return contexts[-1].new_page()

    yield go
    for context in contexts:
        context.close()


def sign_in(page, site: Site, name: str, path: str = "/") -> None:
    page.goto(site.address + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    settle(page)


def fetch(site: Site, path: str, *, cookie: str = "", method: str = "GET", body: bytes | None = None, **headers: str):
    """Ask the server past any browser; gives status and body."""
    given = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Cookie": cookie} if cookie else {})
    request = urllib.request.Request(site.address + path, data=body, method=method, headers=given)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def cookie_of(page) -> str:
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "facepriv_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    return f"facepriv_session={cookie['value']}"


def key_of(page) -> str:
    return page.evaluate("localStorage.getItem('facepriv.key')")


def test_signing_in_and_out(browse, site, screenshots):
    page = browse()
    page.goto(site.address + "/runs?run=1")
    page.get_by_role("heading", name="Sign in").wait_for(timeout=PATIENCE)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("Wrong name or password.").wait_for(timeout=PATIENCE)
    page.screenshot(path=screenshots / "sign-in-refused.png")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    # Back to what was asked for.
    page.get_by_role("heading", name="Run 1").wait_for(timeout=PATIENCE)
    page.get_by_text("Signed in as ada, auditor").wait_for(timeout=PATIENCE)
    cookie = cookie_of(page)
    assert fetch(site, "/runs", cookie=cookie)[0] == 200
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for(timeout=PATIENCE)
    assert fetch(site, "/runs", cookie=cookie)[0] == 401
    page.go_back()
    assert page.get_by_role("heading", name="Run 1").count() == 0


def test_a_link_opens_without_an_account(browse, site, screenshots):
    with site.store() as store:
        made = share(store, run_id=1, passphrase=PASSPHRASE, actor=ADA)
        views = len(site.lines("share-viewed"))
    elsewhere = []
    page = browse()
    page.on(
        "request", lambda r: None if r.url.startswith((site.address, "data:", "blob:")) else elsewhere.append(r.url)
    )
    page.goto(site.address + made.path)
    page.get_by_label("Passphrase").fill("another phrase")
    page.get_by_role("button", name="Show the results").click()
    page.get_by_text("Wrong passphrase").wait_for(timeout=PATIENCE)
    page.screenshot(path=screenshots / "link-wrong-passphrase.png")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Show the results").click()
    page.get_by_role("heading", name="Gender privacy of few").wait_for(timeout=PATIENCE)
    page.get_by_text("Shared by ada").wait_for()
    page.wait_for_selector(".main-svg", timeout=PATIENCE)
    assert page.locator("img").count() == 0, "no face unless asked"
    assert page.locator("form, button[type=submit], [data-testid]").count() == 0, "to be read only"
    page.screenshot(path=screenshots / "link-light-1280.png")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "link-light-390.png")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert elsewhere == []
    assert len(site.lines("share-viewed")) == views + 1
    assert ("link", f"share {made.share.id}", "wrong passphrase") in site.lines("share-refused")
    # The link opens nothing else.
    for path in ("/", "/runs", "/media/x", f"/shared/{made.share.id}"):
        page.goto(site.address + path)
        assert page.get_by_role("heading", name="Sign in").count() == 1, path


def test_links_that_are_over_or_never_were(browse, site, screenshots):
    with site.store() as store:
        expired, revoked = (share(store, run_id=1, actor=ADA) for _ in range(2))
        store.shares.revoke(revoked.share.id)
    passed = datetime.now(UTC) - timedelta(seconds=1)
    set_columns(site.settings, ShareRow, ShareRow.id == expired.share.id, expires_at=passed)
    page = browse()
    for path, status, said in (
        (expired.path, 410, "has expired or was revoked"),
        (revoked.path, 410, "has expired or was revoked"),
        ("/share/never-was", 404, "not valid"),
    ):
        answer = page.goto(site.address + path)
        assert answer.status == status
        page.get_by_text(said).wait_for(timeout=PATIENCE)
    page.screenshot(path=screenshots / "link-unknown.png")


def test_guessing_a_passphrase_is_slowed_down(browse, site):
    with site.store() as store:
        made = share(store, run_id=1, passphrase=PASSPHRASE, actor=ADA)
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": site.address}
    tries = [fetch(site, made.path, method="POST", body=b"passphrase=guess", **form)[0] for _ in range(11)]
    assert tries == [401] * 10 + [429]
    page = browse()
    page.goto(site.address + made.path)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Show the results").click()
    page.get_by_text("Too many failed attempts").wait_for(timeout=PATIENCE)


def test_an_officer_signs_off(browse, site, screenshots):
    with site.store() as store:
        expected = result_sha256(store, 1, 1)
    auditor = browse()
    sign_in(auditor, site, "ada", "/runs?run=1")
    auditor.get_by_role("radio", name="Spec and files", exact=True).click()
    settle(auditor)
    choose(auditor, "Officer with an account", "otto")
    auditor.get_by_role("button", name="Share", exact=True).click()
    auditor.get_by_text("Link (shown only once)").wait_for(timeout=PATIENCE)
    settle(auditor)
    auditor.get_by_text("This link opens on this computer only").wait_for(timeout=PATIENCE)
    photograph(auditor, screenshots / "share-made.png", 1280)

    officer = browse()
    sign_in(officer, site, "otto")
    frame = officer.frame_locator("iframe")
    frame.get_by_role("heading", name="Gender privacy of few").wait_for(timeout=PATIENCE)
    assert frame.locator("img").count() == 0
    photograph(officer, screenshots / "officer-report.png", 1280)
    officer.get_by_role("tab", name="Comments and sign-off").click()
    officer.get_by_text("Accepted with conditions", exact=True).click()
    officer.get_by_role("button", name="Send").click()
    officer.get_by_text("Enter the conditions").wait_for(timeout=PATIENCE)
    officer.get_by_label("Comment, conditions or reasons").fill("Only with a policy of 50 %, <b>and</b> until May.")
    officer.get_by_role("button", name="Send").click()
    officer.get_by_text("You are about to sign: accepted with conditions").wait_for(timeout=PATIENCE)
    photograph(officer, screenshots / "officer-confirms.png", 1280)
    officer.get_by_role("button", name="Sign", exact=True).click()
    officer.get_by_text("Only with a policy of 50 %, <b>and</b> until May.").first.wait_for(timeout=PATIENCE)
    # The text stands in the box already while the page is still saving it.
    with site.store() as store:
        assert wait_until(lambda: store.remarks.list(run_id=1))
    photograph(officer, screenshots / "officer-signed.png", 1280)
    with site.store() as store:
        (kept,) = store.remarks.list(run_id=1)
    assert kept.author == "otto"
    assert kept.decision == "conditions"
    assert kept.sha256 == expected
    assert any(expected in detail for _, _, detail in site.lines("signed-off"))

    auditor.goto(site.address + "/runs?run=1")
    auditor.get_by_text("Signed for exactly these results").wait_for(timeout=PATIENCE)
    for scheme, width in LOOKS:
        page = browse(color_scheme=scheme, viewport={"width": width, "height": 900})
        sign_in(page, site, "otto")
        page.frame_locator("iframe").get_by_role("heading", name="Gender privacy of few").wait_for(timeout=PATIENCE)
        photograph(page, screenshots / f"officer-{scheme}-{width}.png", width)
        beyond = page.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))")
        assert beyond <= 0
        page = browse(color_scheme=scheme, viewport={"width": width, "height": 900})
        sign_in(page, site, "ada")
        for path in ("sharing", "account"):
            page.goto(f"{site.address}/{path}")
            settle(page)
            photograph(page, screenshots / f"{path}-{scheme}-{width}.png", width)


def test_an_officer_reaches_nothing_of_an_auditors(browse, site):
    auditor = browse()
    seen = []
    auditor.on("response", lambda r: seen.append(r.url))
    sign_in(auditor, site, "ada", "/runs?run=1")
    auditor.get_by_role("radio", name="Images", exact=True).click()
    settle(auditor)
    auditor.wait_for_timeout(1500)
    auditor.get_by_role("radio", name="Spec and files", exact=True).click()
    with auditor.expect_download() as download:
        auditor.get_by_role("button", name="Download the result as JSON").click()
    pictures = [url.removeprefix(site.address) for url in seen if "/pictures/" in url]
    assert pictures, "the pair must have been shown"
    downloaded = download.value.url.removeprefix(site.address)
    with site.store() as store:
        other = share(store, run_id=1, link=False, officer="olga", actor=ADA)

    officer = browse()
    sign_in(officer, site, "otto")
    cookie, before = cookie_of(officer), len(site.lines("access-refused"))
    asked = ["/runs", "/datasets", "/sharing", downloaded, *pictures[:2], "/_stcore/metrics", "/media/x.png"]
    for path in asked:
        status, body = fetch(site, path, cookie=cookie, X_Facepriv_Key=key_of(officer))
        assert status == 403, path
        assert b"for auditors" in body, path
    own = {"Origin": site.address, "X_Facepriv_Key": key_of(officer)}
    assert fetch(site, "/_stcore/upload_file/a/b", cookie=cookie, method="PUT", body=b"x", **own)[0] == 403
    # One line for each first part of a path; equal ones within a minute are summed up.
    told = len({path.split("/")[1] for path in asked})
    assert len(site.lines("access-refused")) == before + told
    assert fetch(site, f"/shared/{other.share.id}", cookie=cookie)[0] == 403
    # Streamlit's way to empty the caches of everybody.
    assert websocket_of(officer, BackMsg(clear_cache=True).SerializeToString()) == "open"
    # By the navigation inside an open page, too: the page's code does not run.
    officer.evaluate("history.pushState({}, '', '/datasets')")
    officer.evaluate("window.dispatchEvent(new PopStateEvent('popstate'))")
    officer.get_by_text("This page is for auditors").wait_for(timeout=PATIENCE)
    assert officer.get_by_text("Name of the data set").count() == 0
    # Another auditor's browser gets the pictures of the first one's session neither.
    other_auditor = browse()
    sign_in(other_auditor, site, "eve")
    assert fetch(site, pictures[0], cookie=cookie_of(other_auditor))[0] == 404
    assert fetch(site, pictures[0])[0] == 401
    refused = {actor for actor, *_ in site.lines("access-refused")}
    assert refused <= {"otto", "olga", "nobody"}, "pages themselves say nothing that is refused"


def test_forged_requests_are_refused(browse, site):
    page = browse()
    sign_in(page, site, "ada")
    cookie = cookie_of(page)
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert fetch(site, "/logout", cookie=cookie, method="POST", body=b"", **form, **origin)[0] == 403
        assert fetch(site, "/login", method="POST", body=b"name=ada&password=x", **form, **origin)[0] == 403
    assert fetch(site, "/runs", cookie=cookie)[0] == 200, "nobody was signed out"
    for name in ("X-Facepriv-User", "x-facepriv-user", "X_Facepriv_User"):
        assert fetch(site, "/runs", **{name: "ada", "X-Facepriv-Session": "1"})[0] == 401
    # A page elsewhere whose form is sent by itself signs nobody out either.
    foreign = browse()
    foreign.context.add_cookies([{**one} for one in page.context.cookies()])
    foreign.set_content(f'<form id="f" method="post" action="{site.address}/logout"></form>')
    foreign.evaluate("document.getElementById('f').submit()")
    foreign.wait_for_timeout(1500)
    assert fetch(site, "/runs", cookie=cookie)[0] == 200


def websocket_of(page, message: bytes = b"") -> str:
    """Open a WebSocket of a page's own origin, and say something; gives how it went."""
    return page.evaluate(
        """message => new Promise(done => {
            const socket = new WebSocket(location.origin.replace('http', 'ws') + '/_stcore/stream', ['streamlit']);
            socket.onopen = () => {
                if (message.length) socket.send(new Uint8Array(message));
                done('open');
            };
            socket.onclose = event => done('closed ' + event.code);
        })""",
        list(message),
    )


def test_a_websocket_needs_a_session(browse, site):
    stranger = browse()
    stranger.goto(site.address + "/login")
    assert websocket_of(stranger).startswith("closed")
    auditor = browse()
    sign_in(auditor, site, "ada")
    assert websocket_of(auditor) == "open"


def test_two_users_get_their_own_downloads(browse, site):
    pages = {}
    for name, number in (("ada", 1), ("eve", 3)):
        page = browse()
        sign_in(page, site, name, f"/runs?run={number}")
        page.get_by_role("radio", name="Spec and files", exact=True).click()
        page.get_by_role("button", name="Download the report").wait_for(timeout=PATIENCE)
        settle(page)
        pages[name] = (page, number)
    lengths = set()
    with site.store() as store:
        for _ in range(2):
            started = []
            for page, number in pages.values():
                with page.expect_download(timeout=PATIENCE) as download:
                    page.get_by_role("button", name="Download the report").click()
                started.append((download.value, number))
            for download, number in started:
                text = Path(download.path()).read_text(encoding="utf-8")
                lengths.add(len(text))
                assert f"Run {number}: " in text
                assert result_sha256(store, number, None) in text
                assert result_sha256(store, 4 - number, None) not in text
    assert min(lengths) > 1 << 20, "long enough for Streamlit to tell files apart by samples only"
    actors = {actor for actor, _, _ in site.lines("report-made")}
    assert {"ada", "eve"} <= actors


def test_a_session_that_ends_while_a_fragment_streams(browse, site):
    from playwright.sync_api import Error as PlaywrightError

    with site.store() as store:
        number = store.runs.create(store.runs.get(1).spec)
        assert store.jobs.claim("test", only=store.runs.job_id(number)) is not None
        done, stop = [0], threading.Event()

        def work() -> None:
            with site.store() as mine:
                while not stop.is_set():
                    done[0] += 1
                    mine.jobs.heartbeat(mine.runs.job_id(number), "test", "perturbing", done[0], 100_000)
                    stop.wait(0.3)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            page = browse()
            sign_in(page, site, "ada", f"/runs?run={number}")
            page.get_by_text("perturbing: ").wait_for(timeout=PATIENCE)

            def reached() -> list[int]:
                try:
                    texts = page.get_by_text("perturbing: ").all_inner_texts()
                except PlaywrightError:  # the page is just being left for the sign-in
                    return []
                return [int(text.split("perturbing: ")[1].split(" of ")[0].replace(",", "")) for text in texts]

            (first,) = reached()
            page.wait_for_timeout(3000)
            assert reached() > [first], "the fragment streams"
            cookie = cookie_of(page)
            store.sessions.revoke_all(store.users.get("ada").id)
            ended = done[0]
            assert fetch(site, "/runs", cookie=cookie)[0] == 401
            # Nothing that came later is shown, and the page leads to the sign-in by itself.
            heading = page.get_by_role("heading", name="Sign in")
            end = time.monotonic() + PATIENCE / 1000
            while heading.count() == 0:
                assert time.monotonic() < end, "the page stayed as it was"
                assert all(one <= ended + 1 for one in reached())
                page.wait_for_timeout(200)
            assert done[0] > ended + 1, "there was something to show"
        finally:
            stop.set()
            worker.join()
