"""Calls for many items: what was lost comes again by itself, and what is lost again and again is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.errors import FaceprivError, StoreBusyError
from facepriv.services.jobs.pool_calls import CRASHED, PoolCalls
from facepriv.services.jobs.pool_process import JobRef
from facepriv.services.jobs.worker_pool import Pace, WorkerPool


class LostError(Exception):
    pass


class PoolOfStandIns(WorkerPool):
    """Loses a process at every item named; where bystanders are blamed, all calls under way are lost with it."""

    lost = (LostError,)
    width = 2
    max_crashes = 3
    blames_bystanders = False

    def __init__(self, deadly: Iterable[int] = (), *, blames_bystanders: bool = False) -> None:
        super().__init__(Settings(home=Path()), Pace(largest_chunk=4, chunk_seconds=60.0))
        self.deadly = set(deadly)
        self.blames_bystanders = blames_bystanders  # type: ignore[misc]
        self.chunks: list[list[int]] = []
        self.beside: list[int] = []
        self._under_way: list[tuple[Future[Any], Callable[[], Any], list[int]]] = []

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._under_way.append((future, lambda: function(*given), given[-1]))
        self.chunks.append(given[-1])
        return future

    def work(self) -> None:
        """Let all calls under way end."""
        calls, self._under_way = self._under_way, []
        self.beside.append(len(calls))
        lost = [bool(self.deadly & {*chunk}) for _, _, chunk in calls]
        for (future, call, _), own in zip(calls, lost, strict=True):
            if own or (self.blames_bystanders and any(lost)):
                future.set_exception(LostError())
                continue
            try:
                future.set_result(call())
            except StoreBusyError as error:
                future.set_exception(error)

    def job(self, job: JobRef) -> JobRef:
        return job

    def steps(self) -> tuple[int, int]:
        return 0, 0

    def reset_steps(self) -> None: ...

    def end(self, *, at_once: bool = False) -> None: ...


def doubled(job: object, items: list[int]) -> list[int]:
    return [2 * item for item in items]


def results_of(pool: PoolOfStandIns, items: Iterable[int], notes: list[str] | None = None) -> dict[int, Any]:
    """Every result, by item; each item has one."""
    calls = PoolCalls(pool, doubled, None, items, note=(notes if notes is not None else []).append)
    pairs = []
    while calls.hand_out():
        pool.work()
        pairs += calls.wait(1.0)
    assert max(Counter(item for item, _ in pairs).values()) == 1
    return dict(pairs)


def test_items_go_in_chunks_once_it_is_known_how_long_they_take():
    pool = PoolOfStandIns()
    assert results_of(pool, range(20)) == {item: 2 * item for item in range(20)}
    assert [len(chunk) for chunk in pool.chunks[:9]] == [1] * 8 + [4]


@pytest.mark.parametrize("blames_bystanders", [False, True])
def test_an_item_that_loses_its_process_each_time_is_given_up_and_no_other(blames_bystanders: bool):
    pool, notes = PoolOfStandIns([13], blames_bystanders=blames_bystanders), []
    assert results_of(pool, range(20), notes) == {item: 2 * item for item in range(20)} | {13: CRASHED}
    assert sum(13 in chunk for chunk in pool.chunks) == 1 + pool.max_crashes
    assert "what it was at is computed again, one by one" in notes[0]


def test_where_bystanders_are_blamed_suspects_are_tried_with_nothing_beside_them():
    pool = PoolOfStandIns([3], blames_bystanders=True)
    results_of(pool, range(8))
    assert pool.beside == [8] + [1] * (7 + pool.max_crashes)


def test_several_items_given_up_in_a_row_are_one_too_many():
    with pytest.raises(FaceprivError, match="lost again and again"):
        results_of(PoolOfStandIns(range(20)), range(20))


def test_calls_that_find_the_artifacts_away_come_again():
    away = [StoreBusyError("The artifact store is away.")]

    def fetched(job: object, items: list[int]) -> list[int]:
        if away:
            raise away[0]
        return items

    pool = PoolOfStandIns()
    calls = PoolCalls(pool, fetched, None, [1], note=str)
    assert calls.hand_out()
    pool.work()
    assert calls.wait(1.0) == []
    assert calls.busy is away.pop()
    assert calls.hand_out()
    pool.work()
    assert calls.wait(1.0) == [(1, 1)]
    assert calls.busy is None
    assert not calls.hand_out()
