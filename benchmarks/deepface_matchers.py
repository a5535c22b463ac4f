"""How deepface's matchers whose weights are here fare on the demo set, and beside our own adapters of two networks.

Usage: python benchmarks/deepface_matchers.py

Run it with the data folder that holds the weights (FACEPRIV_HOME); facepriv fetch deepface-dlib needs no network.
deepface's SFace is also run with the 8-bit weights that the matcher sface uses. Its users' defaults apply: OpenCV's
cascades find the face, and the eyes level it.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.deepface_alignment import deepface_input
from facepriv.match.registry import matchers
from facepriv.match.sface import CARD as SFACE_CARD
from facepriv.match.templates import cosine_similarity, unit_rows
from facepriv.services.models.catalogue import usable_matchers
from facepriv.types import Face
from facepriv.weights.deepface_clients import open_client
from facepriv.weights.deepface_models import MATCHERS, MODELS
from facepriv.weights.files import require_all
from facepriv.weights.onnx_session import make_session

MAX_PIXELS = 1_000_000
SUBJECTS = 40
INT8 = "deepface-sface, 8 bit"
OWN = {"deepface-sface": "sface", INT8: "sface", "deepface-dlib": "dlib-resnet"}


def demo_faces() -> list[Face]:
    """Take two images of each of the first subjects."""
    images = read_demo(images_per_subject=2).images
    subjects = sorted({image.subject for image in images})[:SUBJECTS]
    return [
        acquire(
            decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels,
            image_id=str(number),
            subject=image.subject,
            label=image.label,
            several="largest",
        )
        for number, image in enumerate(images)
        if image.subject in subjects
    ]


def sface_of_8_bits(faces: list[Face]) -> NDArray[np.float32]:
    """Embed faces by deepface's SFace client around the weights that a package carries."""
    path, _ = require_all(SFACE_CARD)
    graph = onnx.load(str(path))
    images = [entry for entry in graph.graph.input if entry.name == "data"]
    del graph.graph.input[:]  # it also names the weights as inputs, which ONNX Runtime would ask for
    graph.graph.input.extend(images)
    client = open_client(MODELS["deepface-sface"], make_session(graph.SerializeToString()))
    inputs = [deepface_input(face, 112, 112) for face in faces]
    return unit_rows(np.array([np.full(128, np.nan) if one is None else client.forward(one) for one in inputs]))


def main() -> None:
    """Print a row for each matcher."""
    faces = demo_faces()
    upper = np.triu_indices(len(faces), 1)
    mated = np.array([[a.subject == b.subject for b in faces] for a in faces])[upper]
    usable = set(usable_matchers())
    names = [model.name for model in MATCHERS if model.name in usable]
    scores: dict[str, NDArray[np.float32]] = {}
    print(f"{len(faces)} images, {mated.sum()} mated comparisons of {len(mated)}")
    print("matcher                 AUC     lowest mated  90 % of non-mated below  not found  correlation with ours")
    for name in dict.fromkeys([*OWN.values(), INT8, *names]):
        templates = sface_of_8_bits(faces) if name == INT8 else matchers.create(name).embed(faces)
        scores[name] = cosine_similarity(templates, templates)[upper]
        ours, found = scores.get(OWN.get(name, "")), np.isfinite(scores[name])
        area = roc_auc_score(mated[found], scores[name][found])
        print(
            f"{name:22}  {area:.4f}  {np.nanmin(scores[name][mated]):12.3f}  "
            f"{np.nanquantile(scores[name][~mated], 0.9):23.3f}  {(~np.isfinite(templates).all(axis=1)).sum():9}  "
            + ("" if ours is None else f"{np.corrcoef(ours[found], scores[name][found])[0, 1]:.4f}")
        )


if __name__ == "__main__":
    main()
