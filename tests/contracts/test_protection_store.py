"""What trials of protections must do on every database."""

from __future__ import annotations

import pytest

from facepriv.errors import StoreError, UnknownNameError
from facepriv.schemas.protections import ProtectionChoice, ProtectionSpec
from facepriv.services.templates.sets import reference
from facepriv.store import Store, TemplateSetRecord
from tests.actors import TEST
from tests.protection_examples import add_people


def spec_of(record: TemplateSetRecord, others: TemplateSetRecord | None = None) -> ProtectionSpec:
    return ProtectionSpec(
        templates=reference(record),
        method="leace",
        tried=(ProtectionChoice(name="leace"),),
        fit_on=None if others is None else reference(others),
        attackers=("linear",),
        partings=1,
        most_accuracy=0.65,
        most_fnmr_loss=0.005,
        seed=0,
        facepriv_version="0",
        libraries={},
    )


def test_a_trial_comes_back_with_its_job(store: Store) -> None:
    spec = spec_of(add_people(store, "staff"))
    number = store.protections.create(spec, request='{"a": 1}', actor=TEST)
    record = store.protections.get(number)
    assert (record.spec, record.result, record.state, record.total) == (spec, None, "waiting", 2)
    assert (record.template_set_name, record.method) == ("staff", "leace")
    assert store.jobs.get(record.job_id).kind == "protection"
    assert store.protections.of_job(record.job_id) == record
    assert [each.id for each in store.protections.list(template_set_id=record.template_set_id)] == [number]
    assert store.protections.count(states=("waiting",)) == 1
    assert store.protections.list(states=("complete",)) == ()


def test_sets_of_other_content_are_unknown(store: Store) -> None:
    spec = spec_of(add_people(store, "staff"))
    changed = spec.model_copy(update={"templates": spec.templates.model_copy(update={"rows_sha256": "0" * 64})})
    with pytest.raises(UnknownNameError):
        store.protections.create(changed)
    with pytest.raises(UnknownNameError):
        store.protections.get(1)


def test_what_is_worked_on_stays_with_its_sets(store: Store) -> None:
    staff, guests = add_people(store, "staff"), add_people(store, "guests", seed=1)
    number = store.protections.create(spec_of(staff, guests))
    assert store.jobs.claim("w1") is not None
    for removal in (lambda: store.template_sets.delete(guests.id), lambda: store.protections.delete(number)):
        with pytest.raises(StoreError):
            removal()
    assert store.protections.get(number).state == "running"
    store.jobs.release(store.protections.job_id(number), "w1")
    store.template_sets.delete(guests.id)
    assert store.protections.list() == ()
    assert store.template_sets.get("staff") == staff
