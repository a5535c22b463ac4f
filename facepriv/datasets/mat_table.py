"""Label tables in MATLAB files: a structure of columns, an array of structures, or variables of equal length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facepriv.datasets.cells import cell_text
from facepriv.datasets.tables import Row, Table
from facepriv.errors import BadInputError

MAX_BYTES = 1 << 30
"""Most bytes of a file, which has to be read as a whole."""
_HDF5 = b"\x89HDF\r\n\x1a\n"


def open_mat(path: Path) -> Table:
    """Open a MATLAB file of version 5 to 7.

    Raises BadInputError with code ``unreadable``, ``too-large``, ``unsupported-table`` (version 7.3) or ``no-table``.
    """
    import scipy.io

    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInputError(
                f"{path.name} has more than {MAX_BYTES >> 30} GiB; save its labels as CSV.", code="too-large"
            )
        with path.open("rb") as file:
            head = file.read(520)
        if _HDF5 in head:
            raise BadInputError(
                f"{path.name} is a MATLAB file of version 7.3, which is not read; in MATLAB, save it again with: "
                f"save('{path.name}', '-v7'), or write the labels with writetable",
                code="unsupported-table",
            )
        content = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False, chars_as_strings=True)
    except BadInputError:
        raise
    except Exception as error:  # whatever a damaged file makes of the library
        raise BadInputError(
            f"{path.name} cannot be read as a MATLAB file; copy it again, or save its labels as CSV.", code="unreadable"
        ) from error
    variables = {name: value for name, value in content.items() if not name.startswith("__")}
    columns = next((found for value in variables.values() if (found := _columns(value))), {}) or _equal(variables)
    if not columns:
        raise BadInputError(
            f"{path.name} holds no columns of equal length ({', '.join(list(variables)[:5]) or 'nothing'}); save the "
            "labels as CSV with columns such as file,subject,gender.",
            code="no-table",
        )

    def give() -> Iterator[Row]:
        return iter(enumerate(zip(*columns.values(), strict=True), start=1))

    return Table(path.name, give, tuple(columns))


def _columns(value: Any) -> dict[str, list[str]]:
    """Return the columns of a structure, or of an array of structures."""
    if hasattr(value, "_fieldnames"):
        return _equal({name: getattr(value, name) for name in value._fieldnames})
    if isinstance(value, np.ndarray) and value.dtype == object and value.size and hasattr(value.flat[0], "_fieldnames"):
        names = value.flat[0]._fieldnames
        return {name: [_text(getattr(each, name, None)) for each in value.flat] for name in names}
    return {}


def _equal(values: dict[str, Any]) -> dict[str, list[str]]:
    """Return those values that are lists of the length that most of them have, at least two of them."""
    lists = {name: value for name, value in values.items() if isinstance(value, np.ndarray) and value.ndim >= 1}
    lengths = [len(value) for value in lists.values()]
    usual = max(lengths, key=lambda length: (lengths.count(length), length), default=0)
    columns = {
        name: [_text(each) for each in value]
        for name, value in lists.items()
        if len(value) == usual and (value.ndim == 1 or value.dtype.kind in "US")
    }
    return columns if usual and len(columns) > 1 else {}


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "" if value.size == 0 else cell_text(value.reshape(-1).tolist())
    return cell_text(value).strip()
