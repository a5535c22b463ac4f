"""Templates in an HDF5 file, as an array for each column at its top; needs h5py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.templates.arrays import SAYING, Array, read_stated, table_of_arrays
from facepriv.datasets.templates.table import TableOptions, TemplateTable, unreadable
from facepriv.errors import BadInputError

MOST_BLOCK = 256 << 20
"""Most bytes of a block of an array, which is unpacked as a whole."""


class StoredArray:
    """One array of a file."""

    def __init__(self, dataset: Any, options: TableOptions) -> None:
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        self.is_text = dataset.dtype.hasobject and _is_text(dataset.dtype)
        self._dataset, self._options = dataset, options
        self._at = 0

    def read(self, rows: int) -> NDArray[Any]:
        """Return the next rows; raises BadInputError with code ``broken-table`` if they cannot be read."""
        self._at += rows
        try:
            part: NDArray[Any] = self._dataset[self._at - rows : self._at]
        except (OSError, RuntimeError, ValueError) as error:
            raise unreadable(self._options, "an HDF5 file", error) from error
        return part


@contextmanager
def open_hdf5(path: Path, options: TableOptions) -> Iterator[TemplateTable]:
    """Open an HDF5 file; nothing outside of it is followed.

    Raises BadInputError as `table_of_arrays`, or with code ``needs-h5py`` or ``broken-table``.
    """
    try:
        import h5py
    except ImportError as error:
        raise BadInputError(
            f"{options.name} is an HDF5 file, for which the package h5py is needed; install it by pip install "
            "'facepriv[hdf5]', or save the templates as .npz.",
            code="needs-h5py",
        ) from error
    try:
        opened = h5py.File(path, "r")
    except OSError as error:
        raise unreadable(options, "an HDF5 file", error) from error
    with opened:
        arrays: dict[str, Array] = {}
        for name in opened:
            # A link may lead to another file, and so may a dataset whose bytes lie elsewhere.
            if isinstance(opened.get(name, getlink=True), h5py.HardLink):
                dataset = opened.get(name)
                if isinstance(dataset, h5py.Dataset) and not dataset.is_virtual and not dataset.external:
                    _check_blocks(dataset, name, options)
                    arrays[name] = StoredArray(dataset, options)
        said = {name: opened.attrs[name] for name in SAYING if isinstance(opened.attrs.get(name), str)}
        yield table_of_arrays(arrays, options, read_stated(said))


def _check_blocks(dataset: Any, name: str, options: TableOptions) -> None:
    """Refuse an array that is stored in blocks so large that reading one row would unpack very much."""
    if dataset.chunks and prod(dataset.chunks) * dataset.dtype.itemsize > MOST_BLOCK:
        raise BadInputError(
            f"The array {name!r} of {options.name} is stored in blocks of more than {MOST_BLOCK >> 20} MiB; write it "
            "in smaller ones.",
            code="archive-bomb",
        )


def _is_text(dtype: np.dtype[Any]) -> bool:
    import h5py

    return h5py.check_string_dtype(dtype) is not None
