"""Who gets what from the shelf, through a real Starlette application spoken to in ASGI."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from facepriv.imaging.decode import encode_png
from facepriv.web.headers import SecurityHeaders
from facepriv.web.identity import LOCAL, Identity, prove
from facepriv.web.pictures import shelf_routes
from facepriv.web.shelf import Shelf, Thing

PNG = encode_png(np.full((2, 3, 3), 7, dtype=np.uint8))
ANNA = Identity("anna", "auditor", 1)
KINDS = ["pictures", "viewers", "downloads"]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def get(shelf):
    app = Starlette(routes=shelf_routes(shelf), middleware=[Middleware(SecurityHeaders)])

    def ask(path, identity, method="GET"):
        """Give status, headers and body."""
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"x-facepriv-identity", b"auditor")],
            "server": ("localhost", 80),
            "client": ("localhost", 1),
        }
        if identity is not None:
            prove(scope, identity)
        asyncio.run(app(scope, receive, send))
        start, *rest = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, b"".join(part.get("body", b"") for part in rest)

    return ask


@pytest.mark.parametrize("holder", [ANNA, LOCAL])
def test_the_holder_gets_the_very_bytes_and_nobody_keeps_them(shelf, get, holder):
    status, headers, body = get(shelf.put(Thing(PNG), holder.holder), holder)
    assert (status, body) == (200, PNG)
    assert headers["content-type"] == "image/png"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "who",
    [
        None,
        LOCAL,
        Identity("berta", "auditor", 2),
        Identity("anna", "auditor", 3),
        Identity("anna", "officer", 1),
    ],
    ids=["nobody", "without login", "another user", "another session", "an officer"],
)
def test_everybody_else_learns_not_even_that_it_is_there(shelf, get, kind, who):
    path = shelf.put(Thing(PNG, kind, "x.html"), ANNA.holder)
    refused = get(path, who)
    assert refused[0] == 404
    assert refused[1]["cache-control"] == "no-store"
    assert refused == get(f"/{kind}/{'A' * 43}", ANNA)
    assert get(path, ANNA)[0] == 200


def test_what_was_forgotten_is_as_if_it_had_never_been(shelf, get):
    path = shelf.put(Thing(PNG), ANNA.holder)
    shelf.forget()
    assert get(path, ANNA) == get("/pictures/unknown", ANNA)


@pytest.mark.parametrize("path", ["/pictures/", "/pictures/../pictures/x", "/pictures/x/y", "/other/x"])
def test_odd_paths(get, path):
    assert get(path, ANNA)[0] == 404


def test_pictures_are_only_read(shelf, get):
    assert get(shelf.put(Thing(PNG), ANNA.holder), ANNA, "POST")[0] == 405


def test_only_viewers_may_be_framed_and_only_by_own_pages(shelf, get):
    policies = {}
    for kind in KINDS:
        _, headers, _ = get(shelf.put(Thing(b"<p>x", kind, "x.html"), ANNA.holder), ANNA)
        policies[kind] = headers["content-security-policy"].split("; ")
    assert "frame-ancestors 'self'" in policies["viewers"]
    assert "frame-ancestors 'none'" in policies["pictures"]
    assert "frame-ancestors 'none'" in policies["downloads"]
    assert {tuple(p[:-1]) for p in policies.values()} == {tuple(policies["pictures"][:-1])}, "and nothing else differs"


def test_a_download_is_saved_under_its_name(shelf, get):
    _, headers, body = get(shelf.put(Thing(b"<p>x", "downloads", "report-1.html"), ANNA.holder), ANNA)
    assert headers["content-disposition"] == 'attachment; filename="report-1.html"'
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert body == b"<p>x"
