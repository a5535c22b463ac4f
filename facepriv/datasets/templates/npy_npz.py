"""Templates in numpy's own files: .npy with rows alone or with named fields, .npz with an array for each column.

Nothing is unpickled. A file is read from front to back in chunks, packed or not.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from facepriv.datasets.templates.arrays import SAYING, SMALL, Array, read_stated, table_of_arrays
from facepriv.datasets.templates.table import TableOptions, TemplateTable, unreadable
from facepriv.datasets.unpack import MAX_RATIO, RATIO_FROM
from facepriv.errors import BadInputError

MOST_ARRAYS = 1000
MOST_TURNED = 256 << 20
"""Most bytes of an array in Fortran's order, which has to be read as a whole."""


class NpyArray:
    """One array in numpy's format, read from the front."""

    def __init__(self, stream: IO[bytes], options: TableOptions, called: str) -> None:
        self._stream, self._options, self._called = stream, options, called
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        self.shape, fortran, self.dtype = read_header(stream)
        self._whole: NDArray[Any] | None = None
        if fortran and len(self.shape) > 1:
            if prod(self.shape) * self.dtype.itemsize > MOST_TURNED:
                raise BadInputError(
                    f"The array {called!r} of {options.name} is stored column by column, which is read only up to "
                    f"{MOST_TURNED >> 20} MiB; write it by np.ascontiguousarray.",
                    code="too-large",
                )
            self._whole = self._read(self.shape[::-1]).T
            self._next = 0

    def read(self, rows: int) -> NDArray[Any]:
        """Return the next rows; raises BadInputError with code ``broken-table`` if the file ends before."""
        if self._whole is not None:
            self._next += rows
            return self._whole[self._next - rows : self._next]
        return self._read((rows, *self.shape[1:]))

    def _read(self, shape: tuple[int, ...]) -> NDArray[Any]:
        size = prod(shape) * self.dtype.itemsize
        try:
            data = self._stream.read(size)
        except (zlib.error, zipfile.BadZipFile, EOFError) as error:
            raise unreadable(self._options, "an .npz file", error) from error
        if len(data) < size:
            raise unreadable(self._options, "a numpy file", f"the array {self._called!r} ends too early")
        try:
            return np.frombuffer(data, dtype=self.dtype).reshape(shape)
        except ValueError as error:  # Python objects among named fields
            raise unreadable(self._options, "a numpy file", error) from error


class Field:
    """One named field of an array of records, which is read together with the others."""

    def __init__(self, records: NpyArray, name: str, reading: dict[str, Any]) -> None:
        self.dtype, self._inner = (records.dtype[name].base, records.dtype[name].shape)
        self.shape = (*records.shape, *self._inner)
        self._records, self._name, self._reading = records, name, reading
        self._at = 0

    def read(self, rows: int) -> NDArray[Any]:
        """Return the field of the next records, which whoever asks first reads."""
        if self._reading.get("at") != self._at:
            self._reading.update(at=self._at, rows=self._records.read(rows))
        self._at += rows
        part: NDArray[Any] = self._reading["rows"][self._name]
        return part


@contextmanager
def open_npy(path: Path, options: TableOptions) -> Iterator[TemplateTable]:
    """Open an .npy file; raises BadInputError as `table_of_arrays`, or with code ``broken-table``."""
    with path.open("rb") as stream:
        array = _array(stream, options, "the array")
        arrays: dict[str, Array] = {"": array}
        if array.dtype.names and len(array.shape) == 1:
            reading: dict[str, Any] = {}
            arrays = {name: Field(array, name, reading) for name in array.dtype.names}
        yield table_of_arrays(arrays, options, read_stated({}))


@contextmanager
def open_npz(path: Path, options: TableOptions) -> Iterator[TemplateTable]:
    """Open an .npz file; raises BadInputError as `table_of_arrays`, or with code ``broken-table``, ``archive-bomb``."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise unreadable(options, "an .npz file", error) from error
        entries = archive.infolist()
        if len(entries) > MOST_ARRAYS:
            raise BadInputError(
                f"{options.name} holds {len(entries):,} arrays, more than the {MOST_ARRAYS:,} allowed; put the "
                "templates into one array with a row for each record.",
                code="too-many-entries",
            )
        arrays: dict[str, Array] = {}
        said: dict[str, str] = {}
        for entry in entries:
            name = entry.filename.removesuffix(".npy")
            _check_ratio(entry, path.stat().st_size, options)
            try:
                stream = stack.enter_context(archive.open(entry))
            except (RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError) as error:
                raise unreadable(options, "an .npz file", error) from error
            array = _array(stream, options, name)
            if name in SAYING and array.shape == () and array.dtype.kind == "U" and array.dtype.itemsize <= SMALL:
                said[name] = str(array._read(())[()])
            elif array.shape:
                arrays[name] = array
        yield table_of_arrays(arrays, options, read_stated(said))


def _array(stream: IO[bytes], options: TableOptions, name: str) -> NpyArray:
    try:
        return NpyArray(stream, options, name)
    except BadInputError:
        raise
    except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile, SyntaxError) as error:
        raise unreadable(options, "a numpy file", error) from error


def _check_ratio(entry: zipfile.ZipInfo, packed: int, options: TableOptions) -> None:
    """Refuse what unpacks to very much: names and labels may repeat, templates of a matcher do not pack at all."""
    if entry.file_size > 64 * RATIO_FROM and entry.file_size > MAX_RATIO * max(1, min(entry.compress_size, packed)):
        raise BadInputError(
            f"{options.name} looks like a zip bomb: {entry.filename[:80]} unpacks to more than {MAX_RATIO} times its "
            "packed size; write it by np.savez.",
            code="archive-bomb",
        )
