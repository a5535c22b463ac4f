"""The cache: one address for the same bytes, for one holder, for a while, and never too much of it."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError
from facepriv.web.blobs import Blob, BlobCache
from tests.waiting import wait_until

FACE, OTHER = Blob(b"face"), Blob(b"other")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def blob_cache(clock):
    return BlobCache(most_bytes=20, seconds=60, clock=clock)


def fetch(blob_cache, path, holder="a"):
    _, kind, token = path.split("/")
    return blob_cache.get(kind, token, holder)


def size(blob_cache):
    return sum(len(entry.blob.content) for entry in blob_cache._entries.values())


def test_the_same_bytes_keep_their_path(blob_cache):
    path = blob_cache.save(FACE, "a")
    assert path.startswith("/pictures/")
    assert len(path.rpartition("/")[2]) >= 43  # 256 bits, 6 a letter
    assert blob_cache.save(Blob(b"face"), "a") == path
    assert fetch(blob_cache, path) == FACE
    assert size(blob_cache) == 4


def test_every_holder_and_use_has_a_path_of_its_own(blob_cache):
    same = b"face"
    things = [
        (Blob(same), "a"),
        (Blob(same), "b"),
        (Blob(same, "viewers"), "a"),
        (Blob(same, "downloads", "x"), "a"),
    ]
    paths = [blob_cache.save(*one) for one in things]
    assert len(set(paths)) == 4
    for path, (thing, holder) in zip(paths, things, strict=True):
        assert fetch(blob_cache, path, holder) == thing


def test_only_the_holder_gets_it_and_only_under_its_kind(blob_cache):
    path = blob_cache.save(FACE, "a")
    assert fetch(blob_cache, path, "b") is None
    assert fetch(blob_cache, path.replace("pictures", "viewers")) is None
    assert fetch(blob_cache, "/pictures/unknown") is None
    assert fetch(blob_cache, path) == FACE


def test_it_goes_some_time_after_it_was_last_put(blob_cache, clock):
    path = blob_cache.save(FACE, "a")
    clock.now = 59
    assert fetch(blob_cache, path) == FACE, "looking does not make it stay longer"
    clock.now = 60
    assert fetch(blob_cache, path) is None
    assert size(blob_cache) == 0
    again = blob_cache.save(FACE, "a")
    assert again != path
    clock.now = 100
    assert blob_cache.save(FACE, "a") == again
    clock.now = 159
    assert fetch(blob_cache, again) == FACE


def test_it_goes_even_if_nobody_comes_again():
    blob_cache = BlobCache(seconds=0.05)
    blob_cache.save(FACE, "a")
    assert wait_until(lambda: not blob_cache._entries, 5)
    blob_cache.save(OTHER, "a")
    assert wait_until(lambda: not blob_cache._entries, 5), "and the next one too"


def test_what_was_unused_for_longest_makes_room(blob_cache):
    first, second = (blob_cache.save(Blob(bytes([i]) * 8), "a") for i in (1, 2))
    assert fetch(blob_cache, first) is not None
    third = blob_cache.save(Blob(b"3" * 8), "a")
    assert [fetch(blob_cache, path) is not None for path in (first, second, third)] == [True, False, True]
    assert size(blob_cache) == 16
    blob_cache.save(Blob(b"4" * 20), "b")
    assert size(blob_cache) == 20
    assert fetch(blob_cache, third) is None


def test_what_has_no_room_at_all_is_refused_and_the_rest_kept(blob_cache):
    path = blob_cache.save(FACE, "a")
    with pytest.raises(BadInputError, match="can be shown at once") as caught:
        blob_cache.save(Blob(b"x" * 21), "a")
    assert caught.value.code == "picture-too-large"
    assert fetch(blob_cache, path) == FACE


def test_forgetting_leaves_nothing(blob_cache):
    paths = [blob_cache.save(FACE, "a"), blob_cache.save(OTHER, "b")]
    blob_cache.clear()
    assert size(blob_cache) == 0
    assert [fetch(blob_cache, path, holder) for path, holder in zip(paths, "ab", strict=True)] == [None, None]
    assert blob_cache.save(FACE, "a") not in paths
