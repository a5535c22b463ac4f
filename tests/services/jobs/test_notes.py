"""Names, notes and tags are kept as other texts are: short, printable, recorded without their words."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError, DeletedError, UnknownNameError
from facepriv.services.jobs.deletion import discard
from facepriv.services.jobs.notes import get_notes, save_notes
from facepriv.store import JobNotes, Store
from tests.actors import ADA
from tests.store_examples import add_dataset, audit_spec, complete_run


def test_what_is_written_is_kept_clean_and_logged_without_words(store: Store) -> None:
    dataset = add_dataset(store)
    run, audit = complete_run(store, dataset), store.audits.create(audit_spec(store, dataset))
    given = JobNotes(name="  best ", notes="one\r\ntwo\x07\t\n\n", tags=("#goal", "goal", " e\u0301 "))
    kept = save_notes(store, "run", run, given, actor=ADA)
    assert kept == get_notes(store, "run", run) == JobNotes(name="best", notes="one\ntwo", tags=("goal", "\u00e9"))
    save_notes(store, "run", run, kept, actor=ADA)
    (line,) = store.access.list(action="run-annotated")
    assert (line.actor, line.subject, line.detail) == ("ada", f"run {run}", ""), "once, and no word of it"
    save_notes(store, "audit", audit, JobNotes(name="first"), actor=ADA)
    assert get_notes(store, "audit", audit).name == "first"
    assert store.access.list(action="audit-annotated")[0].subject == f"audit {audit}"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (JobNotes(name="x" * 101), "bad-name"),
        (JobNotes(name="two\nlines"), "bad-name"),
        (JobNotes(name="turned \u202e round"), "bad-name"),
        (JobNotes(notes="x" * 5001), "long-text"),
        (JobNotes(tags=("",)), "bad-tag"),
        (JobNotes(tags=("a,b",)), "bad-tag"),
        (JobNotes(tags=("x" * 41,)), "bad-tag"),
        (JobNotes(tags=tuple(map(str, range(21)))), "bad-tag"),
    ],
)
def test_what_cannot_be_used_is_refused_as_a_whole(store: Store, given: JobNotes, code: str) -> None:
    run = complete_run(store, add_dataset(store))
    with pytest.raises(BadInputError) as refused:
        save_notes(store, "run", run, given, actor=ADA)
    assert refused.value.code == code
    assert get_notes(store, "run", run) == JobNotes()


def test_what_is_deleted_or_unknown_has_none(store: Store) -> None:
    run = complete_run(store, add_dataset(store))
    discard(store, "run", run, ADA)
    with pytest.raises(DeletedError):
        save_notes(store, "run", run, JobNotes(name="late"), actor=ADA)
    with pytest.raises(UnknownNameError):
        get_notes(store, "audit", 7)
    with pytest.raises(UnknownNameError, match="Only runs and audits"):
        get_notes(store, "study", 1)
