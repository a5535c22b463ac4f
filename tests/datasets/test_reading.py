"""Folders of faces: which reader, who is who, and what is told of what does not fit."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import PIL.Image
import pytest

from facepriv.datasets.demo import demo_folder, read_demo
from facepriv.datasets.files import list_files
from facepriv.datasets.london import LICENCE
from facepriv.datasets.problems import ProblemGroup, problem_count
from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.datasets.subjects import gender_of_path, subject_of_stem, subjects_of_paths
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.imaging.decode import decode
from facepriv.types import FEMALE, MALE
from tests.datasets.conftest import NOTICES

from .conftest import Tree

LONDON = Path(__file__).parents[2] / ".." / "shared" / "london-40"


def codes(result: ReadResult) -> set[str]:
    return {problem.code for problem in result.problems}


def lost(result: ReadResult) -> set[str]:
    return codes(result) - NOTICES


def said(result: ReadResult, code: str) -> str:
    return next(p.sentence for p in result.problems if p.code == code)


def plain(result: ReadResult) -> list[tuple[str, str, int | None]]:
    return [(image.name, image.subject, image.label) for image in result.images]


TWO = ["a_1.png", "a_2.png", "b_1.png", "b_2.png"]
LABELS = "file,gender\na_1.png,f\na_2.png,f\nb_1.png,m\nb_2.png,m\n"
LABELLED = [("a_1.png", "a", -1), ("a_2.png", "a", -1), ("b_1.png", "b", 1), ("b_2.png", "b", 1)]


def test_manifest(tree: Tree) -> None:
    got = read_folder(tree(reversed(TWO), labels_csv=LABELS))
    assert plain(got) == LABELLED
    assert got.reader == "csv"
    assert got.table == "labels.csv"
    assert got.problems == []
    assert "labels.csv has columns for file and gender" in got.why
    assert all(image.path.is_file() for image in got.images)


def test_a_table_from_elsewhere(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text(LABELS)
    got = read_folder(tree(TWO), labels=tmp_path / "elsewhere.csv")
    assert plain(got) == LABELLED
    with pytest.raises(BadInputError, match=r"no label table none\.csv"):
        read_folder(tree(TWO), labels=tmp_path / "none.csv")


@pytest.mark.parametrize("written", ["data/img/a.PNG", "img/a.PNG", "a.png", "A", ".\\img\\a.png", "C:\\x\\img\\a.png"])
def test_ways_to_write_a_file_name(tree: Tree, written: str) -> None:
    folder = tree(["data/img/a.PNG", "data/img/b.png"])
    (folder / "data" / "labels.csv").write_text(f"file,gender\n{written},f\nb.png,m\n")
    got = read_folder(folder)
    assert plain(got) == [("data/img/a.PNG", "a", FEMALE), ("data/img/b.png", "b", MALE)]
    assert lost(got) == set()


def test_names_match_whichever_way_their_accents_are_composed(tree: Tree) -> None:
    got = read_folder(tree(["jose\u0301.png", "b.png"], labels_csv="file,gender\njos\u00e9.png,m\nb.png,f\n"))
    assert [image.label for image in got.images] == [FEMALE, MALE]


def test_a_name_that_fits_several_files_is_not_guessed(tree: Tree) -> None:
    folder = tree(["x/1.png", "x/2.png", "y/1.png"], labels_csv="file,gender\n1.png,f\nx/2.png,m\ny/1.png,f\n")
    got = read_folder(folder)
    assert plain(got) == [("x/1.png", "x", None), ("x/2.png", "x", MALE), ("y/1.png", "y", FEMALE)]
    assert lost(got) == {"ambiguous-file", "no-row"}


def test_unknown_files_and_files_without_a_row(tree: Tree) -> None:
    folder = tree([*TWO, "c_1.png"], labels_csv=LABELS + "gone.png,f\n../../etc/passwd,m\n,f\n")
    got = read_folder(folder)
    assert plain(got) == [*LABELLED, ("c_1.png", "c", None)]
    assert codes(got) == {"unknown-file", "no-row", "no-file-name"}
    assert "gone.png" in said(got, "unknown-file")
    assert "line 8" in said(got, "no-file-name")


def test_a_flood_of_unknown_files_is_one_sentence(tree: Tree) -> None:
    got = read_folder(tree(TWO, labels_csv=LABELS + "".join(f"x{i}.png,f\n" for i in range(5000))))
    assert plain(got) == LABELLED
    (problem,) = got.problems
    assert isinstance(problem, ProblemGroup)
    assert problem_count(problem) == 5000
    assert "5,000 rows" in problem.sentence
    assert "(x0.png, x1.png, x2.png, ...)" in problem.sentence


def test_duplicate_rows_that_agree_are_noted_only(tree: Tree) -> None:
    got = read_folder(tree(TWO, labels_csv=LABELS + "a_1.png,Woman\n"))
    assert plain(got) == LABELLED
    assert codes(got) == {"duplicate-row"}
    assert lost(got) == set()


@pytest.mark.parametrize("other", ["m", "unknown", "nonbinary"])
def test_rows_that_contradict_each_other_about_gender_leave_no_label(tree: Tree, other: str) -> None:
    got = read_folder(tree(TWO, labels_csv=LABELS + f"a_1.png,{other}\n"))
    assert plain(got) == [("a_1.png", "a", None), *LABELLED[1:]]
    assert "contradicting-genders" in lost(got)


SUBJECTS = "file,subject,gender\na_1.png,Ann,f\na_2.png,Ann,f\nb_1.png,Bob,m\nb_2.png,Bob,m\n"


def test_rows_that_contradict_each_other_about_the_subject_leave_the_image_out(tree: Tree) -> None:
    got = read_folder(tree(TWO, labels_csv=SUBJECTS + "a_1.png,Bob,f\n"))
    assert [name for name, *_ in plain(got)] == TWO[1:]
    assert lost(got) == {"contradicting-subjects"}


def test_a_missing_subject_is_told_from_the_path_if_paths_and_table_agree(tree: Tree) -> None:
    got = read_folder(tree([*TWO, "a_3.png", "c_1.png"], labels_csv=SUBJECTS))
    assert {name: subject for name, subject, _ in plain(got)} == {
        **dict.fromkeys(("a_1.png", "a_2.png", "a_3.png"), "Ann"),
        **dict.fromkeys(("b_1.png", "b_2.png"), "Bob"),
        "c_1.png": "c",
    }
    assert lost(got) == {"no-row"}


def test_a_missing_subject_is_not_guessed_if_paths_and_table_disagree(tree: Tree) -> None:
    folder = tree([*TWO, "a_3.png"], labels_csv=SUBJECTS.replace("a_2.png,Ann", "a_2.png,Eve"))
    got = read_folder(folder)
    assert [image.name for image in got.images] == TWO
    assert lost(got) == {"no-subject"}
    assert "a_3.png" in said(got, "no-subject")


def test_bare_numbers_need_a_mapping(tree: Tree) -> None:
    folder = tree(TWO, labels_csv=LABELS.replace(",f", ",1").replace(",m", ",0"))
    with pytest.raises(BadInputError) as caught:
        read_folder(folder)
    assert caught.value.code == "undeclared-numbers"
    assert plain(read_folder(folder, mapping={"0": "male", "1": "female"})) == LABELLED


def test_missing_columns_of_a_given_table(tree: Tree, tmp_path: Path) -> None:
    labels = tmp_path / "l.csv"
    labels.write_text("file,colour\na_1.png,red\n")
    with pytest.raises(BadInputError, match="'colour'") as caught:
        read_folder(tree(TWO), labels=labels)
    assert caught.value.code == "missing-columns"
    labels.write_text("picture,colour\nfirst,red\n")
    with pytest.raises(BadInputError, match="'picture', 'colour', but none for file") as caught:
        read_folder(tree(TWO), labels=labels)
    assert caught.value.code == "missing-columns"


def test_columns_may_be_named(tree: Tree) -> None:
    folder = tree(TWO, labels_csv=LABELS.replace("file,gender", "Motiv;Art").replace(",", ";"))
    unread = read_folder(folder)
    assert {image.label for image in unread.images} == {None}
    assert "the columns Motiv, Art" in said(unread, "table-not-used")
    assert plain(read_folder(folder, columns={"file": "Motiv", "gender": "Art"})) == LABELLED
    by_number = read_folder(folder, columns={"file": "1", "gender": "2"})
    assert plain(by_number) == LABELLED


def test_several_tables_are_not_chosen_from(tree: Tree, tmp_path: Path) -> None:
    folder = tree(TWO, labels_csv=LABELS, more_csv=LABELS)
    with pytest.raises(BadInputError) as caught:
        read_folder(folder)
    assert caught.value.code == "several-label-tables"
    got = read_folder(folder, labels=folder / "more.csv")
    assert got.table == "more.csv"


def test_an_explicit_manifest_needs_its_table(tree: Tree) -> None:
    with pytest.raises(BadInputError) as caught:
        read_folder(tree(TWO), format="csv")
    assert caught.value.code == "no-label-table"


def test_subject_folders(tree: Tree) -> None:
    got = read_folder(tree(["zip/images/ann/1.png", "zip/images/ann/2.png", "zip/images/bob/1.png"]))
    assert [image.subject for image in got.images] == ["ann", "ann", "bob"]
    assert got.reader == "folders"
    assert "each of 2 folders is a subject" in got.why
    assert codes(got) == {"no-labels"}


def test_gender_folders(tree: Tree) -> None:
    got = read_folder(tree(["Male/001_1.png", "Male/001_2.png", "female/002_1.png", "female/x/1.png", "other_1.png"]))
    assert plain(got) == [
        ("Male/001_1.png", "001", MALE),
        ("Male/001_2.png", "001", MALE),
        ("female/002_1.png", "002", FEMALE),
        ("female/x/1.png", "1", FEMALE),
        ("other_1.png", "other", None),
    ]
    assert got.reader == "folders"


def test_equal_folders_under_both_genders_are_two_people(tree: Tree) -> None:
    got = read_folder(tree(["male/001/1.png", "female/001/1.png", "male/002/1.png"]))
    assert plain(got) == [
        ("female/001/1.png", "female/001", FEMALE),
        ("male/001/1.png", "male/001", MALE),
        ("male/002/1.png", "002", MALE),
    ]


@pytest.mark.parametrize("images", [["ann/1.png", "bob/1.png"], ["ann_1.png", "bob_1.png"]])
def test_genders_from_a_table_about_subjects(tree: Tree, images: list[str]) -> None:
    folder = tree(images)
    table = folder.parent / "people.csv"
    table.write_text("person,sex,age\nAnn,f,30\nbob,m,40\nbob,m,40\ncarl,m,\n")
    got = read_folder(folder, labels=table)
    assert [(image.subject, image.label) for image in got.images] == [("ann", FEMALE), ("bob", MALE)]
    assert codes(got) == {"unknown-subject", "duplicate-row", "no-mated"}
    assert got.table == "people.csv"


def test_flat(tree: Tree) -> None:
    got = read_folder(tree(["s1_1.png", "s1_2.png", "IMG_0001.png", "IMG_0002.png"]))
    assert plain(got) == [
        ("IMG_0001.png", "IMG_0001", None),
        ("IMG_0002.png", "IMG_0002", None),
        ("s1_1.png", "s1", None),
        ("s1_2.png", "s1", None),
    ]
    assert got.reader == "flat"
    assert codes(got) == {"no-labels"}


def test_only_one_subject_and_only_one_gender(tree: Tree) -> None:
    got = read_folder(tree(["ann/1.png", "ann/2.png"], labels_csv="file,gender\n1.png,f\n2.png,f\n"))
    assert plain(got) == [("ann/1.png", "ann", FEMALE), ("ann/2.png", "ann", FEMALE)]
    assert codes(got) == {"one-subject", "one-gender"}
    assert "no non-mated comparisons" in said(got, "one-subject")
    assert "All labelled images are female" in said(got, "one-gender")
    assert lost(got) == set()


def test_a_subject_with_both_genders_is_kept_and_told_of(tree: Tree) -> None:
    got = read_folder(tree(TWO, labels_csv=LABELS.replace("a_2.png,f", "a_2.png,m")))
    assert [image.label for image in got.images] == [FEMALE, MALE, MALE, MALE]
    assert codes(got) == {"subject-with-both-genders"}


def test_files_that_are_no_images_are_listed_and_litter_is_counted(tree: Tree) -> None:
    folder = tree([*TWO, "._a_1.png", ".hidden/x.png", "__MACOSX/b.png"], labels_csv=LABELS)
    (folder / "README.md").write_text("hello")
    (folder / "Thumbs.db").write_text("x")
    (folder / "broken.jpg").write_text("no image, but decoding will say so")
    (folder / "no_extension").write_bytes((folder / "a_1.png").read_bytes())
    got = read_folder(folder)
    assert [image.name for image in got.images] == [*TWO, "broken.jpg", "no_extension"]
    listed = list_files(folder)
    assert listed.tables == ("labels.csv",)
    assert listed.others == ("README.md",)
    (problem,) = listed.problems
    assert (problem.code, problem_count(problem)) == ("system-file", 4)
    assert said(got, "document") == "README.md is a document, and was left out."
    assert got.files is not None
    assert (got.files.found, got.files.images, got.files.lists, got.files.left_out) == (12, 6, 1, 5)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_folders_that_cannot_be_read_are_told_of(tree: Tree) -> None:
    folder = tree([*TWO, "secret/c_1.png"], labels_csv=LABELS)
    (folder / "secret").chmod(0)
    try:
        got = read_folder(folder)
    finally:
        (folder / "secret").chmod(0o700)
    assert [image.name for image in got.images] == TWO
    assert "The folder secret cannot be read" in said(got, "unreadable-folder")


def test_a_folder_that_the_system_refuses_is_told_of(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above for whoever may read everything: the system's refusal is put in its place."""
    folder = tree([*TWO, "secret/c_1.png"], labels_csv=LABELS)
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path).name == "secret":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    got = read_folder(folder)
    assert [image.name for image in got.images] == TWO
    assert "The folder secret cannot be read" in said(got, "unreadable-folder")


def test_links_to_nothing_are_told_of(tree: Tree) -> None:
    folder = tree(TWO, labels_csv=LABELS)
    (folder / "a_3.png").symlink_to(folder / "gone.png")
    (folder / "a_4.png").symlink_to(folder / "a_1.png")
    (folder / ".hidden").symlink_to(folder / "gone.png")
    got = read_folder(folder)
    assert [image.name for image in got.images] == ["a_1.png", "a_2.png", "a_4.png", "b_1.png", "b_2.png"]
    assert "a_3.png is a link to a file that is not there" in said(got, "broken-link")
    assert codes(got) >= {"broken-link"}


def test_names_that_cannot_be_stored_are_told_of(tree: Tree) -> None:
    got = read_folder(tree([*TWO, "line\nbreak.png"], labels_csv=LABELS))
    assert plain(got) == LABELLED
    assert lost(got) == {"bad-name"}


def test_links_to_folders_are_not_followed(tree: Tree, tmp_path: Path) -> None:
    folder = tree(TWO)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling.png").symlink_to(tmp_path / "gone.png")
    assert len(read_folder(folder).images) == 4


@pytest.mark.parametrize("texts", [{}, {"labels_csv": LABELS}])
def test_a_folder_without_images(tree: Tree, texts: dict[str, str]) -> None:
    with pytest.raises(BadInputError, match="no images") as caught:
        read_folder(tree([], **texts))
    assert caught.value.code == "no-images"


def test_not_a_folder_and_not_a_format(tree: Tree) -> None:
    folder = tree(TWO)
    with pytest.raises(BadInputError) as caught:
        read_folder(folder / "a_1.png")
    assert caught.value.code == "not-a-folder"
    with pytest.raises(UnknownNameError, match=r"lfw, muct, london, .*, csv, folders, flat"):
        read_folder(folder, format="nobodys")


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("001_03.jpg", "001"),
        ("x/Aaron_Eckhart_0001.jpg", "Aaron_Eckhart"),
        ("s-01-2.png", "s-01"),
        ("alice.png", "alice"),
        ("17.png", "17"),
        ("_1.png", "_1"),
        ("IMG-2034.jpg", "IMG-2034"),
        ("DSC_0001.JPG", "DSC_0001"),
    ],
)
def test_subject_of_a_file_name(name: str, subject: str) -> None:
    assert subject_of_stem(name) == subject


@pytest.mark.parametrize(
    ("names", "subjects"),
    [
        (["ann/1.png", "ann/2.png"], ["ann", "ann"]),
        (["images/1.png", "images/2.png"], ["1", "2"]),
        (["Ann_B/Ann_B_0001.png", "Ann_B/Ann_B_0002.png"], ["Ann_B", "Ann_B"]),
        (["mine/001_1.png", "mine/002_1.png"], ["001", "002"]),
        (["train/001_1.png", "test/001_2.png"], ["001", "001"]),
        (["train/ann/1.png", "test/ann/1.png", "test/bob/1.png"], ["ann", "ann", "bob"]),
        (["a/1/x.png", "b/1/x.png"], ["a/1", "b/1"]),
        (["ann/IMG_1.png", "ann/IMG_2.png"], ["ann", "ann"]),
    ],
)
def test_subjects_of_paths(names: list[str], subjects: list[str]) -> None:
    assert [subjects_of_paths(names).by_name[name] for name in names] == subjects


def test_gender_of_a_path() -> None:
    assert gender_of_path("x/Women/a.png") == FEMALE
    assert gender_of_path("man.png") is None
    assert gender_of_path("male/female/a.png") is None


FRL = "face_id,face_age,face_{},face_eth\n{}001,24,female,white\n{}002,31,male,east asian\n{}009,40,male,black\n"
FRL_FILES = ["001_03.jpg", "001_08.jpg", "002_03.jpg", "._001_03.jpg"]


@pytest.mark.parametrize(("gender", "prefix"), [("gender", ""), ("sex", "X")])
def test_face_research_lab_old_and_new(tree: Tree, gender: str, prefix: str) -> None:
    got = read_folder(tree(FRL_FILES, info_csv=FRL.format(gender, prefix, prefix, prefix)))
    assert plain(got) == [("001_03.jpg", "001", FEMALE), ("001_08.jpg", "001", FEMALE), ("002_03.jpg", "002", MALE)]
    assert got.reader == "london"
    assert got.licence == LICENCE
    assert [image.attributes for image in got.images] == [
        {"age": 24.0, "race": "white"},
        {"age": 24.0, "race": "white"},
        {"age": 31.0, "race": "east asian"},
    ]
    assert codes(got) == {"unknown-subject", "system-file"}


def test_face_research_lab_with_strangers_and_gaps(tree: Tree) -> None:
    images = [*FRL_FILES, "003_03.jpg", "004_03.jpg", "holiday.jpg"]
    got = read_folder(tree(images, info_csv=FRL.format("gender", "", "", "")))
    assert {image.subject: image.label for image in got.images} == {"001": -1, "002": 1, "003": None, "004": None}
    assert lost(got) == {"unexpected-file", "no-row"}


def test_face_research_lab_without_its_table(tree: Tree) -> None:
    assert read_folder(tree(FRL_FILES)).reader == "flat"
    got = read_folder(tree(FRL_FILES), format="london")
    assert [image.label for image in got.images] == [None] * 3
    assert "no-labels" in codes(got)


@pytest.mark.skipif(not LONDON.is_dir(), reason="the photos of forty people are not beside this checkout")
def test_forty_real_people() -> None:
    got = read_folder(LONDON)
    assert got.reader == "london"
    assert len(got.images) == 80
    assert len({image.subject for image in got.images}) == 40
    assert sum(image.label == FEMALE for image in got.images) == 40
    assert [p.name for p in got.problems] == ["README.md"]
    assert decode(got.images[0].path, name="x", max_pixels=10**6).pixels.shape == (600, 600, 3)


def test_demo_set() -> None:
    got = read_demo()
    assert len(got.images) == 240
    assert got.problems == []
    assert got.reader == "csv"
    labels = {image.subject: image.label for image in got.images}
    assert len(labels) == 60
    assert sorted(labels.values()) == [FEMALE] * 30 + [MALE] * 30
    assert got.licence.startswith("CC-BY 4.0")
    assert "figshare" in (demo_folder() / "README.md").read_text()
    for image in got.images[::24]:
        assert decode(image.path, name=image.name, max_pixels=10**6).pixels.shape == (300, 240, 3)


def test_first_images_of_the_demo_set() -> None:
    got = read_demo(2)
    assert [image.name[-5] for image in got.images] == ["1", "2"] * 60
    assert len(read_demo(1).images) == 60
    with pytest.raises(BadInputError) as caught:
        read_demo(0)
    assert caught.value.code == "bad-count"


def test_demo_readme_names_no_place_on_a_machine() -> None:
    text = (demo_folder() / "README.md").read_text()
    assert re.findall(r"(?:^|[\s`(\"'])(?:/\w+|[A-Z]:\\|~/)\S*", text) == []


def test_a_named_column_that_no_table_has_is_refused(tmp_path):
    PIL.Image.new("RGB", (60, 60)).save(tmp_path / "a.png")
    (tmp_path / "people.csv").write_text("file,sex\na.png,f\n")
    with pytest.raises(BadInputError, match="gender=Geschlecht were named, but no table") as caught:
        read_folder(tmp_path, columns={"gender": "Geschlecht"})
    assert caught.value.code == "no-such-column"
    assert read_folder(tmp_path, columns={"gender": "sex"}).images[0].label == -1
