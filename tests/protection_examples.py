"""Trials of protections on planted people, quickly judged."""

from __future__ import annotations

from typing import Any

from facepriv.config import Settings
from facepriv.schemas.requests import ProtectionRequest
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.templates.sets import as_rows
from facepriv.store import ProtectionRecord, Store, TemplateSetRecord
from facepriv.store.records import NewTemplateSet
from tests.actors import TEST
from tests.audit.templates.planted import planted

QUICK: dict[str, Any] = {"attackers": ("linear",), "partings": 1}
"""Fields of a request whose trial takes a second."""


def add_people(store: Store, name: str, *, seed: int = 0, people: int = 24, gap: float = 4.0) -> TemplateSetRecord:
    """Keep templates of planted people whose gender shows."""
    new = NewTemplateSet(name=name, source="planted", reader="npz")
    return store.template_sets.save(new, as_rows(planted(people, seed, gap=gap)))


def complete_trial(settings: Settings, store: Store, **fields: Any) -> ProtectionRecord:
    """Try a protection to the end, in this process and its pool."""
    trial = submit(store, settings, ProtectionRequest(**{**QUICK, **fields}), TEST)
    run_worker(settings, job_id=trial.job_id)
    return store.protections.get(trial.id)
