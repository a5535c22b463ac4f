"""Import a large file of templates: rate, peak memory, and what reading it back takes.

Usage: python benchmarks/templates_at_scale.py [--rows 1000000] [--width 512] [--formats npz npy parquet csv]

The file is planted: unit rows of two templates for each person, written in parts. Every import is a process of its
own, whose peak of resident memory the system tells; rows that are mapped from the file's cache count, too. The target
is a million rows of 512 numbers below 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

PART = 20_000
CHILD = """
import json, resource, sys, time
from pathlib import Path
from facepriv.config import get_settings
from facepriv.services.templates.importing import import_templates
from facepriv.services.templates.quality import check_template_quality
from facepriv.store import open_store

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

with open_store(get_settings()) as store:
    at_start = peak()
    begun = time.monotonic()
    fields = {"labels": sys.argv[2]} if len(sys.argv) > 2 else {}
    record = import_templates(store, get_settings(), Path(sys.argv[1]), name="set", metric="cosine", **fields)
    imported, of_import = time.monotonic() - begun, peak()
    begun = time.monotonic()
    check_template_quality(store, record.id)
    checked, of_check = time.monotonic() - begun, peak()
    begun = time.monotonic()
    templates = store.template_sets.read(record.id)
    read = time.monotonic() - begun
    store.template_sets.delete(record.id)
print(json.dumps({"rows": len(templates.rows), "at_start": at_start, "imported": imported, "of_import": of_import,
                  "checked": checked, "of_check": of_check, "read": read}))
"""


def rows_of(start: int, count: int, width: int) -> np.ndarray:
    rows = np.random.default_rng(start).standard_normal((count, width), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def parts(rows: int):
    return [(start, min(PART, rows - start)) for start in range(0, rows, PART)]


def names_of(start: int, count: int) -> tuple[list[str], list[str], list[str]]:
    numbers = range(start, start + count)
    records = [f"images/{number:08d}.jpg" for number in numbers]
    return records, [f"s{n // 2:07d}" for n in numbers], ["female" if n // 2 % 2 else "male" for n in numbers]


def write_npy(path: Path, rows: int, width: int) -> None:
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})
        for start, count in parts(rows):
            file.write(rows_of(start, count, width).tobytes())


def write_npz(path: Path, rows: int, width: int) -> None:
    import zipfile

    records, subjects, genders = names_of(0, rows)
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("templates.npy", "w", force_zip64=True) as file:
            npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})
            for start, count in parts(rows):
                file.write(rows_of(start, count, width).tobytes())
        for name, texts in (("records", records), ("subjects", subjects), ("gender", genders)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.save(file, np.array(texts))


def write_parquet(path: Path, rows: int, width: int) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = [(name, pa.string()) for name in ("record", "subject", "gender")]
    schema = pa.schema([*kinds, ("template", pa.list_(pa.float32()))])
    with parquet.ParquetWriter(path, schema) as writer:
        for start, count in parts(rows):
            numbers = pa.array(rows_of(start, count, width).ravel())
            lists = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * width), numbers)
            columns = [pa.array(texts) for texts in names_of(start, count)]
            writer.write_table(pa.Table.from_arrays([*columns, lists], schema=schema))


def write_csv(path: Path, rows: int, width: int) -> None:
    import pyarrow as pa
    from pyarrow import csv

    header = ["record", "subject", "gender", *(f"e{number}" for number in range(width))]
    with path.open("wb") as file:
        for start, count in parts(rows):
            numbers = rows_of(start, count, width)
            columns = [*(pa.array(texts) for texts in names_of(start, count)), *map(pa.array, numbers.T.copy())]
            csv.write_csv(pa.table(columns, header), file, csv.WriteOptions(include_header=start == 0))


WRITERS = {"npz": write_npz, "npy": write_npy, "parquet": write_parquet, "csv": write_csv}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--formats", nargs="+", choices=WRITERS, default=["npz", "npy", "parquet", "csv"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    print(f"{given.rows:,} templates of {given.width} numbers, {given.rows * given.width * 4 / 1e9:.2f} GB as float32.")
    for name in given.formats:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            path = Path(folder) / f"templates.{name}"
            begun = time.monotonic()
            WRITERS[name](path, given.rows, given.width)
            written = time.monotonic() - begun
            environment = {**os.environ, "FACEPRIV_HOME": f"{folder}/home"}
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(path)], env=environment, capture_output=True, text=True, check=True
            )
            told = json.loads(done.stdout)
            print(
                f"{name:8} {path.stat().st_size / 1e9:5.2f} GB (written in {written:.0f} s): imported in "
                f"{told['imported']:.1f} s, {told['rows'] / told['imported']:,.0f} templates a second, peak "
                f"{told['of_import'] / 1e9:.2f} GB (at start {told['at_start'] / 1e9:.2f}); quality of a sample "
                f"{told['checked']:.1f} s, peak {told['of_check'] / 1e9:.2f} GB; read back in {told['read']:.1f} s."
            )


if __name__ == "__main__":
    main()
