"""The four steps from a data set to a policy, and how far one has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facepriv.store import Store
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
    """Tell how far each step is, in their order; ``images`` is how many images all data sets have."""
    datasets = len(store.datasets.list())
    audits, policies = (store.audits.count(of_run=of_run, states=("complete",)) for of_run in (False, True))
    runs = store.runs.count(states=("complete",))
    facts: dict[StepName, str] = {
        "data": f"{count(datasets, 'data set')}, {count(images, 'image')}" if datasets else "",
        "audit": f"{count(audits, 'audit')} of images as they are" if audits else "",
        "perturb": count(runs, "complete run") if runs else "",
        "policy": f"{count(policies, 'audit')} of perturbed images" if policies else "",
    }
    under_way: dict[StepName, bool] = {
        "data": False,
        "audit": store.audits.count(of_run=False, states=UNDER_WAY) > 0,
        "perturb": store.runs.count(states=UNDER_WAY) > 0,
        "policy": store.audits.count(of_run=True, states=UNDER_WAY) > 0,
    }
    journey: list[Step] = []
    for name, amount in facts.items():
        state: StepState = "done" if amount else "under way" if under_way[name] else "not yet"
        if state == "not yet" and all(step.state in ("done", "under way") for step in journey):
            state = "next"
        journey.append(Step(name, state, amount))
    return tuple(journey)
