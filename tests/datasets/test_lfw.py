"""LFW: gender lists with their published faults, pairs with images that are missing, and where the lists may lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facepriv.datasets.files import Files
from facepriv.datasets.lfw import LfwReader
from facepriv.datasets.problems import problem_count, problem_names
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE, Problem, ProtocolPair
from tests.stand_ins import make_stand_in

from .conftest import Tree

LISTS = Path(__file__).parents[3] / "shared" / "lfw-labels"


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    return make_stand_in("lfw", tmp_path / "above" / "unpacked")


def said(result: ReadResult, code: str) -> Problem:
    (problem,) = [p for p in result.problems if p.code == code]
    return problem


def image(person: str, number: int) -> str:
    return f"lfw-deepfunneled/{person}/{person}_{number:04}.jpg"


def test_labels_come_from_the_lists_and_a_contradiction_is_not_guessed_at(stand_in: Path) -> None:
    got = read_folder(stand_in)
    labels = {i.name: i.label for i in got.images}
    assert labels[image("Ann_Lee", 2)] == FEMALE  # listed without its extension
    assert labels[image("Dan_O'Fox", 3)] == MALE
    assert labels[image("Fay_None", 1)] is None
    assert image("Eve_Both", 1) not in labels
    assert "Eve_Both_0001.jpg stands in both female_names.txt and male_names.txt" in said(got, "in-both-lists").sentence
    assert "Fay_None_0001.jpg is not in female_names.txt" in said(got, "no-row").sentence
    assert problem_names(said(got, "unknown-file")) == ("Not_Here_0001",)
    assert got.table == "female_names.txt and male_names.txt"


def test_pairs_are_folds_of_mated_and_non_mated_comparisons(stand_in: Path) -> None:
    got = read_folder(stand_in)
    assert got.protocol[:3] == (
        ProtocolPair(1, image("Ann_Lee", 1), image("Ann_Lee", 3), True),
        ProtocolPair(1, image("Carl_Poe", 1), image("Carl_Poe", 2), True),
        ProtocolPair(1, image("Ann_Lee", 1), image("Carl_Poe", 3), False),
    )
    assert [pair.fold for pair in got.protocol] == [1, 1, 1, 1, 2, 2, 2]
    assert "Bea_Roe_0001 and Not_Here_0004" in said(got, "protocol-incomplete").sentence


def test_many_missing_images_are_one_sentence(stand_in: Path) -> None:
    shutil.rmtree(stand_in / "lfw-deepfunneled" / "Ann_Lee")
    problem = said(read_folder(stand_in), "protocol-incomplete")
    assert problem_count(problem) == 4
    assert problem.sentence.startswith("4 of 8 pairs of pairs.txt (Ann_Lee_0001 and Ann_Lee_0003, ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2\t3\nAnn_Lee\t1\t2\n",
        "1\t1\nAnn_Lee\t1\tBea_Roe\t1\nAnn_Lee\t1\t2\n",
        "1\t1\nAnn_Lee\t1\tx\nAnn_Lee\t1\tBea_Roe\t1\n",
        "ten\nAnn_Lee\t1\t2\n",
    ],
)
def test_a_list_of_pairs_that_is_none_costs_the_protocol_only(stand_in: Path, text: str) -> None:
    (stand_in / "pairs.txt").write_text(text)
    got = read_folder(stand_in)
    assert len(got.images) == 12
    assert got.protocol == ()
    assert "pairs.txt was not read as a protocol" in said(got, "protocol-unreadable").sentence


def test_development_pairs_are_two_folds(tmp_path: Path) -> None:
    got = read_folder(make_stand_in("lfw-sklearn", tmp_path / "x"))
    assert [(pair.fold, pair.mated) for pair in got.protocol] == [(1, True), (1, False), (2, True), (2, False)]


@pytest.mark.parametrize("inside", ["lfw-deepfunneled", "lfw"])
def test_lists_may_lie_above_the_images(stand_in: Path, inside: str) -> None:
    folder = stand_in / inside
    if not folder.exists():
        (stand_in / "lfw-deepfunneled").rename(folder)
    got = read_folder(folder)
    assert got.reader == "lfw"
    assert len(got.images) == 12
    assert len(got.protocol) == 7
    assert {i.label for i in got.images} == {MALE, FEMALE, None}
    alone = read_folder(folder, closed=True)
    assert alone.reader == "lfw"
    assert alone.protocol == ()
    assert alone.table == ""
    assert {i.label for i in alone.images} == {None}


def test_the_layout_alone_is_no_evidence(stand_in: Path) -> None:
    for path in stand_in.glob("*.txt"):
        path.unlink()
    (stand_in / "lfw-deepfunneled").rename(stand_in / "people")
    assert read_folder(stand_in).reader == "folders"
    assert read_folder(stand_in, format="lfw").reader == "lfw"


def test_two_versions_in_one_folder_are_refused(stand_in: Path) -> None:
    shutil.copytree(stand_in / "lfw-deepfunneled", stand_in / "lfw_funneled")
    with pytest.raises(BadInputError, match="one image of LFW in two versions") as caught:
        read_folder(stand_in)
    assert caught.value.code == "several-copies"


def test_a_label_table_is_refused_by_name_and_goes_to_the_csv_reader_by_itself(tree: Tree, tmp_path: Path) -> None:
    folder = tree(["lfw/Ann/Ann_0001.png", "lfw/Bob/Bob_0001.png"])
    (tmp_path / "l.csv").write_text("file,gender\nAnn_0001.png,f\nBob_0001.png,m\n")
    with pytest.raises(BadInputError, match="takes its labels from female_names") as caught:
        read_folder(folder, format="lfw", labels=tmp_path / "l.csv")
    assert caught.value.code == "labels-not-used"
    assert read_folder(folder, labels=tmp_path / "l.csv").reader == "csv"
    assert read_folder(folder).reader == "lfw"


@pytest.mark.skipif(not LISTS.is_dir(), reason="the published lists are not here")
def test_the_published_lists(tmp_path: Path) -> None:
    """13,233 images, of which five stand in both lists and four in neither."""
    stems: set[str] = set()
    for name in ("female_names.txt", "male_names.txt"):
        shutil.copyfile(LISTS / name, tmp_path / name)
        stems |= {line.removesuffix(".jpg") for line in (LISTS / name).read_text().split()}
    strangers = {f"Stranger_{n}_0001" for n in range(13_233 - len(stems))}
    assert len(strangers) == 4
    files = Files(
        tuple(sorted(f"lfw/{stem[:-5]}/{stem}.jpg" for stem in stems | strangers)),
        (),
        ("female_names.txt", "male_names.txt"),
    )
    reader = LfwReader()
    assert reader.recognises(tmp_path, files, labels=None, options=ReadOptions()) is not None
    got = reader.read(tmp_path, files, labels=None, options=ReadOptions())
    labels = [i.label for i in got.images]
    assert len(labels) == 13_228
    assert labels.count(FEMALE) == 2_961
    assert labels.count(MALE) == 10_263
    assert labels.count(None) == 4
    assert len({i.subject for i in got.images if i.label is not None}) == 5_743
    assert "subject-with-both-genders" not in {p.code for p in got.problems}
    assert {Path(name).stem for name in problem_names(said(got, "in-both-lists"))} == {
        "Allison_Searing_0001",
        "Claudia_Coslovich_0001",
        "Elizabeth_Hill_0001",
        "Erika_Reyes_0001",
        "Tatiana_Shchegoleva_0001",
    }
    assert problem_count(said(got, "no-row")) == 4
