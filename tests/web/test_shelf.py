"""The shelf: one address for the same bytes, for one holder, for a while, and never too much of it."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError
from facepriv.web.shelf import Shelf, Thing
from tests.waiting import wait_until

FACE, OTHER = Thing(b"face"), Thing(b"other")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shelf(clock):
    return Shelf(most_bytes=20, seconds=60, clock=clock)


def fetch(shelf, path, holder="a"):
    _, kind, token = path.split("/")
    return shelf.get(kind, token, holder)


def test_the_same_bytes_keep_their_path(shelf):
    path = shelf.put(FACE, "a")
    assert path.startswith("/pictures/")
    assert len(path.rpartition("/")[2]) >= 43  # 256 bits, 6 a letter
    assert shelf.put(Thing(b"face"), "a") == path
    assert fetch(shelf, path) == FACE
    assert shelf.size == 4


def test_every_holder_and_use_has_a_path_of_its_own(shelf):
    same = b"face"
    things = [
        (Thing(same), "a"),
        (Thing(same), "b"),
        (Thing(same, "viewers"), "a"),
        (Thing(same, "downloads", "x"), "a"),
    ]
    paths = [shelf.put(*one) for one in things]
    assert len(set(paths)) == 4
    for path, (thing, holder) in zip(paths, things, strict=True):
        assert fetch(shelf, path, holder) == thing


def test_only_the_holder_gets_it_and_only_under_its_kind(shelf):
    path = shelf.put(FACE, "a")
    assert fetch(shelf, path, "b") is None
    assert fetch(shelf, path.replace("pictures", "viewers")) is None
    assert fetch(shelf, "/pictures/unknown") is None
    assert fetch(shelf, path) == FACE


def test_it_goes_some_time_after_it_was_last_put(shelf, clock):
    path = shelf.put(FACE, "a")
    clock.now = 59
    assert fetch(shelf, path) == FACE, "looking does not make it stay longer"
    clock.now = 60
    assert fetch(shelf, path) is None
    assert shelf.size == 0
    again = shelf.put(FACE, "a")
    assert again != path
    clock.now = 100
    assert shelf.put(FACE, "a") == again
    clock.now = 159
    assert fetch(shelf, again) == FACE


def test_it_goes_even_if_nobody_comes_again():
    shelf = Shelf(seconds=0.05)
    shelf.put(FACE, "a")
    assert wait_until(lambda: not shelf._places, 5)
    shelf.put(OTHER, "a")
    assert wait_until(lambda: not shelf._places, 5), "and the next one too"


def test_what_was_unused_for_longest_makes_room(shelf):
    first, second = (shelf.put(Thing(bytes([i]) * 8), "a") for i in (1, 2))
    assert fetch(shelf, first) is not None
    third = shelf.put(Thing(b"3" * 8), "a")
    assert [fetch(shelf, path) is not None for path in (first, second, third)] == [True, False, True]
    assert shelf.size == 16
    shelf.put(Thing(b"4" * 20), "b")
    assert shelf.size == 20
    assert fetch(shelf, third) is None


def test_what_has_no_room_at_all_is_refused_and_the_rest_kept(shelf):
    path = shelf.put(FACE, "a")
    with pytest.raises(BadInputError, match="can be shown at once") as caught:
        shelf.put(Thing(b"x" * 21), "a")
    assert caught.value.code == "picture-too-large"
    assert fetch(shelf, path) == FACE


def test_forgetting_leaves_nothing(shelf):
    paths = [shelf.put(FACE, "a"), shelf.put(OTHER, "b")]
    shelf.forget()
    assert shelf.size == 0
    assert [fetch(shelf, path, holder) for path, holder in zip(paths, "ab", strict=True)] == [None, None]
    assert shelf.put(FACE, "a") not in paths
