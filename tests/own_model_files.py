"""Own models for tests: the documents' examples, a real network and a real matcher by YAML, and commands."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import yaml

from facepriv.classify.dlib import DlibGender
from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.match.sface import CARD as SFACE
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.models.own_models import add_model
from facepriv.services.models.probes import train_probe
from facepriv.store import open_store
from facepriv.types import GENDER_NAMES
from facepriv.weights.files import require_all
from tests.actors import TEST

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"

CLASSIFIERS = ("own-gender", "own-scoring-command", "own-probe")
MATCHERS = ("own-sface", "own-embedding-command")
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
EMBEDDING = """
import base64, json, sys
import cv2
import numpy as np
recogniser = cv2.FaceRecognizerSF.create(sys.argv[1], "")
for line in sys.stdin:
    request = json.loads(line)
    row = recogniser.feature(cv2.imread(request["image"]))[0]
    template = base64.b64encode(row.astype("<f4").tobytes()).decode()
    print(json.dumps({"id": request["id"], "template": template}), flush=True)
"""
"""A program that embeds crops of 112 pixels, as commercial software would: templates in base64."""


SCORING = """
import json, sys
import cv2
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
for line in sys.stdin:
    request = json.loads(line)
    rgb = cv2.imread(request["image"])[..., ::-1].astype(np.float32)
    batch = ((rgb - np.float32([122.782, 117.001, 104.298])) / 256).transpose(2, 0, 1)[None]
    (pair,) = session.run(None, {"images": batch.astype(np.float32)})[0]
    print(json.dumps({"id": request["id"], "score": float(np.log(pair[1]) - np.log(pair[0]))}), flush=True)
"""
"""A program that scores crops of 32 pixels with the built-in network."""


def write_yaml(folder: Path, description: dict[str, object], name: str = "model.yaml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(description), encoding="utf-8")
    return file


def write_gender(folder: Path, **changes: object) -> Path:
    """Write the YAML and the graph of a gender network into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(require_all(DlibGender.card)[0], folder / "gender.onnx")
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


def write_scoring_command(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    description = {
        "name": "own-scoring-command",
        "command": [sys.executable, "program.py", str(require_all(DlibGender.card)[0])],
        "images": "crop",
        "size": 32,
        "crop": {"kind": "aligned-chip", "padding": 0.2},
        "stays_open": True,
    }
    return write_program(folder, SCORING, **{**description, **changes})


def write_people(folder: Path, *, subjects_each: int, first: int = 0, images_each: int = 1) -> Path:
    """Write as many women as men of the demo set, from the given one on, and ``labels.csv``."""
    images = read_demo(images_per_subject=images_each).images
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,subject,gender"]
    for label in (-1, 1):
        subjects = sorted({image.subject for image in images if image.label == label})
        for image in images:
            if image.subject in subjects[first : first + subjects_each]:
                shutil.copyfile(image.path, folder / image.path.name)
                rows.append(f"{image.path.name},{image.subject},{GENDER_NAMES[label]}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def add_all(home: Path, folder: Path) -> None:
    """Add one model of every form to a data folder that the environment names, with a data set ``people``."""
    settings = Settings(home=home, workers=1)
    people = write_people(folder / "people", subjects_each=5, first=10)
    with open_store(settings) as store:
        for file in (
            write_gender(folder / "1"),
            write_matcher(folder / "2"),
            write_scoring_command(folder / "3"),
            write_embedding_command(folder / "4"),
        ):
            add_model(store, file, actor=TEST)
        import_dataset(store, settings, people, name="people")
        train_probe(store, "own-probe", matcher="sface", dataset="people", actor=TEST)


def change_description(folder: Path, **changes: object) -> None:
    """Change what lies in a model's folder, as nobody should."""
    file = folder / "description.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
