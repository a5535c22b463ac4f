"""deepface's own clients, made around checked weights, fed with our crops, and kept from downloading.

deepface's global cache of models and its choice of a backend are not used (ADR 0005).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.types import ModelCard, WeightFile
from facepriv.weights.deepface_models import DeepFaceModel
from facepriv.weights.files import data_path, require
from facepriv.weights.instances import SharedModel
from facepriv.weights.onnx_session import make_session

Open = Callable[[Path], Any]
"""Opens a weight file as what a client runs."""


def make_dlib_network(path: Path) -> Any:
    """Open dlib's recognition network; raise ModelUnavailableError if dlib cannot."""
    import dlib

    try:
        return dlib.face_recognition_model_v1(str(path))
    except RuntimeError as error:
        raise ModelUnavailableError(
            "The weights should be dlib's recognition network, but dlib cannot open them; use the file that its author "
            "publishes."
        ) from error


class InsightFaceNetwork:
    """A recognition network of InsightFace, fed as that package feeds it; the package itself is not needed.

    Graphs that begin by subtracting and multiplying normalise their input; all others read -1..1.
    """

    def __init__(self, path: Path) -> None:
        import onnx

        self.session = make_session(path)
        names = [node.name for node in onnx.load(str(path), load_external_data=False).graph.node[:8]]
        normalises = all(
            any(name.startswith(prefixes) for name in names) for prefixes in (("Sub", "_minus"), ("Mul", "_mul"))
        )
        self.mean, self.scale = (0.0, 1.0) if normalises else (127.5, 127.5)

    def get_feat(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the template ``(1, d)`` of an aligned face ``(112, 112, 3)`` BGR 0..255."""
        rgb = np.asarray(image, dtype=np.float32)[..., ::-1].transpose(2, 0, 1)
        batch = np.ascontiguousarray((rgb[None] - self.mean) / self.scale, dtype=np.float32)
        (template,) = self.session.run(None, {self.session.get_inputs()[0].name: batch})
        return np.atleast_2d(template)


OPENERS: dict[str, Open] = {"onnx": make_session, "dlib": make_dlib_network, "insightface": InsightFaceNetwork}
"""What opens a model's weight file, by its runtime."""
_opening = threading.Lock()


def open_client(model: DeepFaceModel, network: Any) -> Any:
    """Make deepface's own client object around a network that was opened from checked weights.

    deepface's clients get their network by calling something that downloads a missing file. That one name is answered
    here while the client is made, so nothing can be downloaded even where deepface asks for another file than we know:
    that raises ModelUnavailableError.
    """
    from deepface.modules import modeling

    sources = modeling.AVAILABLE_MODELS[model.task][model.deepface_name]
    module_name, _, class_name = (sources.get("onnx") or sources["any"]).rpartition(".")
    module: Any = import_module(module_name)
    client: Any = getattr(module, class_name)
    if model.runtime == "insightface":

        class Client(client):  # type: ignore[misc]  # known at run time only
            def load_model(self) -> None:  # deepface's own needs a package and a download
                self.model = network

        return Client()

    def give_session(file_name: str, source_url: object) -> Any:
        if file_name != model.file:
            raise ModelUnavailableError(
                f"deepface should use the weights {model.file} for {model.deepface_name}, but asks for {file_name}; "
                "install the version of deepface that facepriv requires."
            )
        return network

    def give_network() -> SimpleNamespace:
        return SimpleNamespace(model=network)

    name, replacement = ("DlibResNet", give_network) if model.runtime == "dlib" else ("build_session", give_session)
    with _opening:
        original = getattr(module, name)
        setattr(module, name, replacement)
        try:
            return client()
        finally:
            setattr(module, name, original)


@cache
def _shared(model: DeepFaceModel, weight: WeightFile, path: Path, make: Open) -> SharedModel[Any]:
    # The path is part of the key only: another data folder is another file.
    return SharedModel(lambda: open_client(model, make(require(weight, f"facepriv fetch {model.name}"))))


def shared_client(model: DeepFaceModel, card: ModelCard, make: Open | None = None) -> SharedModel[Any]:
    """Return the process's one client of a model, opened at first use from weights whose hash is the card's.

    ``make`` opens the weight file in another way than that of `OPENERS`.
    """
    (weight,) = card.weights
    return _shared(model, weight, data_path(weight.inside), make or OPENERS[model.runtime])


def network_input(crop: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a crop ``(h, w, 3)`` RGB 0..255 as deepface feeds it to its networks: ``(1, h, w, 3)`` BGR 0..1.

    deepface's own preprocessing gives the same for a crop that has the network's size already, but takes an image
    without a value above 1 for one in 0..1. Its Dlib client takes an image with any value above 1 for one in 0..255,
    so what interpolation put a rounding error past 255 is cut off.
    """
    bgr = np.clip(crop[None, ..., ::-1], 0, 255).astype(np.float32)
    return np.ascontiguousarray(bgr / np.float32(255))
