"""What `facepriv demo` finds done or begun already."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.services.runs.preparing import find_same_run
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.finished_run import start_run

pytestmark = pytest.mark.xdist_group("cli")


def test_the_same_job_is_found_again(job: Job):
    """As `facepriv demo` does: a complete run is shown, one left half-way is gone on with."""
    settings = Settings(home=job.run.home)
    with open_store(settings) as store:
        run = store.runs.get(job.perturb_json["run_id"])
        waiting = start_run(store, run.spec)
        try:
            assert find_same_run(store, run.spec).id == run.id
            other = run.spec.model_copy(update={"seed": 99})
            assert find_same_run(store, other) is None
            left = start_run(store, other)
            assert find_same_run(store, other).id == left.id
            store.jobs.cancel(store.runs.job_id(left.id))
            assert find_same_run(store, other) is None
            store.runs.delete(left.id)
        finally:
            store.runs.delete(waiting.id)
