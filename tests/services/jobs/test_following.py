"""Following a run whose worker cannot start."""

from __future__ import annotations

import pytest

from facepriv.errors import FaceprivError
from facepriv.services.jobs.following import follow
from tests.store_examples import add_dataset, spec_for

pytestmark = pytest.mark.xdist_group("local-worker")


@pytest.mark.slow
def test_it_gives_up_after_three_workers_that_fail_at_their_start(settings, store, monkeypatch):
    monkeypatch.setattr("facepriv.services.jobs.local_worker.BACK_OFF_SECONDS", (0.0, 0.0, 3600.0))
    run = store.runs.create(spec_for(store, add_dataset(store)))
    broken = settings.model_copy(update={"executor": "dask"})  # which cluster is not said
    with pytest.raises(FaceprivError, match=r"but 3 workers in a row ended with a fault; correct what .*worker\.log"):
        list(follow(store.runs, broken, run))
    assert store.runs.get(run).state == "waiting"
