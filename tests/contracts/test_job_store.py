"""What every back end must do with the queue of jobs."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from facepriv.config import Settings
from facepriv.errors import StoreError, UnknownNameError
from facepriv.store import (
    MAX_LOSSES,
    LeaseLostError,
    Store,
    open_store,
)
from facepriv.store.rows import MeasureRow
from tests.actors import ADA, CLI
from tests.contracts.processes import wait_for_others
from tests.store.tampering import count_rows
from tests.store_examples import (
    add_dataset,
    audit_spec,
    claim_run,
    complete_run,
    lose,
    measured_of,
    result_for,
    run_image,
    spec_for,
)


def test_oldest_run_is_claimed_first(store: Store) -> None:
    dataset = add_dataset(store)
    ids = [store.runs.create(spec_for(store, dataset)) for _ in range(3)]
    claimed = [claim_run(store, f"w{number}") for number in range(4)]
    assert [run and run.id for run in claimed] == [*ids, None]


def claim_all(settings: Settings, owner: str) -> list[int]:
    """Claim and end runs until none is left; any lock error ends the process with it."""
    with open_store(settings) as store:
        wait_for_others()
        mine = []
        while (run := claim_run(store, owner)) is not None:
            mine.append(run.id)
            store.jobs.heartbeat(store.runs.job_id(run.id), owner, "perturb", 1, 2)
            saved = run_image(run.spec.image_ids[0], 0)
            store.runs.save_image(run.id, owner, saved, measured_of(saved))
            store.runs.finish(run.id, owner, result_for(1))
        return mine


@pytest.mark.slow
def test_four_processes_never_claim_one_run_twice(store: Store, settings: Settings, pool: ProcessPoolExecutor) -> None:
    dataset = add_dataset(store)
    spec = spec_for(store, dataset)
    spec = spec.model_copy(update={"image_ids": spec.image_ids[:1]})
    ids = [store.runs.create(spec) for _ in range(40)]
    claims = [pool.submit(claim_all, settings, f"w{number}") for number in range(4)]
    claimed = [run_id for claim in claims for run_id in claim.result(timeout=120)]
    assert sorted(claimed) == ids
    assert store.runs.count(states=["complete"]) == 40
    assert {run.attempts for run in store.runs.list(limit=40)} == {1}


def run_out(store: Store, run_id: int, owner: str) -> None:
    """Let a lease end now, whatever the machine's load."""
    store.jobs.heartbeat(store.runs.job_id(run_id), owner, "perturb", 1, 6, lease_seconds=0)
    time.sleep(0.001)


def test_lost_run_is_taken_over_and_goes_on(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset))
    first = claim_run(store, "w1")
    assert first is not None
    store.runs.save_image(run_id, "w1", run_image(first.spec.image_ids[0], 0))
    assert store.jobs.claim("w2") is None
    run_out(store, run_id, "w1")
    second = claim_run(store, "w2")
    assert second is not None
    assert second.id == run_id
    assert second.owner == "w2"
    assert second.attempts == 2
    assert second.started_at == first.started_at
    assert store.runs.images_done(run_id) == {first.spec.image_ids[0]}
    late = run_image(first.spec.image_ids[1], 1)
    for write in (
        lambda: store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 1, 6),
        lambda: store.runs.save_image(run_id, "w1", late, measured_of(late)),
        lambda: store.runs.finish(run_id, "w1", result_for(6)),
        lambda: store.jobs.fail(store.runs.job_id(run_id), "w1", "It broke."),
        lambda: store.jobs.mark_cancelled(store.runs.job_id(run_id), "w1"),
        lambda: store.jobs.release(store.runs.job_id(run_id), "w1"),
    ):
        with pytest.raises(LeaseLostError, match="stop working on it"):
            write()
    assert store.runs.get(run_id) == second
    assert count_rows(settings, MeasureRow) == 0
    store.runs.save_image(run_id, "w2", late)
    assert len(store.runs.run_images(run_id)) == 2


def test_heartbeat_renews_a_lease_that_ran_out_unclaimed(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    lose(store, run_id, "w1")
    assert store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 0, 6, lease_seconds=60) is False
    assert store.jobs.claim("w2") is None


def test_run_that_kills_its_workers_is_failed(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    for attempt in range(MAX_LOSSES):
        lose(store, run_id, f"w{attempt}")
    assert store.jobs.claim("last") is None
    failed = store.runs.get(run_id)
    assert failed.state == "failed"
    assert failed.attempts == MAX_LOSSES
    assert failed.owner == f"w{MAX_LOSSES - 1}"
    assert failed.error is not None
    assert "resume the run" in failed.error
    assert failed.finished_at is not None
    assert [line.text for line in store.jobs.log(store.runs.job_id(run_id))][-2:] == [
        "Its worker was lost without a word, at the start, 0 of 6.",
        f"Failed: {failed.error}",
    ]


def test_what_was_finished_counts_losses_anew(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    for attempt in range(2 * MAX_LOSSES):
        run = claim_run(store, f"w{attempt}", lease_seconds=60)
        assert run is not None, store.runs.get(run_id).error
        if attempt % 2:
            place = len(store.runs.run_images(run_id))
            store.runs.save_image(run_id, run.owner or "", run_image(run.spec.image_ids[place], place))
        run_out(store, run_id, run.owner or "")
    assert store.jobs.claim("last") is not None
    assert store.runs.get(run_id).losses == 1
    assert store.runs.get(run_id).attempts == 2 * MAX_LOSSES + 1


def test_a_loss_is_counted_once_whoever_looks_for_work(store: Store) -> None:
    dataset = add_dataset(store)
    lost, other = (store.runs.create(spec_for(store, dataset)) for _ in range(2))
    lose(store, lost, "w1")
    assert store.jobs.claim("w2", only=store.runs.job_id(other)) is not None
    assert store.runs.get(lost).state == "waiting"
    assert store.runs.get(lost).losses == 1
    assert store.jobs.claim("w3", only=store.runs.job_id(other)) is None
    assert store.runs.get(lost).losses == 1


def test_a_worker_known_to_be_gone_loses_its_run_at_once(store: Store) -> None:
    dataset = add_dataset(store)
    first, second = (store.runs.create(spec_for(store, dataset)) for _ in range(2))
    assert store.jobs.claim("w1") is not None
    assert store.jobs.claim("w2") is not None
    assert set(store.jobs.owners()) == {"w1", "w2"}
    assert store.jobs.claim("w3") is None
    taken = claim_run(store, "w3", gone=["w2", "unheard of"])
    assert taken is not None
    assert taken.id == second
    assert taken.attempts == 2
    assert store.runs.get(first).owner == "w1"
    with pytest.raises(LeaseLostError):
        store.jobs.heartbeat(store.runs.job_id(second), "w2", "perturb", 1, 6)


def test_what_failed_or_was_cancelled_is_resumed_with_what_is_finished(store: Store) -> None:
    dataset = add_dataset(store)
    failed, cancelled = (store.runs.create(spec_for(store, dataset)) for _ in range(2))
    run = claim_run(store, "w1")
    assert run is not None
    store.runs.save_image(failed, "w1", run_image(run.spec.image_ids[0], 0))
    store.jobs.fail(store.runs.job_id(failed), "w1", "The disk is full.")
    store.jobs.cancel(store.runs.job_id(cancelled))
    for number in (failed, cancelled):
        assert store.jobs.resume(store.runs.job_id(number)) == "waiting"
        now = store.runs.get(number)
        assert now.error is None
        assert now.finished_at is None
        assert now.owner is None
        assert not now.cancel_requested
        assert store.jobs.resume(store.runs.job_id(number)) == "waiting"
    again = claim_run(store, "w2")
    assert again is not None
    assert again.id == failed
    assert again.attempts == 2
    assert again.spec == run.spec
    assert store.runs.images_done(failed) == {run.spec.image_ids[0]}
    assert store.jobs.resume(store.runs.job_id(failed)) == "running"
    for place, image_id in enumerate(run.spec.image_ids[1:], start=1):
        store.runs.save_image(failed, "w2", run_image(image_id, place))
    store.runs.finish(failed, "w2", result_for(6))
    assert store.jobs.resume(store.runs.job_id(failed)) == "complete"
    assert store.runs.get(failed).result is not None
    with pytest.raises(UnknownNameError):
        store.jobs.resume(store.runs.job_id(99))


def test_the_log_tells_what_became_of_a_run(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.jobs.log(store.runs.job_id(run_id)) == ()
    store.jobs.claim("w1")
    store.jobs.note(store.runs.job_id(run_id), "w1", "Image 3 took its process down.")
    with pytest.raises(LeaseLostError):
        store.jobs.note(store.runs.job_id(run_id), "w2", "It is mine.")
    store.jobs.release(store.runs.job_id(run_id), "w1")
    store.jobs.claim("w2")
    store.jobs.cancel(store.runs.job_id(run_id))
    store.jobs.mark_cancelled(store.runs.job_id(run_id), "w2")
    lines = store.jobs.log(store.runs.job_id(run_id))
    assert [(line.owner, line.text) for line in lines] == [
        ("w1", "Taken up, attempt 1."),
        ("w1", "Image 3 took its process down."),
        ("w1", "Given back unfinished; the next worker goes on with it."),
        ("w2", "Taken up, attempt 1."),
        (None, "Asked to cancel."),
        ("w2", "Cancelled."),
    ]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert store.jobs.log(store.runs.job_id(run_id), limit=2) == lines[-2:]
    store.runs.delete(run_id)
    with pytest.raises(UnknownNameError):
        store.jobs.log(store.runs.job_id(run_id))
    assert store.access.list() == (), "the access log is another"


def test_pace_and_time_spent_are_known_to_everybody(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.runs.summary(run_id).pace(datetime.now(UTC)) is None
    store.jobs.claim("w1")
    store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 2, 10, seconds=1.5)
    begun = store.runs.summary(run_id)
    assert begun.stage_from == 2
    assert begun.pace(datetime.now(UTC) + timedelta(seconds=9)) is None
    store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 6, 10, seconds=1.0)
    now = store.runs.summary(run_id)
    assert now.stage_since == begun.stage_since
    assert now.stage_from == 2
    assert now.spent == 2.5
    assert now.stage_since is not None
    assert now.pace(now.stage_since + timedelta(seconds=8)) == (0.5, 8.0)
    store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "embed", 0, 20)
    assert store.runs.summary(run_id).stage_from == 0
    run_out(store, run_id, "w1")
    store.jobs.claim("w2")
    store.jobs.heartbeat(store.runs.job_id(run_id), "w2", "embed", 5, 20, seconds=1.0)
    again = store.runs.summary(run_id)
    assert again.stage_from == 5, "the time before does not count for the pace"
    assert again.spent == 3.5, "the time before does not count for the pace"


def test_cancelling(store: Store) -> None:
    dataset = add_dataset(store)
    waiting, running, lost, ended = (store.runs.create(spec_for(store, dataset)) for _ in range(4))
    assert store.jobs.cancel(store.runs.job_id(waiting)) == "cancelled"
    assert store.runs.get(waiting).finished_at is not None

    assert store.jobs.claim("w1") is not None
    assert store.jobs.heartbeat(store.runs.job_id(running), "w1", "perturb", 1, 6) is False
    assert store.jobs.cancel(store.runs.job_id(running)) == "running"
    assert store.jobs.heartbeat(store.runs.job_id(running), "w1", "perturb", 2, 6) is True
    assert store.runs.get(running).finished_at is None
    store.jobs.mark_cancelled(store.runs.job_id(running), "w1")
    assert store.runs.get(running).state == "cancelled"
    with pytest.raises(LeaseLostError):
        store.jobs.heartbeat(store.runs.job_id(running), "w1", "perturb", 3, 6)

    lose(store, lost, "w2")
    assert store.jobs.cancel(store.runs.job_id(lost)) == "cancelled"

    assert store.jobs.claim("w3") is not None
    store.jobs.fail(store.runs.job_id(ended), "w3", "It broke.")
    before = store.runs.get(ended)
    assert store.jobs.cancel(store.runs.job_id(ended)) == "failed"
    assert store.runs.get(ended) == before
    assert store.jobs.claim("w4") is None


def test_cancelled_run_of_a_lost_worker_is_not_taken_up(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.jobs.claim("w1") is not None
    assert store.jobs.cancel(store.runs.job_id(run_id)) == "running"
    run_out(store, run_id, "w1")
    assert store.jobs.claim("w2") is None
    run = store.runs.get(run_id)
    assert run.state == "cancelled"
    assert run.error is None


def test_failing_and_giving_back(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset))
    assert store.jobs.claim("w1") is not None
    store.jobs.release(store.runs.job_id(run_id), "w1")
    released = store.runs.get(run_id)
    assert released.state == "waiting"
    assert released.attempts == 0
    assert released.owner is None
    assert released.lease_until is None
    assert store.jobs.claim("w2") is not None
    store.jobs.fail(store.runs.job_id(run_id), "w2", "There is no space left.")
    failed = store.runs.get(run_id)
    assert failed.state == "failed"
    assert failed.error == "There is no space left."
    assert failed.result is None

    other = store.runs.create(spec_for(store, dataset))
    assert store.jobs.claim("w3") is not None
    store.jobs.cancel(store.runs.job_id(other))
    store.jobs.release(store.runs.job_id(other), "w3")
    assert store.runs.get(other).state == "cancelled"


def test_a_job_comes_back_as_it_was_asked_for(store: Store) -> None:
    first = store.jobs.create("import", '{"name": "studio"}', actor=ADA, total=3)
    second = store.jobs.create("import", "{}", actor=CLI)
    job = store.jobs.get(first)
    assert job.id == first
    assert job.kind == "import"
    assert job.state == "waiting"
    assert job.request == '{"name": "studio"}'
    assert job.actor == ADA.name
    assert job.origin == ADA.origin
    assert job.total == 3
    assert job.result is None
    assert job.dataset_id is None
    assert store.jobs.list() == (store.jobs.get(second), job)
    assert store.jobs.list(limit=1, offset=1) == (job,)
    assert len(store.jobs.list()) == 2


def test_jobs_are_chosen_by_kind_and_state(store: Store) -> None:
    asked = store.jobs.create("import", "{}")
    run = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.jobs.claim("w1", kinds=["run"]) is not None
    assert [job.id for job in store.jobs.list(kinds=["import"])] == [asked]
    assert [job.id for job in store.jobs.list(states=["running"])] == [store.runs.job_id(run)]
    assert len(store.jobs.list(kinds=["run"], states=["waiting"])) == 0
    assert len(store.jobs.list(states=["waiting", "running"])) == 2


def test_audits_come_after_all_other_jobs(store: Store) -> None:
    dataset = add_dataset(store)
    audit = store.audits.job_id(store.audits.create(audit_spec(store, dataset)))
    run = store.runs.job_id(store.runs.create(spec_for(store, dataset)))
    asked = store.jobs.create("import", "{}")
    claimed = [store.jobs.claim(f"w{number}") for number in range(4)]
    assert [None if job is None else job.id for job in claimed] == [run, asked, audit, None]


def test_only_kinds_that_a_worker_can_do_are_claimed(store: Store) -> None:
    asked = store.jobs.create("import", "{}")
    assert store.jobs.claim("w1", kinds=["run", "audit"]) is None
    job = store.jobs.claim("w2", kinds=["import"])
    assert job is not None
    assert job.id == asked


def test_a_preview_waits_for_its_confirmation(store: Store) -> None:
    asked = store.jobs.create("import", "{}")
    assert store.jobs.claim("w1") is not None
    store.jobs.await_confirmation(asked, "w1", '{"images": 3}')
    assert store.jobs.get(asked).state == "previewed"
    assert store.jobs.claim("w2") is None
    with pytest.raises(LeaseLostError):
        store.jobs.note(asked, "w1", "Still here.")
    assert store.jobs.resume(asked) == "previewed", "only a confirmation lets it go on"
    assert store.jobs.confirm(asked) == "waiting"
    again = store.jobs.claim("w2")
    assert again is not None
    assert again.result == '{"images": 3}'
    store.jobs.finish(asked, "w2")
    done = store.jobs.get(asked)
    assert done.state == "complete"
    assert done.result == '{"images": 3}'
    assert store.jobs.confirm(asked) == "complete"


def test_a_preview_that_was_cancelled_is_made_anew(store: Store) -> None:
    asked = store.jobs.create("import", "{}")
    assert store.jobs.claim("w1") is not None
    store.jobs.await_confirmation(asked, "w1", "{}")
    assert store.jobs.cancel(asked) == "cancelled"
    assert store.jobs.get(asked).result is None
    assert store.jobs.resume(asked) == "waiting"


def test_a_job_goes_with_the_data_set_that_it_made(store: Store) -> None:
    dataset = add_dataset(store)
    asked = store.jobs.create("import", "{}")
    assert store.jobs.claim("w1") is not None
    store.jobs.set_dataset(asked, "w1", dataset.id)
    store.jobs.finish(asked, "w1", '{"images": 6}')
    assert store.jobs.get(asked).dataset_id == dataset.id
    assert store.jobs.get(asked).result == '{"images": 6}'
    store.datasets.delete(dataset.id)
    with pytest.raises(UnknownNameError):
        store.jobs.get(asked)


def test_a_job_is_deleted_unless_a_worker_is_at_it(store: Store) -> None:
    asked = store.jobs.create("import", "{}")
    assert store.jobs.claim("w1") is not None
    with pytest.raises(StoreError, match="being worked on"):
        store.jobs.delete(asked)
    store.jobs.mark_cancelled(asked, "w1")
    store.jobs.delete(asked)
    assert store.jobs.list() == ()


def test_jobs_of_runs_and_audits_go_with_them(store: Store) -> None:
    dataset = add_dataset(store)
    run = complete_run(store, dataset)
    store.audits.create(audit_spec(store, dataset, run_id=run))
    alone = store.audits.create(audit_spec(store, dataset))
    store.runs.delete(run)
    assert [job.id for job in store.jobs.list()] == [store.audits.job_id(alone)]
    store.audits.delete(alone)
    assert store.jobs.list() == ()


def test_unknown_jobs(store: Store) -> None:
    run = store.runs.create(spec_for(store, add_dataset(store)))
    for act in (store.jobs.get, store.jobs.log, store.jobs.cancel, store.jobs.resume, store.jobs.confirm):
        with pytest.raises(UnknownNameError, match="no job 99"):
            act(99)
    with pytest.raises(UnknownNameError, match="of the kind audit"):
        store.audits.of_job(store.runs.job_id(run))
