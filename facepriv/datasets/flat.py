"""Images only: nothing says who is on them but their file names, and nothing of which gender."""

from __future__ import annotations

from pathlib import Path

from facepriv.datasets.files import Files
from facepriv.datasets.folders import read_paths
from facepriv.datasets.reading import ReadOptions, ReadResult


class FlatReader:
    """Any images; asked last. The file name up to its last number is the subject."""

    name = "flat"
    rank = 0

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Take whatever holds images."""
        return "it holds images and follows no other convention" if files.images else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read subjects from the file names; a table about subjects may add their genders."""
        return read_paths(self.name, folder, files, labels, options)
