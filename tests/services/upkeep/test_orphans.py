"""Files that belong to nothing are shown, and collected at once unless work under way may need them."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.services.jobs.leased_job import PATIENCE_SECONDS
from facepriv.services.upkeep.orphans import collect_orphans, find_orphans
from facepriv.store import Store
from facepriv.store.leftovers import UNCOMMITTED_SECONDS
from facepriv.store.records import NewDataset
from tests.store_examples import contents_of, create, put_images


def test_orphans_are_shown_and_collected(store: Store, settings: Settings):
    kept, lost = put_images(store, b"kept", b"lost")
    create(store, "studio", [kept, lost])
    assert lost.artifact_sha256 is not None
    store.artifacts.delete(lost.artifact_sha256)
    orphan = store.artifacts.put(b"nobody's", ".npz")
    found = find_orphans(store, settings)
    assert found.orphans == (f"{orphan}.npz",)
    assert found.removed == 0
    assert dict(found.missing) == {"studio": 1}
    assert contents_of(store) == {b"kept", b"nobody's"}, "a look touches nothing"
    done = collect_orphans(store, settings)
    assert done.orphans == (f"{orphan}.npz",)
    assert done.removed == 1
    assert done.left == 0
    assert done.sentences[:2] == (
        "1 unused file found, 1 deleted.",
        "1 file of the data set 'studio' missing. Restore a backup, or purge and import again.",
    )
    assert contents_of(store) == {b"kept"}


@pytest.mark.parametrize("place", ["command-killed/1.png", "release-killed/release/templates.npz"])
def test_what_a_killed_call_of_a_command_or_a_killed_release_left_is_collected(
    store: Store, settings: Settings, place: str
):
    left = settings.temporary / place
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a crop")
    assert find_orphans(store, settings).orphans == (str(left),)
    done = collect_orphans(store, settings)
    assert done.orphans == (str(left),)
    assert done.removed == 1
    assert done.left == 0
    assert not left.parent.exists()


def test_files_may_be_without_rows_for_longer_than_a_worker_waits_with_them():
    """For the artifact store first, then for the database."""
    assert UNCOMMITTED_SECONDS > 2 * PATIENCE_SECONDS


def test_work_under_way_keeps_its_files(store: Store, settings: Settings):
    with store.datasets.importing(NewDataset(name="coming", source="", reader="")) as importing:
        (image,) = put_images(store, b"coming")
        done = collect_orphans(store, settings)
        assert done.removed == 0
        assert done.left == 1
        assert "1 file may belong to active work. Collect again once it has ended." in done.sentences
        importing.add(image)
    assert contents_of(store) == {b"coming"}
