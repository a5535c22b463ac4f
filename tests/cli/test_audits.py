"""`facepriv audit` and `facepriv policy` as a user meets them."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.services.runs.test_learning import copy_people

pytestmark = [pytest.mark.xdist_group("cli-audit"), pytest.mark.slow]

FEW = ("--classifier", "dlib-gender", "--matcher", "sface")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Demo faces, an audit of some as they are, a run on them, and an audit of it by two attackers."""
    folder = tmp_path_factory.mktemp("cli-audit")
    terminal = Terminal(folder / "home")
    crowd = copy_people(folder / "crowd", slice(0, 5), slice(0, 5))
    assert terminal("import", crowd, "--name", "faces", "--no-quality").code == 0
    assert terminal("perturb", "faces", "--aim", "guide", *FEW).code == 0
    return terminal


def test_a_database_as_it_is(terminal: Terminal) -> None:
    found = terminal.json("audit", "faces", *FEW, "--attacker", "sign", "--attacker", "template")
    assert found["schema"] == "facepriv.audit/1"
    assert found["images"] == 10
    assert found["subjects"] == 10
    assert found["spec"]["run_id"] is None
    assert {one["attacker"] for one in found["conditions"][0]["attacks"]} == {"sign", "template"}
    assert found["not_tried"]
    listed = terminal.json("audits")["audits"]
    assert [(one["audit_id"], one["state"]) for one in listed] == [(found["audit_id"], "complete")]
    assert "strongest attacker" in terminal("audits").out
    assert all(name in terminal("audit", "--attackers").out for name in ("several-images", "restoring", "detector"))
    assert terminal("delete", "--audit", found["audit_id"], "--yes").code == 0
    assert terminal.json("audits")["audits"] == []


def test_a_policy_is_audited_and_released(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "release"
    found = terminal.json("policy", 1, "--p", 0.5, "--classifier", "dlib-gender", "--out", out)
    assert found["schema"] == "facepriv.policy/1"
    assert found["p"] == 0.5
    assert found["automatic"] is False
    assert len(list((out / "images").rglob("*.png"))) == 10
    key = tmp_path / "release.policy-key.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = terminal("policy", 1, "--p", 0.5, "--classifier", "dlib-gender", "--out", tmp_path / "b", "--key", key)
    assert again.code == 0
    assert f"Using audit {found['audit_id']} of run 1." in again.out
    assert "Not tried" in again.out
    assert {p.name: p.read_bytes() for p in (tmp_path / "b").rglob("*.png")} == {
        p.name: p.read_bytes() for p in out.rglob("*.png")
    }


def test_a_run_is_released_by_the_policy_of_its_audit(terminal: Terminal, tmp_path: Path) -> None:
    audit = terminal.json("audit", "--run", 1, "--p", 0.4, *FEW, "--attacker", "sign")["audit_id"]
    found = terminal.json("release", 1, tmp_path / "all.zip")
    assert (found["audit_id"], found["p"], found["select_by"]) == (audit, 0.4, "image")
    assert found["images"] == 10
    assert "the strongest attacker tried" in found["verdict"]
    assert stat.S_IMODE((tmp_path / "all.zip.policy-key.json").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert hashlib.sha256(archive.read("manifest.csv")).hexdigest() == found["manifest_sha256"]
    unjudged = terminal("release", 1, tmp_path / "folder", "--p", 0.3, "--yes")
    assert unjudged.code == 0
    assert "Not attacked yet" in unjudged.out.splitlines()[0]
    newest, before = terminal.json("releases", "--dataset", "faces", "--limit", 2)["releases"]
    assert newest["policy"] == "30.0 % of run 1, drawn by image"
    assert before["manifest_sha256"] == found["manifest_sha256"]
    assert before["released_by"]
    assert "40.0 % of run 1" in terminal("releases").out
    assert terminal("delete", "--audit", audit, "--yes").code == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("audit",), 2, "Name a data set, or"),
        (("audit", "faces", "--run", 1), 2, "Name a data set, or"),
        (("audit", "faces", "--p", "0.5"), 1, "judged on a run"),
        (("audit", "--run", 1, "--p", "2"), 1, "The value of p cannot be '2'"),
        (("audit", "--run", 1, "--p", "half"), 1, "The value of p cannot be 'half'"),
        (("audit", "--run", 1, "--select-by", "day"), 1, "should be 'image' or 'subject'"),
        (("audit", "faces", "--attacker", "nobody"), 1, "no attacker called 'nobody'"),
        (("audit", "faces", "--limit", 6), 1, "at least 10 subjects"),
        (("audit", "--run", 7), 1, "no run 7"),
        (("audit", "--run", 1, "--attacker", "sign", "--against", "score"), 1, "leaves it out"),
        (("policy", 7), 1, "no run 7"),
        (("release", 7, "out", "--yes"), 1, "no run 7"),
        (("release", 1, "out", "--p", "0", "--yes"), 1, "nothing to release"),
        (("release", 1, "out", "--p", "2", "--yes"), 2, "less than or equal to 1"),
        (("release", 1, "out", "--select-by", "day", "--yes"), 2, "Expected image or subject"),
        (("releases", "--dataset", "nowhere"), 1, "no data set"),
        (("policy", 1, "--with", 1, "--p", "0.5"), 2, "the proportions are computed"),
        (("policy", 1, "--with", 7), 1, "no run 7"),
        (("delete", "--audit", 7, "--yes"), 1, "no audit 7"),
    ],
)
def test_bad_input_gets_one_sentence(terminal: Terminal, words: tuple, code: int, sentence: str) -> None:
    said = terminal(*words)
    assert said.code == code
    assert sentence in " ".join(said.err.replace("│", " ").split())
