"""What holds for every registered reader of data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facepriv.datasets.files import list_files
from facepriv.datasets.reading import DatasetReader, ReadOptions
from facepriv.datasets.registry import READERS, read_folder
from facepriv.errors import BadInputError
from tests.stand_ins import FACTS, STAND_INS, make_stand_in

GENERAL: dict[str, tuple[str, ...]] = {
    "csv": ("london", "muct", "utkface", "vggface2", "adience", "folders", "flat"),
    "folders": ("london", "muct", "utkface", "flat"),
    "flat": (),
}
"""Whose stand-ins a reader of a general layout must not take for its own: a list may lie in folders, and anything is
flat. That a reader of a particular data set takes no other's is tried in ``tests/datasets/test_stand_ins.py``."""

readers = pytest.mark.parametrize("name", READERS.names())


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: make_stand_in(name, tmp_path / "above" / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_reader_has_a_stand_in_called_like_it() -> None:
    assert set(READERS.names()) <= set(STAND_INS)


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
    result = read_folder(folder, format=name)
    images = result.images
    names = [image.name for image in images]
    assert len(images) == FACTS[name].images
    assert names == sorted(set(names))
    for image in images:
        assert image.subject.strip()
        assert image.label in (1, -1, None)
        assert image.path == folder / image.name
        told = {**result.origin, **image.origin}
        assert told["subject"]
        assert image.label is None or told["label"]
        assert image.path.is_file()
        assert not Path(image.name).is_absolute()


@readers
def test_the_order_does_not_depend_on_the_disk(name: str, example: Callable[[str], Path], tmp_path: Path) -> None:
    source = example(name)
    other = tmp_path / "other" / name
    for path in sorted(contents(source), reverse=True):
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_bytes((source / path).read_bytes())
    one, two = read_folder(source, format=name), read_folder(other, format=name)
    assert [(i.name, i.subject, i.label, i.attributes) for i in one.images] == [
        (i.name, i.subject, i.label, i.attributes) for i in two.images
    ]
    assert one.problems == two.problems
    assert one.protocol == two.protocol
    assert one.why == two.why


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


@pytest.mark.parametrize("name", GENERAL)
def test_it_leaves_other_kinds_alone(name: str, example: Callable[[str], Path]) -> None:
    reader = READERS.create(name)
    for other in GENERAL[name]:
        folder = example(other)
        assert reader.recognises(folder, list_files(folder), labels=None, options=ReadOptions()) is None, other


@readers
def test_broken_images_are_left_to_decoding(name: str, example: Callable[[str], Path]) -> None:
    folder = example(name)
    for path in folder.rglob("*.jpg"):
        path.write_bytes(b"")
    assert len(read_folder(folder, format=name).images) == FACTS[name].images


@readers
def test_the_facts_of_the_images_agree(name: str, example: Callable[[str], Path]) -> None:
    result = read_folder(example(name), format=name)
    there = {image.name: image.subject for image in result.images}
    assert result.identities in ("people", "groups", "none")
    if result.identities == "none":
        assert len(set(there.values())) == len(there)
    codes = {problem.code for problem in result.problems}
    assert ("no-identities" in codes) == (result.identities != "people")
    for pair in result.protocol:
        assert pair.fold >= 1
        assert pair.mated == (there[pair.first] == there[pair.second])
    if result.terms is not None:
        assert result.terms.sentence.endswith(".")
    for image in result.images:
        assert set(image.attributes) <= {"age", "age_group", "race"}
        assert isinstance(image.attributes.get("age", 0.0), float)
        assert all(isinstance(image.attributes.get(key, ""), str) for key in ("age_group", "race"))


def test_names_that_older_databases_and_scripts_know() -> None:
    assert READERS.create("manifest").name == "csv"
    assert READERS.create("face-research-lab-london").name == "london"
