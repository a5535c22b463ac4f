"""The mix of several runs that the worst classifier tells least of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facepriv.errors import BadInputError
from facepriv.schemas.requests import RunRequest
from facepriv.services.jobs.worker import run_worker
from facepriv.services.releases.guide_mix import guide_mix, run_title
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import RunRecord
from tests.finished_run import Finished, start_run

pytestmark = [pytest.mark.xdist_group("finished-run"), pytest.mark.slow]


@pytest.fixture(scope="module")
def mixed(finished: Finished) -> Iterator[RunRecord]:
    """A second run on the same six images."""
    spec = prepare_run(
        finished.store, RunRequest(dataset="six", method="mixing", classifiers=["levi-hassner"], matchers=["sface"])
    )
    run = start_run(finished.store, spec)
    run_worker(finished.settings, job_id=run.job_id)
    yield finished.store.runs.get(run.id)
    finished.store.runs.delete(run.id)


@pytest.mark.parametrize("sees", ["sign", "score"])
def test_two_runs_are_no_worse_than_either(finished: Finished, mixed: RunRecord, sees: str) -> None:
    store = finished.store
    both = guide_mix(store, [finished.run.id, mixed.id], sees=sees)  # type: ignore[arg-type]
    assert list(both.weights) == ["untouched", run_title(finished.run), run_title(mixed)]
    assert sum(both.weights.values()) == pytest.approx(1)
    assert set(both.accuracies) == {"dlib-gender", "levi-hassner"}
    assert both.value == pytest.approx(max(both.accuracies.values()))
    for alone in (finished.run, mixed):
        assert both.value <= guide_mix(store, [alone.id], sees=sees).value + 1e-6  # type: ignore[arg-type]
    assert both.sentence.endswith(".")


def test_one_run_against_its_guide_reaches_guessing(finished: Finished) -> None:
    """All six images are flipped and none was wrong before, so half of them perturbed leaves the sign nothing."""
    found = guide_mix(finished.store, [finished.run.id], sees="sign")
    assert found.alone["dlib-gender"] == pytest.approx(0.5, abs=0.01)


def test_runs_that_do_not_go_together_get_one_sentence(finished: Finished) -> None:
    spec = prepare_run(finished.store, RunRequest(dataset="six", method="mixing", limit=4))
    waiting = start_run(finished.store, spec)
    with pytest.raises(BadInputError, match="is waiting"):
        guide_mix(finished.store, [finished.run.id, waiting.id])
    finished.store.jobs.cancel(finished.store.runs.job_id(waiting.id))
    finished.store.runs.delete(waiting.id)
