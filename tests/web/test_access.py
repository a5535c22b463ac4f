"""Nobody gets past the middleware unknown, officers get no further than officers may, and refusals are counted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.datastructures import Headers

from facepriv.config import Settings
from facepriv.store import Store
from facepriv.web.access import NAMES, REVOKED, Access, may_have
from facepriv.web.identity import LOCAL, get_identity
from tests.web.asgi import ask, converse

OPEN_TO_ALL = Settings(login=False)
SPOOFED = [("X-Facepriv-User", "ada"), ("x-facepriv-session", "1"), ("X-FACEPRIV-USER", "mallory")]


class Behind:
    """What the middleware guards: it notes who comes, and echoes what is said to it."""

    def __init__(self) -> None:
        self.came = []

    async def __call__(self, scope, receive, send):
        headers = Headers(scope=scope)
        self.came.append((get_identity(scope), headers.getlist("x-facepriv-user"), headers.get("x-facepriv-session")))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"secret"})
            return
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["bytes"].decode()})


def is_page_message(message: bytes) -> bool:
    return not message.startswith(b"clear")


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def guarded(behind, store: Store) -> Access:
    return Access(behind, lambda: store, Settings(), of_pages=is_page_message)


def refusals(store: Store) -> list[tuple[str, str, str]]:
    lines = store.access.list(action="access-refused")
    return [(line.actor, line.subject, line.detail) for line in reversed(lines)]


PRIVATE = ["/", "/runs", "/media/abc.png", "/pictures/x", "/_stcore/metrics", "/_stcore/upload_file/1/2", "/shared/1"]
OPEN = ["/login", "/logout", "/session", "/share/abc", "/assets/site.css", "/static/js/index.js", "/_stcore/health"]
ODD = ["/media/../login", "//login", "/LOGIN", "/_stcore/health/x", "/x/_stcore/health", "/share", "/login\n"]


@pytest.mark.parametrize("cookie", [None, "facepriv_session=forged", "facepriv_session=", "_streamlit_user=x"])
def test_strangers_get_nothing(guarded, behind, cookie):
    headers = [*SPOOFED, *([] if cookie is None else [("cookie", cookie)])]
    for path in PRIVATE + ODD:
        answer = ask(guarded, path, *headers)
        assert answer.status == 401, path
        assert b"secret" not in answer.body
        (closed,) = converse(guarded, path, *headers, steps=["hello"])
        assert closed["type"] == "websocket.close", path
        assert closed["code"] == REVOKED, path
    assert behind.came == []


def test_the_way_in_is_open_and_names_nobody(guarded, behind):
    for path in OPEN:
        assert ask(guarded, path, *SPOOFED).status == 200, path
    assert behind.came == [(None, [], None)] * len(OPEN)


def test_a_person_is_led_to_the_sign_in_and_back(guarded):
    answer = ask(guarded, "/runs", ("accept", "text/html,*/*"), query="run=3&run=4")
    assert answer.status == 303
    assert answer.headers["location"] == "/login?next=/runs%3Frun%3D3%26run%3D4"


def test_who_is_signed_in_comes_under_their_own_name(guarded, behind, sign_in, store):
    assert ask(guarded, "/runs", sign_in("ada"), *SPOOFED).status == 200
    ((identity, names, session),) = behind.came
    assert identity.user == "ada"
    assert identity.role == "auditor"
    assert names == ["ada"]
    assert session == str(identity.session) == str(store.sessions.of_user("ada")[0].id)


@pytest.mark.parametrize("path", ["/", "/shared", "/help", "/account", "/shared/7", "/_stcore/stream", *OPEN])
def test_what_officers_have(path):
    assert may_have("officer", path)


@pytest.mark.parametrize("path", ["/users", "/users/_stcore/health"])
def test_only_admins_have_the_page_that_manages_users(guarded, behind, page_of, store, path):
    assert may_have("admin", path)
    for name, whom in (("ada", b"for admins"), ("otto", b"for auditors")):
        answer = ask(guarded, path, *page_of(name))
        assert answer.status == 403
        assert whom in answer.body
        assert store.access.list(limit=1)[0].subject == "/users"
    assert behind.came == []
    store.users.set_role(store.users.get("ada").id, "admin")
    assert ask(guarded, path, *page_of("ada")).status == 200


@pytest.mark.parametrize("path", ["/runs", "/media/abc.png", "/pictures/x", "/_stcore/upload_file/1/2", "/access"])
def test_an_admin_has_what_auditors_have(path):
    assert may_have("admin", path)
    assert may_have("auditor", path)


NOT_OFFICERS = [
    *(
        "/runs",
        "/data-set",
        "/datasets",
        "/media/abc.png",
        "/pictures/x",
        "/_stcore/upload_file/1/2",
        "/_stcore/metrics",
    ),
    *("/shared/7/x", "/shared/x", "/component/x", "/sharing", "/_stcore/agent/openapi.json", "/account/x"),
]


def test_what_officers_do_not_have(guarded, behind, page_of, store):
    cookie = page_of("otto")
    for path in NOT_OFFICERS:
        assert not may_have("officer", path), path
        answer = ask(guarded, path, *cookie)
        assert answer.status == 403, path
        assert b"for auditors" in answer.body
    assert behind.came == []
    names = dict.fromkeys("/" + path.split("/")[1] for path in NOT_OFFICERS)
    assert refusals(store) == [("otto", name, "") for name in names], "equal ones are summed up"


def test_the_log_cannot_be_filled_and_holds_no_name_that_the_server_does_not_know(guarded, sign_in, store):
    cookie = sign_in("otto")
    for number in range(30):
        assert ask(guarded, f"/name-{number}", cookie).status == 403
        assert ask(guarded, "/runs", cookie).status == 403
        assert ask(guarded, f"/name-{number}").status == 401
    assert refusals(store) == [("otto", "another path", ""), ("otto", "/runs", ""), ("nobody", "", "")]
    store.access.sum_up()
    assert refusals(store)[3:] == [
        ("otto", "another path", "29 times"),
        ("otto", "/runs", "29 times"),
        ("nobody", "", "29 times"),
    ]


def test_the_log_knows_the_names_of_all_pages():
    pages = {file.stem.replace("_", "-") for file in (Path(__file__).parents[2] / "pages").glob("*.py")} - {"router"}
    assert pages <= NAMES


@pytest.mark.parametrize(
    "end",
    [
        lambda store, user: store.sessions.revoke_all(user.id),
        lambda store, user: store.users.set_disabled(user.id, True),
        lambda store, user: store.users.set_role(user.id, "officer"),
    ],
    ids=["revoked", "disabled", "another role"],
)
def test_a_websocket_ends_with_what_allowed_it(guarded, page_of, store, end):
    steps = ["one", lambda: end(store, store.users.get("ada")), "two", "three"]
    came = converse(guarded, "/_stcore/stream", *page_of("ada"), steps=steps)
    assert [one.get("text") for one in came if one["type"] == "websocket.send"] == ["one"]
    assert came[-1]["type"] == "websocket.close"
    assert came[-1]["code"] == REVOKED


def test_what_no_page_says_is_dropped_and_counted(guarded, behind, page_of, store):
    steps = ["one", "clear caches", "clear caches", "two"]
    came = converse(guarded, "/_stcore/stream", *page_of("otto"), steps=steps)
    assert [one.get("text") for one in came if one["type"] == "websocket.send"] == ["one", "two"]
    assert refusals(store) == [("otto", "/_stcore", "")]
    open_to_all = Access(behind, lambda: store, OPEN_TO_ALL, of_pages=is_page_message)
    came = converse(open_to_all, "/_stcore/stream", steps=steps)
    assert [one.get("text") for one in came if one["type"] == "websocket.send"] == ["one", "two"]
    assert refusals(store)[1:] == [(LOCAL.user, "/_stcore", "")]


def test_an_ended_session_gets_nothing(guarded, sign_in, store):
    cookie = sign_in("ada")
    assert ask(guarded, "/runs", cookie).status == 200
    store.sessions.revoke_all(store.users.get("ada").id)
    assert ask(guarded, "/runs", cookie).status == 401


def test_asking_whether_a_session_lives_is_no_use_of_it(guarded, sign_in, page_of, store, monkeypatch):
    noted = []
    pages, other_server = page_of("ada"), sign_in("ada")
    monkeypatch.setattr(store.sessions, "holder", lambda token, note=True: noted.append(note))
    for path in ("/session", "/runs"):
        ask(guarded, path, *pages)
        ask(guarded, path, other_server)
    assert noted == [False, False, True, False]


def test_strangers_are_summed_up_without_what_they_asked_for(guarded, store, monkeypatch):
    moments = iter([0.0, 1.0, 59.0, 60.0, 61.0, 200.0])
    monkeypatch.setattr("facepriv.store.access.time", SimpleNamespace(monotonic=lambda: next(moments)))
    for number in range(6):
        ask(guarded, f"/pictures-{number}/some-token")
    assert refusals(store) == [("nobody", "", ""), ("nobody", "", "3 times"), ("nobody", "", "2 times")]


def test_what_an_officer_asked_for_is_not_copied(guarded, sign_in, store):
    ask(guarded, "/\x1b]0;x\x07\nline/token", sign_in("otto"))
    assert refusals(store) == [("otto", "another path", "")]


def test_behind_tls_only_the_cookie_of_tls_counts(behind, store, sign_in):
    guarded = Access(behind, lambda: store, Settings(public_url="https://faces.example.org"), of_pages=is_page_message)
    name, cookie = sign_in("ada")
    assert ask(guarded, "/runs", (name, cookie)).status == 401
    assert ask(guarded, "/runs", (name, f"__Host-{cookie}")).status == 200


def test_without_login_other_machines_get_nothing(behind, store, monkeypatch):
    guarded = Access(behind, lambda: store, OPEN_TO_ALL, of_pages=is_page_message)
    monkeypatch.setattr("tests.web.asgi.CLIENT", ("192.0.2.1", 50000))
    assert ask(guarded, "/runs").status == 403
    (closed,) = converse(guarded, "/_stcore/stream")
    assert closed["type"] == "websocket.close"
    assert behind.came == []


def test_a_strangers_websocket_is_refused_where_pages_are_open(guarded, behind):
    for path in OPEN:
        (closed,) = converse(guarded, path, steps=["hello"])
        assert closed["type"] == "websocket.close", path
        assert closed["code"] == REVOKED, path
    assert behind.came == []


def test_without_login_everybody_is_local_whatever_they_say(behind, store):
    assert ask(Access(behind, lambda: store, OPEN_TO_ALL, of_pages=is_page_message), "/runs", *SPOOFED).status == 200
    assert behind.came == [(LOCAL, ["local"], "")]
