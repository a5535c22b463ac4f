"""Images that lie inside tables, arrays and packed records, written out as files with a table of what is said of them.

Read are Parquet and Arrow files of Hugging Face's ``datasets``, insightface's ``train.rec`` (MXNet's RecordIO) and its
``.bin`` lists of pairs, and numpy's ``.npz`` and ``.npy``. Nothing of them is run: a pickle may hold lists, bytes and
arrays only.
"""

from __future__ import annotations

import csv
import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.cells import cell_text
from facepriv.datasets.parquet_table import class_names, column_texts, is_plain
from facepriv.datasets.problems import summarise_problems
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import HEAD, is_image_name, sniff, suffix_of
from facepriv.imaging.png import encode_png
from facepriv.trees import files_below
from facepriv.types import Problem
from facepriv.wording import count

TABLE, PAIRS = "labels.csv", "pairs.csv"
INSIDE = "images-inside"
"""Code of the notice that images were taken out of a file."""
_SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif", "GIF": ".gif"}
_MAGIC = 0xCED7230A
_LEAST_SIDE = 16
MOST_PICKLED = 4 << 30
"""Most bytes of a pickle, which has to be read as a whole."""


@dataclass(frozen=True)
class Inside:
    """One image inside another file."""

    data: bytes
    """A whole image file."""
    cells: dict[str, str] = field(default_factory=dict)
    """What is said of it, by column."""
    called: str = ""
    """Its own name, if it has one."""


@dataclass
class Container:
    """A file with images inside."""

    images: Iterator[Inside]
    """In order; whoever takes them counts what they need."""
    mated: Sequence[bool] | None = None
    """Of a list of pairs, whether each two images in a row are of one person."""


def holds_images(path: Path) -> bool:
    """Return whether a file is of a kind that images lie inside, and has some."""
    return suffix_of(path.name) in _OPENERS and _opened(path) is not None


def find_containers(folder: Path) -> list[Path]:
    """Return the files with images inside, in a folder and below it, sorted."""
    return sorted(path for path in files_below(folder) if not path.name.startswith(".") and holds_images(path))


def write_images(
    paths: Sequence[Path], target: Path, *, max_entries: int, max_bytes: int
) -> tuple[list[Problem], bool]:
    """Write the images inside some files into a folder, which must not exist, with a table of what is said of them.

    Return of what is to be told, and whether the images say who is on them. Equal images of a list of pairs are one.
    Raises BadInputError with code ``too-many-entries`` or ``archive-too-large``, or ``unreadable`` if a file is broken.
    """
    target.mkdir(parents=True)
    rows: list[dict[str, str]] = []
    problems: list[Problem] = []
    pairs: list[tuple[str, str, bool]] = []
    written = 0
    for place, path in enumerate(paths):
        container = _opened(path)
        if container is None:
            continue
        folder = f"{place:03}-{path.stem}/" if len(paths) > 1 else ""
        (target / folder).mkdir(exist_ok=True)
        seen: dict[str, str] = {}
        names: list[str] = []
        empty: list[str] = []
        number = 0
        for number, image in enumerate(_checked(container.images, path), start=1):
            kind = sniff(image.data[:HEAD]) if image.data else None
            if kind is None:
                empty.append(f"row {number}")
                names.append("")
                continue
            digest = hashlib.sha256(image.data).hexdigest()
            if container.mated is not None and digest in seen:
                names.append(seen[digest])
                continue
            name = f"{folder}{_name(image, number, kind)}"
            if (target / name).exists():
                name = f"{folder}{number:08}{_SUFFIX.get(kind, '.img')}"
            seen[digest] = name
            names.append(name)
            written += len(image.data)
            _check_limits(path, len(rows) + 1, written, max_entries, max_bytes)
            (target / name).write_bytes(image.data)
            rows.append({"file": name, **image.cells})
        if container.mated is not None:
            pairs += [
                (first, second, mated)
                for first, second, mated in zip(names[::2], names[1::2], container.mated, strict=False)
                if first and second
            ]
        problems.append(
            Problem(
                path.name,
                INSIDE,
                f"{count(len(seen), 'image')} {'was' if len(seen) == 1 else 'were'} taken out of {path.name}.",
            )
        )
        problems += summarise_problems(
            "no-image",
            empty,
            one=f"The {{name}} of {path.name} holds no image that can be read and was left out.",
            many=f"{{n}} rows of {path.name} ({{first}}) hold no image that can be read and were left out.",
        )
    columns = list(dict.fromkeys(column for row in rows for column in row))
    # Names that the images had elsewhere are not those that they have here.
    columns = [
        column
        for column in columns
        if column == "file" or not all(is_image_name(row.get(column) or "x.png") for row in rows)
    ]
    if len(columns) > 1:
        _write_table(target / TABLE, columns, ([row.get(column, "") for column in columns] for row in rows))
    if pairs:
        _write_table(target / PAIRS, ["file1", "file2", "same"], ([a, b, str(int(same))] for a, b, same in pairs))
    return problems, not pairs


def _write_table(path: Path, header: Sequence[str], rows: Iterator[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _name(image: Inside, number: int, kind: str) -> str:
    own = image.called.replace("\\", "/").rpartition("/")[2]
    usable = own.isprintable() and not own.startswith(".") and len(own.encode(errors="replace")) < 200
    return own if own and usable and is_image_name(own) else f"{number:06}{_SUFFIX.get(kind, '.img')}"


def _check_limits(path: Path, entries: int, written: int, max_entries: int, max_bytes: int) -> None:
    if entries > max_entries:
        raise BadInputError(
            f"{path.name} holds more than the {max_entries:,} images allowed; raise FACEPRIV_MAX_ARCHIVE_ENTRIES.",
            code="too-many-entries",
        )
    if written > max_bytes:
        raise BadInputError(
            f"The images in {path.name} have more than the {max_bytes:,} bytes allowed; raise "
            "FACEPRIV_MAX_UPLOAD_BYTES.",
            code="archive-too-large",
        )


def _checked(images: Iterator[Inside], path: Path) -> Iterator[Inside]:
    """Yield images; raise BadInputError where the file breaks off."""
    try:
        yield from images
    except BadInputError:
        raise
    except Exception as error:  # whatever damaged files make of the libraries that read them
        raise BadInputError(
            f"{path.name} is damaged or cut off ({str(error)[:80] or type(error).__name__}); copy it again.",
            code="unreadable",
        ) from error


def _opened(path: Path) -> Container | None:
    try:
        return _OPENERS[suffix_of(path.name)](path)
    except Exception:  # see above: what cannot be opened holds no images that can be read, and others say why
        return None


# Parquet and Arrow


def _open_parquet(path: Path) -> Container | None:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as opened:
        schema = opened.schema_arrow
    column = _image_column(schema, lambda: next(_parquet_batches(path, 1), None))
    return None if column is None else Container(_arrow_images(_parquet_batches(path, 100), schema, column))


def _parquet_batches(path: Path, rows: int) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as opened:
        yield from opened.iter_batches(batch_size=rows, use_threads=False)


def _open_arrow(path: Path) -> Container | None:
    batches = _arrow_batches(path)
    first = next(batches, None)
    if first is None:
        return None
    column = _image_column(first.schema, lambda: first)
    return None if column is None else Container(_arrow_images(_arrow_batches(path), first.schema, column))


def _arrow_batches(path: Path) -> Iterator[Any]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as source:
        try:
            stream = pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            opened = pa.ipc.open_file(source)
            yield from (opened.get_batch(number) for number in range(opened.num_record_batches))
            return
        yield from stream


def _image_column(schema: Any, first: Callable[[], Any]) -> str | None:
    """Return the column of images: structures of bytes and path, as ``datasets`` writes them, or plain bytes."""
    import pyarrow as pa

    for each in schema:
        if pa.types.is_struct(each.type) and "bytes" in {inner.name for inner in each.type}:
            return str(each.name)
    for each in schema:
        if pa.types.is_binary(each.type) or pa.types.is_large_binary(each.type):
            batch = first()
            value = batch.column(each.name)[0].as_py() if batch is not None and batch.num_rows else None
            if isinstance(value, bytes) and sniff(value[:HEAD]) is not None:
                return str(each.name)
    return None


def _arrow_images(batches: Iterator[Any], schema: Any, column: str) -> Iterator[Inside]:
    plain = [each.name for each in schema if is_plain(each.type)]
    classes = class_names(schema)
    for batch in batches:
        cells = {name: column_texts(batch.column(name), classes.get(name, ())) for name in plain}
        for place, value in enumerate(batch.column(column).to_pylist()):
            inside = value if isinstance(value, dict) else {"bytes": value}
            yield Inside(
                inside.get("bytes") or b"",
                {name: texts[place] for name, texts in cells.items()},
                str(inside.get("path") or ""),
            )


# insightface: records, and pickled lists of pairs


def _open_records(path: Path) -> Container | None:
    return Container(_record_images(path)) if next(_record_images(path), None) is not None else None


def _record_images(path: Path) -> Iterator[Inside]:
    """Yield the images of a RecordIO file (MXNet, ``recordio.py``); records without one are about the whole file."""
    with path.open("rb") as file:
        for data in _records(file):
            flag, label, number, _ = struct.unpack_from("<IfQQ", data)
            start = 24 + 4 * flag
            if flag:
                (label,) = struct.unpack_from("<f", data, 24)
            if sniff(data[start : start + HEAD]) is not None:
                person = cell_text(float(label))
                yield Inside(data[start:], {"subject": person}, f"{person}_{number:08}.jpg")


def _records(file: io.BufferedReader) -> Iterator[bytes]:
    parts: list[bytes] = []
    while head := file.read(8):
        magic, size = struct.unpack("<II", head)
        if magic != _MAGIC:
            raise ValueError("no record where one should begin")
        part, length = size >> 29, size & ((1 << 29) - 1)
        data = file.read((length + 3) // 4 * 4)[:length]
        if len(data) < length:
            raise EOFError("a record ends too early")
        # Where data hold the magic number themselves, they are parted there.
        parts = [data] if part in (0, 1) else [*parts, data]
        if part in (0, 3):
            yield struct.pack("<I", _MAGIC).join(parts)


class _ListsOnly(pickle.Unpickler):
    """Reads lists, bytes and numpy's plain arrays, and calls nothing else."""

    _ARRAYS = frozenset(["_reconstruct", "scalar"])

    def find_class(self, module: str, name: str) -> Any:
        """Return one of few harmless functions; raises UnpicklingError for any other."""
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in self._ARRAYS:
            from numpy._core import multiarray

            return getattr(multiarray, name)
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return _encode_latin1
        raise pickle.UnpicklingError(f"{module}.{name} is neither a list nor an array")


def _encode_latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in {encoding}")
    return text.encode("latin-1")


def _open_pairs(path: Path) -> Container | None:
    if path.stat().st_size > MOST_PICKLED:
        return None
    with path.open("rb") as file:
        if file.read(1) not in (b"\x80", b"(", b"]"):  # a pickle of a protocol from 2 on, or a text of a list or tuple
            return None
        file.seek(0)
        content = _ListsOnly(file, encoding="bytes").load()
    images, same = content
    blobs = [bytes(each) if isinstance(each, bytes | bytearray) else np.asarray(each).tobytes() for each in images]
    if len(blobs) != 2 * len(same) or not blobs or sniff(blobs[0][:HEAD]) is None:
        return None
    return Container(iter([Inside(blob) for blob in blobs]), [bool(each) for each in same])


# Arrays


def _open_npz(path: Path) -> Container | None:
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, kind = read(stream)
            shapes[entry.filename.removesuffix(".npy")] = (shape, kind)
    named = next((name for name, (shape, kind) in shapes.items() if _are_images(shape, kind)), None)
    if named is None:
        return None
    return Container(_npz_images(path, named, shapes))


def _npz_images(path: Path, named: str, shapes: dict[str, tuple[tuple[int, ...], Any]]) -> Iterator[Inside]:
    with np.load(path, allow_pickle=False) as arrays:
        pixels = arrays[named]
        columns = {
            name: arrays[name].reshape(len(pixels)).tolist()
            for name, (shape, kind) in shapes.items()
            if name != named and kind.kind != "O" and shape in ((len(pixels),), (len(pixels), 1))
        }
    for place, png in enumerate(_as_png(pixels)):
        yield Inside(png, {name: cell_text(values[place]) for name, values in columns.items()})


def _open_npy(path: Path) -> Container | None:
    pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    return Container(map(Inside, _as_png(pixels))) if _are_images(pixels.shape, pixels.dtype) else None


def _are_images(shape: tuple[int, ...], kind: Any) -> bool:
    if kind.kind not in "uf" or (kind.kind == "u" and kind.itemsize > 1) or not shape or not shape[0]:
        return False
    if len(shape) == 4:
        sides = shape[1:3] if shape[3] in (1, 3, 4) else shape[2:] if shape[1] in (1, 3, 4) else (0,)
    else:
        sides = shape[1:] if len(shape) == 3 else (0,)
    return min(sides) >= _LEAST_SIDE


def _as_png(pixels: NDArray[Any]) -> Iterator[bytes]:
    """Yield each picture ``(h, w)``, ``(h, w, c)`` or ``(c, h, w)``, numbers 0..1 or 0..255, as a file."""
    top = 255.0 if pixels.dtype.kind == "f" and float(np.nanmax(pixels)) <= 1 else 1.0
    for picture in pixels:
        values = np.asarray(picture)
        if values.ndim == 3 and values.shape[2] not in (1, 3, 4):
            values = values.transpose(1, 2, 0)
        if values.dtype.kind == "f":
            values = np.clip(np.rint(np.nan_to_num(values) * top), 0, 255).astype(np.uint8)
        if values.ndim == 2:
            values = values[..., None]
        yield encode_png(
            np.ascontiguousarray(np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values[..., :3])
        )


_OPENERS: dict[str, Callable[[Path], Container | None]] = {
    ".parquet": _open_parquet,
    ".pq": _open_parquet,
    ".arrow": _open_arrow,
    ".rec": _open_records,
    ".bin": _open_pairs,
    ".npz": _open_npz,
    ".npy": _open_npy,
}
"""What opens a file with images inside, by what its name ends in."""
