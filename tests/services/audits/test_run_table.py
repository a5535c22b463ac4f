"""The table of runs: what its lines say, that it reads results once, and that its queries do not grow with it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from sqlalchemy import event

from facepriv.exported_files import ESCAPED
from facepriv.presentation.run_list import OUTDATED, RunFilter, RunLine, export_row, table_cells
from facepriv.presentation.run_numbers import AT_MOST, LOST, RIGHT
from facepriv.schemas.runs import RunResult
from facepriv.services.audits.run_table import run_table
from facepriv.services.jobs.deletion import discard
from facepriv.services.jobs.notes import save_notes
from facepriv.services.releases.results_archive import results_archive
from facepriv.services.runs import list_figures
from facepriv.services.runs.list_figures import keep_figures, read_audits, read_runs
from facepriv.store import JobNotes, Store
from tests.actors import ADA
from tests.services.audits.test_verdicts import audited
from tests.store_examples import add_dataset, complete_run, spec_for


def line_of(store: Store, number: int) -> RunLine:
    (line,) = [line for line in run_table(store).lines if line.number == number]
    return line


def test_a_line_says_what_the_newest_audit_found_and_what_it_cost(store: Store) -> None:
    dataset = add_dataset(store)
    run, other = complete_run(store, dataset), complete_run(store, dataset)
    audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.9)
    newest = audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.6)
    line = line_of(store, run)
    assert (line.audit, line.level, line.attacker) == (newest, "protected", "sign")
    assert (line.numbers[RIGHT], line.numbers[AT_MOST], line.numbers["right-untouched"]) == (0.6, 0.6, 0.95)
    assert line.right == "60.0 % (at most 60.0 %)"
    cells = table_cells(line)
    assert (cells["Verdict"], cells["Right"]) == ("✓ Protected", 60.0)
    assert cells["Strongest attacker"] == "sees only a classifier's answer"
    assert (cells["State"], cells["By"], cells["Images"]) == ("complete", "", 6)
    unattacked = line_of(store, other)
    assert (unattacked.verdict, unattacked.strongest, unattacked.right) == ("– Not attacked yet", "–", "–")
    assert unattacked.numbers["psnr"] == 30.0
    assert unattacked.numbers["parameter:eps"] == 0.05
    assert LOST not in unattacked.numbers, "FNMR at FMR 0.1 % is not known"


def test_a_run_that_is_not_complete_has_settings_and_no_verdict(store: Store) -> None:
    dataset = add_dataset(store)
    parameters = {"eps": 0.3, "margin": 0.1, "sweeps": 40, "candidates": "any"}
    run = store.runs.create(spec_for(store, dataset, parameters=parameters))
    line = line_of(store, run)
    assert (line.level, line.verdict, line.settings) == (None, "–", "eps 0.3")
    assert table_cells(line)["State"] == "waiting"


def test_results_are_read_once_and_again_when_there_is_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = add_dataset(store)
    run = complete_run(store, dataset)
    waiting = store.runs.create(spec_for(store, dataset))
    audit = audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.6)
    before = run_table(store)
    assert before.unread == 0
    with monkeypatch.context() as patch:
        patch.setattr(store.runs, "get", None)
        patch.setattr(store.audits, "get", None)
        assert run_table(store) == before
        keep_figures(store, "run", run)
        keep_figures(store, "audit", audit)
        assert not read_runs(store, [store.runs.summary(waiting)])[waiting].complete
    monkeypatch.setattr(list_figures, "VERSION", list_figures.VERSION + 1)
    without_time = run_table(store, seconds=0)
    assert without_time.unread == 2, "what other code had read is read anew"
    assert [line.level for line in without_time.lines] == [None, None]
    assert run_table(store) == before
    store.jobs.cancel(store.runs.job_id(waiting))
    assert read_audits(store, [store.audits.summary(audit)])[audit].level == "protected"


def test_a_sign_off_of_other_results_says_so(store: Store) -> None:
    dataset = add_dataset(store)
    run = complete_run(store, dataset)
    assert line_of(store, run).signed == "–"
    said: dict[str, Any] = {"run_id": run, "author": "ada", "text": "", "sha256": "0" * 64}
    store.remarks.add(audit_id=None, about=f"run {run}", decision="rejected", **said)
    store.remarks.add(audit_id=None, about=f"run {run}", decision="conditions", **said)
    assert line_of(store, run).signed == "accepted with conditions"
    audit = audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.6)
    assert line_of(store, run).signed == f"accepted with conditions, {OUTDATED}"
    store.remarks.add(audit_id=audit, about=f"run {run}, audit {audit}", decision="accepted", **said)
    assert line_of(store, run).signed == "accepted"
    discard(store, "audit", audit, ADA)
    assert line_of(store, run).signed == f"accepted, {OUTDATED}"


def test_filters_leave_what_has_all_that_is_asked_for(store: Store) -> None:
    dataset, other = add_dataset(store), add_dataset(store, "other")
    first, second = complete_run(store, dataset), complete_run(store, other)
    store.runs.create(spec_for(store, dataset, method="mixing"))
    save_notes(store, "run", first, JobNotes(name="Best", notes="ask Otto", tags=("goal", "paper")), actor=ADA)
    lines = run_table(store).lines

    def left(**asked: Any) -> list[int]:
        return [line.number for line in RunFilter(**asked).apply(lines)]

    assert left() == [3, 2, 1]
    assert left(text="otto BEST") == left(tags=["goal"]) == left(text="1 paper") == [first]
    assert left(text="otto worst") == []
    assert left(datasets=["other"]) == [second]
    assert left(states=["waiting", "failed"]) == left(methods=["mixing"]) == [3]
    assert left(verdicts=["Not attacked yet"]) == [2, 1]
    assert left(tags=["goal", "later"]) == []


def test_queries_do_not_grow_with_the_number_of_runs(store: Store) -> None:
    dataset = add_dataset(store)
    asked = []
    event.listen(store._database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    counts = []
    for _ in range(2):
        for _ in range(3):
            audited(store, dataset, run_id=complete_run(store, dataset), untouched=0.95, perturbed=0.6)
        run_table(store)
        asked.clear()
        run_table(store)
        counts.append(len([query for query in asked if query.startswith("SELECT")]))
    assert counts[0] == counts[1] <= 6


def test_an_export_has_results_and_no_formula(store: Store) -> None:
    dataset = add_dataset(store)
    run, waiting = complete_run(store, dataset), store.runs.create(spec_for(store, dataset))
    complete_run(store, dataset)
    audit = audited(store, dataset, run_id=run, untouched=0.95, perturbed=0.6)
    save_notes(store, "run", run, JobNotes(name="=HYPERLINK(1)", notes="+cmd"), actor=ADA)
    with zipfile.ZipFile(io.BytesIO(results_archive(store, {run, waiting}, actor=ADA))) as files:
        assert files.namelist() == ["runs.csv", f"run-{run}.json", f"audit-{audit}.json"]
        rows = list(csv.DictReader(io.StringIO(files.read("runs.csv").decode())))
        document = json.loads(files.read(f"run-{run}.json"))
    assert [row["run"] for row in rows] == [str(waiting), str(run)]
    assert (rows[1]["name"], rows[1]["notes"], rows[1][ESCAPED]) == ("'=HYPERLINK(1)", "'+cmd", "name notes")
    assert float(rows[1]["psnr"]) == 30.0
    assert RunResult.model_validate({k: v for k, v in document.items() if k in RunResult.model_fields or k == "schema"})
    assert {line.subject for line in store.access.list(action="result-downloaded")} == {f"run {run}", f"run {waiting}"}
    assert export_row(line_of(store, run))["verdict"] == "Protected"
