"""What is shipped is whole: lists agree, documents are those of the code, a wheel carries pages and migrations."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

from facepriv.schemas.runs import RunDocument

ROOT = Path(__file__).parent.parent


def name(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower().replace("_", "-")


def names(file: str) -> set[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {name(line) for line in lines if line[:1].isalnum()}


def test_requirements_are_the_packages_dependencies():
    needed = [requirement for requirement in requires("facepriv") if "extra ==" not in requirement]
    assert {name(requirement) for requirement in needed} == names("requirements.txt")


def test_what_a_cluster_needs_is_an_extra():
    extra = [requirement for requirement in requires("facepriv") if "extra == 'cluster'" in requirement]
    assert {name(requirement) for requirement in extra} == names("requirements-cluster.txt")


@pytest.mark.parametrize("which", sorted(path.stem for path in ROOT.glob("requirements*.lock")))
def test_the_lock_pins_all_of_them_with_hashes(which):
    lock = (ROOT / f"{which}.lock").read_text(encoding="utf-8")
    assert names(f"{which}.txt") <= names(f"{which}.lock")
    pins = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)
    assert "://" not in lock


def test_the_schema_in_the_docs_is_the_codes():
    shipped = json.loads((ROOT / "docs" / "run-schema.json").read_text(encoding="utf-8"))
    assert shipped == RunDocument.model_json_schema(by_alias=True, mode="serialization")


def test_links_in_the_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.slow
def test_a_wheel_carries_pages_migrations_and_data(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "facepriv/_bundle/app.py",
        "facepriv/_bundle/pages/router.py",
        "facepriv/_bundle/pages/style.css",
        "facepriv/_bundle/db/alembic.ini",
        "facepriv/_bundle/db/versions/0001_first_schema.py",
        "facepriv/datasets/demo_faces/faces.csv",
        "facepriv/datasets/published.toml",
        "facepriv/weights/deepface_models.toml",
        "facepriv/datasets/demo_faces/images/s001/s001_1.jpg",
        "facepriv/py.typed",
    ):
        assert name in held
    assert not any(name.endswith(".pyc") for name in held)
