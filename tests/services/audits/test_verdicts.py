"""Verdicts from what is stored: of a data set, of a run, of what was shared."""

from __future__ import annotations

from facepriv.schemas.audits import Headline
from facepriv.services.audits.verdicts import verdict_of_results, verdict_of_run, verdict_on_images, verdicts_of_dataset
from facepriv.store import Store
from tests.store_examples import add_dataset, audit_result, audit_spec, complete_run


def audited(store: Store, dataset, *, run_id: int | None = None, **accuracies: float) -> int:
    """Store a complete audit whose strongest attacker is right that often about each release."""
    number = store.audits.create(audit_spec(store, dataset, run_id=run_id))
    assert store.jobs.claim("w", only=store.audits.job_id(number)) is not None
    headlines = [
        Headline(condition=name, attacker="sign", accuracy=accuracy, upper=accuracy, bits=0.1)  # type: ignore[arg-type]
        for name, accuracy in accuracies.items()
    ]
    store.audits.finish(number, "w", audit_result(headlines=headlines))
    return number


def test_a_data_set_that_nobody_audited(store: Store) -> None:
    found = verdicts_of_dataset(store, add_dataset(store).id)
    assert (found.untouched.level, found.best, found.audit) == ("unknown", None, None)


def test_an_audit_of_a_run_says_what_the_untouched_images_reveal_too(store: Store) -> None:
    dataset = add_dataset(store)
    run = complete_run(store, dataset)
    of_run = audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.6)
    assert verdict_on_images(store, dataset.id)[1] == of_run
    as_it_is = audited(store, dataset, untouched=0.97)
    audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.6)
    found = verdicts_of_dataset(store, dataset.id)
    assert found.audit == as_it_is, "one of the data set as it is comes first"
    assert "right 97 times" in found.untouched.finding
    assert (found.best_run, found.best.level if found.best else "") == (run, "protected")


def test_the_best_release_is_by_the_newest_audit_of_each_run(store: Store) -> None:
    dataset = add_dataset(store)
    first, second = complete_run(store, dataset), complete_run(store, dataset)
    audited(store, dataset, run_id=first, untouched=0.95, perturbed=0.6)
    audited(store, dataset, run_id=second, untouched=0.95, perturbed=0.69)
    newest = audited(store, dataset, run_id=first, untouched=0.95, perturbed=0.9)
    found = verdicts_of_dataset(store, dataset.id)
    assert found.best_run == second, "the first was found to reveal more since"
    verdict, audit = verdict_of_run(store, store.runs.get(first))
    assert (verdict.level, audit) == ("exposed", newest)


def test_what_was_shared_without_an_audit_was_not_attacked_even_if_it_was_since(store: Store) -> None:
    dataset = add_dataset(store)
    run = complete_run(store, dataset)
    audit = audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.9)
    assert verdict_of_results(store, run, None).level == "unknown"
    assert verdict_of_results(store, run, audit).level == "exposed"


def test_a_verdict_is_read_once(store: Store, monkeypatch) -> None:
    dataset = add_dataset(store)
    audited(store, dataset, untouched=0.97)
    before = verdicts_of_dataset(store, dataset.id)
    monkeypatch.setattr(store.audits, "get", None)
    assert verdicts_of_dataset(store, dataset.id) == before
