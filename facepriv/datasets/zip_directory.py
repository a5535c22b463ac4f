"""Size of a zip's directory, measured before `zipfile.ZipFile` holds all of it in memory.

Layouts: APPNOTE.TXT of PKWARE, version 6.3.10, sections 4.3.12 (directory entry), 4.3.14 and 4.3.15 (Zip64 record and
its locator) and 4.3.16 (end record). The records are looked for where `zipfile` looks for them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s24x3H12x")
_LONGEST_COMMENT = 0xFFFF


@dataclass(frozen=True)
class Directory:
    """Size of a zip's directory."""

    entries: int
    """Entries that it holds or claims to hold, whichever is more; counted no further than was asked."""
    bytes: int


def measure_directory(file: IO[bytes], most: int) -> Directory | None:
    """Measure the directory of a zip, reading it once in small pieces; None if it has none.

    Counting may stop after ``most`` entries.
    """
    length = file.seek(0, 2)
    start = max(length - _END.size - _LONGEST_COMMENT, 0)
    file.seek(start)
    tail = file.read()
    at = len(tail) - _END.size
    if not (at >= 0 and tail.startswith(b"PK\5\6", at) and tail.endswith(b"\0\0")):
        at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        return None
    _, _, _, _, claimed, size, _, _ = _END.unpack_from(tail, at)
    end = start + at
    record = end - _LOCATOR.size - _END64.size
    if record >= 0:
        file.seek(record)
        record64, locator = file.read(_END64.size), file.read(_LOCATOR.size)
        if locator.startswith(b"PK\6\7") and record64.startswith(b"PK\6\6"):
            _, _, _, _, _, _, _, claimed, size, _ = _END64.unpack(record64)
            end = record
    if size > end:
        return None
    return Directory(max(claimed, _count(file, end - size, end, most)), size)


def _count(file: IO[bytes], place: int, end: int, most: int) -> int:
    count = 0
    while count <= most and place + _ENTRY.size <= end:
        file.seek(place)
        mark, name, extra, comment = _ENTRY.unpack(file.read(_ENTRY.size))
        if mark != b"PK\1\2":
            break
        place += _ENTRY.size + name + extra + comment
        count += 1
    return count
