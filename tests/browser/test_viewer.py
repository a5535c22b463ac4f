"""The pair viewer in a real browser, under the dashboard's own headers: what one does is what one sees."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import PIL.Image
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from facepriv.config import Settings
from facepriv.imaging.png import encode_png
from facepriv.web.access import Access
from facepriv.web.blobs import Blob, BlobCache, blob_routes
from facepriv.web.headers import SecurityHeaders
from facepriv.web.identity import LOCAL
from facepriv.web.own_pages import OwnPagesOnly
from facepriv.web.pages import assets
from facepriv.web.viewer import PairView, ViewerImage, viewer_page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]

RED, BLUE, GREY, WHITE = (180, 0, 0), (0, 0, 180), (128, 128, 128), (255, 255, 255)
YELLOW = (240, 228, 66)
"""Of the mesh."""
SIDE = 400
SPOTS = {"left": (0.25, 0.25), "right": (0.75, 0.25)}
"""White squares in either picture, as shares of its sides."""


def plain_picture(colour):
    pixels = np.full((SIDE, SIDE, 3), colour, dtype=np.uint8)
    for x, y in SPOTS.values():
        row, column = round(y * SIDE), round(x * SIDE)
        pixels[row - 10 : row + 10, column - 10 : column + 10] = WHITE
    return encode_png(pixels)


@pytest.fixture(scope="module")
def site():
    """A server with nothing but the shelf and own files; gives its shelf and address."""
    blob_cache = BlobCache()
    app = Starlette(
        routes=[assets, *blob_routes(blob_cache)],
        middleware=[
            Middleware(OwnPagesOnly, ""),
            Middleware(SecurityHeaders),
            Middleware(Access, lambda: None, Settings(login=False), of_pages=bool),
        ],
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield blob_cache, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def address(site):
    """Where the page of a pair is, before red and after blue."""
    blob_cache, base = site

    def shown(colour, name):
        return ViewerImage(blob_cache.save(Blob(plain_picture(colour)), LOCAL.holder), name, f"{name}: a face")

    view = PairView(
        title="Before and after: a face",
        width=SIDE,
        height=SIDE,
        before=shown(RED, "Before"),
        after=shown(BLUE, "After, as stored"),
        difference=shown(GREY, "Difference, 8 times amplified"),
        difference_note="Grey means no change",
        candidate=shown((0, 120, 0), "Candidate blended in: other.jpg"),
        mesh=[((0.0, 250.0), (399.0, 250.0))],
    )
    return base + blob_cache.save(Blob(viewer_page(view), "viewers"), LOCAL.holder)


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address)
    page.wait_for_function("document.images.length === 4 && [...document.images].every((i) => i.naturalWidth)")
    yield page
    context.close()
    assert page.complaints == [], "nothing is against the security policy and nothing fails"


def colours(page, *places):
    """Give what is seen at places of the stage, as shares of its sides."""
    with PIL.Image.open(io.BytesIO(page.locator("#stage").screenshot())) as shot:
        return [shot.convert("RGB").getpixel((round(x * shot.width), round(y * shot.height))) for x, y in places]


def colour(page, x, y):
    return colours(page, (x, y))[0]


def value(page, name):
    return page.evaluate(f"document.getElementById('stage').style.getPropertyValue('--{name}')")


def test_the_line_is_moved_by_keys_alone(page):
    assert colours(page, (0.4, 0.6), (0.6, 0.6)) == [RED, BLUE]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "stage"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert value(page, "split") == "70%"
    assert page.evaluate("getComputedStyle(document.getElementById('after-side')).clipPath") == "inset(0px 0px 0px 70%)"
    assert colour(page, 0.6, 0.6) == RED
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "split"
    page.keyboard.press("Home")
    assert colour(page, 0.1, 0.6) == BLUE
    assert page.locator("#split").get_attribute("aria-valuetext").startswith("0 %")
    page.keyboard.press("End")
    assert colour(page, 0.9, 0.6) == RED
    page.keyboard.press("0")
    assert value(page, "split") == "50%"


def test_both_sides_are_zoomed_and_moved_alike(page):
    for x, y in SPOTS.values():
        assert colour(page, x, y) == WHITE
    page.keyboard.press("+")
    page.locator("#larger").click()
    assert page.locator("#zoom").inner_text() == "225 %"
    page.keyboard.press("-")
    assert page.locator("#zoom").inner_text() == "150 %"
    for x, y in SPOTS.values():
        assert colour(page, 0.5 + 1.5 * (x - 0.5), 0.5 + 1.5 * (y - 0.5)) == WHITE
        assert colour(page, x, y) != WHITE
    page.locator("#stage").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    for x, y in SPOTS.values():
        assert colour(page, 0.6 + 1.5 * (x - 0.5), 0.6 + 1.5 * (y - 0.5)) == WHITE
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    assert value(page, "x") == "0px", "the picture is not moved out of sight"
    page.locator("#reset").click()
    assert value(page, "zoom") == "1"
    assert page.locator("#zoom").inner_text() == "100 %"
    assert page.locator("#smaller").is_disabled()


def test_mouse_and_wheel(page):
    box = page.locator("#stage").bounding_box()

    def drag(start, end):
        page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
        page.mouse.up()

    drag((0.5, 0.5), (0.8, 0.5))
    assert value(page, "split") == "80%"
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.wheel(0, -60)
    assert value(page, "zoom") == "1", "without Ctrl the page scrolls"
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    page.wait_for_function("document.getElementById('stage').style.getPropertyValue('--zoom') > 4")
    assert colour(page, 0.25, 0.25) == WHITE, "what is under the pointer stays there"
    before = value(page, "x")
    drag((0.3, 0.5), (0.2, 0.5))
    assert float(value(page, "x")[:-2]) == pytest.approx(float(before[:-2]) - 0.1 * box["width"], abs=2)
    assert value(page, "split") == "80%"
    drag((0.8, 0.5), (0.6, 0.5))
    assert value(page, "split") == "60%", "the line can be taken when zoomed too"


def test_two_fingers_zoom(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#stage").bounding_box()
    touch = context.new_cdp_session(page)

    def fingers(kind, *places):
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": i}
            for i, (x, y) in enumerate(places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (0.4, 0.5), (0.6, 0.5))
    fingers("touchMove", (0.3, 0.5), (0.7, 0.5))
    fingers("touchMove", (0.2, 0.5), (0.8, 0.5))
    fingers("touchEnd")
    page.wait_for_function("document.getElementById('stage').style.getPropertyValue('--zoom') > 2.5")
    assert value(page, "split") == "50%"
    page.locator("#reset").tap()
    fingers("touchStart", (0.5, 0.5))
    fingers("touchMove", (0.4, 0.5))
    fingers("touchMove", (0.3, 0.5))
    fingers("touchEnd")
    page.wait_for_function("document.getElementById('stage').style.getPropertyValue('--split') === '30%'")
    context.close()


def test_mesh_and_difference_are_shown_on_demand_and_stay_for_the_next_image(page):
    edge = [(x, (250.5 + off) / SIDE) for x in (0.25, 0.75) for off in (-1, -0.5, 0, 0.5, 1)]
    assert YELLOW not in colours(page, *edge)
    page.get_by_label("Triangle mesh").check()
    seen = colours(page, *edge)
    assert YELLOW in seen[:5], "over the left side"
    assert YELLOW in seen[5:], "and over the right one"
    page.get_by_label("Difference, 8 times amplified").focus()
    page.keyboard.press("Space")
    assert colours(page, (0.4, 0.8), (0.6, 0.8)) == [RED, GREY]
    assert page.locator("#right-tag").inner_text() == "Difference, 8 times amplified"
    assert page.locator("#after").is_hidden()
    assert page.locator("#difference-note").is_visible()
    page.reload()
    page.wait_for_function("[...document.images].every((i) => i.naturalWidth)")
    assert page.get_by_label("Triangle mesh").is_checked()
    assert colour(page, 0.6, 0.8) == GREY
    page.keyboard.press("0")
    assert not page.get_by_label("Triangle mesh").is_checked()
    assert colour(page, 0.6, 0.8) == BLUE


@pytest.mark.slow
def test_a_picture_that_is_gone_is_told(chromium, site, address):
    blob_cache, _ = site
    path = address.rpartition("/")[2]
    document = blob_cache.get("viewers", path, LOCAL.holder)
    blob_cache.clear()
    page = chromium.new_page()
    page.goto(site[1] + blob_cache.save(document, LOCAL.holder))
    page.get_by_text("has expired").wait_for(timeout=10_000)
    page.close()
