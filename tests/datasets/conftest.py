"""Small image files in folders of their own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

Tree = Callable[..., Path]

NOTICES = frozenset(
    [
        "contradicting-attributes",
        "count-differs",
        "document",
        "duplicate-row",
        "encoding",
        "mapping-not-used",
        "mirrored-image",
        "no-identities",
        "no-labels",
        "no-mated",
        "other-file",
        "one-gender",
        "one-subject",
        "program",
        "protocol-incomplete",
        "protocol-unreadable",
        "sidecar",
        "subject-with-both-genders",
        "system-file",
        "table-not-used",
        "text-file",
        "unknown-age",
        "unknown-file",
        "unknown-subject",
    ]
)
"""Codes of problems by which no image was lost, changed or left unlabelled."""


def tiny_png(seed: int = 0) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make a folder with these images, and files with these texts."""

    def make(images: Iterable[str], /, **texts: str) -> Path:
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        for seed, name in enumerate(images):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tiny_png(seed))
        for name, text in texts.items():
            (folder / name.replace("_csv", ".csv")).write_text(text, encoding="utf-8")
        return folder

    return make
