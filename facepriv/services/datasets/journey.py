"""The four steps from a data set to a policy, and how far one has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from facepriv.store import DatasetRecord, JobState, Store
from facepriv.store.records import UNDER_WAY
from facepriv.wording import count

StepName = Literal["data", "audit", "perturb", "policy"]
StepState = Literal["done", "under way", "next", "not yet"]


@dataclass(frozen=True)
class Step:
    """One of the four steps, as far as it is done."""

    name: StepName
    state: StepState
    """Of those that are neither done nor under way, the first is next."""
    facts: str
    """What there is of it, e.g. ``1 data set, 120 images``; empty where there is nothing."""


def steps(store: Store, images: int) -> tuple[Step, ...]:
    """Tell how far each step is, in their order; ``images`` is how many images all data sets have.

    A step is done once it is done for every data set: one that nobody audited is not done because another one was.
    """
    records = store.datasets.list()
    complete: tuple[JobState, ...] = ("complete",)
    # Every audit judges the untouched images, one of a run too.
    audited = [record for record in records if store.audits.count(dataset_id=record.id, states=complete)]
    perturbed = [record for record in records if store.runs.count(dataset_id=record.id, states=complete)]
    decided = [record for record in records if store.audits.count(dataset_id=record.id, of_run=True, states=complete)]
    runs, policies = store.runs.count(states=complete), store.audits.count(of_run=True, states=complete)
    facts: dict[StepName, str] = {
        "data": f"{count(len(records), 'data set')}, {count(images, 'image')}" if records else "",
        "audit": f"{len(audited)} of {count(len(records), 'data set')} attacked" if audited else "",
        "perturb": count(runs, "complete run") + _some(perturbed, records) if runs else "",
        "policy": count(policies, "audit") + f" of perturbed images{_some(decided, records)}" if policies else "",
    }
    done: dict[StepName, bool] = {
        "data": bool(records),
        "audit": bool(records) and len(audited) == len(records),
        "perturb": bool(records) and len(perturbed) == len(records),
        "policy": bool(records) and len(decided) == len(records),
    }
    under_way: dict[StepName, bool] = {
        "data": False,
        "audit": store.audits.count(of_run=False, states=UNDER_WAY) > 0,
        "perturb": store.runs.count(states=UNDER_WAY) > 0,
        "policy": store.audits.count(of_run=True, states=UNDER_WAY) > 0,
    }
    journey: list[Step] = []
    for name, amount in facts.items():
        state: StepState = "done" if done[name] else "under way" if under_way[name] else "not yet"
        if state == "not yet" and all(step.state in ("done", "under way") for step in journey):
            state = "next"
        journey.append(Step(name, state, amount))
    return tuple(journey)


def _some(done: Sequence[DatasetRecord], records: Sequence[DatasetRecord]) -> str:
    """Say for how many data sets, where it is not for all."""
    return "" if len(done) == len(records) else f", for {len(done)} of {count(len(records), 'data set')}"
