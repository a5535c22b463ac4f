"""Every page under axe-core, light and dark, with data and without: nothing serious that is ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepriv.services.accounts.users import add_user
from facepriv.services.sharing.shares import share
from facepriv.services.sharing.signing_off import remark
from facepriv.store import open_store
from tests.actors import ADA, TEST
from tests.browser.conftest import ROOT, serving
from tests.browser.test_journey import settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "a password for tests"
SERIOUS = ("serious", "critical")
PAGES = [
    "/",
    "/data-set",
    "/datasets",
    "/audit",
    "/templates",
    "/protect",
    "/perturb",
    "/policy",
    "/runs",
    "/sharing",
    "/models",
    "/access",
    "/help",
]
DATASET_PARTS = ["Quality", "Data sheet", "Releases", "Left out and noted", "Delete"]
RUN_PARTS = ["Gender", "Flips", "Matching", "Effort and quality", "Images", "Failures", "Spec and files"]
THEIRS = {
    # The word NULL in a JSON viewer on a light page: its colours are written into the elements.
    ("color-contrast", "[data-testid=stJson] *"),
}
"""Rules that Streamlit's own markup breaks where a page cannot mend it, each with the selector of the element."""


@pytest.fixture(scope="module")
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python", reason="the package axe-playwright-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory):
    home = tmp_path_factory.mktemp("empty") / "home"
    with serving(ROOT / "app.py", home, FACEPRIV_AUTO_WORKER="false") as address:
        yield address


@pytest.fixture(scope="module")
def guarded_site(filled):
    """The same behind a login, with an officer with whom a run is shared; gives the address and the path of a link."""
    with open_store(filled) as store:
        for name, role in (("ada", "auditor"), ("otto", "officer")):
            add_user(store, name, role, password=PASSWORD, actor=TEST)
        shared = share(store, run_id=1, officer="otto", passphrase=PASSWORD, faces=2, actor=ADA)
        remark(store, shared.share.id, "As it is.", decision="accepted", officer="otto")
    with serving(ROOT / "app.py", filled.home, login=True, FACEPRIV_AUTO_WORKER="false") as address:
        yield address, shared.path


def faults(page, axe: str) -> list[str]:
    """Give what is serious on a page as it stands and not Streamlit's own: rule, element, and what is wrong with it."""
    page.mouse.move(0, 0)
    for frame in page.frames:  # what is framed is looked at, too
        frame.evaluate(axe)  # as the developer's tools do: the page's own policy lets no script in
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe-core must have looked at something"
    return [
        f"{page.url} {violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
        if not any(
            violation["id"] == rule and page.locator(node["target"][0]).and_(page.locator(selector)).count()
            for rule, selector in THEIRS
        )
    ]


def open_all(page) -> None:
    """Open every expander, those inside others too."""
    closed = page.locator("[data-testid=stMain] details:not([open]) > summary")
    while closed.count():
        closed.first.click()
        page.wait_for_timeout(200)
    settle(page)


@pytest.fixture(params=["light", "dark"])
def page(request, chromium):
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def test_empty_pages(page, axe, empty_site):
    found = []
    for path in PAGES:
        page.goto(empty_site + path)
        settle(page)
        found += faults(page, axe)
    assert not found, "\n".join(found)


def test_pages_with_data(page, axe, filled_site):
    found = []
    runs = ["/runs?run=1&run=2", "/runs?pick=1&pick=2", "/runs?view=Figure", "/runs?view=Deleted"]
    audits = ["/audit?audit=1", "/audit?audit=2", "/audit?audit=1&audit=2"]
    for path in [*PAGES, *runs, *audits, "/policy?run=1", "/protect?study=1"]:
        page.goto(filled_site + path)
        settle(page)
        open_all(page)
        found += faults(page, axe)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("path", "parts"), [("/datasets", DATASET_PARTS), ("/runs?run=1", RUN_PARTS)])
def test_every_part_of_a_data_set_and_of_a_run(page, axe, filled_site, path, parts):
    found = []
    page.goto(filled_site + path)
    for part in parts:
        page.get_by_role("radio", name=part, exact=True).click()
        settle(page)
        found += faults(page, axe)
    assert not found, "\n".join(found)


def sign_in(page, address: str, name: str) -> None:
    page.goto(address + "/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    settle(page)


def test_signing_in_and_what_was_shared(page, axe, guarded_site):
    address, link = guarded_site
    found = []
    for path in ("/login", "/logout", "/share/none"):
        page.goto(address + path)
        found += faults(page, axe)
    page.goto(address + link)
    page.get_by_label("Passphrase").fill("wrong")
    page.get_by_role("button", name="Show the results").click()
    page.get_by_role("alert").wait_for()
    found += faults(page, axe)
    page.get_by_label("Passphrase").fill(PASSWORD)
    page.get_by_role("button", name="Show the results").click()
    page.wait_for_selector(".main-svg")
    found += faults(page, axe)
    sign_in(page, address, "otto")
    page.frame_locator("iframe").locator(".main-svg").first.wait_for()
    found += faults(page, axe)
    page.get_by_role("tab", name="Comments and sign-off").click()
    settle(page)
    found += faults(page, axe)
    for path in ("/account", "/help"):
        page.goto(address + path)
        settle(page)
        found += faults(page, axe)
    page.goto(address + "/runs")
    found += faults(page, axe)
    page.context.clear_cookies()
    sign_in(page, address, "ada")
    for path in ("/sharing", "/runs?run=1", "/account"):
        page.goto(address + path)
        settle(page)
        found += faults(page, axe)
    assert not found, "\n".join(found)


def test_something_serious_is_found(page, axe, empty_site):
    """That the checks above can fail."""
    page.goto(empty_site)
    settle(page)
    page.evaluate("document.querySelector('[data-testid=stMain] h1').style.color = '#ccc'")
    page.evaluate("document.querySelector('[data-testid=stMain] h1').style.background = '#ddd'")
    page.evaluate("document.querySelector('[data-testid=stMain]').append(document.createElement('button'))")
    assert any("button-name" in one for one in faults(page, axe))
