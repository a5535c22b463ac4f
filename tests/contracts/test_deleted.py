"""What every back end must do with runs and audits that were deleted and may be restored, and with notes on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, DeletedError, StoreError, UnknownNameError
from facepriv.services.jobs.deletion import delete_now, discard, empty_trash, list_deleted, restore
from facepriv.store import DatasetRecord, JobNotes, Store
from facepriv.store.rows import AuditRow, JobNoteRow, RunImageRow, RunRow, ShareRow, TrashRow
from tests.actors import ADA
from tests.store.tampering import count_rows, every_row
from tests.store_examples import add_dataset, audit_spec, claim_run, complete_run, spec_for

DAY = timedelta(hours=24)
LATER = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture
def dataset(store: Store) -> DatasetRecord:
    return add_dataset(store)


def test_a_deleted_run_is_seen_by_nobody_and_comes_back_as_it_was(
    store: Store, settings: Settings, dataset: DatasetRecord
) -> None:
    run, other = complete_run(store, dataset), complete_run(store, dataset)
    audit = store.audits.create(audit_spec(store, dataset, run_id=run))
    store.notes.save(store.runs.job_id(run), JobNotes(name="best", tags=("goal",)))
    _, token = store.shares.add(run_id=run, audit_id=audit, expires_at=LATER, shared_by="eve")
    assert token is not None
    before = every_row(settings)
    deleted = discard(store, "run", run, ADA)
    assert (deleted.noun, deleted.number, deleted.deleted_by) == ("run", run, ADA.name)
    assert deleted.until - deleted.deleted_at == DAY
    assert [one.id for one in store.runs.list()] == [other]
    assert store.runs.count() == 1
    assert store.audits.list() == store.audits.list(run_id=run) == ()
    assert store.audits.count() == 0
    job = store.runs.job_id(other)
    for look in (store.runs.get, store.runs.summary, store.runs.job_id, store.runs.outcomes, store.runs.images_done):
        with pytest.raises(DeletedError, match=rf"Run {run} was deleted by ada; it can be restored until \d{{4}}-"):
            look(run)
    with pytest.raises(DeletedError):
        store.audits.get(audit)
    with pytest.raises(DeletedError):
        discard(store, "run", run, ADA)
    with pytest.raises(UnknownNameError, match=f"no run {run}"):
        store.audits.create(audit_spec(store, dataset, run_id=run))
    assert list_deleted(store) == (deleted,), "its audit is a part of it"
    assert store.shares.list() == store.shares.list(run_id=run) == ()
    shared = store.shares.find(token)
    assert shared is not None
    assert not shared.is_open(datetime.now(UTC)), "a link that was sent is off at once"
    restore(store, "run", run, ADA)
    after = every_row(settings)
    logged = [line.action for line in store.access.list()]
    for rows in (before, after):
        rows.pop("access_log")
    assert after == before
    assert logged[:2] == ["run-restored", "run-deleted"]
    assert store.runs.job_id(other) == job
    assert store.shares.find(token) == store.shares.list(run_id=run)[0]
    restore(store, "run", run, ADA)


def test_nobody_takes_up_a_deleted_run(store: Store, dataset: DatasetRecord) -> None:
    run = store.runs.create(spec_for(store, dataset))
    discard(store, "run", run, ADA)
    assert store.jobs.claim("w1") is None
    restore(store, "run", run, ADA)
    claimed = claim_run(store, "w1", lease_seconds=0)
    assert claimed is not None
    assert claimed.id == run
    discard(store, "run", run, ADA)
    assert store.jobs.claim("w2") is None, "its worker was lost"
    restore(store, "run", run, ADA)
    assert store.runs.get(run).state == "waiting"


def test_what_a_worker_has_is_not_deleted(store: Store, dataset: DatasetRecord) -> None:
    run = complete_run(store, dataset)
    audit = store.audits.create(audit_spec(store, dataset, run_id=run))
    assert store.jobs.claim("w1") is not None
    with pytest.raises(StoreError, match=f"An audit of run {run} is being worked on"):
        discard(store, "run", run, ADA)
    with pytest.raises(StoreError, match=f"Audit {audit} is being worked on"):
        discard(store, "audit", audit, ADA)
    assert list_deleted(store) == ()


def test_an_audit_that_was_deleted_by_itself_stays_so(store: Store, dataset: DatasetRecord) -> None:
    run = complete_run(store, dataset)
    by_itself, with_run = (store.audits.create(audit_spec(store, dataset, run_id=run)) for _ in range(2))
    discard(store, "audit", by_itself, ADA)
    discard(store, "run", run, ADA)
    assert [(one.noun, one.number) for one in list_deleted(store)] == [("run", run), ("audit", by_itself)]
    for audit in (by_itself, with_run):
        with pytest.raises(BadInputError, match=f"restore run {run} first") as refused:
            restore(store, "audit", audit, ADA)
        assert refused.value.code == "part-deleted"
    restore(store, "run", run, ADA)
    assert [one.id for one in store.audits.list()] == [with_run]
    restore(store, "audit", by_itself, ADA)
    assert store.audits.count() == 2


def test_after_a_day_it_is_gone_for_good(store: Store, settings: Settings, dataset: DatasetRecord) -> None:
    kept, run = complete_run(store, dataset), complete_run(store, dataset)
    store.audits.create(audit_spec(store, dataset, run_id=run))
    store.notes.save(store.runs.job_id(run), JobNotes(name="worst"))
    discard(store, "run", run, ADA)
    assert empty_trash(store, now=datetime.now(UTC) + DAY - timedelta(minutes=1)) == 0
    assert empty_trash(store, now=datetime.now(UTC) + DAY) == 1
    counted = [count_rows(settings, row) for row in (RunRow, AuditRow, TrashRow, JobNoteRow, ShareRow)]
    assert counted == [1, 0, 0, 0, 0]
    assert count_rows(settings, RunImageRow) == 6
    with pytest.raises(UnknownNameError, match=f"There is no run {run}; the latest are: {kept}"):
        restore(store, "run", run, ADA)
    line, *_ = store.access.list(action="run-erased")
    assert (line.actor, line.subject) == (ADA.name, f"run {run}")


def test_deleting_now_asks_for_no_day(store: Store, settings: Settings, dataset: DatasetRecord) -> None:
    run, audit = complete_run(store, dataset), store.audits.create(audit_spec(store, dataset))
    discard(store, "run", run, ADA)
    delete_now(store, "run", run, ADA)
    delete_now(store, "audit", audit, ADA)
    assert [count_rows(settings, row) for row in (RunRow, AuditRow, TrashRow)] == [0, 0, 0]
    with pytest.raises(UnknownNameError, match="Only runs and audits"):
        discard(store, "study", 1, ADA)


def test_a_purge_takes_what_was_deleted_too(store: Store, settings: Settings, dataset: DatasetRecord) -> None:
    run = complete_run(store, dataset)
    discard(store, "run", run, ADA)
    assert store.datasets.holdings(dataset.id).runs == (run,)
    store.datasets.delete(dataset.id)
    assert [count_rows(settings, row) for row in (RunRow, RunImageRow, TrashRow)] == [0, 0, 0]
    assert list_deleted(store) == ()


def test_files_of_a_deleted_run_are_no_leftovers(store: Store, settings: Settings, dataset: DatasetRecord) -> None:
    run = complete_run(store, dataset)
    missing = store.take_inventory().missing
    discard(store, "run", run, ADA)
    assert store.take_inventory().missing == missing, "rows still refer to them"


def test_notes_are_written_over(store: Store, dataset: DatasetRecord) -> None:
    job, other = (store.runs.job_id(complete_run(store, dataset)) for _ in range(2))
    assert store.notes.get(job) == JobNotes()
    first = JobNotes(name="a", notes="line\nline", tags=("x", "y"))
    store.notes.save(job, first)
    assert store.notes.list() == store.notes.list([job, other]) == {job: first}
    store.notes.save(job, JobNotes())
    assert store.notes.get(job) == JobNotes()


def test_figures_are_known_by_version(store: Store, dataset: DatasetRecord) -> None:
    job = store.runs.job_id(complete_run(store, dataset))
    store.figures.save(1, {job: {"accuracy": 0.5}})
    assert store.figures.list(1, [job, 99]) == {job: {"accuracy": 0.5}}
    assert store.figures.list(2, [job]) == {}
    store.figures.save(2, {job: {"accuracy": 0.75}})
    assert store.figures.list(1, [job]) == {}
    store.figures.save(2, {})
    assert store.figures.list(2, [job]) == {job: {"accuracy": 0.75}}
