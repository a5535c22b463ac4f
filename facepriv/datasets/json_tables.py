"""Label tables in JSON: a record a line (``metadata.jsonl`` of Hugging Face's imagefolder), or one document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facepriv.datasets.cells import cell_text, flatten
from facepriv.datasets.encodings import unreadable
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.tables import Row, Table
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import is_image_name

MAX_JSON = 256 << 20
"""Most bytes of a JSON document, which has to be read as a whole."""
KEY = "file"
"""Column of the keys of a document that maps names to records."""


def open_jsonl(path: Path) -> Table:
    """Open a file with a JSON object in each line; lines that hold none are told of and left out.

    Raises BadInputError with code ``unreadable``, ``not-text`` or ``empty-labels``.
    """
    fields: dict[str, None] = {}
    broken: list[str] = []
    rows = 0
    for number, record in _lines(path):
        if record is None:
            broken.append(f"line {number}")
        else:
            rows += 1
            fields.update(dict.fromkeys(flatten(record)))
    if not rows:
        raise _no_table(path, 'no line holds a record such as {"file_name": "1.jpg", "gender": "female"}')
    problems = summarise_problems(
        "broken-row",
        broken,
        one=f"The row at {{name}} of {path.name} is no JSON object and was not used.",
        many=f"{{n}} rows of {path.name} ({{first}}) are no JSON objects and were not used.",
    )

    def give() -> Iterator[Row]:
        for number, record in _lines(path):
            if record is not None:
                cells = flatten(record)
                yield number, [cells.get(field, "") for field in fields]

    return Table(path.name, give, tuple(fields), problems)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield the number of each line that is not blank and the object in it, None if it holds none."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    record = _parse(line)
                    yield number, record if isinstance(record, dict) else None
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path.name} is not text in UTF-8; save it as UTF-8.", code="not-text") from error
    except OSError as error:
        raise unreadable(path.name, error) from error


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def open_json(path: Path) -> Table:
    """Open a JSON document that is a table.

    That is a list of records, a record of columns, a record of records by file name or by column (as pandas writes
    them), or such a value inside the document. Raises BadInputError with code ``unreadable``, ``not-text``,
    ``too-large`` or ``no-table``.
    """
    try:
        if path.stat().st_size > MAX_JSON:
            raise BadInputError(
                f"{path.name} has more than {MAX_JSON >> 20} MiB, too much for a JSON document; write a record a line, "
                f"for example with: jq -c '.[]' {path.name} > {path.stem}.jsonl",
                code="too-large",
            )
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path.name} is not text in UTF-8; save it as UTF-8.", code="not-text") from error
    except OSError as error:
        raise unreadable(path.name, error) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadInputError):
            raise
        raise _no_table(path, "it is no JSON document") from error
    records = _records(document)
    if not records:
        raise _no_table(path, "it holds no list of records and no columns of equal length")
    cells = [flatten(record) for record in records]
    fields = tuple(dict.fromkeys(field for record in cells for field in record))
    rows = [(number, [record.get(field, "") for field in fields]) for number, record in enumerate(cells, start=1)]
    return Table(path.name, lambda: iter(rows), fields)


def _records(document: Any) -> list[dict[str, Any]]:
    """Return the records of a document; the first list of records inside it, if it is none itself."""
    if _is_records(document):
        return [dict(record) for record in document]
    if not isinstance(document, dict) or not document:
        return []
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        names = [cell_text(name) for name in document["columns"]]
        return [dict(zip(names, row, strict=False)) for row in document["data"] if isinstance(row, list)]
    values = list(document.values())
    if (
        all(isinstance(value, list) for value in values)
        and len({len(value) for value in values}) == 1
        and len(values) > 1
    ):
        return [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    if all(isinstance(value, dict) for value in values):
        keys = [list(value) for value in values]
        if (
            not _name_images(list(document))
            and len(values) > 1
            and all(each == keys[0] for each in keys)
            and (_name_images(keys[0]) or all(key.isdecimal() for key in keys[0]))
        ):
            return [
                {**({} if key.isdecimal() else {KEY: key}), **{name: column[key] for name, column in document.items()}}
                for key in keys[0]
            ]
        if _name_images(list(document)):
            return [{KEY: key, **value} for key, value in document.items()]
    if _name_images(list(document)):
        return [{KEY: key, "gender": value} for key, value in document.items()]
    inside = [found for value in values if (found := _records(value) if isinstance(value, (list, dict)) else [])]
    return next(iter(inside), [])


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(record, dict) for record in value)


def _name_images(names: Sequence[str]) -> bool:
    return bool(names) and all(map(is_image_name, names[:100]))


def _no_table(path: Path, why: str) -> BadInputError:
    return BadInputError(
        f"{path.name} cannot be read as a table, since {why}; save the labels as CSV with columns such as "
        "file,subject,gender.",
        code="no-table",
    )
