"""What every back end must do with audits and with what was measured for them."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.schemas.audits import AttackersPeople
from facepriv.schemas.base import DatasetRef
from facepriv.store import MAX_LOSSES, LeaseLostError, Store
from tests.store_examples import (
    add_dataset,
    audit_result,
    audit_spec,
    claim_audit,
    complete_run,
    sha,
    spec_for,
)


def test_audit_comes_back_as_it_was(store: Store) -> None:
    dataset = add_dataset(store)
    spec = audit_spec(store, dataset, p=0.5, select_by="subject", most_fnmr_loss=0.01)
    number = store.audits.create(spec)
    waiting = store.audits.get(number)
    assert waiting.state == "waiting"
    assert waiting.spec == spec
    assert waiting.result is None
    assert waiting.images == 6
    claimed = claim_audit(store, "w1")
    assert claimed is not None
    assert claimed.id == number
    assert claimed.state == "running"
    assert claimed.attempts == 1
    assert store.jobs.claim("w2") is None
    assert store.jobs.heartbeat(store.audits.job_id(number), "w1", "attacking", 3, 9) is False
    assert store.audits.get(number).stage == "attacking"
    assert store.audits.get(number).done == 3
    store.audits.finish(number, "w1", audit_result())
    done = store.audits.get(number)
    assert done.state == "complete"
    assert done.result == audit_result()
    assert done.dataset_name == dataset.name
    with pytest.raises(LeaseLostError, match="no longer this worker"):
        store.jobs.heartbeat(store.audits.job_id(number), "w1", "again", 0, 1)


def test_audits_are_listed_newest_first_by_data_set_and_run(store: Store) -> None:
    dataset, other = add_dataset(store), add_dataset(store, "other")
    run_id = complete_run(store, dataset)
    first = store.audits.create(audit_spec(store, dataset))
    second = store.audits.create(audit_spec(store, dataset, run_id=run_id))
    third = store.audits.create(audit_spec(store, other))
    assert [one.id for one in store.audits.list()] == [third, second, first]
    assert [one.id for one in store.audits.list(dataset_id=dataset.id)] == [second, first]
    assert [one.id for one in store.audits.list(run_id=run_id)] == [second]
    assert [one.id for one in store.audits.list(states=("complete",))] == []
    assert [one.id for one in store.audits.list(limit=1, offset=1)] == [second]
    assert store.audits.count() == 3
    assert store.audits.count(of_run=True) == 1
    assert store.audits.count(of_run=False) == 2
    assert store.jobs.cancel(store.audits.job_id(third)) == "cancelled"
    assert store.audits.count(of_run=False, states=("waiting", "running")) == 1


def test_impossible_audits_are_refused(store: Store) -> None:
    dataset, other = add_dataset(store), add_dataset(store, "other")
    run_id = complete_run(store, dataset)
    waiting = store.runs.create(spec_for(store, dataset))
    gone = DatasetRef(id=99, name="gone", content_sha256=sha("gone"))
    changed = dataset.ref.model_copy(update={"content_sha256": sha("other")})
    for wrong in (gone, changed):
        with pytest.raises(UnknownNameError):
            store.audits.create(audit_spec(store, dataset, dataset=wrong))
    with pytest.raises(BadInputError, match="at least one image"):
        store.audits.create(audit_spec(store, dataset, image_ids=()))
    with pytest.raises(UnknownNameError, match="no run 77"):
        store.audits.create(audit_spec(store, dataset, run_id=77))
    with pytest.raises(BadInputError, match=rf"run {waiting} is waiting"):
        store.audits.create(audit_spec(store, dataset, run_id=waiting))
    with pytest.raises(BadInputError, match="another data set"):
        store.audits.create(audit_spec(store, other, run_id=run_id))
    with pytest.raises(UnknownNameError, match="no audit 5"):
        store.audits.get(5)


def test_lost_audits_are_taken_over_and_fail_in_the_end(store: Store) -> None:
    number = store.audits.create(audit_spec(store, add_dataset(store)))
    for attempt in range(MAX_LOSSES):
        claimed = claim_audit(store, f"w{attempt}", lease_seconds=-1)
        assert claimed is not None
        assert claimed.attempts == attempt + 1
    assert store.jobs.claim("last") is None
    ended = store.audits.get(number)
    assert ended.state == "failed"
    assert "resume the audit" in (ended.error or "")


def test_cancelling_and_deleting_an_audit(store: Store) -> None:
    dataset = add_dataset(store)
    waiting, running = (store.audits.create(audit_spec(store, dataset)) for _ in range(2))
    assert store.jobs.claim("w1", only=store.audits.job_id(running)) is not None
    assert store.jobs.cancel(store.audits.job_id(waiting)) == "cancelled"
    assert store.jobs.cancel(store.audits.job_id(running)) == "running"
    assert store.jobs.heartbeat(store.audits.job_id(running), "w1", "attacking", 0, 1) is True
    with pytest.raises(StoreError, match=rf"Audit {running} is being worked on"):
        store.audits.delete(running)
    store.jobs.mark_cancelled(store.audits.job_id(running), "w1")
    for number in (waiting, running):
        store.audits.delete(number)
    assert store.audits.count() == 0


def test_a_data_set_goes_with_its_audits(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = complete_run(store, dataset)
    number = store.audits.create(audit_spec(store, dataset))
    of_run = store.audits.create(audit_spec(store, dataset, run_id=run_id))
    held = store.datasets.holdings(dataset.id)
    assert held.runs == (run_id,)
    assert held.audits == (number, of_run)
    assert store.jobs.claim("w1") is not None
    with pytest.raises(StoreError, match=rf"while audit {number} on it is being worked on"):
        store.datasets.delete(dataset.id)
    store.jobs.fail(store.audits.job_id(number), "w1", "It broke.")
    store.datasets.delete(dataset.id)
    assert store.audits.count() == store.runs.count() == 0


def test_an_audit_goes_with_its_run(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = complete_run(store, dataset)
    store.audits.create(audit_spec(store, dataset, run_id=run_id))
    kept = store.audits.create(audit_spec(store, dataset))
    store.runs.delete(run_id)
    assert [one.id for one in store.audits.list()] == [kept]


def test_an_audit_goes_with_the_people_that_its_attackers_learned_from(store: Store) -> None:
    dataset, school, other = (add_dataset(store, name) for name in ("audited", "school", "other"))
    people = AttackersPeople(dataset=school.ref, image_ids=(1,))
    taught = store.audits.create(audit_spec(store, dataset, learn_from=people))
    untaught = store.audits.create(audit_spec(store, dataset))
    assert store.audits.get(taught).spec.learn_from == people
    assert store.datasets.holdings(school.id).audits == (taught,)
    assert store.datasets.holdings(other.id).audits == ()
    assert store.datasets.holdings(dataset.id).audits == (taught, untaught)
    claim_audit(store, "w1")
    with pytest.raises(StoreError, match="being worked on"):
        store.datasets.delete(school.id)
    store.jobs.fail(store.audits.job_id(taught), "w1", "It broke.")
    store.datasets.delete(school.id)
    assert [audit.id for audit in store.audits.list()] == [untaught]


def test_attackers_learn_from_a_data_set_that_there_is(store: Store) -> None:
    dataset = add_dataset(store)
    for ref in (
        dataset.ref.model_copy(update={"id": 99}),
        dataset.ref.model_copy(update={"content_sha256": sha("no")}),
    ):
        with pytest.raises(UnknownNameError, match="no data set 'studio' with the content"):
            store.audits.create(audit_spec(store, dataset, learn_from=AttackersPeople(dataset=ref, image_ids=(1,))))
    assert store.audits.count() == 0
