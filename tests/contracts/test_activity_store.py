"""What every back end must say of what belongs to data sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from facepriv.store import Store
from facepriv.store.activity import NO_IMAGES, ImageCounts, Work
from facepriv.store.records import NewTemplateSet
from tests.store_examples import (
    FACELESS,
    add_dataset,
    audit_result,
    audit_spec,
    claim_audit,
    complete_run,
    create,
    new_image,
    spec_for,
    study_spec,
    template_rows,
)


def test_images_and_people_are_counted_for_all_at_once(store: Store) -> None:
    images = [*(new_image(index) for index in range(8)), new_image(8, **FACELESS), new_image(9, label=None)]
    first, second = create(store, "first", images), add_dataset(store, "second", images=2)
    counts = store.activity.image_counts([first.id, second.id, 99])
    assert counts[first.id] == ImageCounts(
        images=10, subjects=5, women=4, men=4, unlabelled=2, failed=1, women_seen=2, men_seen=2
    )
    assert (counts[second.id].images, counts[second.id].women_seen, counts[second.id].men_seen) == (2, 0, 1)
    assert counts[99] == NO_IMAGES
    assert store.activity.image_counts([]) == {}


def test_jobs_are_counted_by_kind_and_state(store: Store) -> None:
    first, second = add_dataset(store), add_dataset(store, "second")
    assert store.activity.work() == {}
    run = complete_run(store, first)
    waiting = store.runs.create(spec_for(store, second))
    of_run = store.audits.create(audit_spec(store, first, run_id=run))
    plain = [store.audits.create(audit_spec(store, first)) for _ in range(2)]
    study = store.studies.create(study_spec(second))
    store.runs.create(spec_for(store, second), study_id=study)
    assert store.activity.work() == {
        first.id: {
            ("run", "complete"): Work(number=1, newest=run),
            ("run-audit", "waiting"): Work(number=1, newest=of_run),
            ("audit", "waiting"): Work(number=2, newest=plain[1]),
        },
        second.id: {
            ("run", "waiting"): Work(number=1, newest=waiting),
            ("study", "waiting"): Work(number=1, newest=study),
        },
    }
    assert list(store.activity.work(second.id)) == [second.id]
    assert store.activity.studies()[second.id].id == study
    assert store.activity.studies(first.id) == {}


def test_the_newest_complete_audits_of_each_come_first(store: Store) -> None:
    first, second = add_dataset(store), add_dataset(store, "second")
    for record in (first, first, first, second):
        number = store.audits.create(audit_spec(store, record))
        assert claim_audit(store, "w") is not None
        store.audits.finish(number, "w", audit_result())
    store.audits.create(audit_spec(store, second))
    newest = store.activity.audits(2)
    assert {number: [audit.id for audit in audits] for number, audits in newest.items()} == {
        first.id: [3, 2],
        second.id: [4],
    }
    assert newest[first.id][0] == store.audits.summary(3)
    assert list(store.activity.audits(1, second.id)) == [second.id]
    assert store.activity.trials(3) == {}


def test_releases_of_templates_belong_to_the_data_set_they_were_made_of(store: Store) -> None:
    record, other = add_dataset(store), add_dataset(store, "second")
    new = NewTemplateSet(name="made", source="", reader="", dataset_id=record.id)
    made = store.template_sets.save(new, template_rows())
    brought = store.template_sets.save(NewTemplateSet(name="brought", source="", reader=""), template_rows(seed=1))
    common = {"policy": "", "items": 1, "manifest_sha256": "0" * 64, "verdict": "", "released_by": "ada"}
    store.releases.add(dataset_id=record.id, about="run 1", **common)
    store.releases.add(template_set_id=made.id, about="protection 1", **common)
    store.releases.add(template_set_id=brought.id, about="protection 2", **common)
    found = store.activity.releases()
    assert {number: [each.about for each in some] for number, some in found.items()} == {
        record.id: ["protection 1", "run 1"]
    }
    assert store.activity.releases(other.id) == {}


def test_sign_offs_and_shares_belong_to_the_data_set_of_their_results(store: Store) -> None:
    record, other = add_dataset(store), add_dataset(store, "second")
    run, another = complete_run(store, record), complete_run(store, other)
    audit = store.audits.create(audit_spec(store, other))
    said = {"about": "", "author": "otto", "text": ""}
    signed = {"decision": "accepted", "sha256": "0" * 64}
    store.remarks.add(run_id=run, audit_id=None, **said, **signed)
    newer = store.remarks.add(run_id=run, audit_id=None, **said, **{**signed, "decision": "rejected"})
    store.remarks.add(run_id=run, audit_id=None, **{**said, "text": "A comment."})
    of_audit = store.remarks.add(run_id=None, audit_id=audit, **said, **signed)
    assert store.activity.sign_offs() == {record.id: newer, other.id: of_audit}
    assert store.activity.sign_offs(record.id) == {record.id: newer}
    soon = datetime.now(UTC) + timedelta(days=1)
    made = [
        store.shares.add(run_id=run_id, audit_id=audit_id, expires_at=soon, shared_by="ada")[0]
        for run_id, audit_id in ((run, None), (another, None), (None, audit))
    ]
    assert store.activity.shares() == {record.id: (made[0],), other.id: (made[2], made[1])}
    assert store.activity.shares(record.id) == {record.id: (made[0],)}


def test_what_was_deleted_and_may_be_restored_does_not_count(store: Store) -> None:
    record = add_dataset(store)
    run = complete_run(store, record)
    audit = store.audits.create(audit_spec(store, record, run_id=run))
    assert claim_audit(store, "w") is not None
    store.audits.finish(audit, "w", audit_result())
    soon = datetime.now(UTC) + timedelta(days=1)
    store.shares.add(run_id=run, audit_id=audit, expires_at=soon, shared_by="ada")
    said = {"about": "", "author": "otto", "text": "", "decision": "accepted", "sha256": "0" * 64}
    store.remarks.add(run_id=run, audit_id=audit, **said)

    def counted() -> list[int]:
        activity = store.activity
        return [*map(len, (activity.work(), activity.audits(9), activity.shares(), activity.sign_offs()))]

    assert counted() == [1, 1, 1, 1]
    store.audits.discard(audit, by="ada")
    assert counted() == [1, 0, 0, 0]
    store.audits.restore(audit)
    store.runs.discard(run, by="ada")
    assert counted() == [0, 0, 0, 0]
    store.runs.restore(run)
    assert counted() == [1, 1, 1, 1]
