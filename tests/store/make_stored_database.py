"""Write ``fixtures/revision_NNNN.sql``: a SQLite database of the present revision with rows in every table.

Run it with ``python -m tests.store.make_stored_database`` right before a migration is added, and never again for that
revision: the file stands for the databases that people have.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.runs import LearnFrom
from facepriv.store import DatasetRecord, Store, migrate, open_store
from facepriv.store.records import NewDataset, NewTemplateSet
from facepriv.types import Actor, Problem, ProtocolPair, Terms
from tests.contracts.test_protection_store import spec_of
from tests.store_examples import (
    FACELESS,
    audit_result,
    audit_spec,
    create,
    learning,
    measured_of,
    new_image,
    result_for,
    run_image,
    sha,
    spec_for,
    template_rows,
)

FOLDER = Path(__file__).parent / "fixtures"
ADA = Actor("ada", "dashboard")


def fill(store: Store) -> None:
    """Put rows into every table: two data sets and an import that broke off, runs and audits in every state."""
    school = create(store, "school", [new_image(10), new_image(11, artifact_sha256=None, **FACELESS)])
    studio = _studio(store)
    _template_sets(store, studio)
    _unfinished(store)
    _runs(store, school, studio)
    _audits(store, studio)
    preview = store.jobs.create("import", '{"name": "waiting"}', actor=ADA, total=3)
    assert store.jobs.claim("w9", only=preview) is not None
    store.jobs.await_confirmation(preview, "w9", '{"images": 3}')
    _people(store)
    store.access.record(Actor("ada", "command line"), "run-exported", "run 1")
    store.access.record(ADA, "face-seen", "dataset 1", "image 1")


def _studio(store: Store) -> DatasetRecord:
    images = [new_image(index, attributes={"age": 30.5, "race": "White"}) for index in range(6)]
    terms = Terms("Only one of them may be shown.", frozenset(["s0"]))
    with store.datasets.importing(
        NewDataset(
            name="studio",
            source="a folder",
            reader="folders",
            identities="groups",
            terms=terms,
            datasheet={"consent": "signed forms"},
        )
    ) as importing:
        for image in images:
            importing.add(image)
        problems = [Problem(name, "not-an-image", f"{name} is no image.") for name in ("a", "b", "c")]
        importing.finish(problems, [ProtocolPair(1, images[0].name, images[1].name, mated=True)])
    store.datasets.save_quality(importing.dataset_id, {"schema": "facepriv.quality/1"})
    return store.datasets.get("studio")


def _template_sets(store: Store, studio: DatasetRecord) -> None:
    made = NewTemplateSet(name="studio-sface", source="made", reader="made", dataset_id=studio.id)
    store.template_sets.save(made, template_rows(matcher="sface", version="1"))
    terms = Terms("Nobody may be shown.", frozenset())
    sheet, problems = {"consent": "signed forms"}, ({"code": "zero-row", "count": 1, "sentence": "Row 2 is zero."},)
    brought = NewTemplateSet(
        name="staff", source="a file", reader="npz", terms=terms, datasheet=sheet, problems=problems
    )
    kept = store.template_sets.save(brought, template_rows(metric="euclidean"))
    store.template_sets.save_quality(kept.id, {"schema": "facepriv.template-quality/1"})
    store.protections.create(spec_of(kept), request='{"templates": "staff"}', actor=ADA)


def _unfinished(store: Store) -> None:
    try:
        with store.datasets.importing(
            NewDataset(name="broken off", source="", reader=""), resume_key="key"
        ) as importing:
            importing.add(new_image(20))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass


def _runs(store: Store, school: DatasetRecord, studio: DatasetRecord) -> None:
    teacher = DatasetRef(id=school.id, name=school.name, content_sha256=school.content_sha256)
    spec = spec_for(store, studio, learn_from=LearnFrom(source="dataset", dataset=teacher))
    run_ids = [store.runs.create(spec, actor=ADA) for _ in range(6)]
    jobs = [store.runs.job_id(run_id) for run_id in run_ids]
    assert store.jobs.claim("w1", only=jobs[0]) is not None
    store.jobs.heartbeat(jobs[0], "w1", "perturbing", 1, 6, seconds=2.5)
    store.runs.save_learning(run_ids[0], "w1", learning(0, sha("learnt"), source="dataset"))
    failure = {"failure": "no-face", "failure_stage": "acquire-after", "failure_sentence": "No face was found."}
    for position, image_id in enumerate(spec.image_ids):
        changes = failure if position == 5 else {}
        image = run_image(image_id, position, **changes)
        store.runs.save_image(run_ids[0], "w1", image, measured_of(image))
    store.runs.finish(run_ids[0], "w1", result_for(6))
    assert store.jobs.claim("w2", only=jobs[1]) is not None
    store.jobs.fail(jobs[1], "w2", "The disk is full.")
    assert store.jobs.claim("w3", only=jobs[2]) is not None
    store.jobs.cancel(jobs[3])
    store.runs.delete(run_ids[5])


def _audits(store: Store, studio: DatasetRecord) -> None:
    untouched, of_run, _ = (
        store.audits.create(audit_spec(store, studio, run_id=run_id), actor=ADA) for run_id in (None, 1, 1)
    )
    assert store.jobs.claim("w4", only=store.audits.job_id(untouched)) is not None
    store.audits.finish(untouched, "w4", audit_result())
    store.jobs.cancel(store.audits.job_id(of_run))


def _people(store: Store) -> None:
    officer = store.users.add("Ada", "officer", password_hash="a hash", oidc="ada@example.org")
    store.sessions.revoke_all(officer.id)
    store.sessions.open(officer.id)
    store.attempts.failed({"sign-in ada": 5}, datetime(2000, 1, 1, tzinfo=UTC))
    store.users.set_disabled(store.users.add("bob", "auditor").id, True)
    expires_at = datetime(2100, 1, 1, tzinfo=UTC)
    shared, _ = store.shares.add(
        run_id=1, audit_id=1, expires_at=expires_at, shared_by="bob", officer_id=officer.id, faces=3
    )
    store.shares.viewed(shared.id)
    for decision, sha256 in ((None, None), ("accepted", "0" * 64)):
        store.remarks.add(
            run_id=1,
            audit_id=1,
            about="run 1, audit 1",
            author="Ada",
            text="Fine.",
            decision=decision,
            sha256=sha256,
        )


def main() -> None:
    """Write the file; one that is there already stays, since it can never be made again."""
    file = FOLDER / f"revision_{migrate.head()}.sql"
    if file.exists():
        raise StoreError(f"{file.name} is there already; add a migration first.")
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        with open_store(settings) as store:
            fill(store)
        with closing(sqlite3.connect(settings.home / "facepriv.sqlite")) as connection:
            file.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
