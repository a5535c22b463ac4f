"""What holds for every registered reader of data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facepriv.datasets.files import list_files
from facepriv.datasets.reading import DatasetReader, ReadOptions
from facepriv.datasets.registry import READERS, read_folder
from facepriv.errors import BadInputError

FRL = "face_id,face_age,face_gender,face_eth\n001,24,female,white\n002,31,male,white\n"
LIST = "file,subject,gender\nx/a.png,ann,f\nx/b.png,ann,\ny/c.png,bob,m\n"
EXAMPLES: dict[str, dict[str, str | None]] = {
    "face-research-lab-london": {"001_03.png": None, "001_08.png": None, "002_03.png": None, "info.csv": FRL},
    "manifest": {"x/a.png": None, "x/b.png": None, "y/c.png": None, "labels.csv": LIST},
    "folders": {"female/ann/1.png": None, "male/bob/1.png": None, "carl/2.png": None},
    "flat": {"001_1.png": None, "002_1.png": None, "carl.png": None},
}
"""One small folder of each kind; a new reader needs one too. None stands for an image."""
OTHERS: dict[str, tuple[str, ...]] = {
    "face-research-lab-london": ("manifest", "folders", "flat"),
    "manifest": ("face-research-lab-london", "folders", "flat"),
    "folders": ("face-research-lab-london", "flat"),
    "flat": (),
}
"""Whose examples a reader must not take for its own: a list may lie in folders, and anything is flat."""

readers = pytest.mark.parametrize("name", READERS.names())


def build(files: dict[str, str | None], folder: Path) -> Path:
    for seed, (name, text) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(path)
        else:
            path.write_text(text)
    return folder


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: build(EXAMPLES[name], tmp_path / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_reader_has_an_example_here() -> None:
    assert set(READERS.names()) == set(EXAMPLES) == set(OTHERS)


@readers
def test_it_follows_the_protocol(name: str) -> None:
    reader = READERS.create(name)
    assert isinstance(reader, DatasetReader)
    assert reader.name == name


@readers
def test_auto_finds_it_and_says_why(name: str, example: Callable[[str], Path]) -> None:
    got = read_folder(example(name))
    assert got.reader == name
    assert name in got.why
    assert " because " in got.why
    assert got.why.endswith(".")
    assert got.licence


@readers
def test_images_are_well_formed(name: str, example: Callable[[str], Path]) -> None:
    folder = example(name)
    images = read_folder(folder, format=name).images
    names = [image.name for image in images]
    assert len(images) == 3
    assert names == sorted(set(names))
    for image in images:
        assert image.subject.strip()
        assert image.label in (1, -1, None)
        assert image.path == folder / image.name
        assert image.path.is_file()
        assert not Path(image.name).is_absolute()


@readers
def test_the_order_does_not_depend_on_the_disk(name: str, tmp_path: Path) -> None:
    one = read_folder(build(EXAMPLES[name], tmp_path / "a" / "set"), format=name)
    other = read_folder(build(dict(reversed(EXAMPLES[name].items())), tmp_path / "b" / "set"), format=name)
    first = [(i.name, i.subject, i.label) for i in one.images]
    assert first == [(i.name, i.subject, i.label) for i in other.images]
    assert one.problems == other.problems


@readers
def test_reading_changes_nothing_on_disk(name: str, example: Callable[[str], Path]) -> None:
    folder = example(name)
    before = contents(folder)
    read_folder(folder, format=name)
    assert contents(folder) == before


@readers
def test_an_empty_folder_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds no images") as caught:
        read_folder(tmp_path, format=name)
    assert caught.value.code == "no-images"
    options = ReadOptions()
    assert READERS.create(name).recognises(tmp_path, list_files(tmp_path), labels=None, options=options) is None


@readers
def test_it_leaves_other_kinds_alone(name: str, example: Callable[[str], Path]) -> None:
    reader = READERS.create(name)
    for other in OTHERS[name]:
        folder = example(other)
        assert reader.recognises(folder, list_files(folder), labels=None, options=ReadOptions()) is None, other


@readers
def test_broken_images_are_left_to_decoding(name: str, example: Callable[[str], Path]) -> None:
    folder = example(name)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    assert len(read_folder(folder, format=name).images) == 3
