"""Template sets imported from files: read in chunks, checked, written to a file that is mapped into memory."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from facepriv.config import Settings
from facepriv.datasets.label_tables import LabelTable, Role, read_header, read_labels
from facepriv.datasets.templates.checking import CheckedChunk, Checker
from facepriv.datasets.templates.columns import columns_found
from facepriv.datasets.templates.reading import FORMATS, open_table, parse_template_columns
from facepriv.datasets.templates.table import TableOptions, TemplateRole
from facepriv.errors import StorageFullError, StoreError
from facepriv.schemas.requests import PathSource, TemplatesRequest, UploadSource
from facepriv.scratch import temporary_folder
from facepriv.services.datasets import uploads
from facepriv.store import Store, TemplateSetRecord
from facepriv.store.records import NewTemplateSet
from facepriv.store.template_sets import TemplateRows

_ROLES: dict[TemplateRole, Role] = {"record": "file", "subject": "subject", "gender": "gender"}
"""Roles of the columns of a label table, by those of templates."""
Progress = Callable[[int, int], None]
"""Called with the rows read and the rows in all, zero where that is not known."""


def import_templates(
    store: Store, settings: Settings, path: Path, *, on_progress: Progress | None = None, **fields: Any
) -> TemplateSetRecord:
    """Import a file of templates here and now; ``fields`` are others of `TemplatesRequest`.

    Raises BadInputError if a field cannot be used, or nothing can be imported; then nothing is kept.
    """
    labels = fields.pop("labels", None)
    source = PathSource(path=str(path))
    request = TemplatesRequest(source=source, labels=None if labels is None else str(labels), **fields)
    return import_file(store, settings, request, on_progress=on_progress)


def import_file(
    store: Store,
    settings: Settings,
    request: TemplatesRequest,
    folder: Path | None = None,
    *,
    on_progress: Progress | None = None,
) -> TemplateSetRecord:
    """Import what a request names; uploaded files lie in ``folder``.

    What can be used is kept; the record's ``problems`` tell what was left out or changed, and how often.

    Raises
    ------
    BadInputError
        As `open_table`, `Checker.checked`, `read_labels` and `TemplateSetStore.save`; nothing is kept then.
    StoreError
        If the disk is full or cannot be written to.
    """
    store.template_sets.check_name(request.name)
    path, called, suffix = _file(request, folder)
    labels, columns = _label_table(request, folder)
    options = TableOptions(called, columns, settings.max_template_bytes)
    with open_table(path, options, suffix=suffix) as table, temporary_folder(settings.temporary, "templates-") as work:
        checker = Checker(table, options, metric=request.metric, mapping=request.mapping, labels=labels)
        report = _reporting(on_progress, table.total or 0)
        records, subjects, signs = _write_rows(work / "rows.npy", map(report, checker.checked()))
        new = NewTemplateSet(
            name=request.name,
            source=called,
            reader=FORMATS[suffix],
            reader_reason=f"Read as {FORMATS[suffix]}: {columns_found(table.columns)}.",
            retain_until=request.retain_until,
            datasheet=request.datasheet,
            problems=tuple(asdict(problem) for problem in checker.problems()),
        )
        content = TemplateRows(
            rows=work / "rows.npy",
            records=records,
            subjects=subjects,
            labels=signs,
            metric=checker.metric,
            matcher=request.matcher or table.stated.matcher,
            version=request.version or table.stated.version,
        )
        return store.template_sets.save(new, content)


def _file(request: TemplatesRequest, folder: Path | None) -> tuple[Path, str, str]:
    """Return the file, what to call it, and what its name ends in."""
    source = request.source
    if isinstance(source, UploadSource):
        assert folder is not None
        (name,) = source.files
        return uploads.stored_file(folder), uploads.shown(name), Path(name).suffix.casefold()
    assert isinstance(source, PathSource)
    path = Path(source.path)
    return path, path.name, path.suffix.casefold()


def _label_table(request: TemplatesRequest, folder: Path | None) -> tuple[LabelTable | None, dict[TemplateRole, str]]:
    """Read the label table that was named, if any, and return it with the columns that are named of the templates."""
    named = parse_template_columns(request.columns.model_dump(exclude_none=True))
    if request.labels is None:
        return None, named
    path = Path(request.labels)
    if isinstance(request.source, UploadSource):
        assert folder is not None
        path = uploads.stored_labels(folder)
    # A column that was named is the label table's if it has it.
    there = read_header(path).fields
    of_labels = {_ROLES[role]: column for role, column in named.items() if role in _ROLES and column in there}
    table = read_labels(path, required=(), mapping=request.mapping, columns=of_labels)
    return table, {role: column for role, column in named.items() if _ROLES.get(role) not in of_labels}


def _write_rows(path: Path, chunks: Iterable[CheckedChunk]) -> tuple[list[str], list[str], NDArray[np.int8]]:
    """Write the rows of all chunks to one ``.npy`` file; return records, subjects and labels."""
    records: list[str] = []
    subjects: list[str] = []
    labels = [np.empty(0, np.int8)]
    # One text for each subject, however many templates have it.
    known: dict[str, str] = {}
    width = 0
    with path.open("wb") as file:
        _write(lambda: _write_header(file, 0, 1))
        for chunk in chunks:
            if not len(chunk.rows):
                continue
            width = chunk.rows.shape[1]
            _write(partial(file.write, np.ascontiguousarray(chunk.rows, dtype="<f4").data))
            records += chunk.records
            subjects += [known.setdefault(subject, subject) for subject in chunk.subjects]
            labels.append(chunk.labels)
        file.seek(0)
        _write(lambda: _write_header(file, len(records), width))
    return records, subjects, np.concatenate(labels)


def _write_header(file: IO[bytes], rows: int, width: int) -> None:
    """Write the header of ``(rows, width)`` float32: 128 bytes whatever the shape, so that it can be written again."""
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})


def _write(write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        kind = StorageFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
        raise kind(
            f"The templates cannot be written to the data folder ({error.strerror}); make sure that it can be written "
            "to and has room, and import again."
        ) from error


def _reporting(on_progress: Progress | None, total: int) -> Callable[[CheckedChunk], CheckedChunk]:
    read = 0

    def report(chunk: CheckedChunk) -> CheckedChunk:
        nonlocal read
        read += len(chunk.rows)
        if on_progress is not None:
            on_progress(read, max(total, read) if total else 0)
        return chunk

    return report
