"""Results of several runs in one zip archive: a table, and each run and its newest audit as JSON; no face, no key."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection

from facepriv.exported_files import write_table
from facepriv.presentation.run_list import RunLine, export_row
from facepriv.services.audits.preparing import audit_document
from facepriv.services.audits.run_table import run_table
from facepriv.services.releases.export import result_json
from facepriv.store import Store
from facepriv.types import Actor

TABLE = "runs.csv"


def results_archive(store: Store, numbers: Collection[int], *, actor: Actor, study_id: int | None = None) -> bytes:
    """Return an archive of the results of runs, and record each run in the access log.

    ``runs.csv`` has a line for every run, complete or not, in the order of the table. ``run-3.json`` is what
    `facepriv show 3 --json -` writes, ``audit-2.json`` the same of the run's newest audit. Cells that a spreadsheet
    would take for a formula are written as text.
    """
    lines = [line for line in run_table(store, study_id=study_id).lines if line.number in numbers]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TABLE, table_csv(lines))
        for line in lines:
            if line.run.state == "complete":
                archive.writestr(f"run-{line.number}.json", result_json(store, line.number))
            if line.audit is not None:
                document = audit_document(store, line.audit).model_dump_json(by_alias=True, indent=2)
                archive.writestr(f"audit-{line.audit}.json", document)
    for line in lines:
        store.access.record(actor, "result-downloaded", f"run {line.number}", "with others")
    return out.getvalue()


def table_csv(lines: Collection[RunLine]) -> str:
    """Return the table of runs as CSV, with every number that any of them has."""
    rows = [export_row(line) for line in lines]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO(newline="")
    write_table(stream, columns, rows, mark=True)
    return stream.getvalue()
