"""Who gets what from the cache, through a real Starlette application spoken to in ASGI."""

from __future__ import annotations

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from facepriv.config import Settings
from facepriv.imaging.png import encode_png
from facepriv.web.access import Access
from facepriv.web.blobs import Blob, BlobCache, blob_routes
from facepriv.web.headers import SecurityHeaders
from facepriv.web.identity import KEY, LOCAL, Identity
from tests.web.asgi import ask

PNG = encode_png(np.full((2, 3, 3), 7, dtype=np.uint8))
ANNA = Identity("anna", "auditor", 1)
KINDS = ["pictures", "viewers", "downloads"]


@pytest.fixture
def blob_cache():
    return BlobCache()


@pytest.fixture
def get(blob_cache):
    app = Starlette(routes=blob_routes(blob_cache), middleware=[Middleware(SecurityHeaders)])

    def known(identity):
        async def proven(scope, receive, send):
            if identity is not None:
                scope[KEY] = identity
            await app(scope, receive, send)

        return proven

    def go(path, identity, method="GET"):
        return ask(known(identity), path, ("x-facepriv-user", "anna"), method=method)

    return go


@pytest.mark.parametrize("holder", [ANNA, LOCAL])
def test_the_holder_gets_the_very_bytes_and_nobody_keeps_them(blob_cache, get, holder):
    answer = get(blob_cache.save(Blob(PNG), holder.holder), holder)
    headers = answer.headers
    assert answer.status == 200
    assert answer.body == PNG
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
def test_everybody_else_learns_not_even_that_it_is_there(blob_cache, get, kind, who):
    path = blob_cache.save(Blob(PNG, kind, "x.html"), ANNA.holder)
    refused = get(path, who)
    assert refused.status == 404
    assert refused.headers["cache-control"] == "no-store"
    assert refused == get(f"/{kind}/{'A' * 43}", ANNA)
    assert get(path, ANNA).status == 200


def test_what_was_forgotten_is_as_if_it_had_never_been(blob_cache, get):
    path = blob_cache.save(Blob(PNG), ANNA.holder)
    blob_cache.clear()
    assert get(path, ANNA) == get("/pictures/unknown", ANNA)


@pytest.mark.parametrize("path", ["/pictures/", "/pictures/../pictures/x", "/pictures/x/y", "/other/x"])
def test_odd_paths(get, path):
    assert get(path, ANNA).status == 404


def test_pictures_are_only_read(blob_cache, get):
    assert get(blob_cache.save(Blob(PNG), ANNA.holder), ANNA, "POST").status == 405


def test_only_viewers_may_be_framed_and_only_by_own_pages(blob_cache, get):
    policies = {}
    for kind in KINDS:
        answer = get(blob_cache.save(Blob(b"<p>x", kind, "x.html"), ANNA.holder), ANNA)
        policies[kind] = answer.headers["content-security-policy"].split("; ")
    assert "frame-ancestors 'self'" in policies["viewers"]
    assert "frame-ancestors 'none'" in policies["pictures"]
    assert "frame-ancestors 'none'" in policies["downloads"]
    assert {tuple(p[:-1]) for p in policies.values()} == {tuple(policies["pictures"][:-1])}, "and nothing else differs"


def test_a_download_is_saved_under_its_name(blob_cache, get):
    answer = get(blob_cache.save(Blob(b"<p>x", "downloads", "report-1.html"), ANNA.holder), ANNA)
    assert answer.headers["content-disposition"] == 'attachment; filename="report-1.html"'
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body == b"<p>x"


def test_behind_the_login_a_face_is_for_the_session_that_it_was_put_for(store, sign_in, blob_cache):
    ada, otto = sign_in("ada"), sign_in("otto")
    access = Access(Starlette(routes=blob_routes(blob_cache)), lambda: store, Settings(), of_pages=bool)
    first = store.sessions.holder(ada[1].partition("=")[2])
    path = blob_cache.save(Blob(PNG), Identity(first.user, first.role, first.id).holder)
    assert ask(access, path, ada).body == PNG
    assert ask(access, path, sign_in("ada")).status == 404, "another session of hers"
    assert ask(access, path, otto).status == 403
    assert ask(access, path).status == 401
    store.sessions.revoke(first.id)
    assert ask(access, path, ada).status == 401
