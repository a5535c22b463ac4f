"""A seed with which sides were drawn is a key: nothing that leaves the installation shows it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from facepriv.presentation.help_texts import SEED_KEPT
from facepriv.presentation.run_tables import comparison_rows
from facepriv.report.document import to_json
from facepriv.report.html import to_html
from facepriv.schemas.runs import KEY_NOTE, RunDocument, RunSpecDocument
from facepriv.services.releases.export import export_run, result_json, run_document
from facepriv.services.releases.release import write_release
from facepriv.services.sharing.report import report_of
from facepriv.services.sharing.result_hashes import document_sha256, result_sha256
from tests.actors import TESTER
from tests.finished_run import Finished
from tests.pages.conftest import repeat_run
from tests.services.sharing.test_shares import page_of, put

pytestmark = pytest.mark.xdist_group("finished-run")
SEED = 8765432109871
SHOWN = str(SEED)


@pytest.fixture
def keyed(finished: Finished):
    """A run whose sides were drawn, as if it had come to what the finished one came to."""
    parameters = {**finished.run.spec.parameters, "side": "drawn"}
    spec = finished.run.spec.model_copy(update={"seed": SEED, "parameters": parameters})
    number = repeat_run(finished.store, finished.run, spec)
    yield number
    finished.store.runs.delete(number)


def repeat_rows(finished: Finished, number: int) -> dict[str, str]:
    (table,) = [table for table in report_of(finished.store, number).all_tables() if table.name == "repeat"]
    return {row[""]: row["What"] for row in table.rows}


def test_it_is_stored_for_whoever_repeats_the_run(finished: Finished, keyed: int) -> None:
    assert finished.store.runs.get(keyed).spec.seed == SEED


def test_the_report_does_not_show_it(finished: Finished, keyed: int) -> None:
    report = report_of(finished.store, keyed)
    assert repeat_rows(finished, keyed)["Seed of the run"] == SEED_KEPT
    for said in (to_html(report), json.dumps(to_json(report))):
        assert SEED_KEPT in said
        assert SHOWN not in said
    assert repeat_rows(finished, finished.run.id)["Seed of the run"] == str(finished.run.spec.seed)


def test_a_share_does_not_show_it(finished: Finished, keyed: int, shop) -> None:
    page = page_of(shop, put(shop, run_id=keyed)).html
    assert SEED_KEPT in page
    assert SHOWN not in page


def test_the_json_does_not_show_it_and_says_why(finished: Finished, keyed: int) -> None:
    text = result_json(finished.store, keyed)
    assert SHOWN not in text
    document = json.loads(text)
    assert document["spec"]["seed"] is None
    assert document["spec"]["seed_note"] == KEY_NOTE
    jsonschema.validate(document, RunDocument.model_json_schema(by_alias=True, mode="serialization"))
    assert RunDocument.model_validate_json(text) == run_document(finished.store, keyed)
    other = json.loads(result_json(finished.store, finished.run.id))
    assert other["spec"]["seed"] == finished.run.spec.seed
    assert "seed_note" not in other["spec"]


def test_neither_an_export_nor_a_release_shows_it(finished: Finished, keyed: int, tmp_path: Path) -> None:
    export_run(finished.store, keyed, tmp_path / "export", actor=TESTER)
    write_release(finished.store, {keyed: 0.5}, tmp_path / "release", select_by="image", actor=TESTER)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "manifest.csv"} <= {path.name for path in files}
    assert [path for path in files if SHOWN.encode() in path.read_bytes()] == []


def test_nor_does_a_hash_betray_it_to_whoever_tries_seeds(finished: Finished, keyed: int) -> None:
    """Whoever has the JSON has all else that the hash is of."""
    document = run_document(finished.store, keyed)
    assert document_sha256(document) == result_sha256(finished.store, keyed, None)
    spec = finished.store.runs.get(keyed).spec
    other = RunSpecDocument.of(spec.model_copy(update={"seed": SEED + 1}))
    assert document_sha256(document.model_copy(update={"spec": other})) == document_sha256(document)


def test_a_comparison_does_not_show_it(finished: Finished, keyed: int) -> None:
    runs = [finished.store.runs.get(number) for number in (finished.run.id, keyed)]
    rows = comparison_rows([(f"Run {run.id}", run.spec, run.result) for run in runs])
    (row,) = [row for row in rows if row["Figure"] == "Seed"]
    assert row[f"Run {keyed}"] == SEED_KEPT
    assert row[f"Run {finished.run.id}"] == str(finished.run.spec.seed)
