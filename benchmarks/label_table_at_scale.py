"""Read a label table of millions of rows beside a few images, and print time and memory.

Usage: python benchmarks/label_table_at_scale.py [--rows 3300000] [--columns 47]

The table is like MAAD-Face's: file, identity and many attributes of 1, 0 and -1, of which one is the gender. It is
written into a temporary folder, some 430 MB for 3.3 million rows.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import PIL.Image

from facepriv.datasets.registry import read_folder

IMAGES = 12


def write_set(folder: Path, rows: int, columns: int) -> None:
    """Write the table, and images of its first people."""
    others = columns - 3
    with (folder / "table.csv").open("w") as file:
        file.write(",".join(["Filename", "Identity", *(f"Attribute_{n}" for n in range(others)), "Male"]) + "\n")
        rest = ",".join(str(n % 3 - 1) for n in range(others))
        for row in range(rows):
            person = row // 360
            file.write(f"n{person:06}/{row % 360:04}_01.jpg,{person},{rest},{1 if person % 2 else -1}\n")
    for number in range(IMAGES):
        path = folder / f"n{number // 3:06}" / f"{number % 3:04}_01.jpg"
        path.parent.mkdir(exist_ok=True)
        PIL.Image.new("RGB", (60, 60), (number, 0, 0)).save(path)


def main() -> None:
    """Write, read, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_300_000)
    parser.add_argument("--columns", type=int, default=47)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_set(folder, options.rows, options.columns)
        begun = time.monotonic()
        read = read_folder(folder, format="csv", mapping={"1": "male", "-1": "female", "0": "unknown"})
        seconds = time.monotonic() - begun
    assert {image.label for image in read.images} == {1, -1}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.rows:,} rows of {options.columns} columns: {seconds:.1f} s, {memory:.0f} MiB at most")


if __name__ == "__main__":
    main()
