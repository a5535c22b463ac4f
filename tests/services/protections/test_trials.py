"""Trials of protections: prepared, judged by a worker, the same again, gone with the sets that they knew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, FaceprivError, UnknownNameError
from facepriv.presentation.protection_tables import outcome_rows
from facepriv.protect.registry import protections
from facepriv.schemas.requests import ProtectionRequest
from facepriv.services.jobs import control
from facepriv.services.jobs.submit import submit
from facepriv.services.protections.documents import protect_report, protection_document
from facepriv.services.protections.preparing import prepare_protection
from facepriv.services.templates.sets import as_rows
from facepriv.store import Store, open_store
from facepriv.store.records import NewTemplateSet
from tests.actors import TEST
from tests.audit.templates.planted import planted
from tests.protection_examples import QUICK, add_people, complete_trial


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", workers=1)


@pytest.fixture
def store(settings):
    with open_store(settings) as store:
        yield store


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One complete trial with a comparison and people elsewhere, with its settings."""
    settings = Settings(home=tmp_path_factory.mktemp("trial") / "home", workers=1)
    with open_store(settings) as store:
        add_people(store, "staff")
        add_people(store, "guests", seed=1)
        fields = {"templates": "staff", "learn_from": "guests", "method": "mean-difference", "others": ("leace",)}
        complete_trial(settings, store, **fields)
    return settings


def refused(store: Store, **fields) -> str:
    with pytest.raises(BadInputError) as caught:
        prepare_protection(store, ProtectionRequest(**fields))
    return caught.value.code


def test_a_trial_is_complete_with_every_figure(done: Settings):
    with open_store(done) as store:
        trial = store.protections.get(1)
        result = trial.result
        assert trial.state == "complete", trial.error
        assert result is not None
        assert trial.done == trial.total == 3
        assert [audit.protection for audit in (result.untouched, *result.protected)] == [
            "none",
            "mean-difference",
            "leace",
        ]
        assert result.failed == {}
        assert result.untouched.worst.reversed_accuracy.value > 0.9
        states = {attack.knowledge for attack in result.chosen.attacks}
        assert states == {"unaware", "aware", "other-people"}
        assert result.chosen.fnmr_loss is not None
        assert store.access.list(action="protection-started")[0].subject == "protection 1"


def test_documents_say_the_worst_attacker_and_the_loss_by_matcher(done: Settings):
    with open_store(done) as store:
        document = protection_document(store, 1)
    assert document.model_dump(by_alias=True)["schema"] == "facepriv.protection/1"
    report = protect_report([document])
    worst = document.chosen.worst
    assert report.worst_attacker["accuracy"] == worst.reversed_accuracy.value >= 0.5
    (name,) = report.fnmr_loss
    assert report.fnmr_loss[name] == document.chosen.fnmr_loss


def test_the_same_request_is_not_tried_twice_if_once_will_do(done: Settings):
    with open_store(done) as store:
        fields = {"templates": "staff", "learn_from": "guests", "method": "mean-difference", "others": ("leace",)}
        again = submit(store, done, ProtectionRequest(**QUICK, **fields), TEST, once=True)
        assert again.id == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures(settings: Settings, store: Store):
    add_people(store, "staff")
    first, second = (complete_trial(settings, store, templates="staff") for _ in range(2))
    assert first.result is not None
    assert second.result is not None
    unlike = {"seconds": 0.0}
    for one, other in zip(first.result.protected, second.result.protected, strict=True):
        assert one.model_copy(update=unlike) == other.model_copy(update=unlike)


def test_what_does_not_fit_is_refused_before_anything_is_queued(store: Store):
    add_people(store, "staff")
    with pytest.raises(UnknownNameError):
        prepare_protection(store, ProtectionRequest(templates="nobody"))
    with pytest.raises(UnknownNameError):
        prepare_protection(store, ProtectionRequest(templates="staff", method="magic"))
    with pytest.raises(UnknownNameError):
        prepare_protection(store, ProtectionRequest(templates="staff", attackers=("magician",)))
    assert refused(store, templates="staff", parameters={"no-such": 1}) == "bad-parameter"
    assert refused(store, templates="staff", fit_on="staff") == "same-set"
    other = add_people(store, "other")
    assert other.matcher == store.template_sets.get("staff").matcher
    assert store.protections.list() == ()


@pytest.mark.slow
def test_compared_protections_may_have_parameters(settings: Settings, store: Store):
    add_people(store, "staff")
    others = ("donor-coordinate", "donor-coordinate:directions=2", "mirroring:proportion=0.25")
    fields = {"templates": "staff", "method": "donor-coordinate", "parameters": {"directions": 2}}
    spec = prepare_protection(store, ProtectionRequest(**QUICK, **fields, others=others))
    tried = [(choice.name, *choice.parameters.values()) for choice in spec.tried]
    assert tried == [("donor-coordinate", 2), ("donor-coordinate", 1), ("mirroring", 0.25)], "each once"
    trial = complete_trial(settings, store, **fields, others=others)
    assert trial.result is not None
    shown = [row["Protection"] for row in outcome_rows(trial.result)]
    assert shown[1:] == ["donor-coordinate (directions 2)", "donor-coordinate", "mirroring (proportion 0.25)"]
    for wrong in ("donor-coordinate:directions=many", "donor-coordinate:colour=red", "donor-coordinate:directions"):
        assert refused(store, templates="staff", others=(wrong,)) == "bad-parameter"
    everyone = prepare_protection(store, ProtectionRequest(templates="staff", others=("all",)))
    assert sorted(choice.name for choice in everyone.tried) == sorted(protections.names())


def test_too_few_people_fail_with_a_sentence(settings: Settings, store: Store):
    add_people(store, "few", people=6)
    trial = complete_trial(settings, store, templates="few")
    assert trial.state == "failed"
    assert "six" in (trial.error or "") or "6" in (trial.error or "")


@pytest.mark.parametrize(("kept", "code"), [((), "no-labels"), ((1,), "one-gender")])
def test_without_labels_of_both_genders_nothing_is_started(store: Store, kept: tuple[int, ...], code: str):
    people = as_rows(planted(24, 0))
    labels = np.where(np.isin(people.labels, kept), people.labels, 0).astype(np.int8)
    new = NewTemplateSet(name="bare", source="planted", reader="npz")
    store.template_sets.save(new, dataclasses.replace(people, labels=labels))
    assert refused(store, templates="bare") == code


def test_a_waiting_trial_is_cancelled_and_resumed(settings: Settings, store: Store):
    add_people(store, "staff")
    trial = submit(store, settings, ProtectionRequest(templates="staff", **QUICK), TEST)
    assert control.cancel(store, "protection", trial.id, TEST) == "cancelled"
    assert control.resume(store, "protection", trial.id, TEST) == "waiting"


def test_trials_go_with_every_set_that_they_knew(settings: Settings, store: Store):
    staff, guests = add_people(store, "staff"), add_people(store, "guests", seed=1)
    for fields in ({"templates": "staff"}, {"templates": "staff", "fit_on": "guests"}):
        submit(store, settings, ProtectionRequest(**QUICK, **fields), TEST)
    store.template_sets.delete(guests.id)
    assert [trial.id for trial in store.protections.list()] == [1]
    store.jobs.claim("w1")
    with pytest.raises(FaceprivError):
        store.template_sets.delete(staff.id)
    assert store.template_sets.get("staff") == staff
