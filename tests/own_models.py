"""Own models for tests: the documents' examples, a real network and a real matcher by YAML, and commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from facepriv.classify.dlib_gender import CARD as DLIB_GENDER
from facepriv.match.sface import CARD as SFACE
from facepriv.weights import require_all

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"

GENDER = {
    "name": "own-gender",
    "kind": "classifier",
    "licence": "CC0-1.0",
    "source": "dlib-models",
    "network": "gender.onnx",
    "input": {
        "size": 32,
        "layout": "NCHW",
        "colours": "RGB",
        "mean": [122.782, 117.001, 104.298],
        "std": 256,
    },
    "crop": {"kind": "aligned-chip", "padding": 0.2},
    "output": {"name": "logits", "meaning": "logits", "labels": ["female", "male"]},
}
"""The built-in dlib-gender, by YAML."""
MATCHER = {
    "name": "own-sface",
    "kind": "matcher",
    "licence": "Apache-2.0",
    "source": "OpenCV Zoo",
    "network": "sface.onnx",
    "input": {"size": 112, "layout": "NCHW", "colours": "RGB"},
    "crop": {"kind": "five-points"},
}
"""The built-in sface, by YAML."""
EMBEDDING = '''
import base64, json, sys
import cv2
import numpy as np
recogniser = cv2.FaceRecognizerSF.create(sys.argv[1], "")
for line in sys.stdin:
    request = json.loads(line)
    row = recogniser.feature(cv2.imread(request["image"]))[0]
    template = base64.b64encode(row.astype("<f4").tobytes()).decode()
    print(json.dumps({"id": request["id"], "template": template}), flush=True)
'''
"""A program that embeds crops of 112 pixels, as commercial software would: templates in base64."""


def write_yaml(folder: Path, description: dict[str, object], name: str = "model.yaml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(description), encoding="utf-8")
    return file


def write_gender(folder: Path, **changes: object) -> Path:
    """Write the YAML and the graph of a gender network into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(require_all(DLIB_GENDER)[0], folder / "gender.onnx")
    return write_yaml(folder, {**GENDER, **changes}, "gender.yaml")


def write_matcher(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(require_all(SFACE)[0], folder / "sface.onnx")
    return write_yaml(folder, {**MATCHER, **changes}, "sface.yaml")


def write_program(folder: Path, code: str, **changes: object) -> Path:
    """Write a Python program and the YAML that calls it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(code, encoding="utf-8")
    description = {
        "name": "own-command",
        "kind": "classifier",
        "licence": "ours",
        "source": "this test",
        "version": "1",
        "command": [sys.executable, "program.py"],
        **changes,
    }
    return write_yaml(folder, description, "command.yaml")


def write_embedding_command(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_program(
        folder,
        EMBEDDING,
        name="own-embedding-command",
        kind="matcher",
        command=[sys.executable, "program.py", str(require_all(SFACE)[0])],
        images="crop",
        size=112,
        crop={"kind": "five-points"},
        stays_open=True,
    )


def make_examples(folder: Path) -> Path:
    """Copy the documents' examples and make their networks."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    code = "train_tiny_models.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, code, "."], cwd=folder, env=environment, check=True)
    return folder


def change_description(folder: Path, **changes: object) -> None:
    """Change what lies in a model's folder, as nobody should."""
    file = folder / "description.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
