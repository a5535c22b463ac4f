"""Comparison protocols as they come with data sets: which pairs, which folds, and never taken for labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from facepriv.datasets.problems import problem_count
from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.types import ProtocolPair

from .conftest import Tree

PEOPLE = ("Ann_Lee", "Bob_Ray", "Cy_Moe", "Di_Orr")


def images(*folders: str) -> list[str]:
    return [f"{folder}{name}/{name}_{n:04}.jpg" for folder in folders or ("",) for name in PEOPLE for n in (1, 2, 3)]


def image(name: str, number: int) -> str:
    return f"{name}/{name}_{number:04}.jpg"


def lfw_rows(blocks: int, parted: str, empty: str = "") -> list[str]:
    """Write blocks of two mated and two non-mated pairs."""
    rows = []
    for block in range(blocks):
        one, other = PEOPLE[block % 4], PEOPLE[(block + 1) % 4]
        rows += [parted.join([one, "1", "2"]) + empty, parted.join([one, "1", "3"]) + empty]
        rows += [parted.join([one, "1", other, "2"]), parted.join([one, "3", other, "3"])]
    return rows


def facts(got: ReadResult) -> list[tuple[int, str, str, bool]]:
    return [(pair.fold, pair.first, pair.second, pair.mated) for pair in got.protocol]


def lfw_facts(blocks: int) -> list[tuple[int, str, str, bool]]:
    found = []
    for block in range(blocks):
        one, other = PEOPLE[block % 4], PEOPLE[(block + 1) % 4]
        found += [(block + 1, image(one, 1), image(one, n), True) for n in (2, 3)]
        found += [
            (block + 1, image(one, 1), image(other, 2), False),
            (block + 1, image(one, 3), image(other, 3), False),
        ]
    return found


def write(folder: Path, name: str, rows: Iterable[str]) -> None:
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("pairs.txt", ["3\t2", *lfw_rows(3, "\t")]),  # read by the reader of LFW where the folder is called so
        ("my_pairs.txt", lfw_rows(3, " ")),
        ("African_pairs.txt", lfw_rows(3, "\t")),
        ("pairs.csv", ["name,imagenum1,imagenum2,", *lfw_rows(3, ",", ",")]),
    ],
)
def test_rows_of_lfw_as_text_and_as_kaggle_has_them(name: str, rows: list[str], tree: Tree) -> None:
    folder = tree(images())
    write(folder, name, rows)
    got = read_folder(folder)
    assert facts(got) == lfw_facts(3)
    assert got.files is not None
    assert (got.files.images, got.files.lists, got.files.left_out) == (12, 1, 0)
    assert len({i.subject for i in got.images}) == 4


def test_kaggles_lists_of_the_development_protocol(tree: Tree) -> None:
    folder = tree(images())
    for part, person in (("Train", "Ann_Lee"), ("Test", "Bob_Ray")):
        write(folder, f"matchpairsDev{part}.csv", ["name,imagenum1,imagenum2", f"{person},1,2", f"{person},1,3"])
        head = "name,imagenum1,name,imagenum2"
        write(folder, f"mismatchpairsDev{part}.csv", [head, f"{person},1,Cy_Moe,2", f"{person},2,Di_Orr,1"])
    got = read_folder(folder)
    assert len(got.protocol) == 8
    for fold, person in ((1, "Ann_Lee"), (2, "Bob_Ray")):
        of_fold = [pair for pair in got.protocol if pair.fold == fold]
        assert [pair.mated for pair in of_fold].count(True) == 2
        assert all(pair.first.startswith(person) for pair in of_fold)


def test_names_with_dots_as_in_racial_faces_in_the_wild(tree: Tree) -> None:
    names = ["m.0c7mh2", "m.0b16_4"]
    folder = tree([f"data/African/{n}/{n}_{i:04}.jpg" for n in names for i in (1, 2)])
    write(folder, "txts/African/African_pairs.txt", [f"{n}\t1\t2" for n in names] + ["m.0c7mh2\t1\tm.0b16_4\t2"] * 2)
    got = read_folder(folder, format="folders")
    assert [pair.mated for pair in got.protocol] == [True, True, False, False]
    assert got.protocol[0].first == "data/African/m.0c7mh2/m.0c7mh2_0001.jpg"


ROWS = [(image("Ann_Lee", 1), image("Ann_Lee", n % 2 + 2), True) for n in range(20)] + [
    (image("Bob_Ray", 1), image("Cy_Moe", n % 3 + 1), False) for n in range(20)
]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("list.txt", [f"{a} {b} {int(same)}" for a, b, same in ROWS]),
        ("list.txt", [f"{int(same)} {a} {b}" for a, b, same in ROWS]),
        ("list.txt", [f"{a}\t{b}\t{'same' if same else 'different'}" for a, b, same in ROWS]),
        ("list.csv", [f"{a},{b},{1 if same else -1}" for a, b, same in ROWS]),
        ("list.csv", ["path,path2,label", *(f"{a},{b},{int(same)}" for a, b, same in ROWS)]),
        ("list.csv", ["file1,file2,same", *(f"./{a},./{b},{same}" for a, b, same in ROWS)]),
        ("list.csv", ["idx,img_a,img_b,score,mated", *(f"7,{a},{b},0.5,{same}" for a, b, same in ROWS)]),
        ("pairs_CALFW.txt", [f"{Path(x).name} {int(same)}" for a, b, same in ROWS for x in (a, b)]),
    ],
)
def test_lists_of_paths_are_parted_into_ten_folds_which_is_told(name: str, rows: list[str], tree: Tree) -> None:
    folder = tree(images())
    write(folder, name, rows)
    got = read_folder(folder)
    assert [(pair.first, pair.second, pair.mated) for pair in got.protocol] == ROWS
    # Two of either kind in each fold, in their order.
    assert [pair.fold for pair in got.protocol] == [n // 2 + 1 for n in range(20)] * 2
    assert "protocol-without-folds" in {problem.code for problem in got.problems}
    assert {i.label for i in got.images} == {None}
    assert got.files is not None
    assert got.files.lists == 1


def test_a_table_with_folds_as_balanced_faces_in_the_wild_has(tree: Tree) -> None:
    faces = [
        "asian_females/n000009/0010_01.jpg",
        "asian_females/n000009/0043_01.jpg",
        "white_males/n000012/0001_01.jpg",
    ]
    folder = tree(faces)
    head = "fold,p1,p2,label,id1,id2,att1,att2,vgg16,a1,a2,g1,g2,e1,e2"
    rest = "0.6,asian_females,white_males,F,M,A,W"
    rows = [f"{fold},{faces[0]},{faces[1]},1,0,0,asian_females,{rest}" for fold in (1, 2, 5)]
    rows += [f"{fold},{faces[0]},{faces[2]},0,0,1,asian_females,{rest}" for fold in (1, 2, 5)]
    write(folder, "bfw-datatable.csv", [head, *rows])
    got = read_folder(folder)
    assert facts(got) == [(f, faces[0], faces[1], True) for f in (1, 2, 5)] + [
        (f, faces[0], faces[2], False) for f in (1, 2, 5)
    ]
    assert "protocol-without-folds" not in {problem.code for problem in got.problems}


def test_templates_of_several_images_as_in_the_janus_benchmarks(tree: Tree) -> None:
    faces = [f"img/{n}.jpg" for n in range(1, 7)]
    folder = tree(faces)
    members = {"1": [1, 2], "2": [3], "3": [4, 5, 6]}
    rows = [f"{n}.jpg {template} {n + 100}" for template, numbers in members.items() for n in numbers]
    write(folder, "meta/ijbc_face_tid_mid.txt", rows)
    write(folder, "meta/ijbc_template_pair_label.txt", ["1 2 1", "2 3 0", "1 3 0", "3 1 1"])
    got = read_folder(folder)
    assert got.protocol[0] == ProtocolPair(1, "img/1.jpg", "img/3.jpg", True, ("img/2.jpg",))
    assert got.protocol[1].images == ("img/3.jpg", "img/4.jpg", "img/5.jpg", "img/6.jpg")
    assert [pair.mated for pair in got.protocol] == [True, False, False, True]
    assert got.files is not None
    assert (got.files.images, got.files.lists, got.files.left_out) == (6, 2, 0)


def test_pairs_of_images_that_are_not_here_are_counted(tree: Tree) -> None:
    folder = tree(images())
    rows = [f"{a} {b} {int(same)}" for a, b, same in ROWS]
    write(folder, "pairs.txt", [*rows, "Gone/Gone_0001.jpg Ann_Lee/Ann_Lee_0001.jpg 0", "Gone/1.jpg Gone/2.jpg 1"])
    got = read_folder(folder)
    assert len(got.protocol) == 40
    (problem,) = [problem for problem in got.problems if problem.code == "protocol-incomplete"]
    assert problem_count(problem) == 2


def test_labels_are_not_taken_for_pairs(tree: Tree) -> None:
    folder = tree(images())
    files = images()
    write(folder, "labels.csv", ["file,gender,subject", *(f"{n},{'f' if n < 'B' else 'm'},{n[:3]}" for n in files)])
    write(folder, "landmarks.txt", [f"{Path(n).name} 69 109" for n in files])
    write(folder, "identity.txt", [f"{Path(n).name} {place}" for place, n in enumerate(files)])
    write(folder, "people.txt", ["4", *(f"{name}\t3" for name in PEOPLE)])
    got = read_folder(folder)
    assert got.protocol == ()
    assert got.table == "labels.csv"
    assert got.files is not None
    assert got.files.left_out == 3


def test_a_list_beside_the_folder_of_images_is_read_unless_it_is_closed(tree: Tree) -> None:
    folder = tree(images())
    write(folder.parent, "pairs.csv", ["name,imagenum1,imagenum2,", *lfw_rows(3, ",", ",")])
    write(folder.parent, "other_pairs.csv", ["name,imagenum1,imagenum2,", "No_One,1,2,", "No_One,1,3,"])
    assert facts(read_folder(folder)) == lfw_facts(3)
    assert read_folder(folder, closed=True).protocol == ()
