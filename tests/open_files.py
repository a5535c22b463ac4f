"""Which files a process and those that it starts have open for writing, seen from outside or by themselves."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


def written_files(pid: int | str = "self") -> set[str]:
    """Return the regular files that a process has open for writing, removed ones included."""
    found = set()
    folder = Path("/proc") / str(pid)
    for handle in _names(folder / "fd"):
        try:
            target = str((folder / "fd" / handle).readlink())
            flags = (folder / "fdinfo" / handle).read_text().split("flags:")[1].split()[0]
        except OSError:
            continue  # closed meanwhile
        is_device = target.startswith(("/dev/", "/proc/", "/sys/", "/memfd:", "anon_inode:"))
        if target.startswith("/") and not is_device and int(flags, 8) & os.O_ACCMODE:
            found.add(target.removesuffix(" (deleted)"))
    return found


class Watch:
    """Notes which files a process and its descendants write to, for the length of a block."""

    def __init__(self, pid: int) -> None:
        self.seen: set[str] = set()
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def outside(self, *folders: Path) -> set[str]:
        """Return the files that lie in none of some folders."""
        return {file for file in self.seen if not any(Path(file).is_relative_to(folder) for folder in folders)}

    def _look(self) -> None:
        while not self._over.wait(0.001):
            for pid in _family(self._pid):
                self.seen |= written_files(pid)


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        for thread in _names(Path(f"/proc/{member}/task")):
            try:
                family += map(int, Path(f"/proc/{member}/task/{thread}/children").read_text().split())
            except OSError:
                continue
    return family


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted
    except OSError:
        return []
