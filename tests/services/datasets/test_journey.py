"""How far the four steps are."""

from __future__ import annotations

from facepriv.services.datasets.journey import Step, steps
from facepriv.store import Store
from tests.store_examples import add_dataset, audit_result, audit_spec, complete_run, spec_for


def states(store: Store) -> list[str]:
    return [step.state for step in steps(store, 0)]


def test_each_step_follows_from_the_one_before(store: Store):
    assert steps(store, 0) == (
        Step("data", "next", ""),
        Step("audit", "not yet", ""),
        Step("perturb", "not yet", ""),
        Step("policy", "not yet", ""),
    )
    dataset = add_dataset(store)
    assert steps(store, 6)[0] == Step("data", "done", "1 data set, 6 images")
    assert states(store) == ["done", "next", "not yet", "not yet"]
    audit = store.audits.create(audit_spec(store, dataset))
    assert states(store) == ["done", "under way", "next", "not yet"]
    assert store.jobs.claim("w", only=store.audits.job_id(audit)) is not None
    store.audits.finish(audit, "w", audit_result())
    assert steps(store, 6)[1] == Step("audit", "done", "1 of 1 data set attacked")
    run = complete_run(store, dataset)
    assert steps(store, 6)[2] == Step("perturb", "done", "1 complete run")
    assert states(store) == ["done", "done", "done", "next"]
    policy = store.audits.create(audit_spec(store, dataset, run_id=run))
    assert states(store)[-1] == "under way"
    assert store.jobs.claim("w", only=store.audits.job_id(policy)) is not None
    store.audits.finish(policy, "w", audit_result())
    assert steps(store, 6)[3] == Step("policy", "done", "1 audit of perturbed images")


def test_a_step_that_was_passed_over_is_next(store: Store):
    dataset = add_dataset(store)
    complete_run(store, dataset)
    assert states(store) == ["done", "next", "done", "not yet"]
    store.runs.create(spec_for(store, dataset))
    assert states(store) == ["done", "next", "done", "not yet"], "what is there already is done"


def test_a_data_set_that_nobody_audited_is_not_done(store: Store):
    audited = add_dataset(store)
    audit = store.audits.create(audit_spec(store, audited))
    assert store.jobs.claim("w", only=store.audits.job_id(audit)) is not None
    store.audits.finish(audit, "w", audit_result())
    complete_run(store, audited)
    assert states(store)[:3] == ["done", "done", "done"]
    add_dataset(store, "another")
    assert steps(store, 9)[1] == Step("audit", "next", "1 of 2 data sets attacked")
    assert steps(store, 9)[2] == Step("perturb", "not yet", "1 complete run, for 1 of 2 data sets")
