"""What is known of data sets, from what is stored: their steps, and what belongs to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import event

from facepriv.config import Settings
from facepriv.presentation.journey import Place, journey
from facepriv.schemas.audits import ClassifierBaseline, Headline
from facepriv.schemas.figures import Interval
from facepriv.services.journey.belongings import MOST, belongings_of
from facepriv.services.journey.facts import facts_of, facts_of_all
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.store import DatasetRecord, Store
from tests.store_examples import add_dataset, audit_result, audit_spec, complete_run, study_result, study_spec

AS_THEY_ARE = Headline(condition="untouched", attacker="sign", accuracy=0.9, upper=0.95, bits=0.5)
ERROR = Interval(value=0.1, low=0.0, high=0.2)
JUDGED = ClassifierBaseline(classifier="dlib-gender", all=ERROR, male=ERROR, female=ERROR)
CHANGED = Headline(condition="perturbed", attacker="sign", accuracy=0.6, upper=0.65, bits=0.01)


def finish_audit(store: Store, dataset: DatasetRecord, run_id: int | None = None, *, judged: bool = True) -> int:
    number = store.audits.create(audit_spec(store, dataset, run_id=run_id))
    assert store.jobs.claim("w", only=store.audits.job_id(number)) is not None
    lines = [AS_THEY_ARE] if run_id is None else [AS_THEY_ARE, CHANGED]
    store.audits.finish(number, "w", audit_result(headlines=lines, baseline=[JUDGED] if judged else []))
    return number


def states(store: Store, settings: Settings, record: DatasetRecord) -> list[str]:
    return [step.state for step in journey(facts_of(store, settings, record)).steps]


def test_the_way_from_images_to_a_sign_off(store: Store, settings: Settings) -> None:
    record = add_dataset(store, images=24)
    assert states(store, settings, record) == ["done", "to do", "not needed yet", "not needed yet", "not needed yet"]
    finish_audit(store, record, judged=False)
    assert states(store, settings, record)[1] == "needs attention", "nobody judged the images as they are"
    finish_audit(store, record)
    assert states(store, settings, record)[1:3] == ["done", "to do"]
    run = complete_run(store, record)
    assert states(store, settings, record)[2] == "needs attention", "nobody attacked the run"
    audit = finish_audit(store, record, run)
    assert states(store, settings, record)[2:] == ["done", "to do", "to do"]
    store.releases.add(
        dataset_id=record.id,
        about=f"run {run}",
        policy="",
        items=24,
        manifest_sha256="0" * 64,
        verdict="Protected: indeed.",
        released_by="ada",
    )
    assert states(store, settings, record)[3:] == ["done", "to do"]
    said = {"about": f"run {run}, audit {audit}", "author": "otto", "text": ""}
    right = result_sha256(store, run, audit)
    store.remarks.add(run_id=run, audit_id=audit, **said, decision="accepted", sha256=right)
    assert states(store, settings, record)[4] == "done"
    again = finish_audit(store, record, run)
    found = journey(facts_of(store, settings, record))
    assert found.step("sign-off").state == "needs attention", "another audit says what counts now"
    assert found.next is not None
    assert found.next.place == Place("audit", again)
    store.remarks.add(run_id=run, audit_id=again, **said, decision="accepted", sha256="0" * 64)
    assert states(store, settings, record)[4] == "needs attention", "the hash is of other results"


def test_a_data_set_is_not_done_because_another_is(store: Store, settings: Settings) -> None:
    first, second = add_dataset(store, images=24), add_dataset(store, "another", images=24)
    finish_audit(store, first)
    found = facts_of_all(store, settings, [second, first])
    assert [facts.record.name for facts in found] == ["another", "studio"]
    assert [journey(facts).step("measure").state for facts in found] == ["to do", "done"]
    assert found == [facts_of(store, settings, second), facts_of(store, settings, first)]


def test_many_data_sets_take_no_more_queries_than_one(store: Store, settings: Settings) -> None:
    records = [add_dataset(store, f"set-{number}", images=24) for number in range(6)]
    for record in records:
        finish_audit(store, record)
    facts_of_all(store, settings, records)  # what is read once a process is read
    asked = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    engine = store._database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        facts_of(store, settings, records[0])
        one = len(asked)
        facts_of_all(store, settings, records)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 2 * one


def test_what_belongs_to_a_data_set_is_listed_with_its_verdicts(store: Store, settings: Settings) -> None:
    record = add_dataset(store, images=24)
    assert [some.total for some in belongings_of(store, facts_of(store, settings, record))] == 6 * [0]
    runs = [complete_run(store, record) for _ in range(MOST + 1)]
    audit = finish_audit(store, record, runs[-1])
    study = store.studies.create(study_spec(record))
    assert store.jobs.claim("w", only=store.studies.job_id(study)) is not None
    store.studies.finish(study, "w", study_result())
    soon = datetime.now(UTC) + timedelta(days=3)
    store.shares.add(run_id=runs[-1], audit_id=audit, expires_at=soon, shared_by="ada")
    store.releases.add(
        dataset_id=record.id,
        about=f"run {runs[-1]}",
        policy="",
        items=24,
        manifest_sha256="0" * 64,
        verdict="Not protected: at all.",
        released_by="ada",
    )
    lists = {some.title: some for some in belongings_of(store, facts_of(store, settings, record))}
    assert (len(lists["Runs"].entries), lists["Runs"].total) == (MOST, MOST + 1)
    assert lists["Runs"].entries[0].text == f"Run {runs[-1]} · algorithm1, 24 images · ✓ Protected"
    assert lists["Runs"].entries[1].text.endswith("– Not attacked yet")
    assert lists["Audits"].entries[0].text == f"Audit {audit} · after run {runs[-1]} · ✓ Protected"
    assert lists["Studies"].entries[0].text == f"Study {study} · ✗ Goal not reached"
    released = lists["Releases"].entries[0]
    assert released.text.endswith("by ada · SHA-256 0000…0000 · verdict then: not protected")
    assert released.place == Place("run", runs[-1])
    assert lists["Shares"].entries[0].text.startswith(f"Run {runs[-1]}, audit {audit} · a link · open until")
