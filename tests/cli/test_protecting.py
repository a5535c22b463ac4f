"""`facepriv protect` and `protections` as a user meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.store import open_store
from tests.cli.terminal import Terminal, assert_one_sentence, assert_usage
from tests.datasets.templates.tables import read
from tests.protection_examples import add_people

pytestmark = pytest.mark.xdist_group("cli")
QUICK = ("--attacker", "linear", "--partings", "1")


@pytest.fixture
def staff(empty: Terminal) -> Terminal:
    with open_store(Settings(home=empty.home)) as store:
        add_people(store, "staff")
    return empty


def test_from_a_template_set_to_a_release(staff: Terminal, tmp_path: Path) -> None:
    document = staff.json("protect", "staff", *QUICK, "--compare", "leace", "--out", tmp_path / "out")
    assert document["schema"] == "facepriv.protect/1"
    assert 0.5 <= document["worst_attacker"]["accuracy"] <= 1
    (loss,) = document["fnmr_loss"].values()
    assert loss is not None
    (trial,) = document["protections"]
    assert [audit["protection"] for audit in trial["protected"]][1:] == ["leace"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "map.npz",
        "map.onnx",
        "templates.npz",
    ]
    assert (tmp_path / "out.protection-key.json").stat().st_mode & 0o777 == 0o600
    said = staff("protect", "staff", *QUICK, "--compare", "leace", "--every-attack")
    assert said.code == 0, said.err
    assert "The strongest attacker tried" in said.out
    assert "Not covered" in said.out
    report = staff.json("report", "--protection", 1, "--html", tmp_path / "r.html")
    assert trial["verdict"].startswith(report["verdict"])
    assert "In plain words" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert_usage(staff("report", 1, "--protection", 1, "--html", tmp_path / "r.html"), "a run, of an audit or of")
    listed = staff.json("protections")
    assert [trial["state"] for trial in listed["trials"]] == ["complete"], "the same trial is not made twice"


def test_protected_templates_are_kept_with_the_draws_of_the_release(staff: Terminal, tmp_path: Path) -> None:
    options = ("--method", "mirroring", *QUICK, "--out", tmp_path / "out", "--keep-as", "kept")
    said = staff("protect", "staff", *options)
    assert said.code == 0, said.err
    assert "Kept 48 protected templates as the template set kept." in said.out
    with open_store(Settings(home=staff.home)) as store:
        rows = store.template_sets.read("kept").rows
    np.testing.assert_array_equal(rows, read(tmp_path / "out" / "templates.npz").templates.rows)
    again = staff("protect", "staff", "--method", "mirroring", *QUICK, "--keep-as", "again")
    assert "Its key was not written" in again.out
    assert_usage(staff("protect", "staff", "--no-wait", "--keep-as", "more"), "--no-wait")
    assert staff.json("templates", "show", "kept")["origin_id"] == 1


def test_mistakes_are_one_sentence(staff: Terminal, tmp_path: Path) -> None:
    assert_one_sentence(staff("protect", "nobody"), "There is no template set and no data set 'nobody'")
    assert_one_sentence(staff("protect", "staff", "--method", "magic"), "magic")
    assert_usage(staff("protect", "staff", "--no-wait", "--out", tmp_path / "out"), "--no-wait")
    assert "identity-subspace" in staff("protections").out
