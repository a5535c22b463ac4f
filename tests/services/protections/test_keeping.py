"""Protected templates kept as a template set: the same as released ones, told from where, gone with their origin."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.services.protections.keeping import keep_protected
from facepriv.services.protections.release import read_key, write_protected
from facepriv.services.upkeep.template_purging import purge_template_set
from facepriv.store import open_store
from tests.actors import TEST
from tests.datasets.templates.tables import read
from tests.protection_examples import add_people, complete_trial
from tests.store_examples import contents_of


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", workers=1)


@pytest.fixture
def store(settings):
    """A store with a template set and a complete trial on it."""
    with open_store(settings) as store:
        staff = add_people(store, "staff")
        store.template_sets.save_datasheet(staff.id, {"consent": "forms"})
        complete_trial(settings, store, templates="staff", method="donor-coordinate", parameters={"directions": 2})
        yield store


@pytest.mark.slow
def test_a_kept_set_is_what_a_release_with_its_key_holds(store, tmp_path):
    kept = keep_protected(store, 1, "staff-protected", actor=TEST, key_file=tmp_path / "key.json")
    assert (tmp_path / "key.json").stat().st_mode & 0o777 == 0o600
    assert kept.key is not None
    assert json.loads(kept.key) == json.loads((tmp_path / "key.json").read_text())
    released = write_protected(store, 1, tmp_path / "out", actor=TEST, key=read_key(tmp_path / "key.json"))
    there, original = store.template_sets.read("staff-protected"), store.template_sets.read("staff")
    np.testing.assert_array_equal(there.rows, read(released.file).templates.rows)
    np.testing.assert_array_equal(there.subjects, original.subjects)
    np.testing.assert_array_equal(there.labels, original.labels)
    assert np.abs(there.rows - original.rows).max() > 0.01


def test_it_says_where_it_comes_from(store):
    record = keep_protected(store, 1, "staff-protected", actor=TEST).record
    assert record.origin_id == store.template_sets.get("staff").id
    assert record.source == "protection 1 of staff"
    assert "donor-coordinate (directions 2)" in record.reader_reason
    assert record.datasheet == {"consent": "forms"}
    assert record.matcher == "protected by donor-coordinate (directions 2) of protection 1"
    line = store.access.list(action="templates-kept")[0]
    assert line.subject == f"template set {record.id}"


@pytest.mark.slow
def test_it_can_be_attacked_again_but_not_mixed_with_unprotected_templates(settings, store):
    keep_protected(store, 1, "staff-protected", actor=TEST)
    trial = complete_trial(settings, store, templates="staff-protected", method="leace")
    assert trial.state == "complete", trial.error
    with pytest.raises(BadInputError) as caught:
        complete_trial(settings, store, templates="staff-protected", learn_from="staff")
    assert caught.value.code == "other-matcher"


@pytest.mark.slow
def test_it_goes_with_its_origin_and_everything_made_from_it(settings, store):
    add_people(store, "guests", seed=1)
    keep_protected(store, 1, "staff-protected", actor=TEST)
    complete_trial(settings, store, templates="staff-protected", method="mean-difference")
    keep_protected(store, 2, "twice-protected", actor=TEST)
    before = len(contents_of(store))
    report = purge_template_set(store, settings, store.template_sets.get("staff").id, actor=TEST)
    assert report.complete, report
    assert report.made_from_it == ("staff-protected", "twice-protected")
    assert "Also deleted 2 template sets made from it" in " ".join(report.sentences)
    assert [record.name for record in store.template_sets.list()] == ["guests"]
    assert len(contents_of(store)) == 2 < before, "the guests' two files"
    assert store.protections.list() == ()


def test_deleting_it_leaves_its_origin(settings, store):
    record = keep_protected(store, 1, "staff-protected", actor=TEST).record
    assert purge_template_set(store, settings, record.id, actor=TEST).complete
    assert store.template_sets.get("staff").name == "staff"
    with pytest.raises(UnknownNameError):
        store.template_sets.get("staff-protected")


@pytest.mark.slow
def test_what_cannot_be_kept_leaves_no_key(settings, store, tmp_path):
    def refused(number, name) -> str:
        with pytest.raises(BadInputError) as caught:
            keep_protected(store, number, name, actor=TEST, key_file=tmp_path / "key.json")
        return caught.value.code

    assert refused(1, "staff") == "name-taken"
    assert refused(1, "folds") == "bad-name"
    assert complete_trial(settings, store, templates="staff", method="pe-miu", parameters={"block": 1}).result
    assert refused(2, "shuffled") == "own-comparison"
    assert not (tmp_path / "key.json").exists()
    (tmp_path / "key.json").touch()
    assert refused(1, "staff-protected") == "cannot-write"
    assert [record.name for record in store.template_sets.list()] == ["staff"]
