"""Releases on offer: for one holder, for a while, made while they are sent."""

from __future__ import annotations

import io
import zipfile

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from facepriv.services.releases.release import plan_release
from facepriv.types import Actor
from facepriv.web.identity import KEY, Identity
from facepriv.web.releases import Offers, release_routes
from tests.finished_run import Finished

pytestmark = pytest.mark.xdist_group("finished-run")
ADA = Actor("ada", "dashboard")
SESSIONS = {"ada": 1, "eve": 2, "otto": 3}


class Signed:
    """Middleware that signs in whoever the header names."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        name = dict(scope.get("headers", ())).get(b"who", b"").decode()
        if name:
            role = "officer" if name == "otto" else "auditor"
            scope[KEY] = Identity(user=name, role=role, session=SESSIONS[name])
        await self.app(scope, receive, send)


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def offers(now):
    return Offers(seconds=60, clock=lambda: now[0])


@pytest.fixture
def client(finished: Finished, offers):
    routes = release_routes(lambda: finished.store, offers)
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Signed)]))


@pytest.fixture
def path(finished: Finished, offers):
    planned = plan_release(finished.store, {finished.run.id: 0.5}, select_by="image")
    holder = Identity(user="ada", role="auditor", session=SESSIONS["ada"]).holder
    return offers.add(planned, verdict="Not attacked yet.", actor=ADA, holder=holder, file_name="a.zip")


def test_its_holder_gets_the_archive_and_the_release_is_kept(finished, client, path):
    before = len(finished.store.releases.list())
    answer = client.get(path, headers={"who": "ada"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="a.zip"'
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == 7
    newest, *others = finished.store.releases.list()
    assert len(others) == before
    assert newest.verdict == "Not attacked yet."
    assert newest.released_by == "ada"


@pytest.mark.parametrize("who", ["", "eve", "otto"])
def test_nobody_else_gets_anything(finished, client, path, who):
    before = finished.store.releases.list()
    answer = client.get(path, headers={"who": who} if who else {})
    assert (answer.status_code, answer.text) == (404, "There is nothing here.")
    assert finished.store.releases.list() == before


def test_old_and_withdrawn_offers_are_nothing(client, path, offers, now):
    now[0] = 61.0
    assert client.get(path, headers={"who": "ada"}).status_code == 404
    now[0] = 0.0
    offers.clear()
    assert client.get(path, headers={"who": "ada"}).status_code == 404


def test_head_releases_nothing(finished, client, path):
    before = finished.store.releases.list()
    answer = client.head(path, headers={"who": "ada"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert finished.store.releases.list() == before
