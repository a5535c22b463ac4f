"""The benchmark of protections, on planted templates small enough for a test."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import template_protection as bench

from facepriv.protect.registry import protections
from facepriv.schemas.templates import TemplateAudit
from tests.audit.templates.planted import planted


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("templates")
    for number, name in enumerate(("database-sface", "others-sface")):
        bench.save_npz(folder / f"{name}.npz", planted(24, number, gap=4.0))
    return [str(folder / f"{name}.npz") for name in ("database-sface", "others-sface")]


@pytest.mark.slow
def test_writes_the_page_between_its_marks_and_the_figures_as_json(files, tmp_path, capsys):
    page = tmp_path / "templates.md"
    page.write_text("# Templates\n\nBy hand.\n", encoding="utf-8")
    rest = ["--partings", "1", "--out", str(tmp_path), "--json", str(tmp_path / "all.json")]
    for protection in ("none", "mean-difference"):
        bench.main(["--npz", *files, "--protections", protection, *rest])
    said, text = capsys.readouterr(), page.read_text(encoding="utf-8")
    assert "strongest attacker" in said.out
    assert "sface, mean-difference: " in said.err
    assert text.startswith("# Templates\n\nBy hand.\n")
    assert text.count(bench.START) == text.count(bench.END) == 1
    assert "| mean-difference |" in text
    assert "| none |" not in text, "the second run has written the measured part anew"
    raw = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    audit = TemplateAudit.model_validate(raw["sface"]["mean-difference"])
    assert audit.worst in audit.attacks


def test_rows_name_every_registered_protection(capsys):
    bench.main(["--list"])
    said = capsys.readouterr().out
    assert {variant.protection for variant in bench.variants(None).values()} == {"none", *protections.names()}
    assert said.count("(recommended)") >= 1


def test_asks_for_a_source_and_knows_its_rows(files):
    with pytest.raises(SystemExit):
        bench.main([])
    with pytest.raises(SystemExit, match="no protection or row called nonsense"):
        bench.main(["--npz", *files, "--protections", "nonsense"])
