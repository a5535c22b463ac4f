"""Folders that hold several people each are groups; a matcher tells, and whoever imports has the last word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.services.datasets import folder_evidence
from facepriv.services.datasets.folder_evidence import judge_folders


@pytest.fixture
def people() -> dict[str, list[Path]]:
    """Four images of each of the demo's first people."""
    images: dict[str, list[Path]] = {}
    for image in read_demo(4).images:
        images.setdefault(image.subject, []).append(image.path)
    return dict(list(images.items())[:8])


def put(folder: Path, inside: dict[str, list[Path]]) -> Path:
    for name, paths in inside.items():
        (folder / name).mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copyfile(path, folder / name / f"{number}.jpg")
    return folder


def test_folders_of_several_people_are_groups(tmp_path: Path, people: dict[str, list[Path]], monkeypatch) -> None:
    everyone = [paths[0] for paths in people.values()]
    folder = put(tmp_path / "set", {"ward north": everyone[:4], "ward south": everyone[4:]})
    read = read_folder(folder)
    assert read.identities == "people"
    kept = tmp_path / "kept.json"
    got = judge_folders(read, max_pixels=10**7, kept=kept)
    assert got.identities == "groups"
    (said,) = [problem.sentence for problem in got.problems if problem.code == "folders-of-groups"]
    assert "12 pairs" in said
    assert "--subjects people" in said
    assert [question.code for question in got.questions] == ["folders-of-groups"]
    # Looked at once.
    monkeypatch.setattr(folder_evidence, "_look", lambda *_: pytest.fail("looked again"))
    assert judge_folders(read, max_pixels=10**7, kept=kept).identities == "groups"


def test_folders_of_one_person_each_stay_people(tmp_path: Path, people: dict[str, list[Path]]) -> None:
    folder = put(tmp_path / "set", dict(list(people.items())[:3]))
    assert judge_folders(read_folder(folder), max_pixels=10**7).identities == "people"


@pytest.mark.parametrize(("folders", "asked"), [(("ann", "bob"), []), (("17", "0a"), ["folders-in-doubt"])])
def test_folders_without_faces_are_asked_about_if_their_names_say_nothing(
    tmp_path: Path, folders: tuple[str, str], asked: list[str]
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
        for number in range(4):
            (tmp_path / folder / f"{number}.jpg").write_bytes(b"no image")
    got = judge_folders(read_folder(tmp_path), max_pixels=10**7)
    assert got.identities == "people"
    assert [question.code for question in got.questions] == asked


def test_many_folders_of_one_image_are_asked_about(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"folder {number}").mkdir()
        (tmp_path / f"folder {number}" / "photo.jpg").write_bytes(b"no image")
    got = judge_folders(read_folder(tmp_path), max_pixels=10**7)
    assert [question.code for question in got.questions] == ["folders-in-doubt"]
    assert "each holds one image" in got.questions[0].sentence
