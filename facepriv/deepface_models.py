"""deepface's models without deepface's downloads: which ones, where their weights lie, and how one is opened.

deepface fetches weights by itself at first use; facepriv must not. So a model is opened here only from a file that lies
in the data folder and has the SHA-256 that was recorded when it was fetched (ADR 0005).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.shared import SharedModel
from facepriv.types import ModelCard, WeightFile
from facepriv.weights import own_path, require

FOLDER = "deepface/.deepface/weights"
"""Folder of the weights inside the data folder, laid out so that ``DEEPFACE_HOME=<data folder>/deepface`` fits it."""
ORIGIN = "https://github.com/serengil/deepface_models/releases/download/v1.0/"
NOT_RUN = (
    "Run by deepface's ONNX client on a face aligned by five landmarks. Tested with deepface's SFace; with these "
    "weights it was not run when this release was made. Weights trusted at first fetch, see ADR 0005."
)


@dataclass(frozen=True)
class DeepFaceModel:
    """One of deepface's models, as deepface calls it and as facepriv does."""

    name: str
    """Name in facepriv's registry."""
    kind: Literal["classifier", "matcher"]
    deepface_name: str
    """Name in deepface's own table."""
    file: str
    """Weight file that deepface's ONNX client asks for."""
    url: str
    title: str
    licence: str
    source: str
    notes: str

    @property
    def task(self) -> str:
        """Section of deepface's table that holds the model."""
        return "facial_recognition" if self.kind == "matcher" else "facial_attribute"

    @property
    def inside(self) -> str:
        """Path of the weight file inside the data folder."""
        return f"{FOLDER}/{self.file}"


VGG_FACE = DeepFaceModel(
    name="deepface-vgg-face",
    kind="matcher",
    deepface_name="VGG-Face",
    file="vgg_face_weights.onnx",
    url=ORIGIN + "vgg_face_weights.onnx",
    title="VGG-Face by deepface",
    licence="set by the Visual Geometry Group, Oxford; said to be non-commercial: ask them for more",
    source="Parkhi et al. 2015, converted by github.com/serengil/deepface",
    notes=f"4096-d, input 224 x 224; deepface's customary threshold on the cosine is 0.32. {NOT_RUN}",
)
FACENET512 = DeepFaceModel(
    name="deepface-facenet512",
    kind="matcher",
    deepface_name="Facenet512",
    file="facenet512_weights.onnx",
    url=ORIGIN + "facenet512_weights.onnx",
    title="FaceNet, 512-d, by deepface",
    licence="MIT (code of davidsandberg/facenet); nothing stated for the weights themselves",
    source="Schroff et al. 2015, trained by Sandberg, converted by github.com/serengil/deepface",
    notes=f"512-d, input 160 x 160; deepface's customary threshold on the cosine is 0.70. {NOT_RUN}",
)
ARCFACE = DeepFaceModel(
    name="deepface-arcface",
    kind="matcher",
    deepface_name="ArcFace",
    file="arcface_weights.onnx",
    url=ORIGIN + "arcface_weights.onnx",
    title="ArcFace by deepface",
    licence="MIT (code of leondgarse/Keras_insightface); nothing stated for the weights themselves",
    source="Deng et al. 2019, trained by leondgarse, converted by github.com/serengil/deepface",
    notes=f"512-d, input 112 x 112; deepface's customary threshold on the cosine is 0.32. {NOT_RUN}",
)
GENDER = DeepFaceModel(
    name="deepface-gender",
    kind="classifier",
    deepface_name="Gender",
    file="gender_model_weights.onnx",
    url=ORIGIN + "gender_model_weights.onnx",
    title="deepface gender network",
    licence="that of VGG-Face, on which it was trained further; said to be non-commercial",
    source="Serengil, github.com/serengil/deepface, trained further from VGG-Face",
    notes="Input 224 x 224, binary. Crop and log-odds were tested with a small network of the same signature; with "
    "these weights it was not run when this release was made. Weights trusted at first fetch, see ADR 0005.",
)

MODELS: dict[str, DeepFaceModel] = {model.name: model for model in (VGG_FACE, FACENET512, ARCFACE, GENDER)}


def record_path(model: DeepFaceModel) -> Path:
    """Say where the SHA-256 of a model's weights is recorded: beside them, in the format of ``sha256sum``."""
    path = own_path(model.inside)
    return path.with_name(path.name + ".sha256")


def recorded_sha256(model: DeepFaceModel) -> str:
    """Give the SHA-256 recorded at the first fetch, or an empty string where there was none."""
    try:
        words = record_path(model).read_text(encoding="ascii").split()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    digest = words[0] if words else ""
    return digest if len(digest) == 64 and set(digest) <= set("0123456789abcdef") else ""


def card_of(model: DeepFaceModel) -> ModelCard:
    """Make a model's card with the hash that is recorded at this moment."""
    weight = WeightFile(name=model.file, sha256=recorded_sha256(model), package="", inside=model.inside, url=model.url)
    return ModelCard(
        name=model.name,
        kind=model.kind,
        title=model.title,
        licence=model.licence,
        source=model.source,
        weights=(weight,),
        notes=model.notes,
    )


def make_session(graph: Path | bytes) -> Any:
    """Open an ONNX graph, given by file or bytes, on one thread of the processor.

    Raises
    ------
    ModelUnavailableError
        If it is no graph that ONNX Runtime can open.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # some of deepface's graphs warn of each weight they do not use
    source = str(graph) if isinstance(graph, Path) else graph
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise ModelUnavailableError(
            "The weights were expected to be an ONNX graph, but ONNX Runtime cannot open them; use the file that the "
            "model's authors publish."
        ) from error


MakeSession = Callable[[Path], Any]
_opening = threading.Lock()


def open_client(model: DeepFaceModel, session: Any) -> Any:
    """Make deepface's own client object around a session that was opened from checked weights.

    deepface's ONNX clients get their session by calling ``build_session(file_name, source_url)``, which downloads a
    missing file. That one name is answered here while the client is made, so nothing can be downloaded even where
    deepface asks for another file than we know. Neither deepface's global cache of models nor its choice of a backend
    by what else is installed takes part.

    Raises
    ------
    ModelUnavailableError
        If deepface asks for another weight file.
    """
    from deepface.modules import modeling

    sources = modeling.AVAILABLE_MODELS[model.task][model.deepface_name]
    module_name, _, class_name = (sources.get("onnx") or sources["any"]).rpartition(".")
    module: Any = import_module(module_name)

    def give_session(file_name: str, source_url: object) -> Any:
        if file_name != model.file:
            raise ModelUnavailableError(
                f"deepface was expected to use the weights {model.file} for {model.deepface_name}, but asks for "
                f"{file_name}; install deepface in the version of facepriv's requirements."
            )
        return session

    with _opening:
        original = module.build_session
        module.build_session = give_session
        try:
            return getattr(module, class_name)()
        finally:
            module.build_session = original


@cache
def _shared(model: DeepFaceModel, weight: WeightFile, path: Path, make: MakeSession) -> SharedModel[Any]:
    # The path is part of the key only: another data folder is another file.
    def open_checked() -> Any:
        return open_client(model, make(require(weight, model=model.name)))

    return SharedModel(open_checked)


def shared_client(model: DeepFaceModel, card: ModelCard, make: MakeSession = make_session) -> SharedModel[Any]:
    """Give the process's one client of a model, opened at first use from weights whose hash is the card's.

    ``make`` opens the weight file as a session.
    """
    (weight,) = card.weights
    return _shared(model, weight, own_path(weight.inside), make)


def network_input(crop: NDArray[np.float32], input_shape: tuple[int, int]) -> NDArray[np.float32]:
    """Turn a crop ``(h, w, 3)`` RGB 0..255 into what deepface feeds its networks: ``(1, h, w, 3)`` BGR 0..1.

    Scaling, padding and normalisation ("base", deepface's default) are deepface's own functions.
    """
    from deepface.modules import preprocessing

    width, height = input_shape
    bgr = np.ascontiguousarray(crop[..., ::-1])
    scaled = preprocessing.resize_image(bgr, target_size=(height, width))
    batch: NDArray[np.float32] = preprocessing.normalize_input(scaled, normalization="base")
    return batch
