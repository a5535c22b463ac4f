"""The benchmark of judges that were not asked: who is parted from whom, and what its table says."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml

from facepriv.classify.dlib import DlibGender
from facepriv.imaging.crop import aligned_chip, take_crop
from facepriv.match.sface import SFace
from tests.own_model_files import write_gender, write_matcher

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import unseen as bench


def subjects(faces):
    return {face.subject for face in faces}


@pytest.mark.parametrize("with_others", [False, True])
def test_three_groups_of_people_never_mix(faces, others, with_others):
    groups = bench.plan(faces, others if with_others else None, "folds", 2)
    for group in groups:
        for one, other in combinations((group.perturbed, group.learnt, group.judging), 2):
            assert not subjects(one) & subjects(other)
    everybody = [face.image_id for group in groups for face in group.perturbed]
    assert sorted(everybody) == sorted(face.image_id for face in faces)


def test_learning_from_others_parts_them_in_two(faces, others):
    (group,) = bench.plan(faces, others, "other", 2)
    assert group.perturbed == faces
    assert not subjects(group.learnt) & subjects(group.judging)
    assert subjects(group.learnt) | subjects(group.judging) == subjects(others)


def test_whole_subjects_are_chosen_in_turn(faces):
    chosen = bench.choose(faces, 4)
    assert [face.label for face in chosen] == [-1, -1, 1, 1]
    assert bench.choose(faces, 0) == faces


def row_of_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_of_nothing_left_out_hold_the_jury_and_of_one_left_out_only_him(faces):
    """Half of the faces keep their images, the others are exchanged for one of the other gender, one is lost."""
    women, men = ([face for face in faces if face.label == label] for label in (-1, 1))
    again = [*women[:3], None, *[replace(face, pixels=women[0].pixels) for face in men]]
    outcome = bench.Outcome([*women[:4], *men], [f.pixels for f in [*women[:4], *men]], again, 2, 1.5)
    shown = {id(face.pixels): -1.0 for face in women} | {id(face.pixels): 1.0 for face in men}

    def sees(asked):
        return np.array([shown[id(face.pixels)] for face in asked])

    def always_male(asked):
        return np.ones(len(asked))

    judges = {**dict.fromkeys(bench.JUDGES, sees), "a": sees, "b": sees, "c": always_male}
    untouched = bench.Untouched(faces, bench.Panel(judges, {"sface": SFace()}, ("a", "b", "c")))

    rows, _ = bench.rows_of("x=1", bench.NOTHING, untouched, outcome)
    by_judge = {row["judge"]: row for row in rows}
    assert list(by_judge)[4:] == ["majority of 3 never asked", *(f"{n} (never asked)" for n in "abc")]
    majority = by_judge["majority of 3 never asked"]
    assert majority["wrong before"].startswith("0% ")
    assert majority["women"].startswith("0% ")
    assert majority["men"].startswith("100% ")
    assert majority["AUC"] == "1.00 → 0.50"
    assert by_judge["c (never asked)"]["wrong before"].startswith("33% ")
    assert rows[0]["lost"] == "1"
    assert rows[0]["failed"] == "2"
    assert "sface: FNMR; accepted" in rows[0]
    assert "lost" not in rows[1], "figures of the whole run stand once"

    (row,), errors = bench.rows_of("", "sface", untouched, outcome)
    assert errors.after.male.value == 1.0
    assert row["judge"] == "sface probe*"
    assert row["sface: FNMR; accepted"].endswith("*")


def test_table_leaves_cells_empty_that_a_row_does_not_have():
    lines = bench.markdown([{"a": "1", "b": "2"}, {"a": "3"}])
    assert [row_of_cells(line) for line in lines] == [["a", "b"], ["---", "---"], ["1", "2"], ["3", ""]]


def test_a_jury_is_read_from_a_folder_of_yaml_files(tmp_path, faces):
    write_gender(tmp_path)
    write_matcher(tmp_path)
    gender, matching = bench.read_jury(tmp_path)
    assert list(gender) == ["own-gender"]
    assert list(matching) == ["own-sface"]
    one = faces[:1]
    crop = take_crop(aligned_chip(one[0], size=32, padding=0.2), one[0].pixels)
    np.testing.assert_allclose(gender["own-gender"](one), DlibGender().score(crop[None]), atol=1e-3)
    assert matching["own-sface"].embed(one) @ SFace().embed(one).T > 0.9  # aligned by other points


def test_a_command_cannot_sit_on_it(tmp_path):
    described = {
        "name": "vendor",
        "kind": "classifier",
        "licence": "own",
        "source": "me",
        "version": "1",
        "command": ["a"],
    }
    (tmp_path / "vendor.yaml").write_text(yaml.safe_dump(described))
    with pytest.raises(SystemExit, match="networks only"):
        bench.read_jury(tmp_path)


def test_settings_and_what_to_leave_out():
    options = bench.parse(
        ["demo", "--set", "strength=middle,side=drawn", "--set", "strength=light", "--leave", "nothing"]
    )
    assert [bench.parts_of(each) for each in options.set] == [["strength=middle", "side=drawn"], ["strength=light"]]
    with pytest.raises(SystemExit):
        bench.parse(["demo", "--leave", "everything"])
    with pytest.raises(SystemExit):
        bench.parse(["demo", "--learn", "other"])
